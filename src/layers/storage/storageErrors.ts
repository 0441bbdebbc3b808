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
  ["EROFS", ["denied", "EROFS: its file system is mounted read-only; mount it for writing"]],
  ["EACCES", ["denied", "EACCES: permission denied; check its owner and mode, and those of the folders above it"]],
  ["EPERM", ["denied", "EPERM: the system does not permit it; check its owner and attributes"]],
  [
    "ERR_ACCESS_DENIED",
    [
      "denied",
      "ERR_ACCESS_DENIED: Node's permission model refuses it; start Node with --allow-fs-read and --allow-fs-write for this path"
    ]
  ],
  ["ENOSPC", ["failed", "ENOSPC: the disk is full; make room"]],
  ["EDQUOT", ["failed", "EDQUOT: the disk quota is used up; make room"]],
  ["ENAMETOOLONG", ["failed", "ENAMETOOLONG: the path is too long; choose a shorter one"]],
  ["EMFILE", ["failed", "EMFILE: this process has too many open files; raise the limit with ulimit -n"]],
  ["ENFILE", ["failed", "ENFILE: the system has too many open files"]],
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

const reasonOf = ({ code, operation }: DiskError): readonly [reason: Reason, detail: string] =>
  // Whatever it allows: a writer could promise nothing.
  code === "ERR_ACCESS_DENIED" && /sync/i.test(operation)
    ? [
        "denied",
        "ERR_ACCESS_DENIED: node --permission disables fsync; open the lib for reading, or start Node without it"
      ]
    : (reasons.get(code) ?? ["failed", code])

/** Returns the error of storage for an error of the disk. */
export const fromDisk = (operation: string, place: string, error: DiskError): StorageError => {
  const [reason, detail] = reasonOf(error)
  return storageError(operation, reason === "denied" || reason === "failed" ? error.path : place, reason, detail)
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
