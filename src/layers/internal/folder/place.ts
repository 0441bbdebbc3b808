/**
 * What the operations on one open folder share.
 */
import * as Effect from "effect/Effect"
import type { Disk, DiskError } from "../../../services/Disk.ts"
import type { StorageError } from "../../../services/Storage.ts"
import { type OneAtATime, make as makeOneAtATime } from "../oneAtATime.ts"
import { storageError, told } from "../storageErrors.ts"
import { type Handles, make as makeHandles } from "./handles.ts"

export interface Place {
  readonly disk: Disk["Service"]
  readonly location: string
  readonly mode: "write" | "read"
  readonly handles: Handles
  readonly oneAtATime: OneAtATime
  /** Shard folders whose entry this writer has made durable itself. */
  readonly syncedFolders: Set<string>
  /** What still has to be closed at the end, files of readers apart. */
  readonly closing: Set<Effect.Effect<void>>
  closed: boolean
}

/** Most files that a folder keeps open for reading. */
const handlesMax = 128

export const make = (disk: Disk["Service"], location: string, mode: "write" | "read"): Place => ({
  disk,
  location,
  mode,
  handles: makeHandles(handlesMax),
  oneAtATime: makeOneAtATime(),
  syncedFolders: new Set(),
  closing: new Set(),
  closed: false
})

/** Closes all that is open. */
export const close = (place: Place): Effect.Effect<void> =>
  Effect.suspend(() => {
    place.closed = true
    return Effect.andThen(
      Effect.forEach([...place.closing], (closeOne) => closeOne, { discard: true }),
      place.handles.close
    )
  })

/** A step that reads. `where` is for messages. */
export const reading = <A>(
  place: Place,
  operation: string,
  where: string,
  body: () => Effect.Effect<A, DiskError | StorageError>
): Effect.Effect<A, StorageError> =>
  Effect.suspend(() =>
    place.closed ? Effect.fail(storageError(operation, where, "failed", "closed")) : told(operation, where, body())
  )

/** A step that writes: not for readers, and not to be interrupted half-way. */
export const writing = <A>(
  place: Place,
  operation: string,
  where: string,
  body: () => Effect.Effect<A, DiskError | StorageError>
): Effect.Effect<A, StorageError> =>
  Effect.suspend(() => {
    const refusal = refuseWrite(place, operation, where)
    return refusal === undefined ? Effect.uninterruptible(told(operation, where, body())) : Effect.fail(refusal)
  })

/** Why nothing can be written here, if so. */
export const refuseWrite = (place: Place, operation: string, where: string): StorageError | undefined => {
  if (place.mode === "read") return storageError(operation, where, "read-only", "opened for reading")
  if (place.closed) return storageError(operation, where, "failed", "closed")
  return undefined
}
