/**
 * The one port to the outside: where the bytes of libs live. It keeps opaque bytes, order and boundaries, and
 * interprets nothing.
 *
 * Every operation that writes returns only when what it wrote is durable and atomic: after a crash it is there whole or
 * not at all, except that the last `append` of a dynamic segment may be there in part. Derived files and the hint are
 * not durable. Nothing here retries.
 *
 * It asks for no more than an object store can give (create if absent, read a range, list, delete): see
 * docs/decisions/0008-storage-on-object-stores.md for the mapping.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"

/**
 * Storage could not do what it was asked. By `reason`:
 *
 * - `not-found`: there is nothing under that name.
 * - `exists`: there is something already.
 * - `changed`: meta is no longer what it was read as: another writer was here.
 * - `locked`: another process, or another scope of this one, writes to this lib.
 * - `lock-lost`: the lock is no longer ours.
 * - `not-a-lib`: the place is neither empty nor a lib.
 * - `unsafe`: a link, device or folder where a file should be.
 * - `read-only`: the place, or this handle, cannot be written to.
 * - `unsupported`: the place cannot keep the promises, for example a network file system.
 * - `too-large`: there is more than the caller was ready to read; nothing of it was read.
 * - `failed`: anything else the system says; `detail` has its word for it.
 */
export class StorageError extends Schema.TaggedError<StorageError>("litetapes/StorageError")("StorageError", {
  operation: Schema.String,
  place: Schema.String,
  reason: Schema.Literals([
    "not-found",
    "exists",
    "changed",
    "locked",
    "lock-lost",
    "not-a-lib",
    "unsafe",
    "read-only",
    "unsupported",
    "too-large",
    "failed"
  ]),
  detail: Schema.String
}) {
  override get message() {
    return `${this.operation}: ${this.reason}${this.detail === "" ? "" : ` (${this.detail})`}: ${this.place}`
  }
}

/** Meta as it was read. `version` names these very bytes: a change is made against it. */
export interface Meta {
  readonly bytes: Uint8Array
  readonly version: string
}

/** Something about a place that keeps nothing from working, and that its owner should look at. */
export interface Warning {
  readonly place: string
  readonly why: string
}

/** The one file that a lib's writer is writing. */
export interface DynamicWriter {
  /**
   * Appends `bytes` durably. After a failure nothing may be appended again (`CommitOutcomeUnknown`). The bytes are the
   * caller's, who uses their memory again: they are neither changed nor kept.
   */
  readonly append: (bytes: Uint8Array) => Effect.Effect<void, StorageError>
  /** Lets go of what is held open; writes nothing. */
  readonly close: Effect.Effect<void>
}

/** The name of a tape's folder, or `undefined` for the lib itself. */
export type MetaOwner = string | undefined

/** Parts of one file, in bytes. */
type Ranges = ReadonlyArray<readonly [offset: number, length: number]>

/** Meta of the lib and of its tapes: read whole, changed against the version that was read. */
export interface MetaStore {
  /** Fails with `too-large` if it has more than `bytesMax` bytes, before any is read. Default: 1 GiB. */
  readonly read: (owner: MetaOwner, bytesMax?: number) => Effect.Effect<Meta | undefined, StorageError>
  /**
   * Appends whole lines. `version` is that of what was read (`changed` if that is not what stands there); the result is
   * that of what stands now.
   */
  readonly append: (owner: MetaOwner, version: string, bytes: Uint8Array) => Effect.Effect<string, StorageError>
  /** Replaces all of it; `version` is `undefined` if there must be none yet (`exists`). */
  readonly replace: (
    owner: MetaOwner,
    version: string | undefined,
    bytes: Uint8Array
  ) => Effect.Effect<string, StorageError>
}

/** The folders of tapes. */
export interface TapeFolders {
  /**
   * Creates a tape's folder with its meta, whole. Something unlisted under that name is moved aside first, to
   * `<name>.aside-N`, never deleted.
   */
  readonly create: (tape: string, meta: Uint8Array) => Effect.Effect<void, StorageError>
  /** Names of the folders that have a tape meta, or segments that lost theirs. Only recovery lists. */
  readonly list: Effect.Effect<ReadonlyArray<string>, StorageError>
}

/** The journal: numbered dynamic segments, to which the writer commits. */
export interface JournalStore {
  /** Creates dynamic segment `n` with its first bytes; an unlisted leftover under its number is removed first. */
  readonly create: (n: number, bytes: Uint8Array) => Effect.Effect<DynamicWriter, StorageError>
  /** Reads what was appended; after its end there may be room for more, which is zeros. */
  readonly read: (n: number, offset: number, length: number) => Effect.Effect<Uint8Array, StorageError>
  /** Reads many small parts in one call, in the order of `ranges`. */
  readonly readRanges: (n: number, ranges: Ranges) => Effect.Effect<Array<Uint8Array>, StorageError>
  /** Counts what was appended, and perhaps room for more after it: zeros. */
  readonly size: (n: number) => Effect.Effect<number | undefined, StorageError>
  /** Removes it. Reads that are under way may go on. Removing what is not there succeeds. */
  readonly drop: (n: number) => Effect.Effect<void, StorageError>
  /** The numbers of all dynamic segments, in order. */
  readonly list: Effect.Effect<ReadonlyArray<number>, StorageError>
}

