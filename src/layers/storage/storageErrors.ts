/**
 * How storage builds its errors, and translates codes of the disk.
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
  ["ELOCKED", ["locked", "it is open for writing elsewhere; close it there, or open it for reading"]],
  ["EUNSAFE", ["unsafe", "it is not the kind of file that belongs here; links are not followed"]],
  ["ELOOP", ["unsafe", "it is a link, and links are not followed"]],
  ["ENOTDIR", ["unsafe", "there is a file where a folder belongs"]],
  ["EISDIR", ["unsafe", "there is a folder where a file belongs"]],
  ["EROFS", ["read-only", "EROFS"]],
  ["EACCES", ["read-only", "EACCES"]],
  ["EPERM", ["read-only", "EPERM"]],
  [
    "ENOSQLITE",
    [
      "unsupported",
      "this runtime has no node:sqlite, which takes the lock; use one that has it (docs/RUNTIMES.md), or open it for reading"
    ]
  ],
  ["EREMOTE", ["unsupported", "a network file system, whose locks and syncs cannot be trusted; use a local disk"]]
])

/** Describes a file that has more bytes than its reader accepts. */
export const tooLarge = (bytes: number, bytesMax: number): string => `it has ${bytes} bytes, more than ${bytesMax}`

/** Returns the error of storage for an error of the disk. */
export const fromDisk = (operation: string, place: string, error: DiskError): StorageError => {
  const [reason, detail] = reasons.get(error.code) ?? ["failed", error.code]
  return storageError(operation, place, reason, detail)
}

/** Turns errors of the disk into errors of storage. */
export const told = <A, E extends DiskError | StorageError, R>(
  operation: string,
  place: string,
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, StorageError, R> =>
  Effect.mapError(effect, (error): StorageError =>
    error instanceof StorageError ? error : fromDisk(operation, place, error)
  )
