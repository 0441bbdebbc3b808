/**
 * The port to the outside: where the bytes of libs are stored. A storage keeps opaque bytes, their order and their
 * boundaries, and interprets nothing.
 *
 * Every operation that writes returns only once its result is durable, and is atomic: after a crash all of it is there
 * or nothing. The exception is the last `append` of a dynamic segment, of which a part may be there. Derived files and
 * the hint are not durable. A storage never retries.
 *
 * It needs no more than an object store offers (create if absent, read a range, list, delete). See
 * docs/decisions/0008-storage-on-object-stores.md for the mapping.
 *
 * @see `litetapes/testing` for a suite that checks a storage of your own
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import * as Shape from "../../domain/base/Shape.ts"
import { TaggedError } from "../../domain/base/TaggedError.ts"
import type * as Scope from "effect/Scope"
import { LockHolder } from "../../domain/format/Errors.ts"

/**
 * A failed storage operation. By `reason`:
 *
 * - `not-found`: there is nothing under that name.
 * - `exists`: there is something under that name already.
 * - `changed`: meta has changed since it was read: there is another writer.
 * - `locked`: another process, or another scope of this one, is writing to this lib.
 * - `lock-lost`: the lock is no longer ours.
 * - `not-a-lib`: the place is neither empty nor a lib.
 * - `unsafe`: there is a link, device or folder instead of a file.
 * - `read-only`: this handle was opened for reading.
 * - `denied`: the system refuses it: rights are missing, or a file system is mounted read-only. `place` is the file or
 *   folder that it refuses, and `detail` has its name for the error and what to do.
 * - `unsupported`: the place cannot keep the guarantees, such as a network file system.
 * - `too-large`: there is more than the caller allows; nothing was read.
 * - `rolled-back`: a database rolled the transaction back because of what was done in it. Nothing of it happened.
 * - `failed`: any other failure of the system; `detail` has the system's name for it.
 */
export class StorageError extends TaggedError<StorageError>("litetapes/StorageError")("StorageError", {
  /** Operation that failed, such as `read`. */
  operation: Shape.String,
  /** File, folder or other place that the operation was about. */
  place: Shape.String,
  /** Kind of failure, as listed above. */
  reason: Shape.Literals([
    "not-found",
    "exists",
    "changed",
    "locked",
    "lock-lost",
    "not-a-lib",
    "unsafe",
    "read-only",
    "denied",
    "unsupported",
    "too-large",
    "rolled-back",
    "failed"
  ]),
  /** More about the failure; may be empty. */
  detail: Shape.String,
  /** With reason `locked`: the writer that has the lib open, if it is known. */
  holder: Shape.optionalKey(LockHolder)
}) {
  override get message() {
    return `${this.operation}: ${this.reason}${this.detail === "" ? "" : ` (${this.detail})`}: ${this.place}`
  }
}

/** Meta as it was read. `version` identifies these bytes; a change names the version that it replaces. */
export interface Meta {
  /** All bytes of the meta. */
  readonly bytes: Uint8Array
  /** Identifies these bytes. */
  readonly version: string
}

/**
 * A risk of a place that does not stop anything from working, such as files that others can write to. The owner should
 * look at it.
 */
export interface Warning {
  /** File or folder that it is about. */
  readonly place: string
  /** Description of the risk. */
  readonly why: string
}

/** Handle of the one dynamic segment that a lib's writer appends to. */
export interface DynamicWriter {
  /**
   * Appends `bytes` durably. After a failure the outcome is unknown (`CommitOutcomeUnknown`), and every later append
   * must be refused. The caller reuses the memory of `bytes`: they must be neither changed nor kept.
   */
  readonly append: (bytes: Uint8Array) => Effect.Effect<void, StorageError>
  /** Releases resources. Writes nothing. */
  readonly close: Effect.Effect<void>
}

/** Name of a tape's folder, or `undefined` for the lib itself. */
export type MetaOwner = string | undefined

/** Ranges of one file, in bytes. */
type Ranges = ReadonlyArray<readonly [offset: number, length: number]>

/** Meta of the lib and of its tapes, which is read whole and changed against the version that was read. */
export interface MetaStore {
  /**
   * Returns the meta, or `undefined` if it does not exist. Fails with `too-large`, before reading, if it has more than
   * `bytesMax` bytes. Default: 1 GiB.
   */
  readonly read: (owner: MetaOwner, bytesMax?: number) => Effect.Effect<Meta | undefined, StorageError>
  /** Appends whole lines and returns the new version. Fails with `changed` if `version` is not the current one. */
  readonly append: (owner: MetaOwner, version: string, bytes: Uint8Array) => Effect.Effect<string, StorageError>
  /**
   * Replaces the whole meta and returns the new version. Fails with `changed` if `version` is not the current one, or
   * with `exists` if it is `undefined` and there is meta.
   */
  readonly replace: (
    owner: MetaOwner,
    version: string | undefined,
    bytes: Uint8Array
  ) => Effect.Effect<string, StorageError>
}

