/**
 * A closed segment of a tape: an immutable file of records. Segment boundaries mean nothing: the logical stream is the
 * same wherever they are.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { SegmentMissing } from "../domain/format/Errors.ts"
import type { SegmentInfo, SegmentReadError, SegmentShape } from "./read/SegmentService.ts"
import { Tape } from "./Tape.ts"

export type { SegmentInfo, SegmentReadError, SegmentShape }

export class Segment extends Context.Service<Segment, SegmentShape>()("litetapes/Segment") {}

/** The segment of that number, from the tape in context. */
export const make = (number: number): Effect.Effect<Segment["Service"], SegmentMissing, Tape> =>
  Effect.flatMap(Tape, (tape) => tape.segment(number))

/** A layer with the segment of that number. */
export const layer = (number: number): Layer.Layer<Segment, SegmentMissing, Tape> => Layer.effect(Segment, make(number))