/** Bytes that do not count any more and that nothing reads again: torn batches, damaged meta. */
export interface Quarantine {
  /** Keeps bytes that are about to be discarded, for a human to look at; the result says where. */
  readonly keep: (name: string, bytes: Uint8Array) => Effect.Effect<string, StorageError>
}

/** The segments of tapes: written once and whole, then only read. */
export interface SegmentFiles {
  /**
   * Writes a segment whole, from the chunks that `fill` appends, then makes it durable under its name. An unlisted
   * leftover under that name is removed first. When `fill` fails, nothing is left under the name.
   */
  readonly write: <A, E, R>(
    tape: string,
    segment: string,
    fill: (append: (chunk: Uint8Array) => Effect.Effect<void, StorageError>) => Effect.Effect<A, E, R>
  ) => Effect.Effect<A, E | StorageError, R>
  readonly read: (
    tape: string,
    segment: string,
    offset: number,
    length: number
  ) => Effect.Effect<Uint8Array, StorageError>
  /** Reads many small parts in one call, in the order of `ranges`. */
  readonly readRanges: (tape: string, segment: string, ranges: Ranges) => Effect.Effect<Array<Uint8Array>, StorageError>
  readonly size: (tape: string, segment: string) => Effect.Effect<number | undefined, StorageError>
  /** Removing what is not there succeeds. */
  readonly remove: (tape: string, segment: string) => Effect.Effect<void, StorageError>
  /** Names of all files that look like segments of a tape. Only recovery lists. */
  readonly list: (tape: string) => Effect.Effect<ReadonlyArray<string>, StorageError>
}

/**
 * Addresses a derived file. A storage knows no kinds: it keeps the files of any kind apart from those of any other, and
 * fails with `unsafe` unless `isDerivedKind` and `isDerivedName` (`litetapes/Names`) hold.
 */
export interface DerivedKey {
  /** The tape that the file was derived from; `undefined` for the lib as a whole. */
  readonly tape: string | undefined
  /** What kind of file it is, such as `index`. */
  readonly kind: string
  /** Its name among the files of that kind and tape, such as `seg-000001.jsonl.idx`. */
  readonly name: string
}

/**
 * Files that can be computed again from the others. Each is written whole but is not durable: it is not synced, and any
 * of them may vanish at any time. So one that is missing is an answer, never an error, and whoever reads one checks that
 * it is intact and rebuilds it if it is not.
 */
export interface DerivedFiles {
  /** Writes a file whole, replacing an older one. Fails with `not-found` if its tape does not exist. */
  readonly put: (key: DerivedKey, bytes: Uint8Array) => Effect.Effect<void, StorageError>
  /** Reads a file whole. Fails with `too-large` if it has more than `bytesMax` bytes, before any is read. */
  readonly get: (key: DerivedKey, bytesMax: number) => Effect.Effect<Uint8Array | undefined, StorageError>
  /** Reads many small parts in one call, in the order of `ranges`. */
  readonly getRanges: (key: DerivedKey, ranges: Ranges) => Effect.Effect<Array<Uint8Array> | undefined, StorageError>
  readonly size: (key: DerivedKey) => Effect.Effect<number | undefined, StorageError>
  /** Names of a tape's files of one kind, sorted; `undefined` is for the lib's. Returns none for an absent tape. */
  readonly list: (tape: string | undefined, kind: string) => Effect.Effect<ReadonlyArray<string>, StorageError>
  /** Deletes a file. Deleting what is not there succeeds. */
  readonly delete: (key: DerivedKey) => Effect.Effect<void, StorageError>
}

/** The last acknowledged batch, for readers in other processes. */
export interface HintStore {
  /** Overwrites it in place, without a sync: bytes that are fewer than those before leave the rest of them standing. */
  readonly write: (bytes: Uint8Array) => Effect.Effect<void, StorageError>
  readonly read: Effect.Effect<Uint8Array | undefined, StorageError>
}

/**
 * The place of one lib, open until its scope closes: one role for each sort of thing that it keeps. Offsets and lengths
 * are bytes; a read is short only at the end.
 */
export interface Root {
  /** Where it is, for messages. */
  readonly location: string
  readonly mode: "write" | "read"
  /** What was seen when it was opened: a folder or lib meta that others can write to. */
  readonly warnings?: ReadonlyArray<Warning>
  /** Names this run of the operating system; a hint from another one says nothing. */
  readonly boot: string | undefined
  /** Fails with `lock-lost` when the writer's lock is no longer ours. Always succeeds for a reader. */
  readonly checkLock: Effect.Effect<void, StorageError>

  readonly meta: MetaStore
  readonly tapes: TapeFolders
  readonly journal: JournalStore
  readonly segments: SegmentFiles
  readonly derived: DerivedFiles
  readonly hint: HintStore
  readonly quarantine: Quarantine
}

/**
 * A kind of place in which libs can live: a file system, memory, an object store.
 *
 * @see `litetapes/NodeStorage` and `litetapes/MemoryStorage` for layers that provide it.
 */
export class Storage extends Context.Service<
  Storage,
  {
    /**
     * Opens the place of a lib. For writing it takes the writer's lock (`locked`) and creates an absent folder. A place
     * that is neither empty nor has lib meta is `not-a-lib`; for reading, an absent or empty one too. `recover` opens
     * for writing what was a lib and may have lost its meta; it creates nothing.
     */
    readonly open: (
      location: string,
      mode: "write" | "read" | "recover"
    ) => Effect.Effect<Root, StorageError, Scope.Scope>
  }
>()("litetapes/Storage") {}