/** The folders of tapes. */
export interface TapeFolders {
  /**
   * Creates a tape's folder together with its meta. If an unlisted folder has that name, moves it to `<name>.aside-N`
   * first; it is never deleted.
   */
  readonly create: (tape: string, meta: Uint8Array) => Effect.Effect<void, StorageError>
  /**
   * Returns the names of all folders that hold tape meta, or segments. Only recovery and the check of lib meta list.
   */
  readonly list: Effect.Effect<ReadonlyArray<string>, StorageError>
}

/** The journal: numbered dynamic segments, which the writer appends its batches to. */
export interface JournalStore {
  /**
   * Whether files of this storage have room after their batches, as much as `litetapes` itself takes in a folder. Then
   * a file with less room was cut off. Default: false.
   */
  readonly takesRoom?: boolean
  /** Creates dynamic segment `n` with its first bytes. Removes an unlisted leftover with that number first. */
  readonly create: (n: number, bytes: Uint8Array) => Effect.Effect<DynamicWriter, StorageError>
  /** Reads bytes that were appended. After their end there may be zeros, which are room for more. */
  readonly read: (n: number, offset: number, length: number) => Effect.Effect<Uint8Array, StorageError>
  /** Reads many small ranges in one call, and returns them in the order of `ranges`. */
  readonly readRanges: (n: number, ranges: Ranges) => Effect.Effect<Array<Uint8Array>, StorageError>
  /** Returns the size in bytes, including room, or `undefined` if there is no such file. */
  readonly size: (n: number) => Effect.Effect<number | undefined, StorageError>
  /** Deletes the file. Reads that are under way may continue. Deleting a missing file succeeds. */
  readonly drop: (n: number) => Effect.Effect<void, StorageError>
  /** Returns the numbers of all dynamic segments, ascending. */
  readonly list: Effect.Effect<ReadonlyArray<number>, StorageError>
}

/** Copies of bytes that no longer count and that nothing reads: torn batches, damaged meta. */
export interface Quarantine {
  /** Stores a copy of bytes that are about to be discarded, for a human to examine. Returns its place. */
  readonly keep: (name: string, bytes: Uint8Array) => Effect.Effect<string, StorageError>
}

/** The segments of tapes, which are written once as a whole, and only read afterwards. */
export interface SegmentFiles {
  /**
   * Writes a segment from the chunks that `fill` appends, then makes it durable under its name. Removes an unlisted
   * leftover with that name first. If `fill` fails, nothing is left under the name. Once `append` has returned, the
   * caller reuses the memory of the chunk: it must be neither changed nor kept.
   */
  readonly write: <A, E, R>(
    tape: string,
    segment: string,
    fill: (append: (chunk: Uint8Array) => Effect.Effect<void, StorageError>) => Effect.Effect<A, E, R>
  ) => Effect.Effect<A, E | StorageError, R>
  /**
   * Reads a range of a segment. Fails with `not-found` if there is no such file. `memory` has at least `length` bytes:
   * the result may be a part of it instead of new memory. Who copies much passes it, since new memory costs more than
   * the copy.
   */
  readonly read: (
    tape: string,
    segment: string,
    offset: number,
    length: number,
    memory?: Uint8Array
  ) => Effect.Effect<Uint8Array, StorageError>
  /** Reads many small ranges in one call, and returns them in the order of `ranges`. */
  readonly readRanges: (tape: string, segment: string, ranges: Ranges) => Effect.Effect<Array<Uint8Array>, StorageError>
  /** Returns the size in bytes, or `undefined` if there is no such file. */
  readonly size: (tape: string, segment: string) => Effect.Effect<number | undefined, StorageError>
  /** Deletes a segment. Deleting a missing file succeeds. */
  readonly remove: (tape: string, segment: string) => Effect.Effect<void, StorageError>
  /** Returns the names of all files of a tape that look like segments. Only recovery and garbage collection list. */
  readonly list: (tape: string) => Effect.Effect<ReadonlyArray<string>, StorageError>
}

/**
 * Key of a derived file. A storage keeps files of different kinds apart without knowing the kinds. It fails with
 * `unsafe` unless `isDerivedKind` and `isDerivedName` (`litetapes/Names`) hold.
 */
export interface DerivedKey {
  /** Tape that the file was derived from; `undefined` for the whole lib. */
  readonly tape: string | undefined
  /** Kind of the file, such as `index`. */
  readonly kind: string
  /** Name among the files of this kind and tape, such as `seg-000001.jsonl.idx`. */
  readonly name: string
}

