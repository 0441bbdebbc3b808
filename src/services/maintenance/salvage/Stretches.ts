/**
 * A damaged segment as a row of stretches: lines whose checksums prove them, and records that are lost between them. The
 * blocks of the index prove lines, if there is one; else the frames of a compressed file do. Nothing proves a line of an
 * uncompressed file without an index, because a changed bit may leave a valid record.
 */
import * as Effect from "effect/Effect"
import type { Role, Segment } from "../../../domain/meta/SystemRecord.ts"
import type { StorageError } from "../../ports/Storage.ts"
import type { SegmentError } from "../../segment/SegmentAccess.ts"
import { readBlocks } from "../../segment/SegmentBytes.ts"
import { type IndexHandle, openIndex } from "../../segment/SegmentIndexFile.ts"
import type { SegmentStore } from "../../segment/SegmentStore.ts"
import { type OpenSegment, StoredLines } from "../../segment/SameLines.ts"
import { framesOf } from "./Frames.ts"
import { lostStreams, type LostStream } from "./LostStreams.ts"
import { type GoodStretch, isLost, type LostStretch, type Stretch } from "./Stretch.ts"

/** Reads a damaged segment, and returns its stretches in order. */
export const stretchesOf = (
  store: SegmentStore,
  tape: string,
  role: Role,
  segment: Segment
): Effect.Effect<ReadonlyArray<Stretch>, StorageError> =>
  Effect.flatMap(openIndex(store, tape, role, segment), (handle) =>
    handle === undefined ? withoutIndex(store, tape, segment) : byBlocks({ store, tape, role, segment, handle })
  )

const withoutIndex = (
  store: SegmentStore,
  tape: string,
  segment: Segment
): Effect.Effect<ReadonlyArray<Stretch>, StorageError> => {
  const all: LostStretch = { lost: segment.records, positions: undefined, streams: undefined }
  // A line that repeats another names it by number, and the number of a line after damage is not known.
  if (segment.compression === "none" || (segment.same ?? 0) > 0) return Effect.succeed([all])
  return Effect.map(framesOf(store, tape, segment, segment.compression), (found) => {
    const lost = found.filter((stretch) => isLost(stretch)).length
    const kept = found.reduce((sum, stretch) => sum + (isLost(stretch) ? 0 : stretch.records), 0)
    if (kept > segment.records || (lost > 0 && kept === segment.records)) return [all]
    // Whole frames are missing, which only a file that was cut off explains.
    if (lost === 0 && kept < segment.records) return [...found, { ...all, lost: segment.records - kept }]
    return found.map((stretch) =>
      isLost(stretch) && lost === 1 ? { ...stretch, lost: segment.records - kept } : stretch
    )
  })
}

/** Finds which blocks match their checksums, and which records therefore are lost. */
const byBlocks = Effect.fnUntraced(function* (
  open: OpenSegment
): Effect.fn.Return<ReadonlyArray<Stretch>, StorageError> {
  const { handle, segment } = open
  const { blocks } = handle
  const isGood: Array<boolean> = []
  for (let block = 0; block < blocks.count; block++) {
    const read = yield* Effect.result(readBlock(open, block))
    if (read._tag === "Failure" && read.failure._tag === "StorageError") return yield* read.failure
    isGood.push(read._tag === "Success")
    yield* Effect.yieldNow
  }
  const lost = new Uint8Array(segment.records)
  for (let block = 0; block < blocks.count; block++) {
    const [first, end] = recordsOf(handle, segment, block)
    if (!isGood[block]!) lost.fill(1, first, end)
    else if ((segment.same ?? 0) > 0) yield* loseRepeats(open, block, isGood, lost)
  }
  const streams = yield* lostStreams(open)
  const stretches: Array<Stretch> = []
  for (let from = 0; from < segment.records;) {
    let to = from
    while (to < segment.records && lost[to] === lost[from]) to++
    stretches.push(lost[from] === 1 ? lostBetween(open, from, to, streams) : goodBetween(open, from, to))
    from = to
  }
  return stretches
})

