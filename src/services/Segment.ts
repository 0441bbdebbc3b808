/**
 * A closed segment of a tape: an immutable file of records. Segment boundaries have no meaning; repacking moves them,
 * and the logical stream stays the same.
 *
 * @example
 * ```ts
 * const check = Effect.gen(function* () {
 *   const segment = yield* Segment.Segment
 *   yield* segment.verify
 *   yield* Stream.runForEach(segment.records, (record) => Effect.log(record))
 * })
 * check.pipe(Effect.provide(Segment.layer(1)), Effect.provide(Tape.layer("readings")))
 * ```
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { SegmentMissing } from "../domain/format/Errors.ts"
import type { SegmentInfo, SegmentReadError, SegmentShape } from "./read/SegmentService.ts"
import { type ReloadError, Tape } from "./Tape.ts"

export type { SegmentInfo, SegmentReadError, SegmentShape }

/** A closed segment, as a service. */
export class Segment extends Context.Service<Segment, SegmentShape>()("litetapes/Segment") {}

/**
 * Returns the segment with this number, from the tape in context. Reads nothing. Fails with `SegmentMissing` if tape
 * meta lists no such segment: `Tape.segments` lists those that it has.
 */
export const make = (number: number): Effect.Effect<Segment["Service"], SegmentMissing | ReloadError, Tape> =>
  Effect.flatMap(Tape, (tape) => tape.segment(number))

/** Provides the segment with this number, from the tape in context. */
export const layer = (number: number): Layer.Layer<Segment, SegmentMissing | ReloadError, Tape> =>
  Layer.effect(Segment, make(number))