/**
 * Files that can be rebuilt from other files. Each is written as a whole but is not durable: it is not synced, and may
 * vanish at any time. So a missing file is a valid answer and never an error. Every reader of such a file must check
 * it, and rebuild it if it is damaged.
 */
export interface DerivedFiles {
  /** Writes a whole file, and replaces an older one. Fails with `not-found` if its tape does not exist. */
  readonly put: (key: DerivedKey, bytes: Uint8Array) => Effect.Effect<void, StorageError>
  /**
   * Reads a whole file, or returns `undefined` if it does not exist. Fails with `too-large`, before reading, if it has
   * more than `bytesMax` bytes.
   */
  readonly get: (key: DerivedKey, bytesMax: number) => Effect.Effect<Uint8Array | undefined, StorageError>
  /**
   * Reads many small ranges in one call, and returns them in the order of `ranges`; `undefined` if there is no such
   * file.
   */
  readonly getRanges: (key: DerivedKey, ranges: Ranges) => Effect.Effect<Array<Uint8Array> | undefined, StorageError>
  /** Returns the size in bytes, or `undefined` if there is no such file. */
  readonly size: (key: DerivedKey) => Effect.Effect<number | undefined, StorageError>
  /**
   * Returns the sorted names of a tape's files of one kind, or of the lib's if `tape` is `undefined`. Empty for an
   * absent tape.
   */
  readonly list: (tape: string | undefined, kind: string) => Effect.Effect<ReadonlyArray<string>, StorageError>
  /** Deletes a file. Deleting a missing file succeeds. */
  readonly delete: (key: DerivedKey) => Effect.Effect<void, StorageError>
}

/** The hint: number of the last acknowledged batch, for readers in other processes. */
export interface HintStore {
  /**
   * Overwrites the hint in place, without a sync. If there are fewer bytes than before, the rest of the old ones stays.
   */
  readonly write: (bytes: Uint8Array) => Effect.Effect<void, StorageError>
  /** Returns the hint, or `undefined` if it does not exist. */
  readonly read: Effect.Effect<Uint8Array | undefined, StorageError>
  /**
   * Calls `changed` whenever the hint may have changed, until the scope closes; with an error if nothing is reported any
   * more. Reports may be missing or too many. Absent if the storage cannot report: readers then look now and then.
   */
  readonly watch?: (changed: (error?: StorageError) => void) => Effect.Effect<void, StorageError, Scope.Scope>
}

/**
 * The place of one lib, open until its scope closes, with one member for each sort of data. Offsets and lengths are
 * bytes. A read returns fewer bytes than asked for only at the end.
 */
export interface Root {
  /** Location, for messages. */
  readonly location: string
  /** `write` for the one writer, `read` for a reader. */
  readonly mode: "write" | "read"
  /** Risks that were seen on opening: a folder or lib meta that others can write to. */
  readonly warnings?: ReadonlyArray<Warning>
  /**
   * Name of the current boot of the operating system. A hint of another boot does not count. `undefined` if there is no
   * name.
   */
  readonly boot: string | undefined
  /** Fails with `lock-lost` if the writer's lock is no longer ours. Always succeeds for a reader. */
  readonly checkLock: Effect.Effect<void, StorageError>

  /** Meta of the lib and its tapes. */
  readonly meta: MetaStore
  /** Folders of tapes. */
  readonly tapes: TapeFolders
  /** Dynamic segments. */
  readonly journal: JournalStore
  /** Segments of tapes. */
  readonly segments: SegmentFiles
  /** Files that can be rebuilt. */
  readonly derived: DerivedFiles
  /** Hint for readers. */
  readonly hint: HintStore
  /** Copies of discarded bytes. */
  readonly quarantine: Quarantine
}

/**
 * A kind of place in which libs can be stored: a file system, memory, an object store.
 *
 * @see `litetapes/NodeStorage` and `litetapes/MemoryStorage` for layers that provide it.
 */
export class Storage extends Context.Service<
  Storage,
  {
    /**
     * Opens the place of a lib until the scope closes. `write` takes the writer's lock, or fails with `locked`, and
     * creates an absent folder. `recover` takes the lock too, accepts a place that lost its lib meta, and creates
     * nothing. `read` takes no lock. Fails with `not-a-lib` if the place is neither empty nor has lib meta, and for
     * `read` also if it is absent or empty.
     */
    readonly open: (
      location: string,
      mode: "write" | "read" | "recover"
    ) => Effect.Effect<Root, StorageError, Scope.Scope>
    /**
     * Returns the location that `open` would open: one text for one place, with the parts of its path divided by `/` or
     * `\\`. Opens nothing. With it, a backup, a copy or a restore into the folder that it reads from is refused however
     * the place is named. Default: locations are compared as they are given.
     */
    readonly resolve?: (location: string) => string
  }
>()("litetapes/Storage") {}
