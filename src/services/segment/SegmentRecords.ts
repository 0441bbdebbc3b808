/** Reads records of one closed segment: logical lines, however they are stored. */
import * as Effect from "effect/Effect"
import { SegmentCorrupt } from "../../domain/format/Errors.ts"
import { describeError } from "../../domain/json/describeError.ts"
import { findSame } from "../../domain/segment/SameLine.ts"
import type { Role, Segment } from "../../domain/meta/SystemRecord.ts"
import type { SegmentStore } from "./SegmentStore.ts"
import type { Chunk } from "./Chunk.ts"
import { type OpenSegment, readLogical } from "./SameLines.ts"
import { fileOffsetOf, readEachBlock } from "./SegmentBytes.ts"
import { readStored } from "./SegmentFile.ts"
import type { SegmentError } from "./SegmentAccess.ts"
import { forEachLine } from "../../domain/format/lines.ts"

/** Number of bytes per read. */
const readBytes = 256 * 1024

/**
 * Returns the chunk with record number `record` of a segment, which must exist. Forward, the chunk begins at or before
 * that record; backward, it ends at or after it.
 */
export const readSegmentChunk = (
  store: SegmentStore,
  tape: string,
  role: Role,
  segment: Segment,
  record: number,
  direction: "forward" | "backward",
  bytesMax: number
): Effect.Effect<Chunk, SegmentError> =>
  Effect.flatMap(store.index(tape, role, segment), (handle) => {
    const open = { store, tape, role, segment, handle }
    return segment.same === undefined || segment.same === 0
      ? readUnrepeated(open, record, direction, bytesMax)
      : Effect.map(readLogical(open, record, direction, bytesMax), ({ firstRecord, count, lines }) => ({
          firstOrdinal: segment.firstOrdinal + firstRecord,
          count,
          pieces: [lines]
        }))
  })

/** Returns whole blocks of a segment in which no line refers to another. */
const readUnrepeated = (
  open: OpenSegment,
  record: number,
  direction: "forward" | "backward",
  bytesMax: number
): Effect.Effect<Chunk, SegmentError> => {
  const { store, handle, role, segment, tape } = open
  const { blocks, frames } = handle
  const at = blocks.blockOfRecord(record)
  let first = at
  let last = at
  let bytes = blocks.bytes[at]!
  if (direction === "forward") {
    while (last + 1 < blocks.count && bytes + blocks.bytes[last + 1]! <= bytesMax) bytes += blocks.bytes[++last]!
  } else {
    while (first > 0 && bytes + blocks.bytes[first - 1]! <= bytesMax) bytes += blocks.bytes[--first]!
  }
  return Effect.flatMap(readEachBlock(store, tape, role, segment, handle, first, last), (pieces) => {
    for (const [index, lines] of pieces.entries()) {
      const same = mayRepeat(lines) ? findSame(lines) : -1
      if (same === -1) continue
      const offset = fileOffsetOf(frames, blocks.offset[first + index]! + same)
      const why = "a line repeats another, but meta lists no repeats"
      return Effect.fail(new SegmentCorrupt({ tape, segment: segment.name, offset, why }))
    }
    const firstRecord = blocks.firstRecord[first]!
    const endRecord = last + 1 < blocks.count ? blocks.firstRecord[last + 1]! : segment.records
    const chunk = { firstOrdinal: segment.firstOrdinal + firstRecord, count: endRecord - firstRecord, pieces }
    // Small reads do not wait, so a fibre that only reads would keep all others from running.
    return bytes < turnBytes ? Effect.succeed(chunk) : Effect.as(Effect.yieldNow, chunk)
  })
}

/** Size of lines after which the event loop gets a turn. Parsing that many takes much longer than the turn. */
const turnBytes = 32 * 1024

/** A fast pre-check: the search for a reference looks for a character that few lines contain. */
const mayRepeat = (lines: Uint8Array): boolean =>
  Buffer.from(lines.buffer, lines.byteOffset, lines.length).includes("LiteTape.Same")

/**
 * Reads a whole segment and checks it against meta: length, hash, numbers of lines and bytes, and references. `each`
 * receives every record's line in order, without its newline. It must not keep lines: it is called before all is
 * checked.
 */
export const readWhole = (
  store: SegmentStore,
  tape: string,
  role: Role,
  segment: Segment,
  each: (line: Uint8Array) => void
): Effect.Effect<void, SegmentError> =>
  segment.same === undefined || segment.same === 0
    ? readStored(store, tape, segment, each)
    : // Read twice, because a line may refer to one far before it, and memory must not grow with the segment.
      Effect.andThen(
        readStored(store, tape, segment, () => {}),
        readEach(store, tape, role, segment, each)
      )

const readEach = Effect.fnUntraced(function* (
  store: SegmentStore,
  tape: string,
  role: Role,
  segment: Segment,
  each: (line: Uint8Array) => void
): Effect.fn.Return<void, SegmentError> {
  for (let record = 0; record < segment.records;) {
    const chunk = yield* readSegmentChunk(store, tape, role, segment, record, "forward", readBytes)
    try {
      for (const lines of chunk.pieces) forEachLine(lines, (start, end) => each(lines.subarray(start, end)))
    } catch (error) {
      const { blocks, frames } = yield* store.index(tape, role, segment)
      const offset = fileOffsetOf(frames, blocks.offset[blocks.blockOfRecord(record)]!)
      const why = describeError(error)
      return yield* new SegmentCorrupt({ tape, segment: segment.name, offset, why })
    }
    record += chunk.count
    yield* Effect.yieldNow
  }
})
