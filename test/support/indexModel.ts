import { hash } from "node:crypto"
import { crc32 } from "node:zlib"
import { hash53, hashId } from "../../src/domain/base/Hash53.ts"
import type { LineSpan, EventKey, Kind } from "../../src/domain/segment/SegmentIndex.ts"
import * as Index from "../../src/domain/segment/SegmentIndex.ts"
import { runLookup } from "./runLookup.ts"

/** A line of a segment, with its entry for the index. */
export interface Line {
  readonly bytes: Uint8Array
  readonly event?: EventKey
}

export type HashStream = (stream: string) => number

export interface Segment {
  readonly kind: Kind
  readonly lines: ReadonlyArray<Line>
  readonly raw: Uint8Array
  readonly sha256: string
  readonly hashStream: HashStream
}

export const segmentOf = (kind: Kind, lines: ReadonlyArray<Line>, hashStream: HashStream = hash53): Segment => {
  const raw = Buffer.concat(lines.flatMap(({ bytes }) => [bytes, Buffer.of(0x0a)]))
  return { kind, lines, raw, sha256: hash("sha256", raw, "hex"), hashStream }
}

/** Returns lines with the next revision of their stream; positions increase by `1 + gap`. */
export const eventsOf = (
  events: ReadonlyArray<{
    readonly stream: string
    readonly gap: number
    readonly idHash: number
    readonly bytes: number
  }>,
  firstRevision = 0
): Array<Line> => {
  const next = new Map<string, number>()
  let position = -1
  return events.map(({ stream, gap, idHash, bytes }, i) => {
    const revision = next.get(stream) ?? firstRevision
    next.set(stream, revision + 1)
    position += 1 + gap
    return { bytes: Buffer.alloc(bytes, 0x61 + (i % 26)), event: { stream, revision, position, idHash } }
  })
}

/** Builds the index of a segment from chunks as they come from a file, with lines anywhere in them. */
export const indexOf = ({ kind, lines, raw, sha256, hashStream }: Segment): Uint8Array => {
  const builder = new Index.SegmentIndexBuilder(kind, hashStream)
  let offset = 0
  lines.forEach(({ bytes, event }, i) => {
    const end = offset + bytes.length
    // Callers may pass the CRC of a line or leave it to the builder: the index is the same.
    const told = event === undefined || i % 2 === 0 ? event : { ...event, crc: crc32(bytes) }
    if (i % 3 === 0) builder.add(bytes, 0, bytes.length, told)
    else builder.add(raw, offset, end, told)
    offset = end + 1
  })
  return builder.finish(sha256)
}

/** Returns the expected entry of each line. */
export const entriesOf = (segment: Segment): Array<LineSpan> => {
  let offset = 0
  return segment.lines.map(({ bytes }) => {
    const entry = { offset, length: bytes.length, crc: crc32(bytes) }
    offset += bytes.length + 1
    return entry
  })
}

export const someSha256 = "ab".repeat(32)

/** Returns a segment with events of the streams `order-0`, `order-1` and so on, in turn. */
export const manyEvents = (events: number, streams: number, hashStream?: HashStream) =>
  segmentOf(
    "events",
    eventsOf(
      Array.from({ length: events }, (_, i) => ({
        stream: `order-${i % streams}`,
        gap: i % 2,
        idHash: hashId(`order-${i % streams}`, `id-${i}`),
        bytes: 20 + (i % 7)
      }))
    ),
    hashStream
  )

export const small = manyEvents(3, 2)

export const pageOf = (index: Uint8Array, page: number) =>
  index.subarray(page * Index.pageBytes, (page + 1) * Index.pageBytes)

/** Decodes the first page of the index. */
export const headerOf = (index: Uint8Array, segment: Segment) => Index.decodeHeader(pageOf(index, 0), segment.sha256)

/** Returns everything that the index contains, by look-ups that touch all of its pages. */
export const answers = (
  index: Uint8Array,
  sha256: string,
  streamHashes: ReadonlyArray<number>,
  ids: ReadonlyArray<number>
) => {
  const header = Index.decodeHeader(index.subarray(0, Index.pageBytes), sha256)
  const { count, firstRecord, offset, bytes, crc, firstPosition } = runLookup(index, Index.readBlocks(header))
  return {
    header,
    blocks: { count, firstRecord, offset, bytes, crc, firstPosition },
    streams: streamHashes.map((hash) => runLookup(index, Index.findStream(header, hash))),
    entries: runLookup(index, Index.readEntries(header, 0, header.entries.rows)),
    ids: ids.map((hash) => runLookup(index, Index.findId(header, hash)))
  }
}
