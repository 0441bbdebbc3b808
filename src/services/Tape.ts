/**
 * A tape: an append-only sequence of records with one identity, stored in immutable segments.
 *
 * @example
 * ```ts
 * const main = Effect.gen(function* () {
 *   const tape = yield* Tape.makeOrCreate("readings")
 *   yield* tape.append([{ $type: "Reading", celsius: 19.5 }])
 *   yield* Stream.runForEach(tape.records(), (record) => Effect.log(record))
 * })
 * main.pipe(Effect.provide(Lib.layer("./data")), Effect.provide(NodeStorage.layer))
 * ```
 *
 * @see `litetapes/Lib` for the lib that a tape belongs to, `litetapes/Segment` for its closed segments
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import type { MetaInvalid, RecordsLost, SegmentMissing, TapeInvalid } from "../domain/format/Errors.ts"
import { invariant } from "../domain/base/invariant.ts"
import type { TapeListing } from "../domain/meta/LibState.ts"
import type { ConsistencyProof, Head, InclusionProof } from "../domain/merkle/Proof.ts"
import type { Json, JsonObject } from "../domain/json/TaraSON.ts"
import type { TaraSONError } from "../domain/json/TaraSONError.ts"
import { clone, type CloneError, type CloneOptions } from "./maintenance/Clone.ts"
import { flush, type FlushError } from "./write/flush.ts"
import { type AppendError, appendRecords, type Receipt } from "./write/appendRecords.ts"
import type { LibHandle } from "./lib/LibHandle.ts"
import type { WriteError } from "./lib/WriterGuard.ts"
import {
  type Difference,
  diff as firstDifference,
  equivalent as sameStream,
  type Located
} from "./maintenance/Equivalence.ts"
import { accessOf } from "./internals.ts"
import { withSession } from "./lib/Access.ts"
import { HeldTape, type ReloadError } from "./HeldTape.ts"
import type { LoadError } from "./lib/TapeRegistry.ts"
import type { TapeState } from "../domain/meta/TapeState.ts"
import type { OpenTape } from "./lib/OpenTape.ts"
import type { OnProgress, Progress } from "./base/Progress.ts"
import {
  checkHead,
  type CheckHeadError,
  type ConsistencyError,
  head,
  type HeadError,
  type InclusionError,
  type ProofOptions,
  proveConsistency,
  proveInclusion
} from "./maintenance/Proofs.ts"
import type { ReadError as ChunkError } from "./read/RecordReader.ts"
import { type RecordRange, tapeRecords } from "./read/RecordStream.ts"
import { repack, type RepackError, type RepackOptions, type RepackReport } from "./maintenance/repack/Repack.ts"
import { findSegment, type SegmentInfo, type SegmentShape, segmentsOf, segmentStream } from "./read/SegmentService.ts"
import { type Finding, type VerifyOptions, type VerifyReport, verifyTape } from "./maintenance/verify/Verify.ts"
import { changeUserMeta } from "./lib/UserMeta.ts"
import { Lib } from "./Lib.ts"
import type { StorageError } from "./ports/Storage.ts"

export type { AppendError, FlushError, LoadError, Receipt, RecordRange, ReloadError, SegmentInfo }
export type { CheckHeadError, CloneError, CloneOptions, ConsistencyError, Difference, HeadError, InclusionError }
export type { Finding, OnProgress, Progress, ProofOptions, RepackError, RepackOptions, RepackReport }
export type { VerifyOptions, VerifyReport }

/** Errors of reading records. Bytes are returned only after their checksum matched. */
export type ReadError = ChunkError | ReloadError

/** Description of a tape. */
export interface Meta {
  /** UUID of the tape. A recovery gives the tape a new one. */
  readonly tape: string
  /** Name of the tape, which is that of its folder. */
  readonly name: string
  /** UUID of the lib. */
  readonly lib: string
  /** `records`: anyone appends with `append`. `events`: only the event store appends. */
  readonly role: "records" | "events"
  /** `archived` tapes refuse appends. */
  readonly state: "active" | "archived"
  /** Time of creation of this tape, in ISO 8601. */
  readonly created: string
  /** How the tape came to be: created, cloned from another tape, or recovered. */
  readonly origin: TapeState["origin"]
  /** All records, those that are not in segments yet included. */
  readonly records: number
  /** Number of closed segments. */
  readonly segments: number
  /** Values that were set with `setUserMeta`. */
  readonly userMeta: { readonly [key: string]: Json }
}

