/** Closed segments, as users get them: each can be read and verified. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { shown } from "../../domain/format/checkOptions.ts"
import { type LibClosed, SegmentMissing } from "../../domain/format/Errors.ts"
import * as Merkle from "../../domain/merkle/Merkle.ts"
import type { Segment } from "../../domain/meta/SystemRecord.ts"
import type * as TaraSON from "../../domain/json/TaraSON.ts"
import { readChecked } from "../segment/readChecked.ts"
import type { LibHandle } from "../lib/LibHandle.ts"
import type { OpenTape } from "../lib/OpenTape.ts"
import { linesOfChunk } from "./RecordReader.ts"
import { chunkStream, recordStream } from "./RecordStream.ts"
import type { SegmentError } from "../segment/SegmentAccess.ts"
import { verifySegment } from "../segment/verifySegment.ts"

/** A closed segment, as tape meta lists it. */
export type SegmentInfo = Segment

/**
 * Errors of reading a segment. `SegmentCorrupt`, `DecompressionLimit` and `SegmentMissing` mean that its file is
 * damaged or missing: restore it from a copy.
 */
export type SegmentReadError = SegmentError | LibClosed

/** Operations on a closed segment. */
export interface SegmentShape {
  /** Name of its tape. */
  readonly tape: string
  /** Its entry in tape meta. */
  readonly info: SegmentInfo
  /** Streams its records, parsed, in order. Every block is checked before its records are returned. */
  readonly records: Stream.Stream<TaraSON.JsonObject, SegmentReadError>
  /** Streams the canonical bytes of its records, in order, without newlines. */
  readonly lines: Stream.Stream<Uint8Array, SegmentReadError>
  /**
   * Checks length, hash, every line, number of records and Merkle state against meta. Reads the whole file. Returns
   * `info`.
   */
  readonly verify: Effect.Effect<SegmentInfo, SegmentReadError>
}

/** Returns the closed segments of a tape, in order. */
export const segmentsOf = (tape: OpenTape): ReadonlyArray<SegmentInfo> => tape.state.segments

/** Returns the segment with this number. */
export const findSegment = (
  lib: LibHandle,
  tape: () => OpenTape,
  number: number
): Effect.Effect<SegmentShape, SegmentMissing> =>
  Effect.suspend(() => {
    const opened = tape()
    const info = opened.state.segments.find((segment) => segment.number === number)
    return info === undefined
      ? Effect.fail(new SegmentMissing({ tape: opened.name, segment: `number ${shown(number)}` }))
      : Effect.succeed(serve(lib, tape, info))
  })

/** Streams all segments that exist when the stream starts. */
export const segmentStream = (lib: LibHandle, tape: () => OpenTape): Stream.Stream<SegmentShape> =>
  Stream.suspend(() => Stream.fromArray(tape().state.segments.map((info) => serve(lib, tape, info))))

const serve = (lib: LibHandle, tape: () => OpenTape, info: SegmentInfo): SegmentShape => {
  const range = { from: info.firstOrdinal, to: info.firstOrdinal + info.records }
  return {
    tape: tape().name,
    info,
    records: recordStream(lib, tape, range),
    lines: chunkStream(lib, tape, range, linesOfChunk),
    verify: verify(lib, tape, info)
  }
}

const verify = (
  lib: LibHandle,
  tape: () => OpenTape,
  info: SegmentInfo
): Effect.Effect<SegmentInfo, SegmentReadError> =>
  Effect.gen(function* () {
    yield* lib.guard.checkOpen
    const { name, role, state } = tape()
    const at = state.segments.findIndex((segment) => segment.number === info.number)
    const before = state.segments[at - 1]?.merkle ?? Merkle.empty
    const proved = yield* verifySegment(lib.segments, name, role, info, before)
    if (proved === undefined) yield* readChecked(lib.segments, name, role, info, before)
    return info
  })
