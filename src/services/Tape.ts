/**
 * A tape: an append-only sequence of records under one identity, kept in immutable segments.
 *
 * @see `litetapes/Lib` for the lib that it belongs to, `litetapes/Segment` for its closed segments
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import type { LibClosed, MetaInvalid, SegmentMissing, TapeInvalid } from "../domain/format/Errors.ts"
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
import { type Internals, internalsOf } from "./internals.ts"
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
import { type RecordRange, recordStream } from "./read/RecordStream.ts"
import { repack, type RepackError, type RepackOptions, type RepackReport } from "./maintenance/repack/Repack.ts"
import { findSegment, type SegmentInfo, type SegmentShape, segmentsOf, segmentStream } from "./read/SegmentService.ts"
import { type Finding, type VerifyOptions, type VerifyReport, verifyTape } from "./maintenance/verify/Verify.ts"
import { changeUserMeta } from "./lib/UserMeta.ts"
import { Lib } from "./Lib.ts"
import type { StorageError } from "./ports/Storage.ts"

export type { AppendError, FlushError, LoadError, Receipt, RecordRange, SegmentInfo }
export type { CheckHeadError, CloneError, CloneOptions, ConsistencyError, Difference, HeadError, InclusionError }
export type { Finding, OnProgress, Progress, ProofOptions, RepackError, RepackOptions, RepackReport }
export type { VerifyOptions, VerifyReport }

/** What reading records may fail with. Nothing that does not verify is ever returned. */
export type ReadError = ChunkError | LibClosed

/** What a tape says of itself. */
export interface Meta {
  readonly tape: string
  readonly name: string
  readonly lib: string
  readonly role: "records" | "events"
  readonly state: "active" | "archived"
  readonly created: string
  readonly origin: TapeState["origin"]
  /** All records, those that are not in segments yet included. */
  readonly records: number
  readonly segments: number
  readonly userMeta: { readonly [key: string]: Json }
}

export class Tape extends Context.Service<
  Tape,
  {
    readonly name: string
    /** Identity of the tape; independent of what is on it. */
    readonly id: string
    readonly meta: Effect.Effect<Meta>
    /** How many records there are, committed and not closed yet included. */
    readonly size: Effect.Effect<number>
    /**
     * Appends records as one atomic batch. When it succeeds they survive power loss. Interrupted while it waits for its
     * turn it appends nothing; afterwards it waits for the outcome.
     */
    readonly append: (records: ReadonlyArray<unknown>) => Effect.Effect<Receipt, AppendError>
    /**
     * The records from ordinal `from` to before `to`, or the same backwards with `reverse`; of what is there when the
     * stream starts. Constant memory. Every block of bytes is checked before its records are returned.
     */
    readonly records: (range?: RecordRange) => Stream.Stream<JsonObject, ReadError>
    /** The closed segments, in canonical order. */
    readonly segments: Effect.Effect<ReadonlyArray<SegmentInfo>>
    /** A stream of the closed segments, in canonical order, each to be read or verified. */
    readonly iterateSegments: Stream.Stream<SegmentShape>
    /**
     * Puts what is committed and in no segment yet into a new segment, with its meta, atomically. The result is that
     * segment, or `undefined` where there was nothing to put. Closing does this by itself.
     */
    readonly appendSegment: Effect.Effect<SegmentInfo | undefined, FlushError | WriteError>
    /** One closed segment, by its number. */
    readonly segment: (number: number) => Effect.Effect<SegmentShape, SegmentMissing>
    /** The records of one closed segment, by its number. */
    readonly readSegment: (number: number) => Stream.Stream<JsonObject, ReadError>
    /** Checks every byte of one closed segment against meta. */
    readonly verifySegment: (number: number) => Effect.Effect<SegmentInfo, ReadError>
    /** The tape's id, number of records and root, up to what is acknowledged: what one keeps elsewhere. */
    readonly head: Effect.Effect<Head, HeadError>
    /** RFC 9162 tree hash of the logical stream, as hex. */
    readonly root: Effect.Effect<string, HeadError>
    /** Fails with `HeadMismatch` unless the tape begins with exactly the records that `expected` speaks of. Reads them all. */
    readonly checkHead: (expected: Head) => Effect.Effect<void, CheckHeadError>
    /** Proves that the record at `ordinal` is on the tape; to be checked without the store, by `Proof.checkInclusion`. */
    readonly proveInclusion: (ordinal: number, options?: ProofOptions) => Effect.Effect<InclusionProof, InclusionError>
    /** Proves that the tape only grew since `earlier`; to be checked without the store, by `Proof.checkConsistency`. */
    readonly proveConsistency: (
      earlier: Head,
      options?: ProofOptions
    ) => Effect.Effect<ConsistencyProof, ConsistencyError>
    /** Puts the same logical stream into other segments, beside appends and reads. Keeps the identity. */
    readonly repack: (options?: RepackOptions) => Effect.Effect<RepackReport, RepackError>
    /** Makes a new tape with the same logical stream, in this lib or another one, with the role `records`. */
    readonly clone: (
      lib: Lib["Service"],
      name: string,
      options?: CloneOptions
    ) => Effect.Effect<TapeListing, CloneError>
    /** Checks the whole tape, and lists everything that is bad. */
    readonly verify: (options?: VerifyOptions) => Effect.Effect<VerifyReport, LibClosed>
    /** Sets a user value in the tape's meta, durably. Structure cannot be set: keys are the user's own. */
    readonly setUserMeta: (key: string, value: Json) => Effect.Effect<void, UserMetaError>
    /** Removes a user value, durably; removing what is not there does nothing. */
    readonly removeUserMeta: (key: string) => Effect.Effect<void, UserMetaError>
  }