/**
 * An open tape, as a service. Get one from `make`, `makeOrCreate` or `layer`.
 *
 * If `lib.reopen` opens the lib again, the tape can be used as before: the first call loads it again, and only then a
 * call may fail with a `ReloadError`, because its meta has become damaged or cannot be read.
 */
export class Tape extends Context.Service<
  Tape,
  {
    /** Name of the tape. */
    readonly name: string
    /** UUID of the tape, which does not depend on its records. A recovery gives the tape a new one. */
    readonly id: string
    /** Returns the description of the tape. Reads nothing. */
    readonly meta: Effect.Effect<Meta, ReloadError>
    /** Returns the number of durable records, including those that are in no segment yet. Reads nothing. */
    readonly size: Effect.Effect<number, ReloadError>
    /**
     * Appends records as one atomic batch. On success the records have been synced: they survive a power loss.
     * Interrupting a queued append removes it; once it is in a batch, the interruption waits for the outcome.
     *
     * Costs one write and one sync, shared with all appends that wait at the same time. Fails with `TaraSONError` if a
     * record cannot be stored (the pointer says where), `TapeArchived`, `TapeOwned` for a tape of events, or
     * `BatchTooLarge`. After `CommitOutcomeUnknown`, call `lib.reopen` and look: the batch is there whole or not at all.
     * After any other error nothing was appended.
     *
     * @example
     * ```ts
     * const receipt = yield* tape.append([{ $type: "Reading", celsius: 19.5 }])
     * yield* Effect.log(receipt.firstOrdinal, receipt.batch)
     * ```
     */
    readonly append: (records: ReadonlyArray<unknown>) => Effect.Effect<Receipt, AppendError>
    /**
     * Reads the records from ordinal `from` up to but not including `to`, or the same range backwards with `reverse`.
     * Ends where the tape ended when the stream started. Uses constant memory. Every block is checked before its
     * records are returned; damage fails with `SegmentCorrupt`: restore the file from a copy, or use
     * `Lib.salvageTape`. A read that passes lost records fails with `RecordsLost`, unless it has `allowGaps` or
     * somebody has accepted the loss.
     */
    readonly records: (range?: RecordRange) => Stream.Stream<JsonObject, ReadError | RecordsLost>
    /** Returns the closed segments in order. Reads nothing. */
    readonly segments: Effect.Effect<ReadonlyArray<SegmentInfo>, ReloadError>
    /** Streams the closed segments in order, so that each can be read or verified. */
    readonly iterateSegments: Stream.Stream<SegmentShape, ReloadError>
    /**
     * Copies the records that are in no segment yet into a new segment, now instead of at the next close (2 files and 2
     * folders are synced). Returns the segment, or `undefined` if there was nothing to copy.
     */
    readonly appendSegment: Effect.Effect<SegmentInfo | undefined, FlushError | WriteError | ReloadError>
    /**
     * Returns the closed segment with this number. Reads nothing. Fails with `SegmentMissing` if tape meta does not
     * list it.
     */
    readonly segment: (number: number) => Effect.Effect<SegmentShape, SegmentMissing | ReloadError>
    /** Reads the records of the closed segment with this number. */
    readonly readSegment: (number: number) => Stream.Stream<JsonObject, ReadError>
    /**
     * Checks every byte of a closed segment against meta: length, SHA-256, lines, number of records, Merkle state.
     * Reads the whole file. Fails with `SegmentCorrupt` or `SegmentMissing`: restore the file from a copy.
     */
    readonly verifySegment: (number: number) => Effect.Effect<SegmentInfo, ReadError>
    /**
     * Returns the tape's id, number of records and root, up to the last acknowledged batch. Store it where nobody who
     * can write the tape can write. A writer flushes the tape first; records in segments are not read again.
     */
    readonly head: Effect.Effect<Head, HeadError | ReloadError>
    /** Returns the RFC 9162 tree hash of the logical stream, in hex: the root of `head`. */
    readonly root: Effect.Effect<string, HeadError | ReloadError>
    /**
     * Fails with `HeadMismatch` unless the tape still starts with exactly the records of `expected`. Reads and hashes
     * all of them.
     */
    readonly checkHead: (expected: Head) => Effect.Effect<void, CheckHeadError | ReloadError>
    /**
     * Returns a proof that the record at `ordinal` is on the tape. `Proof.checkInclusion` checks it without the store.
     * Reads and hashes the whole tape. Fails with `RecordNotFound` if there is no such record.
     */
    readonly proveInclusion: (
      ordinal: number,
      options?: ProofOptions
    ) => Effect.Effect<InclusionProof, InclusionError | ReloadError>
    /**
     * Returns a proof that the tape has only grown since `earlier`. `Proof.checkConsistency` checks it without the
     * store. Reads and hashes the whole tape. Fails with `HeadMismatch` if the tape does not start with the records of
     * `earlier`.
     */
    readonly proveConsistency: (
      earlier: Head,
      options?: ProofOptions
    ) => Effect.Effect<ConsistencyProof, ConsistencyError | ReloadError>
    /**
     * Rewrites the records into other segments: merged, split, compressed or deduplicated. The logical stream and the
     * id stay the same. Appends and reads continue meanwhile. Rewrites from the first segment that does not match the
     * options to the end, reads the result back, and changes meta in one step. If it fails or is interrupted, it
     * removes its output.
     *
     * @example
     * ```ts
     * const { bytesBefore, bytesAfter } = yield* tape.repack({ compression: "zstd", why: "a year old" })
     * ```
     */
    readonly repack: (options?: RepackOptions) => Effect.Effect<RepackReport, RepackError | ReloadError>
    /**
     * Creates a tape with the same logical stream, in this lib or another one. The clone has an id of its own, the role
     * `records`, and no user metadata. Copies the segment files and checks their hashes. A writer flushes the tape
     * first; a reader clones what it sees. Fails with `TapeExists` if the name is taken.
     */
    readonly clone: (
      lib: Lib["Service"],
      name: string,
      options?: CloneOptions
    ) => Effect.Effect<TapeListing, CloneError | ReloadError>
    /**
     * Checks the whole tape from the disk and lists every defect. `ok` is false if there is one; it does not fail
     * because of one. Appends and reads continue meanwhile.
     */
    readonly verify: (options?: VerifyOptions) => Effect.Effect<VerifyReport, ReloadError>
    /**
     * Sets a user value in tape meta, durably (1 file and 1 folder are synced). Fails with `MetaInvalid` if user values
     * would take more than a quarter of `metaBytesMax`: remove some of them.
     */
    readonly setUserMeta: (key: string, value: Json) => Effect.Effect<void, UserMetaError>
    /** Removes a user value, durably. Does nothing if the key is not set. */
    readonly removeUserMeta: (key: string) => Effect.Effect<void, UserMetaError>
  }
