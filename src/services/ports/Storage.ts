/**
 * The one port to the outside: where the bytes of libs live. It keeps opaque bytes, order and boundaries, and
 * interprets nothing.
 *
 * Every operation that writes returns only when what it wrote is durable and atomic: after a crash it is there whole or
 * not at all, except that the last `append` of a dynamic segment may be there in part. Nothing here retries.
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

/** The place of one lib, open until its scope closes. Offsets and lengths are bytes; a read is short only at the end. */
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

  /** Fails with `too-large` where it has more than `bytesMax` bytes, before any is read. Default: 1 GiB. */
  readonly readMeta: (owner: MetaOwner, bytesMax?: number) => Effect.Effect<Meta | undefined, StorageError>
  /**
   * Appends whole lines. `version` is that of what was read (`changed` if that is not what stands there); the result is
   * that of what stands now.
   */
  readonly appendMeta: (owner: MetaOwner, version: string, bytes: Uint8Array) => Effect.Effect<string, StorageError>
  /** Replaces all of it; `version` is `undefined` where there must be none yet (`exists`). */
  readonly replaceMeta: (
    owner: MetaOwner,
    version: string | undefined,
    bytes: Uint8Array
  ) => Effect.Effect<string, StorageError>

  /**
   * A tape's folder with its meta appears, whole. Something unlisted under that name is moved aside first, to
   * `<name>.aside-N`, never deleted.
   */
  readonly createTape: (tape: string, meta: Uint8Array) => Effect.Effect<void, StorageError>
  /** Names of the folders that have a tape meta, or segments that lost theirs. Only recovery lists. */
  readonly listTapes: Effect.Effect<ReadonlyArray<string>, StorageError>

  /** Creates dynamic segment `n` with its first bytes; an unlisted leftover under its number is removed first. */
  readonly createDynamic: (n: number, bytes: Uint8Array) => Effect.Effect<DynamicWriter, StorageError>
  /** What was appended; behind its end there may be room for more, which is zeros. */
  readonly readDynamic: (n: number, offset: number, length: number) => Effect.Effect<Uint8Array, StorageError>
  readonly readDynamicRanges: (
    n: number,
    ranges: ReadonlyArray<readonly [offset: number, length: number]>
  ) => Effect.Effect<Array<Uint8Array>, StorageError>
  /** What was appended, and behind it perhaps room for more: zeros. */
  readonly dynamicSize: (n: number) => Effect.Effect<number | undefined, StorageError>
  /** Removes it. Reads that are under way may go on. Removing what is not there succeeds. */
  readonly dropDynamic: (n: number) => Effect.Effect<void, StorageError>
  readonly listDynamics: Effect.Effect<ReadonlyArray<number>, StorageError>
  /** Keeps bytes that are about to be discarded, for a human to look at; the result says where. */
  readonly setAside: (name: string, bytes: Uint8Array) => Effect.Effect<string, StorageError>

  /**
   * Writes a segment whole, from the chunks that `fill` appends, then makes it durable under its name. An unlisted
   * leftover under that name is removed first. When `fill` fails, nothing is left under the name.
   */
  readonly writeSegment: <A, E, R>(
    tape: string,
    segment: string,
    fill: (append: (chunk: Uint8Array) => Effect.Effect<void, StorageError>) => Effect.Effect<A, E, R>
  ) => Effect.Effect<A, E | StorageError, R>
  readonly readSegment: (
    tape: string,
    segment: string,
    offset: number,
    length: number
  ) => Effect.Effect<Uint8Array, StorageError>
  /** Many small reads in one call, in the order of `ranges`. */
  readonly readSegmentRanges: (
    tape: string,
    segment: string,
    ranges: ReadonlyArray<readonly [offset: number, length: number]>
  ) => Effect.Effect<Array<Uint8Array>, StorageError>
  readonly segmentSize: (tape: string, segment: string) => Effect.Effect<number | undefined, StorageError>
  /** Removing what is not there succeeds. */
  readonly removeSegment: (tape: string, segment: string) => Effect.Effect<void, StorageError>
  /** Names of all files that look like segments of a tape. Only recovery lists. */
  readonly listSegments: (tape: string) => Effect.Effect<ReadonlyArray<string>, StorageError>

  /** Derived data about one segment. Written whole but not synced: a lost or damaged one is rebuilt. */
  readonly writeIndex: (tape: string, segment: string, bytes: Uint8Array) => Effect.Effect<void, StorageError>
  readonly readIndexRanges: (
    tape: string,
    segment: string,
    ranges: ReadonlyArray<readonly [offset: number, length: number]>
  ) => Effect.Effect<Array<Uint8Array>, StorageError>
  readonly indexSize: (tape: string, segment: string) => Effect.Effect<number | undefined, StorageError>
  /** Removing what is not there succeeds. */
  readonly removeIndex: (tape: string, segment: string) => Effect.Effect<void, StorageError>

  /**
   * The last acknowledged batch, for readers in other processes. Overwritten in place and never synced: bytes that are
   * fewer than those before leave the rest of them standing.
   */
  readonly writeHint: (bytes: Uint8Array) => Effect.Effect<void, StorageError>
  readonly readHint: Effect.Effect<Uint8Array | undefined, StorageError>
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
