/** Closed segments as they are handed out: read-only, each to be read or verified. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { LibClosed, SegmentMissing } from "../../domain/format/Errors.ts"
import * as Merkle from "../../domain/merkle/Merkle.ts"
import type { Segment } from "../../domain/meta/SystemRecord.ts"
import type * as TaraSON from "../../domain/json/TaraSON.ts"
import { readChecked } from "../segment/readChecked.ts"
import type { Core } from "../lib/LibHandle.ts"
import { listing, type OpenTape } from "../lib/OpenTape.ts"
import { linesOfChunk } from "./RecordReader.ts"
import { chunkStream, recordStream } from "./RecordStream.ts"
import type { SegmentError } from "../segment/SegmentFile.ts"
import { verifySegment } from "../segment/verifySegment.ts"

/** A closed segment, as tape meta lists it. */
export type SegmentInfo = Segment

/** What reading a segment may fail with. */
export type SegmentReadError = SegmentError | LibClosed

export interface SegmentShape {
  readonly tape: string
  readonly info: SegmentInfo
  /** Its records, parsed, in order. */
  readonly records: Stream.Stream<TaraSON.JsonObject, SegmentReadError>
  /** Its records' canonical bytes, in order. */
  readonly lines: Stream.Stream<Uint8Array, SegmentReadError>
  /** Checks length, hash, every line, number of records and Merkle state against meta. */
  readonly verify: Effect.Effect<SegmentInfo, SegmentReadError>
}

export const segmentsOf = (tape: OpenTape): ReadonlyArray<SegmentInfo> => tape.state.segments

/** The segment of that number. */
export const findSegment = (
  core: Core,
  tape: () => OpenTape,
  number: number
): Effect.Effect<SegmentShape, SegmentMissing> =>
  Effect.suspend(() => {
    const opened = tape()
    const info = opened.state.segments.find((segment) => segment.number === number)
    return info === undefined
      ? Effect.fail(new SegmentMissing({ tape: opened.name, segment: `number ${number}` }))
      : Effect.succeed(serve(core, tape, info))
  })

/** All segments that there are when the stream starts. */
export const segmentStream = (core: Core, tape: () => OpenTape): Stream.Stream<SegmentShape> =>
  Stream.suspend(() => Stream.fromArray(tape().state.segments.map((info) => serve(core, tape, info))))

const serve = (core: Core, tape: () => OpenTape, info: SegmentInfo): SegmentShape => {
  const range = { from: info.firstOrdinal, to: info.firstOrdinal + info.records }
  return {
    tape: tape().name,
    info,
    records: recordStream(core, tape, range),
    lines: chunkStream(core, tape, range, linesOfChunk),
    verify: verify(core, tape, info)
  }
}

const verify = (core: Core, tape: () => OpenTape, info: SegmentInfo): Effect.Effect<SegmentInfo, SegmentReadError> =>
  Effect.gen(function* () {
    if (core.closed) return yield* new LibClosed({ location: core.location })
    const { name, state } = tape()
    const at = state.segments.findIndex((segment) => segment.number === info.number)
    const before = state.segments[at - 1]?.merkle ?? Merkle.empty
    const role = listing(core, name)?.role ?? "records"
    const proved = yield* verifySegment(core, name, role, info, before)
    if (proved === undefined) yield* readChecked(core, name, role, info, before)
    return info
  })