>()("litetapes/Tape") {}

/**
 * Errors of changing user metadata. After `WriterPoisoned` the change may or may not have taken effect, after any other
 * error it has not.
 */
export type UserMetaError = WriteError | StorageError | MetaInvalid | TapeInvalid | LoadError | TaraSONError

/** Options of opening a tape. */
export interface MakeOptions {
  /**
   * A head that you stored elsewhere. Opening fails with `HeadMismatch` unless the tape still starts with exactly its
   * records. Reads and hashes all of them.
   */
  readonly expected?: Head
}

/**
 * Returns the tape with this name, from the lib in context. Reads its meta at the first use. Fails with `TapeNotFound`,
 * or with `TapeInvalid`, `MetaCorrupt` or `MetaInvalid` if its meta is missing or damaged: restore it from a copy, or
 * use `Lib.recoverTape`.
 */
export const make = (
  name: string,
  options: MakeOptions = {}
): Effect.Effect<Tape["Service"], LoadError | CheckHeadError, Lib> =>
  Effect.gen(function* () {
    const access = accessOf(yield* Lib)
    const held = withSession(access, (session) =>
      Effect.map(session.handle.tapes.get(name), (opened) => new HeldTape(access, { session, opened }))
    )
    const tape = serve(yield* held)
    if (options.expected !== undefined) yield* tape.checkHead(options.expected)
    return tape
  })

/** Returns the tape with this name. Creates it if it does not exist. */
export const makeOrCreate = Effect.fnUntraced(function* (name: string) {
  const lib = yield* Lib
  return yield* Effect.catchTag(make(name), "TapeNotFound", () =>
    lib.createTape(name).pipe(
      Effect.catchTag("TapeExists", () => Effect.void),
      Effect.andThen(make(name))
    )
  )
})

/**
 * Returns whether two tapes hold the same logical stream: as many records and the same root. Records in segments are
 * not read. Flushes the tapes of a writer.
 */
export const equivalent = (
  left: Tape["Service"],
  right: Tape["Service"]
): Effect.Effect<boolean, HeadError | ReloadError> =>
  Effect.flatMap(Effect.all([locate(left), locate(right)]), ([a, b]) => sameStream(a, b))

