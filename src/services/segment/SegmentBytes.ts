/** Reads ranges of a closed segment's raw bytes, whether its file is compressed or not. */
import * as Effect from "effect/Effect"
import { crc32 } from "node:zlib"
import { DecompressionLimit, SegmentCorrupt, SegmentMissing } from "../../domain/format/Errors.ts"
import { newline } from "../../domain/format/Format.ts"
import { invariant } from "../../domain/base/invariant.ts"
import * as Frames from "../../domain/segment/Frames.ts"
import type { FrameTable } from "../../domain/segment/SegmentIndex.ts"
import type { Role, Segment } from "../../domain/meta/SystemRecord.ts"
import type { SegmentStore } from "./SegmentStore.ts"
import { decompress } from "./FrameCodec.ts"
import { frameError, readSegment } from "./SegmentFile.ts"
import type { SegmentError } from "./SegmentAccess.ts"
import type { IndexHandle } from "./SegmentIndexFile.ts"

/** Offset and length, in raw bytes. */
export type Range = readonly [offset: number, length: number]

/** Number of frames that one call decompresses at the same time. */
const framesAtOnce = 2

/** Returns `length` raw bytes from `offset`, which must exist. They may be shared and must not be changed. */
export const readRaw = (
  store: SegmentStore,
  tape: string,
  role: Role,
  segment: Segment,
  offset: number,
  length: number
): Effect.Effect<Uint8Array, SegmentError> =>
  Effect.suspend(() => {
    invariant(offset >= 0 && length >= 0 && offset + length <= segment.rawBytes, "the range lies within the segment")
    if (segment.compression === "none") return readSegment(store, tape, segment.name, offset, length)
    return Effect.flatMap(store.index(tape, role, segment), ({ frames }) =>
      sliceFrames(store, tape, segment, segment.compression as Frames.Codec, frames, [offset, length])
    )
  })

/** Reads many small ranges in one call, and returns them in the order of `ranges`. */
export const readRawRanges = (
  store: SegmentStore,
  tape: string,
  role: Role,
  segment: Segment,
  ranges: ReadonlyArray<Range>
): Effect.Effect<Array<Uint8Array>, SegmentError> => {
  if (segment.compression === "none") return readPlainRanges(store, tape, segment.name, ranges)
  const { compression } = segment
  return Effect.flatMap(store.index(tape, role, segment), ({ frames }) =>
    Effect.map(
      Effect.forEach(
        groupsOf(frames, ranges),
        ([start, end, group]) =>
          Effect.map(sliceFrames(store, tape, segment, compression, frames, [start, end - start]), (raw) =>
            // Copied, because a small piece would keep its whole frame in memory.
            group.map(([offset, length]) => raw.slice(offset - start, offset - start + length))
          ),
        { concurrency: framesAtOnce }
      ),
      (pieces) => pieces.flat()
    )
  )
}

/**
 * Groups consecutive ranges that lie in one frame, with the range that they cover. A range over several frames is a
 * group.
 */
const groupsOf = (
  frames: FrameTable,
  ranges: ReadonlyArray<Range>
): Array<[start: number, end: number, ranges: Array<Range>]> => {
  const groups: Array<[number, number, Array<Range>]> = []
  let frameStart = 0
  let frameEnd = 0
  for (const range of ranges) {
    const [offset, length] = range
    const group = groups.at(-1)
    if (group !== undefined && offset >= frameStart && offset + length <= frameEnd) {
      group[0] = Math.min(group[0], offset)
      group[1] = Math.max(group[1], offset + length)
      group[2].push(range)
    } else {
      groups.push([offset, offset + length, [range]])
      const frame = frames.frameOfRaw(offset)
      frameStart = frames.rawOffset[frame]!
      frameEnd = frameStart + frames.rawBytes[frame]!
    }
  }
  return groups
}

const readPlainRanges = (
  store: SegmentStore,
  tape: string,
  segment: string,
  ranges: ReadonlyArray<Range>
): Effect.Effect<Array<Uint8Array>, SegmentError> =>
  Effect.matchEffect(store.root.segments.readRanges(tape, segment, ranges), {
    onFailure: (error): Effect.Effect<Array<Uint8Array>, SegmentError> =>
      Effect.fail(error.reason === "not-found" ? new SegmentMissing({ tape, segment }) : error),
    onSuccess: (pieces) => {
      const short = ranges.findIndex(([, length], i) => pieces[i]!.length !== length)
      if (short === -1) return Effect.succeed(pieces)
      const offset = ranges[short]![0] + pieces[short]!.length
      return Effect.fail(new SegmentCorrupt({ tape, segment, offset, why: "it is shorter than meta says" }))
    }
  })

