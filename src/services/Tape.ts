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
import { aCallback, type Checks } from "../domain/format/checkOptions.ts"
import type { InvalidArgument } from "../domain/format/Errors.ts"
import { aHead } from "../domain/merkle/headCheck.ts"
import type { Head } from "../domain/merkle/Proof.ts"
import { checkOptions } from "./base/checkCall.ts"
import type { OnProgress, Progress } from "./base/Progress.ts"
import { HeldTape, type ReloadError } from "./HeldTape.ts"
import { accessOf } from "./internals.ts"
import { withSession } from "./lib/Access.ts"
import { Lib } from "./Lib.ts"
import type { LoadError } from "./lib/TapeRegistry.ts"
import type { CloneError, CloneOptions } from "./maintenance/Clone.ts"
import type { Difference } from "./maintenance/Equivalence.ts"
import { diff as firstDifference, equivalent as sameStream } from "./onDemand.ts"
import type { CheckHeadError, ConsistencyError, HeadError, InclusionError, ProofOptions } from "./maintenance/Proofs.ts"
import type { RepackError, RepackOptions, RepackReport } from "./maintenance/repack/Repack.ts"
import type { Finding, VerifyOptions, VerifyReport } from "./maintenance/verify/VerifyReport.ts"
import type { RecordRange } from "./read/RecordStream.ts"
import type { SegmentInfo } from "./read/SegmentService.ts"
import { locate, serve } from "./serveTape.ts"
import type { Meta, ReadError, TapeService, UserMetaError } from "./TapeService.ts"
import type { AppendError, Receipt } from "./write/appendRecords.ts"
import type { FlushError } from "./write/flush.ts"

export type { AppendError, FlushError, LoadError, Receipt, RecordRange, ReloadError, SegmentInfo }
export type { CheckHeadError, CloneError, CloneOptions, ConsistencyError, Difference, HeadError, InclusionError }
export type { Finding, OnProgress, Progress, ProofOptions, RepackError, RepackOptions, RepackReport }
export type { Meta, ReadError, TapeService, UserMetaError, VerifyOptions, VerifyReport }

/**
 * An open tape, as a service. Get one from `make`, `makeOrCreate` or `layer`.
 *
 * If `lib.reopen` opens the lib again, the tape can be used as before: the first call loads it again, and only then a
 * call may fail with a `ReloadError`, because its meta has become damaged or cannot be read.
 */
export class Tape extends Context.Service<Tape, TapeService>()("litetapes/Tape") {}

/** Options of opening a tape. */
export interface MakeOptions {
  /**
   * A head that you stored elsewhere. Opening fails with `HeadMismatch` unless the tape still starts with exactly its
   * records. Reads and hashes all of them. An explicit `undefined` is refused: it would turn the check off.
   */
  readonly expected?: Head
}

const makeChecks = { expected: aHead } satisfies Checks<MakeOptions>

/** Errors of opening a tape. */
export type MakeError = LoadError | CheckHeadError | InvalidArgument

/**
 * Returns the tape with this name, from the lib in context. Reads its meta at the first use. Fails with `TapeNotFound`,
 * or with `TapeInvalid`, `MetaCorrupt` or `MetaInvalid` if its meta is missing or damaged: restore it from a copy, or
 * use `Lib.recoverTape`.
 */
export const make = (name: string, options: MakeOptions = {}): Effect.Effect<Tape["Service"], MakeError, Lib> =>
  Effect.gen(function* () {
    yield* checkOptions("Tape.make", options, makeChecks)
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

/** Options of comparing two tapes. */
export interface DiffOptions {
  /** Receives the progress after each chunk. */
  readonly onProgress?: OnProgress
}

const diffChecks = { onProgress: aCallback } satisfies Checks<DiffOptions>

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
  options: DiffOptions = {}
): Effect.Effect<Difference | undefined, ReadError | InvalidArgument> =>
  Effect.andThen(
    checkOptions("Tape.diff", options, diffChecks),
    Effect.flatMap(Effect.all([locate(left), locate(right)]), ([a, b]) => firstDifference(a, b, options.onProgress))
  )

/** Provides the tape with this name, from the lib in context. */
export const layer = (name: string, options?: MakeOptions): Layer.Layer<Tape, MakeError, Lib> =>
  Layer.effect(Tape, make(name, options))