/**
 * Returns the first record that differs between two tapes, or `undefined` if they are the same. Reads both tapes up to
 * there, in constant memory.
 *
 * @example
 * ```ts
 * const difference = yield* Tape.diff(tape, copy)
 * if (difference !== undefined) yield* Effect.logError(difference.ordinal, difference.left, difference.right)
 * ```
 */
export const diff = (
  left: Tape["Service"],
  right: Tape["Service"],
  options: { readonly onProgress?: OnProgress } = {}
): Effect.Effect<Difference | undefined, ReadError> =>
  Effect.flatMap(Effect.all([locate(left), locate(right)]), ([a, b]) => firstDifference(a, b, options.onProgress))

const held = new WeakMap<object, HeldTape>()

const locate = (tape: Tape["Service"]): Effect.Effect<Located, ReloadError> =>
  Effect.suspend(() => {
    const found = held.get(tape)
    invariant(found !== undefined, "a Tape comes from Tape.make")
    return found.use((handle, _, current) => Effect.succeed({ lib: handle, tape: current() }))
  })

/** Provides the tape with this name, from the lib in context. */
export const layer = (name: string, options?: MakeOptions): Layer.Layer<Tape, LoadError | CheckHeadError, Lib> =>
  Layer.effect(Tape, make(name, options))

const serve = (tape: HeldTape): Tape["Service"] => {
  const { name } = tape
  const served = Tape.of({
    name,
    get id() {
      return tape.last.id
    },
    meta: tape.look(describe),
    size: tape.look((_, current) => current.records),
    append: (records) =>
      withSession(tape.access, ({ handle, writer }) =>
        writer === undefined
          ? Effect.flatMap(handle.guard.check, () => Effect.die(new Error("the guard of a reader refuses appends")))
          : Effect.map(appendRecords(handle, writer.loop, [{ tape: name, records }]), (receipts) => receipts[0]!)
      ),
    records: (range) => tape.stream((handle, current) => tapeRecords(handle, current, range)),
    segments: tape.look((_, current) => segmentsOf(current)),
    iterateSegments: Stream.unwrap(tape.look((handle, _, current) => segmentStream(handle, current))),
    appendSegment: tape.use((handle, opened) =>
      Effect.gen(function* () {
        yield* handle.guard.check
        const moved = yield* flush(handle, opened, handle.journal.durable.batch)
        return moved === 0 ? undefined : segmentsOf(opened).at(-1)
      })
    ),
    segment: (number) => Effect.flatten(tape.look((handle, _, current) => findSegment(handle, current, number))),
    readSegment: (number) =>
      tape.stream((handle, current) =>
        Stream.unwrap(Effect.map(findSegment(handle, current, number), (found) => found.records))
      ),
    verifySegment: (number) =>
      tape.use((handle, _, current) => Effect.flatMap(findSegment(handle, current, number), (found) => found.verify)),
    head: tape.use((handle, _, current) => head(handle, current())),
    root: tape.use((handle, _, current) => Effect.map(head(handle, current()), (found) => found.root)),
    checkHead: (expected) => tape.use((handle, _, current) => checkHead(handle, current(), expected)),
    proveInclusion: (ordinal, options) =>
      tape.use((handle, _, current) => proveInclusion(handle, current(), ordinal, options)),
    proveConsistency: (earlier, options) =>
      tape.use((handle, _, current) => proveConsistency(handle, current(), earlier, options)),
    repack: (options) => tape.use((handle, opened) => repack(handle, opened, options)),
    clone: (target, as, options) =>
      tape.use((handle, opened) =>
        withSession(accessOf(target), (to) => clone(handle, opened, to.handle, as, options))
      ),
    verify: (options) =>
      tape.use((handle, _, current) =>
        Effect.andThen(
          handle.guard.checkOpen,
          Effect.suspend(() => verifyTape(handle, current(), options))
        )
      ),
    setUserMeta: (key, value) => tape.use((handle, opened) => changeUserMeta(handle, opened, key, value)),
    removeUserMeta: (key) => tape.use((handle, opened) => changeUserMeta(handle, opened, key, undefined))
  })
  held.set(served, tape)
  return served
}

const describe = (lib: LibHandle, tape: OpenTape): Meta => {
  return {
    tape: tape.id,
    name: tape.name,
    lib: tape.state.lib,
    role: tape.role,
    state: lib.tapes.listing(tape.name)?.state ?? "active",
    created: tape.state.created,
    origin: tape.state.origin,
    records: tape.records,
    segments: tape.state.segments.length,
    userMeta: Object.fromEntries(tape.state.userMeta)
  }
}