const sliceFrames = (
  store: SegmentStore,
  tape: string,
  segment: Segment,
  codec: Frames.Codec,
  frames: FrameTable,
  [offset, length]: Range
): Effect.Effect<Uint8Array, SegmentError> => {
  const first = frames.frameOfRaw(offset)
  const last = length === 0 ? first : frames.frameOfRaw(offset + length - 1)
  const load = (frame: number) => loadFrame(store, tape, segment, codec, frames, frame)
  const start = offset - frames.rawOffset[first]!
  if (first === last) return Effect.map(load(first), (raw) => raw.subarray(start, start + length))
  const numbers = Array.from({ length: last - first + 1 }, (_, i) => first + i)
  return Effect.map(Effect.forEach(numbers, load, { concurrency: framesAtOnce }), (pieces) => {
    const whole = [pieces[0]!.subarray(start), ...pieces.slice(1)]
    return Buffer.concat(whole, length)
  })
}

const loadFrame = (
  store: SegmentStore,
  tape: string,
  segment: Segment,
  codec: Frames.Codec,
  frames: FrameTable,
  frame: number
): Effect.Effect<Uint8Array, SegmentError> => {
  const { name, sha256 } = segment
  const offset = frames.fileOffset[frame]!
  const fileBytes = frames.fileBytes[frame]!
  const rawBytes = frames.rawBytes[frame]!
  // Limits are checked before any memory is allocated.
  const limit = Frames.rawBytesMax(store.limits)
  if (rawBytes > limit) return Effect.fail(new DecompressionLimit({ tape, segment: name, offset, limit }))
  if (fileBytes > Frames.storedBytesMax(rawBytes)) {
    const why = "a frame is larger than its content allows"
    return Effect.fail(new SegmentCorrupt({ tape, segment: name, offset, why }))
  }
  const load = Effect.flatMap(readSegment(store, tape, name, offset, fileBytes), (stored) =>
    Effect.mapError(decompress(codec, stored, rawBytes), (error) => frameError(tape, name, offset, error))
  )
  return store.frames.get(`${tape}/${sha256}/${frame}`, load)
}

/** Returns where in the segment's file the raw byte at this offset is, or where its frame begins. */
export const fileOffsetOf = (frames: FrameTable, rawOffset: number): number =>
  frames.count === 0 ? rawOffset : frames.fileOffset[frames.frameOfRaw(rawOffset)]!

/**
 * Returns the raw bytes of the blocks `first` to `last`, each checked by its CRC-32. They may be shared and must not be
 * changed.
 */
export const readBlocks = (
  store: SegmentStore,
  tape: string,
  role: Role,
  segment: Segment,
  handle: IndexHandle,
  first: number,
  last: number
): Effect.Effect<Uint8Array, SegmentError> =>
  Effect.map(readEachBlock(store, tape, role, segment, handle, first, last), (pieces) =>
    pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces)
  )

/**
 * Maximum size of blocks that are read on the event loop, block by block. More is one read, during which the loop
 * continues.
 */
const sweepBytesMax = 256 * 1024

/** Does the same, in pieces that end with a line: one for each block, if the blocks end with lines. */
export const readEachBlock = (
  store: SegmentStore,
  tape: string,
  role: Role,
  segment: Segment,
  { blocks, frames }: IndexHandle,
  first: number,
  last: number
): Effect.Effect<Array<Uint8Array>, SegmentError> => {
  const ranges: Array<Range> = []
  for (let block = first; block <= last; block++) ranges.push([blocks.offset[block]!, blocks.bytes[block]!])
  const start = blocks.offset[first]!
  const length = blocks.offset[last]! + blocks.bytes[last]! - start
  const read =
    segment.compression === "none" && length <= sweepBytesMax
      ? // Small reads, which a disk does on the spot, instead of one large read.
        readPlainRanges(store, tape, segment.name, ranges)
      : Effect.map(readRaw(store, tape, role, segment, start, length), (raw) =>
          ranges.map(([offset, bytes]) => raw.subarray(offset - start, offset - start + bytes))
        )
  return Effect.flatMap(read, (pieces) => {
    const corrupt = (at: number, why: string) =>
      Effect.fail(
        new SegmentCorrupt({ tape, segment: segment.name, offset: fileOffsetOf(frames, ranges[at]![0]), why })
      )
    const bad = pieces.findIndex((piece, i) => crc32(piece) !== blocks.crc[first + i]!)
    if (bad !== -1) return corrupt(bad, "a block does not match its CRC-32")
    if (pieces.every(isWhole)) return Effect.succeed(pieces)
    // An index has checksums but no hash, so anyone can have made it with borders at other places.
    const joined = Buffer.concat(pieces)
    return isWhole(joined) ? Effect.succeed([joined]) : corrupt(pieces.length - 1, "a block ends within a line")
  })
}

/** Whether the piece ends with a line. */
const isWhole = (piece: Uint8Array): boolean => piece.length === 0 || piece.at(-1) === newline