const readBlock = ({ handle, role, segment, store, tape }: OpenSegment, block: number) =>
  readBlocks(store, tape, role, segment, handle, block, block)

const recordsOf = ({ blocks }: IndexHandle, segment: Segment, block: number): readonly [first: number, end: number] => [
  blocks.firstRecord[block]!,
  block + 1 < blocks.count ? blocks.firstRecord[block + 1]! : segment.records
]

/** A line that repeats a lost record is lost too. */
const loseRepeats = Effect.fnUntraced(function* (
  open: OpenSegment,
  block: number,
  isGood: ReadonlyArray<boolean>,
  lost: Uint8Array
): Effect.fn.Return<void, StorageError> {
  const read = yield* Effect.result(readBlock(open, block))
  const [first, end] = recordsOf(open.handle, open.segment, block)
  if (read._tag === "Failure") {
    if (read.failure._tag === "StorageError") return yield* read.failure
    lost.fill(1, first, end)
    return
  }
  const stored = new StoredLines(first, read.success)
  for (let record = first; record < end; record++) {
    const target = stored.sameAs(record)
    if (target === undefined) continue
    const isThere = target >= 0 && target < record && isGood[open.handle.blocks.blockOfRecord(target)]!
    if (!isThere) lost[record] = 1
  }
})

const lostBetween = (
  { handle, role, segment }: OpenSegment,
  from: number,
  to: number,
  streams: (from: number, to: number) => ReadonlyArray<LostStream> | undefined
): LostStretch => {
  if (role === "records") return { lost: to - from, positions: undefined, streams: undefined }
  const { blocks, header } = handle
  const first = blocks.blockOfRecord(from)
  const next = to < segment.records ? blocks.blockOfRecord(to) : undefined
  return {
    lost: to - from,
    positions: [
      blocks.firstPosition[first]!,
      next === undefined ? header.lastPosition + 1 : blocks.firstPosition[next]!
    ],
    streams: streams(blocks.offset[first]!, next === undefined ? header.rawBytes : blocks.offset[next]!)
  }
}

const goodBetween = (open: OpenSegment, from: number, to: number): GoodStretch => {
  const { blocks } = open.handle
  const reads: Array<Effect.Effect<Uint8Array, SegmentError>> = []
  for (let block = blocks.blockOfRecord(from); block < blocks.count; block++) {
    const [first, end] = recordsOf(open.handle, open.segment, block)
    if (first >= to) break
    reads.push(linesOf(open, block, Math.max(first, from), Math.min(end, to)))
  }
  return { records: to - from, reads }
}

/** Returns the records `[from, to)` of one block, with repeats in their places. */
const linesOf = (open: OpenSegment, block: number, from: number, to: number): Effect.Effect<Uint8Array, SegmentError> =>
  (open.segment.same ?? 0) === 0
    ? readBlock(open, block)
    : Effect.gen(function* () {
        const known = new Map<number, StoredLines>()
        const load = Effect.fnUntraced(function* (block: number) {
          const lines = new StoredLines(open.handle.blocks.firstRecord[block]!, yield* readBlock(open, block))
          if (known.size >= blocksAtOnce) known.clear()
          known.set(block, lines)
          return lines
        })
        const stored = yield* load(block)
        const lines: Array<Uint8Array> = []
        for (let record = from; record < to; record++) {
          const target = stored.sameAs(record)
          if (target === undefined) lines.push(stored.line(record))
          else {
            const its = open.handle.blocks.blockOfRecord(target)
            lines.push((known.get(its) ?? (yield* load(its))).line(target))
          }
        }
        return Buffer.concat(lines)
      })

/** Number of blocks that are kept for repeats: 64 KiB each. */
const blocksAtOnce = 64
