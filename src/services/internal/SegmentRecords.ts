/** Records of one closed segment: logical lines, whatever its file looks like. */
import * as Effect from "effect/Effect"
import { SegmentCorrupt } from "../../domain/Errors.ts"
import { troubleOf } from "../../domain/internal/troubleOf.ts"
import { findSame } from "../../domain/SameLine.ts"
import type { Role, Segment } from "../../domain/SystemRecord.ts"
import type { Core } from "./Core.ts"
import type { Chunk } from "./RecordReader.ts"
import { type Logical, type OpenSegment, readLogical } from "./SameLines.ts"
import { fileOffsetOf, readBlocks } from "./SegmentBytes.ts"
import { readStored, type SegmentError } from "./SegmentFile.ts"
import { indexOf } from "./SegmentIndexFile.ts"
import { forEachLine } from "./SegmentSeal.ts"

/** What is read at once. */
const readBytes = 256 * 1024

/**
 * The chunk with the record number `record` of a segment, which must exist. Forwards it begins at or before that record
 * and goes on; backwards it ends at or behind it and begins earlier.
 */
export const readSegmentChunk = (
  core: Core,
  tape: string,
  role: Role,
  segment: Segment,
  record: number,
  direction: "forward" | "backward",
  bytesMax: number
): Effect.Effect<Chunk, SegmentError> =>
  Effect.flatMap(indexOf(core, tape, role, segment), (handle) => {
    const open = { core, tape, role, segment, handle }
    const read =
      segment.same === undefined || segment.same === 0
        ? readUnrepeated(open, record, direction, bytesMax)
        : readLogical(open, record, direction, bytesMax)
    return Effect.map(read, ({ firstRecord, count, lines }) => ({
      firstOrdinal: segment.firstOrdinal + firstRecord,
      count,
      pieces: [lines]
    }))
  })

/** Whole blocks of a segment whose lines are all records. */
const readUnrepeated = (
  open: OpenSegment,
  record: number,
  direction: "forward" | "backward",
  bytesMax: number
): Effect.Effect<Logical, SegmentError> => {
  const { core, handle, role, segment, tape } = open
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
  return Effect.flatMap(readBlocks(core, tape, role, segment, handle, first, last), (lines) => {
    const same = findSame(lines)
    if (same !== -1) {
      const offset = fileOffsetOf(frames, blocks.offset[first]! + same)
      const why = "a line repeats another, which meta does not say"
      return Effect.fail(new SegmentCorrupt({ tape, segment: segment.name, offset, why }))
    }
    const firstRecord = blocks.firstRecord[first]!
    const endRecord = last + 1 < blocks.count ? blocks.firstRecord[last + 1]! : segment.records
    return Effect.succeed({ firstRecord, count: endRecord - firstRecord, lines })
  })
}

/**
 * Reads a whole segment and checks it against meta: length, hash, numbers of lines and bytes, what lines stand for.
 * `each` gets every record's line in order, without its newline, and must keep none: it is called before all is checked.
 */
export const readWhole = (
  core: Core,
  tape: string,
  role: Role,
  segment: Segment,
  each: (line: Uint8Array) => void
): Effect.Effect<void, SegmentError> =>
  segment.same === undefined || segment.same === 0
    ? readStored(core, tape, segment, each)
    : // Twice, since a line may stand for one that is far behind it: memory does not grow with the segment.
      Effect.andThen(
        readStored(core, tape, segment, () => {}),
        readEach(core, tape, role, segment, each)
      )

const readEach = Effect.fnUntraced(function* (
  core: Core,
  tape: string,
  role: Role,
  segment: Segment,
  each: (line: Uint8Array) => void
): Effect.fn.Return<void, SegmentError> {
  for (let record = 0; record < segment.records;) {
    const chunk = yield* readSegmentChunk(core, tape, role, segment, record, "forward", readBytes)
    try {
      for (const lines of chunk.pieces) forEachLine(lines, (start, end) => each(lines.subarray(start, end)))
    } catch (error) {
      const { blocks, frames } = yield* indexOf(core, tape, role, segment)
      const offset = fileOffsetOf(frames, blocks.offset[blocks.blockOfRecord(record)]!)
      const why = troubleOf(error)
      return yield* new SegmentCorrupt({ tape, segment: segment.name, offset, why })
    }
    record += chunk.count
    yield* Effect.yieldNow
  }
})
