/**
 * The small port under the folder storage: what a POSIX file system does, with its guarantees spelled out.
 *
 * Effect's `FileSystem` has no positional write, `fdatasync` or lock, so this port is ours. Two implementations stand
 * behind it: Node's file system and a simulated disk that loses power.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"

/**
 * The disk said no. `code` is the system's own name for it (`ENOENT`, `EEXIST`, `ENOSPC`, `EIO`, …), or one of ours:
 * `EUNSAFE` (not a regular file where one should be), `ELOCKED` (another writer holds the lock), `EREMOTE` (a network
 * file system, on which locks and syncs cannot be trusted).
 */
export class DiskError extends Schema.TaggedError<DiskError>("litetapes/DiskError")("DiskError", {
  operation: Schema.String,
  path: Schema.String,
  code: Schema.String
}) {
  override get message() {
    return `${this.operation} failed with ${this.code}: ${this.path}`
  }
}

/** What stands at a path; links are never followed. */
export interface FileStat {
  readonly kind: "file" | "folder" | "other"
  /** Bytes; 0 for anything but a file. */
  readonly size: number
  /** Identity of the file within its device. */
  readonly inode: string
  /** Permission bits, as in `0o600`. Absent where the system has none. */
  readonly mode?: number
  /** How many names a file has (hard links). Absent where that is not known. */
  readonly links?: number
}

/** An open regular file. Positions and lengths are bytes. No two writes of one file may run at once. */
export interface File {
  readonly path: string
  /** Writes all of `bytes` at `position`: loops on short writes, and takes a write of nothing for `ENOSPC`. */
  readonly write: (bytes: Uint8Array, position: number) => Effect.Effect<void, DiskError>
  /** Reads `length` bytes at `position`; fewer only where the file ends. */
  readonly read: (position: number, length: number) => Effect.Effect<Uint8Array, DiskError>
  /** Several reads in one call, in the order of `ranges`; meant for many small ones. */
  readonly readRanges: (
    ranges: ReadonlyArray<readonly [position: number, length: number]>
  ) => Effect.Effect<Array<Uint8Array>, DiskError>
  readonly size: Effect.Effect<number, DiskError>
  /** Makes the file's data durable, and as much metadata as is needed to read it back (`fdatasync`). */
  readonly datasync: Effect.Effect<void, DiskError>
  /** Makes data and metadata durable (`fsync`). */
  readonly sync: Effect.Effect<void, DiskError>
  readonly close: Effect.Effect<void>
}

/** A kernel lock that dies with its process. */
export interface Lock {
  /** Whether the locked file is still the one at its path: an unlinked lock file lets a second writer in. */
  readonly held: Effect.Effect<boolean>
}

export class Disk extends Context.Service<
  Disk,
  {
    /** Opens an existing regular file for reading, without following a link. */
    readonly openRead: (path: string) => Effect.Effect<File, DiskError>
    /** Opens an existing regular file for reading and writing, without following a link. */
    readonly openWrite: (path: string) => Effect.Effect<File, DiskError>
    /** Creates a file that must not exist, with mode 0600. Its folder entry is durable only after `syncFolder`. */
    readonly create: (path: string) => Effect.Effect<File, DiskError>
    /** Makes the entries of a folder durable. */
    readonly syncFolder: (path: string) => Effect.Effect<void, DiskError>
    /** Creates a folder, with mode 0700; its parent must exist. */
    readonly makeFolder: (path: string) => Effect.Effect<void, DiskError>
    /** Atomic for readers; durable only after `syncFolder` of both folders. Replaces a file at `to`. */
    readonly rename: (from: string, to: string) => Effect.Effect<void, DiskError>
    readonly unlink: (path: string) => Effect.Effect<void, DiskError>
    /** Removes an empty folder. */
    readonly removeFolder: (path: string) => Effect.Effect<void, DiskError>
    /** What stands at `path`, or `undefined`. */
    readonly stat: (path: string) => Effect.Effect<FileStat | undefined, DiskError>
    /** The names in a folder, in no order. */
    readonly list: (path: string) => Effect.Effect<ReadonlyArray<string>, DiskError>
    /** Takes the exclusive lock at `path` until the scope closes, or fails at once with `ELOCKED`. */
    readonly lock: (path: string) => Effect.Effect<Lock, DiskError, Scope.Scope>
    /** Names this run of the operating system; `undefined` where there is no such name. */
    readonly boot: Effect.Effect<string | undefined>
  }
>()("litetapes/Disk") {}