>()("litetapes/Tape") {}

/** What changing user metadata may fail with. */
export type UserMetaError = WriteError | StorageError | MetaInvalid | TapeInvalid | TaraSONError

/** How to open a tape. */
export interface MakeOptions {
  /** A head that was kept elsewhere: the tape must begin with exactly the records that it speaks of. Reads them all. */
  readonly expected?: Head
}

/** The tape of that name, from the lib in context. */
export const make = (
  name: string,
  options: MakeOptions = {}
): Effect.Effect<Tape["Service"], LoadError | CheckHeadError, Lib> =>
  Effect.gen(function* () {
    const internals = internalsOf(yield* Lib)
    const tape = serve(internals, yield* internals.handle.tapes.get(name))
    if (options.expected !== undefined) yield* tape.checkHead(options.expected)
    return tape
  })

/** The tape of that name, made where there is none yet. */
export const makeOrCreate = Effect.fnUntraced(function* (name: string) {
  const lib = yield* Lib
  return yield* Effect.catchTag(make(name), "TapeNotFound", () =>
    lib.createTape(name).pipe(
      Effect.catchTag("TapeExists", () => Effect.void),
      Effect.andThen(make(name))
    )
  )
})

/** Whether two tapes hold the same logical stream: as many records, and the same root. No record is read for it. */
export const equivalent = (left: Tape["Service"], right: Tape["Service"]): Effect.Effect<boolean, HeadError> =>
  Effect.suspend(() => sameStream(locate(left), locate(right)))

/** The first record that differs between two tapes, or `undefined`. Streaming; reads both up to there. */
export const diff = (
  left: Tape["Service"],
  right: Tape["Service"],
  options: { readonly onProgress?: OnProgress } = {}
): Effect.Effect<Difference | undefined, ReadError> =>
  Effect.suspend(() => firstDifference(locate(left), locate(right), options.onProgress))

const located = new WeakMap<object, () => Located>()

const locate = (tape: Tape["Service"]): Located => {
  const found = located.get(tape)
  invariant(found !== undefined, "a Tape is made by Tape.make")
  return found()
}

/** A layer with the tape of that name. */
export const layer = (name: string, options?: MakeOptions): Layer.Layer<Tape, LoadError | CheckHeadError, Lib> =>
  Layer.effect(Tape, make(name, options))

const serve = ({ handle, writer }: Internals, opened: OpenTape): Tape["Service"] => {
  const { name } = opened
  // A reader that looks again has new views of its tapes.
  const current = () => handle.tapes.known(name) ?? opened
  const appendSegment = Effect.gen(function* () {
    yield* handle.guard.check
    const moved = yield* flush(handle, opened, handle.journal.durable.batch)
    return moved === 0 ? undefined : segmentsOf(opened).at(-1)
  })
  const tape = Tape.of({
    name,
    get id() {
      return current().id
    },
    meta: Effect.sync(() => describe(handle, current())),
    size: Effect.sync(() => current().records),
    append: (records) =>
      writer === undefined
        ? Effect.flatMap(handle.guard.check, () => Effect.die(new Error("a reader has no writer")))
        : Effect.map(appendRecords(handle, writer.loop, [{ tape: name, records }]), (receipts) => receipts[0]!),
    records: (range) => recordStream(handle, current, range),
    segments: Effect.sync(() => segmentsOf(current())),
    iterateSegments: segmentStream(handle, current),
    appendSegment,
    segment: (number) => findSegment(handle, current, number),
    readSegment: (number) => Stream.unwrap(Effect.map(findSegment(handle, current, number), (found) => found.records)),
    verifySegment: (number) => Effect.flatMap(findSegment(handle, current, number), (found) => found.verify),
    head: Effect.suspend(() => head(handle, current())),
    root: Effect.suspend(() => Effect.map(head(handle, current()), (found) => found.root)),
    checkHead: (expected) => Effect.suspend(() => checkHead(handle, current(), expected)),
    proveInclusion: (ordinal, options) => Effect.suspend(() => proveInclusion(handle, current(), ordinal, options)),
    proveConsistency: (earlier, options) => Effect.suspend(() => proveConsistency(handle, current(), earlier, options)),
    repack: (options) => repack(handle, opened, options),
    clone: (target, as, options) =>
      Effect.suspend(() => clone(handle, opened, internalsOf(target).handle, as, options)),
    verify: (options) =>
      Effect.andThen(
        handle.guard.checkOpen,
        Effect.suspend(() => verifyTape(handle, current(), options))
      ),
    setUserMeta: (key, value) => changeUserMeta(handle, opened, key, value),
    removeUserMeta: (key) => changeUserMeta(handle, opened, key, undefined)
  })
  located.set(tape, () => ({ lib: handle, tape: current() }))
  return tape
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
