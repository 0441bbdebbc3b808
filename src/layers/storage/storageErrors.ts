/**
 * How storage says no: one way to build its errors, and what the disk's codes become.
 */
import * as Effect from "effect/Effect"
import type { DiskError } from "../../services/ports/Disk.ts"
import { StorageError } from "../../services/ports/Storage.ts"

export type Reason = StorageError["reason"]

export const storageError = (operation: string, place: string, reason: Reason, detail = ""): StorageError =>
  new StorageError({ operation, place, reason, detail })

const reasons: ReadonlyMap<string, readonly [reason: Reason, detail: string]> = new Map([
  ["ENOENT", ["not-found", ""]],
  ["EEXIST", ["exists", ""]],
  ["ELOCKED", ["locked", "another process or scope writes here: close it, or open for reading"]],
  ["EUNSAFE", ["unsafe", "something else than what should stand there; links are not followed"]],
  ["ELOOP", ["unsafe", "a link, and links are not followed"]],
  ["ENOTDIR", ["unsafe", "a file where a folder should be"]],
  ["EISDIR", ["unsafe", "a folder where a file should be"]],
  ["EROFS", ["read-only", "EROFS"]],
  ["EACCES", ["read-only", "EACCES"]],
  ["EPERM", ["read-only", "EPERM"]],
  ["EREMOTE", ["unsupported", "a network file system: its locks and syncs cannot be trusted; use a local disk"]]
])

/** What is said of a file that has more bytes than its reader is ready for. */
export const tooLarge = (bytes: number, bytesMax: number): string => `it has ${bytes} bytes, more than ${bytesMax}`

/** What an error of the disk means to whoever uses storage. */
export const fromDisk = (operation: string, place: string, error: DiskError): StorageError => {
  const [reason, detail] = reasons.get(error.code) ?? ["failed", error.code]
  return storageError(operation, place, reason, detail)
}

/** Tells errors of the disk as errors of storage. */
export const told = <A, E extends DiskError | StorageError, R>(
  operation: string,
  place: string,
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, StorageError, R> =>
  Effect.mapError(effect, (error): StorageError =>
    error instanceof StorageError ? error : fromDisk(operation, place, error)
  )
