/** Reads the lines of single events, many in one call, and checks each before it is parsed. */
import * as Effect from "effect/Effect"
import { crc32 } from "node:zlib"
import { SegmentCorrupt, SegmentMissing } from "../../domain/format/Errors.ts"
import * as Event from "../../domain/event/Event.ts"
import { crc32Combine } from "../../domain/base/crc32Combine.ts"
import { dynamicName } from "../../domain/format/Names.ts"
import { decodeSame } from "../../domain/segment/SameLine.ts"
import type { LineSpan } from "../../domain/segment/SegmentIndex.ts"
import type { Segment } from "../../domain/meta/SystemRecord.ts"
import { type JsonObject, trustedParser } from "../../domain/json/TaraSON.ts"
import type { LibHandle } from "../lib/LibHandle.ts"
import type { DynamicFile } from "../journal/DynamicFile.ts"
import { readRawRanges } from "../segment/SegmentBytes.ts"
import { whyBad } from "../base/decodeUntrusted.ts"
import type { SegmentError } from "../segment/SegmentAccess.ts"

/** Maximum gap between lines that are read together. */
const gapBytesMax = 4096
const spanBytesMax = 256 * 1024

interface Span {
  readonly offset: number
  end: number
}

/** Returns ranges that cover the entries, in the order of their offsets. */
const spansOf = (entries: ReadonlyArray<LineSpan>): Array<Span> => {
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
  entries: ReadonlyArray<LineSpan>,
  tape: string,
  segment: string,
  read: ReadRanges
): Effect.Effect<Array<Event.RecordedEvent>, SegmentError> => {
  const spans = spansOf(entries)
  return Effect.matchEffect(read(spans.map(({ offset, end }) => [offset, end - offset] as const)), {
    onFailure: (error): Effect.Effect<Array<Event.RecordedEvent>, SegmentError> =>
      Effect.fail(isNotFound(error) ? new SegmentMissing({ tape, segment }) : error),
    onSuccess: (pieces) => decodeAll(entries, linesOf(entries, spans, pieces), tape, segment)
  })
}

/** Returns the line of each entry from the ranges that were read. */
const linesOf = (
  entries: ReadonlyArray<LineSpan>,
  spans: ReadonlyArray<Span>,
  pieces: ReadonlyArray<Uint8Array>
): Array<Uint8Array> => {
  let at = 0
  return entries.map(({ offset, length }) => {
    while (offset < spans[at]!.offset || offset + length > spans[at]!.end) at++
    const start = offset - spans[at]!.offset
    const piece = pieces[at]!
    return start === 0 && piece.length === length ? piece : piece.subarray(start, start + length)
  })
}

/** Checks all lines, then decodes them. */
const decodeAll = (
  entries: ReadonlyArray<LineSpan>,
  lines: ReadonlyArray<Uint8Array>,
  tape: string,
  segment: string
): Effect.Effect<Array<Event.RecordedEvent>, SegmentCorrupt> => {
  const corrupt = (at: number, why: string) =>
    Effect.fail(new SegmentCorrupt({ tape, segment, offset: entries[at]!.offset, why }))
  const joined = joinChecked(entries, lines)
  const bad =
    joined === undefined
      ? lines.findIndex((line, at) => line.length !== entries[at]!.length || crc32(line) !== entries[at]!.crc)
      : -1
  if (bad !== -1) return corrupt(bad, "an event does not match its CRC-32")
  const same = lines.findIndex((line) => decodeSame(line) !== undefined)
  if (same !== -1) return corrupt(same, "an event repeats another")
  const events: Array<Event.RecordedEvent> = []
  const decode = joined === undefined ? Event.decodeLine : decoderOf(joined)
  try {
    for (const line of lines) events.push(decode(line))
  } catch (error) {
    return corrupt(events.length, whyBad(error))
  }
  return Effect.succeed(events)
}

/** Maximum size of lines that are copied together. */
const joinedBytesMax = 1024 * 1024

/**
 * Returns the lines joined, if their CRC-32 is the combination of those of the entries: one call for all costs less
 * than one for each. Returns `undefined` if they must be checked one by one, because one is bad or they are large.
 */
const joinChecked = (entries: ReadonlyArray<LineSpan>, lines: ReadonlyArray<Uint8Array>): Buffer | undefined => {
  let bytes = 0
  let crc = 0
  for (let at = 0; at < entries.length; at++) {
    const { length, crc: expected } = entries[at]!
    if (lines[at]!.length !== length) return undefined
    bytes += length
    crc = crc32Combine(crc, expected, length)
  }
  if (bytes > joinedBytesMax) return undefined
  const joined = Buffer.allocUnsafe(bytes)
  let end = 0
  for (const line of lines) {
    joined.set(line, end)
    end += line.length
  }
  return crc32(joined) === crc ? joined : undefined
}

/** Returns a decoder of the lines that `joined` consists of; it must be called in their order. */
const decoderOf = (joined: Buffer): ((line: Uint8Array) => Event.RecordedEvent) => {
  const text = joined.toString("utf8")
  // Text that is not ASCII has fewer characters than bytes.
  if (text.length !== joined.length) return Event.decodeLine
  const parse = trustedParser(text)
  let end = 0
  return ({ length }) => {
    const start = end
    end += length
    return Event.fromRecord(parse(text.slice(start, end)) as JsonObject)
  }
}

const isNotFound = (error: SegmentError): boolean => error._tag === "StorageError" && error.reason === "not-found"

/** Reads events of a closed segment. Entries are in the order of their offsets. */
export const readFromSegment = (
  lib: LibHandle,
  tape: string,
  segment: Segment,
  entries: ReadonlyArray<LineSpan>
): Effect.Effect<Array<Event.RecordedEvent>, SegmentError> =>
  readEvents(entries, tape, segment.name, (ranges) => readRawRanges(lib.segments, tape, "events", segment, ranges))

/** Reads events of a dynamic segment. Entries are in the order of their offsets. */
export const readFromDynamic = (
  lib: LibHandle,
  tape: string,
  file: DynamicFile,
  entries: ReadonlyArray<LineSpan>
): Effect.Effect<Array<Event.RecordedEvent>, SegmentError> =>
  readEvents(entries, tape, dynamicName(file.dynamic), (ranges) => lib.root.journal.readRanges(file.dynamic, ranges))
