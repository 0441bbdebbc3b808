/** Reading the lines of single events, many in one call, each checked before it is parsed. */
import * as Effect from "effect/Effect"
import { crc32 } from "node:zlib"
import { SegmentCorrupt, SegmentMissing } from "../../../domain/Errors.ts"
import * as Event from "../../../domain/Event.ts"
import { dynamicName } from "../../../domain/Names.ts"
import { decodeSame } from "../../../domain/SameLine.ts"
import type { Entry } from "../../../domain/SegmentIndex.ts"
import type { Segment } from "../../../domain/SystemRecord.ts"
import type { Core } from "../Core.ts"
import type { DynamicFile } from "../DynamicFile.ts"
import { readRawRanges } from "../SegmentBytes.ts"
import { whyBad } from "../ofForeign.ts"
import type { SegmentError } from "../SegmentFile.ts"

/** Lines this close to each other are read together. */
const gapBytesMax = 4096
const spanBytesMax = 256 * 1024

interface Span {
  readonly offset: number
  end: number
}

/** Ranges that cover the entries, in the order of their offsets. */
const spansOf = (entries: ReadonlyArray<Entry>): Array<Span> => {
  const spans: Array<Span> = []
  for (const { offset, length } of entries) {
    const span = spans.at(-1)
    const end = offset + length
    if (
      span !== undefined &&
      offset >= span.end &&
      offset - span.end <= gapBytesMax &&
      end - span.offset <= spanBytesMax
    ) {
      span.end = end
    } else {
      spans.push({ offset, end })
    }
  }
  return spans
}

type ReadRanges = (ranges: ReadonlyArray<readonly [number, number]>) => Effect.Effect<Array<Uint8Array>, SegmentError>

const readEvents = (
  entries: ReadonlyArray<Entry>,
  tape: string,
  segment: string,
  read: ReadRanges
): Effect.Effect<Array<Event.RecordedEvent>, SegmentError> => {
  const spans = spansOf(entries)
  return Effect.matchEffect(read(spans.map(({ offset, end }) => [offset, end - offset] as const)), {
    onFailure: (error): Effect.Effect<Array<Event.RecordedEvent>, SegmentError> =>
      Effect.fail(isNotFound(error) ? new SegmentMissing({ tape, segment }) : error),
    onSuccess: (pieces) => {
      const events: Array<Event.RecordedEvent> = []
      const corrupt = (offset: number, why: string) => Effect.fail(new SegmentCorrupt({ tape, segment, offset, why }))
      let at = 0
      for (const { offset, length, crc } of entries) {
        while (offset < spans[at]!.offset || offset + length > spans[at]!.end) at++
        const start = offset - spans[at]!.offset
        const line = pieces[at]!.subarray(start, start + length)
        if (line.length !== length || crc32(line) !== crc) return corrupt(offset, "an event is not what was written")
        if (decodeSame(line) !== undefined) return corrupt(offset, "an event repeats another")
        try {
          events.push(Event.decodeLine(line))
        } catch (error) {
          return corrupt(offset, whyBad(error))
        }
      }
      return Effect.succeed(events)
    }
  })
}

const isNotFound = (error: SegmentError): boolean => error._tag === "StorageError" && error.reason === "not-found"

/** Events of a closed segment. Entries stand in the order of their offsets. */
export const readFromSegment = (
  core: Core,
  tape: string,
  segment: Segment,
  entries: ReadonlyArray<Entry>
): Effect.Effect<Array<Event.RecordedEvent>, SegmentError> =>
  readEvents(entries, tape, segment.name, (ranges) => readRawRanges(core, tape, "events", segment, ranges))

/** Events of a dynamic segment. Entries stand in the order of their offsets. */
export const readFromDynamic = (
  core: Core,
  tape: string,
  file: DynamicFile,
  entries: ReadonlyArray<Entry>
): Effect.Effect<Array<Event.RecordedEvent>, SegmentError> =>
  readEvents(entries, tape, dynamicName(file.dynamic), (ranges) => core.root.readDynamicRanges(file.dynamic, ranges))
