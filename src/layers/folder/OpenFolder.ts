/**
 * The state of one open folder, and the steps that its operations share.
 */
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { dirname } from "node:path"
import { invariant } from "../../domain/base/invariant.ts"
import type { Disk, DiskError, File, Lock } from "../../services/ports/Disk.ts"
import type { StorageError } from "../../services/ports/Storage.ts"
import { type KeyedMutex, make as makeOneAtATime } from "./KeyedMutex.ts"
import { fromDisk, storageError, told } from "../storage/storageErrors.ts"
import { orAbsent, requireFolders, sizeOf, writeNew } from "./files.ts"
import { type Handles, make as makeHandles } from "./handles.ts"
import type { WriterFolder } from "./WriterFolder.ts"

export interface OpenFolder {
  readonly disk: Disk["Service"]
  readonly location: string
  /** Name of the current boot of the system. */
  readonly boot: string | undefined
  readonly mode: "write" | "read"
  /**
   * Fails with `lock-lost` once another writer has taken over, so that this one stops early. Safety does not rest on it,
   * with one exception: a batch is acknowledged only if this succeeds after its sync.
   */
  readonly checkLock: Effect.Effect<void, StorageError>
  /** Takes the kernel's lock again if it was dropped. Fails with `lock-lost` if another writer has it. */
  readonly keepLock: Effect.Effect<void, StorageError>
  /** The writer's own folder; `undefined` for a reader. */
  readonly own: WriterFolder | undefined
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

/** What a writer holds. */
export interface Hold {
  readonly lock: Lock
  readonly own: WriterFolder
  /** Time at which the lock was taken, in milliseconds. */
  readonly since: number
}

/** The kernel's lock is checked again after this long, with the next check of the owner (decision 0046). */
const keepMillis = 60_000

/** Makes the state of the folder at `location`, for the writer with this hold, or for a reader if it is `undefined`. */
export const make = (
  disk: Disk["Service"],
  location: string,
  boot: string | undefined,
  hold: Hold | undefined
): OpenFolder => {
  const place: OpenFolder = {
    disk,
    location,
    boot,
    mode: hold === undefined ? "read" : "write",
    checkLock: hold === undefined ? Effect.void : checkBoth(hold, (own) => checkLock(place, own)),
    keepLock: hold === undefined ? Effect.void : keepLock(location, hold.lock),
    own: hold?.own,
    handles: makeHandles(handlesMax),
    oneAtATime: makeOneAtATime(),
    syncedFolders: new Set(),
    closing: new Set(),
    closed: false,
    unsynced: undefined
  }
  return place
}

/**
 * Checks the owner, and then, at most once a minute, takes the kernel's lock again if it was dropped. No promise rests on
 * that lock, so it does not matter here if another writer has it: the owner decides. There is no timer for it, so an idle
 * writer does not notice.
 */
const checkBoth = (
  { lock, own, since }: Hold,
  checkOwner: (own: WriterFolder) => Effect.Effect<void, StorageError>
): Effect.Effect<void, StorageError> => {
  const { keep } = lock
  if (keep === undefined) return Effect.suspend(() => checkOwner(own))
  let kept = since
  return Effect.clockWith((clock: Clock.Clock) => {
    const now = clock.currentTimeMillisUnsafe()
    if (Math.abs(now - kept) < keepMillis) return checkOwner(own)
    // A clock that was set back counts too.
    kept = now
    return Effect.andThen(checkOwner(own), Effect.asVoid(keep))
  })
}

const checkLock = (place: OpenFolder, { owner }: WriterFolder): Effect.Effect<void, StorageError> => {
  const { closed, disk, location, unsynced } = place
  if (unsynced !== undefined) return Effect.fail(fromDisk("syncFolder", unsynced.path, unsynced))
  if (closed) return Effect.fail(storageError("checkLock", location, "lock-lost", "it is closed"))
  return Effect.matchEffect(disk.stat(owner), {
    onFailure: (error) => Effect.fail(fromDisk("checkLock", owner, error)),
    onSuccess: (entry) => (entry === undefined ? Effect.fail(lockLost(location)) : Effect.void)
  })
}

const lockLost = (location: string): StorageError =>
  storageError("checkLock", location, "lock-lost", "another writer has taken it over: open it again")

const keepLock = (location: string, { keep }: Lock): Effect.Effect<void, StorageError> =>
  keep === undefined
    ? Effect.void
    : Effect.flatMap(keep, (isOurs) => (isOurs ? Effect.void : Effect.fail(lockLost(location))))

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

/** Returns an unused path in the writer's own folder, for a file, or for the folder of a tape. */
export const nextOwn = ({ own }: OpenFolder, tape?: string): string => {
  invariant(own !== undefined, "only a writer writes")
  return own.next(tape)
}

/** Runs a step in the own folder. If there is no such folder any more, another writer has taken over. */
export const within = <A>(
  place: OpenFolder,
  step: Effect.Effect<A, DiskError>
): Effect.Effect<A, DiskError | StorageError> =>
  Effect.tapError(step, ({ code }) => (code === "ENOENT" ? place.checkLock : Effect.void))

/** Moves a file or folder out of the own folder into its place. */
export const moveIn = (place: OpenFolder, from: string, to: string): Effect.Effect<void, DiskError | StorageError> =>
  Effect.andThen(place.checkLock, within(place, place.disk.rename(from, to)))

/** Writes a whole file in the own folder, and moves it into its place. Syncs it unless it is `derived`. */
export const putFile = (
  place: OpenFolder,
  to: string,
  bytes: Uint8Array,
  derived = false
): Effect.Effect<void, DiskError | StorageError> => {
  const made = nextOwn(place)
  return within(place, writeNew(place.disk, made, bytes, derived)).pipe(
    Effect.andThen(moveIn(place, made, to)),
    Effect.onError(() => Effect.ignore(place.disk.unlink(made)))
  )
}

/** Removes the file at `path` if it is there: moves it into the own folder, and unlinks it there. */
export const moveOut = (place: OpenFolder, path: string): Effect.Effect<void, DiskError | StorageError> => {
  const moved = nextOwn(place)
  return Effect.flatMap(orAbsent(Effect.as(within(place, place.disk.rename(path, moved)), true)), (isMoved) =>
    isMoved === true ? place.disk.unlink(moved) : Effect.void
  )
}

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
export const removeWithin = (place: OpenFolder, path: string): Effect.Effect<void, DiskError | StorageError> =>
  Effect.andThen(
    orAbsent(Effect.andThen(requireFolders(place.disk, place.location, dirname(path)), moveOut(place, path))),
    place.handles.drop(path)
  )

/** Returns why nothing can be written here, or `undefined`. */
export const refuseWrite = (place: OpenFolder, operation: string, where: string): StorageError | undefined => {
  if (place.mode === "read") return storageError(operation, where, "read-only", "it was opened for reading")
  if (place.closed) return storageError(operation, where, "failed", "it is closed")
  return undefined
}
