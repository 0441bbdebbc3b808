/**
 * The state of one open folder, and the steps that its operations share.
 */
import * as Effect from "effect/Effect"
import { dirname } from "node:path"
import type { Disk, DiskError, File, Lock } from "../../services/ports/Disk.ts"
import type { StorageError } from "../../services/ports/Storage.ts"
import { type KeyedMutex, make as makeOneAtATime } from "./KeyedMutex.ts"
import { fromDisk, storageError, told } from "../storage/storageErrors.ts"
import { orAbsent, requireFolders, sizeOf } from "./files.ts"
import { type Handles, make as makeHandles } from "./handles.ts"

export interface OpenFolder {
  readonly disk: Disk["Service"]
  readonly location: string
  readonly mode: "write" | "read"
  /**
   * Fails with `lock-lost` once another writer may be here. A writer that lost its lock uses the same names as the one
   * that took over, so it checks again after every wait, directly before each call that would remove or replace
   * something.
   */
  readonly checkLock: Effect.Effect<void, StorageError>
  readonly handles: Handles
  readonly oneAtATime: KeyedMutex
  /** Shard folders whose entry this writer has made durable itself. */
  readonly syncedFolders: Set<string>
  /** Everything that has to be closed at the end, except files that are read. */
  readonly closing: Set<Effect.Effect<void>>
  closed: boolean
  /** The first folder that could not be synced, once there is one. */
  unsynced: DiskError | undefined
}

/** Files that a folder keeps open for reading, at most. */
const handlesMax = 128

/** Makes the state of the folder at `location`, for the writer that holds `lock`, or for a reader without a lock. */
export const make = (disk: Disk["Service"], location: string, lock: Lock | undefined): OpenFolder => {
  const place: OpenFolder = {
    disk,
    location,
    mode: lock === undefined ? "read" : "write",
    checkLock: lock === undefined ? Effect.void : Effect.suspend(() => checkLock(place, lock)),
    handles: makeHandles(handlesMax),
    oneAtATime: makeOneAtATime(),
    syncedFolders: new Set(),
    closing: new Set(),
    closed: false,
    unsynced: undefined
  }
  return place
}

const checkLock = (place: OpenFolder, lock: Lock): Effect.Effect<void, StorageError> =>
  Effect.flatMap(lock.held, (held) => {
    const { unsynced } = place
    if (held && !place.closed && unsynced === undefined) return Effect.void
    return Effect.fail(
      unsynced === undefined
        ? storageError("checkLock", place.location, "lock-lost", "the lock file is another one now: open the lib again")
        : fromDisk("syncFolder", unsynced.path, unsynced)
    )
  })

/**
 * Makes the entries of a folder durable. If that fails, nothing more is written here (I6): the folder is shared, and the
 * next sync of it may succeed without having written the entries that this one has lost. So one sync of a folder begins
 * only once the failure of the one before would be known.
 */
export const syncFolder = (place: OpenFolder, path: string): Effect.Effect<void, DiskError> =>
  place.oneAtATime(
    `${path}/`,
    Effect.suspend(() =>
      place.unsynced === undefined
        ? Effect.tapError(place.disk.syncFolder(path), (error) =>
            Effect.sync(() => {
              place.unsynced ??= error
            })
          )
        : Effect.fail(place.unsynced)
    )
  )

/** Closes everything that is open. */
export const close = (place: OpenFolder): Effect.Effect<void> =>
  Effect.suspend(() => {
    place.closed = true
    return Effect.andThen(
      Effect.forEach([...place.closing], (closeOne) => closeOne, { discard: true }),
      place.handles.close
    )
  })

/** Runs a step that reads. `where` is for messages. */
export const reading = <A>(
  place: OpenFolder,
  operation: string,
  where: string,
  body: () => Effect.Effect<A, DiskError | StorageError>
): Effect.Effect<A, StorageError> =>
  Effect.suspend(() =>
    place.closed
      ? Effect.fail(storageError(operation, where, "failed", "it is closed"))
      : told(operation, where, body())
  )

/** Runs a step that writes. Fails in a reader, and if the lock was lost. The step is not interrupted half-way. */
export const writing = <A>(
  place: OpenFolder,
  operation: string,
  where: string,
  body: () => Effect.Effect<A, DiskError | StorageError>
): Effect.Effect<A, StorageError> =>
  // Before, so that no file of another writer is touched. Afterwards, so that a step is reported as done only if the
  // other writer could still see it.
  writingUnlooked(place, operation, where, () =>
    Effect.tap(Effect.andThen(place.checkLock, Effect.suspend(body)), place.checkLock)
  )

/** Does the same without checking the lock, for callers that have just done so. */
export const writingUnlooked = <A>(
  place: OpenFolder,
  operation: string,
  where: string,
  body: () => Effect.Effect<A, DiskError | StorageError>
): Effect.Effect<A, StorageError> =>
  Effect.suspend(() => {
    const refusal = refuseWrite(place, operation, where)
    return refusal === undefined ? Effect.uninterruptible(told(operation, where, body())) : Effect.fail(refusal)
  })

/** Moves a file that was written next to its place into it. */
export const moveIn = (place: OpenFolder, from: string, to: string): Effect.Effect<void, DiskError | StorageError> =>
  Effect.andThen(place.checkLock, place.disk.rename(from, to))

/** Opens the file at `path` for reading, through real folders only. */
export const openWithin = ({ disk, location }: OpenFolder, path: string): Effect.Effect<File, DiskError> =>
  Effect.andThen(requireFolders(disk, location, dirname(path)), disk.openRead(path))

/** Returns the size of the file at `path`, reached through real folders only; `undefined` if it does not exist. */
export const sizeWithin = (
  { disk, location }: OpenFolder,
  path: string
): Effect.Effect<number | undefined, DiskError> =>
  orAbsent(Effect.andThen(requireFolders(disk, location, dirname(path)), sizeOf(disk, path)))

/** Removes the file at `path`, reached through real folders only, if it is there. */
export const removeWithin = ({ disk, handles, location }: OpenFolder, path: string): Effect.Effect<void, DiskError> =>
  Effect.andThen(
    orAbsent(Effect.andThen(requireFolders(disk, location, dirname(path)), disk.unlink(path))),
    handles.drop(path)
  )

/** Returns why nothing can be written here, or `undefined`. */
export const refuseWrite = (place: OpenFolder, operation: string, where: string): StorageError | undefined => {
  if (place.mode === "read") return storageError(operation, where, "read-only", "it was opened for reading")
  if (place.closed) return storageError(operation, where, "failed", "it is closed")
  return undefined
}
