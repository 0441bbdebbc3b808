/**
 * The small port below the folder storage: operations of a POSIX file system, with their guarantees.
 *
 * Effect's `FileSystem` has no positional write, `fdatasync` or lock, so this port is our own. It has two
 * implementations: Node's file system, and a simulated disk that loses power.
 *
 * @see `litetapes/NodeDisk` for Node's file system, `litetapes/FolderStorage` for the storage that uses this port
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import * as Shape from "../../domain/base/Shape.ts"
import { TaggedError } from "../../domain/base/TaggedError.ts"
import type * as Scope from "effect/Scope"

/**
 * A failed disk operation. `code` is the system's name for the error (`ENOENT`, `EEXIST`, `ENOSPC`, `EIO`, …), or one
 * of ours: `EUNSAFE` (something other than a regular file), `ELOCKED` (another writer holds the lock), `EREMOTE` (a
 * network file system, whose locks and syncs cannot be trusted), `ENOSQLITE` (the runtime cannot lock).
 */
export class DiskError extends TaggedError<DiskError>("litetapes/DiskError")("DiskError", {
  /** Operation that failed, such as `fsync`. */
  operation: Shape.String,
  /** Path of the file or folder. */
  path: Shape.String,
  /** Name of the error, such as `EIO`. */
  code: Shape.String
}) {
  override get message() {
    return `${this.operation} failed with ${this.code}: ${this.path}`
  }
}

/** A file, folder or other entry at a path. Links are not followed. */
export interface FileStat {
  /** `other` is anything else, such as a link or a device. */
  readonly kind: "file" | "folder" | "other"
  /** Size in bytes; 0 for anything but a file. */
  readonly size: number
  /** Identity of the file within its device. */
  readonly inode: string
  /** Permission bits, such as `0o600`. Absent if the system does not have them. */
  readonly mode?: number
  /** Number of names that the file has (hard links). Absent if it is not known. */
  readonly links?: number
  /** When the file was created, in a form of the system. Absent if it is not known. A copy of the file has another one. */
  readonly born?: string
  /** Identity of the device. Absent if it is not known. */
  readonly device?: string
}

/** An open regular file. Positions and lengths are bytes. Only one write of a file may run at a time. */
export interface File {
  /** Path that the file was opened with. */
  readonly path: string
  /**
   * Writes all of `bytes` at `position`. Continues after short writes; fails with `ENOSPC` if a write writes nothing.
   */
  readonly write: (bytes: Uint8Array, position: number) => Effect.Effect<void, DiskError>
  /**
   * Reads `length` bytes at `position`. Returns fewer only at the end of the file. `memory` has at least `length` bytes:
   * the result may be a part of it instead of new memory.
   */
  readonly read: (position: number, length: number, memory?: Uint8Array) => Effect.Effect<Uint8Array, DiskError>
  /** Reads many ranges in one call, and returns them in the order of `ranges`. Meant for small ranges. */
  readonly readRanges: (
    ranges: ReadonlyArray<readonly [position: number, length: number]>
  ) => Effect.Effect<Array<Uint8Array>, DiskError>
  /** Returns the size of the file in bytes. */
  readonly size: Effect.Effect<number, DiskError>
  /**
   * Makes the file's data durable, and the metadata that reading it back needs (`fdatasync`). After a failure the
   * file's content on disk is unknown; do not retry.
   */
  readonly datasync: Effect.Effect<void, DiskError>
  /** Makes data and metadata durable (`fsync`). After a failure the file's content on disk is unknown; do not retry. */
  readonly sync: Effect.Effect<void, DiskError>
  /** Closes the file. Syncs nothing. */
  readonly close: Effect.Effect<void>
}

/** A kernel lock that ends with its process. It can be lost earlier; it only keeps most second writers out. */
export interface Lock {
  /** Returns whether the locked file is still the one at its path: an unlinked lock file lets a second writer in. */
  readonly held: Effect.Effect<boolean>
  /**
   * Takes the lock again, and logs a warning, if it was dropped or its file was replaced, as far as the system can tell.
   * Returns `false` if another writer has it now. Absent if the system can tell nothing.
   */
  readonly keep?: Effect.Effect<boolean>
}

/** A disk, as a service. */
export class Disk extends Context.Service<
  Disk,
  {
    /** Opens an existing regular file for reading. Fails with `EUNSAFE` for a link or anything else. */
    readonly openRead: (path: string) => Effect.Effect<File, DiskError>
    /** Opens an existing regular file for reading and writing. Fails with `EUNSAFE` for a link or anything else. */
    readonly openWrite: (path: string) => Effect.Effect<File, DiskError>
    /**
     * Creates a file with mode 0600. Fails with `EEXIST` if the path exists. The entry in the folder is durable only
     * after `syncFolder`.
     */
    readonly create: (path: string) => Effect.Effect<File, DiskError>
    /** Makes the entries of a folder durable. */
    readonly syncFolder: (path: string) => Effect.Effect<void, DiskError>
    /** Creates a folder with mode 0700. Its parent must exist. */
    readonly makeFolder: (path: string) => Effect.Effect<void, DiskError>
    /**
     * Renames a file or folder, atomically for readers. Replaces a file, or an empty folder, at `to`. Durable only after
     * `syncFolder` of both folders; a power loss before that may leave both names, or none. Fails with `ENOENT` if one
     * of the folders has been removed.
     */
    readonly rename: (from: string, to: string) => Effect.Effect<void, DiskError>
    /** Deletes a file name. Durable only after `syncFolder`. */
    readonly unlink: (path: string) => Effect.Effect<void, DiskError>
    /** Removes a folder. Fails with `ENOTEMPTY` if there is anything in it. */
    readonly removeFolder: (path: string) => Effect.Effect<void, DiskError>
    /** Returns the entry at `path`, or `undefined` if nothing is there. */
    readonly stat: (path: string) => Effect.Effect<FileStat | undefined, DiskError>
    /**
     * Calls `changed` whenever the entry `name` of the folder may have changed, until the scope closes; with an error if
     * nothing is reported any more. Reports may be missing. Absent if the system cannot report changes.
     */
    readonly watch?: (
      folder: string,
      name: string,
      changed: (error?: DiskError) => void
    ) => Effect.Effect<void, DiskError, Scope.Scope>
    /** Returns the names in a folder, in no particular order. */
    readonly list: (path: string) => Effect.Effect<ReadonlyArray<string>, DiskError>
    /**
     * Takes the exclusive lock at `path` until the scope closes. Does not wait: fails with `ELOCKED` if it is taken.
     */
    readonly lock: (path: string) => Effect.Effect<Lock, DiskError, Scope.Scope>
    /**
     * Returns the name of the current boot of the operating system, or `undefined` if the system does not name its
     * boots.
     */
    readonly boot: Effect.Effect<string | undefined>
  }
>()("litetapes/Disk") {}
