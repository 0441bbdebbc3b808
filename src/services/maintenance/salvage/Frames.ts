/** Finds the whole frames of a damaged compressed segment without its index: each has a checksum of its own. */
import * as Effect from "effect/Effect"
import { newline } from "../../../domain/format/Format.ts"
import * as Frames from "../../../domain/segment/Frames.ts"
import type { Segment } from "../../../domain/meta/SystemRecord.ts"
import type { StorageError } from "../../ports/Storage.ts"
import { decompress } from "../../segment/FrameCodec.ts"
import type { SegmentAccess, SegmentError } from "../../segment/SegmentAccess.ts"
import { frameError, readSegment } from "../../segment/SegmentFile.ts"
import type { GoodStretch, LostStretch, Stretch } from "./Stretch.ts"

const unknownLoss: LostStretch = { lost: undefined, positions: undefined, streams: undefined }

/** Returns the frames that can be decompressed, and a loss of unknown size wherever one cannot. */
export const framesOf = Effect.fnUntraced(function* (
  access: SegmentAccess,
  tape: string,
  { name }: Segment,
  codec: Frames.Codec
): Effect.fn.Return<ReadonlyArray<Stretch>, StorageError> {
  const size = (yield* access.root.segments.size(tape, name)) ?? 0
  const rawMax = Frames.rawBytesMax(access.limits)
  const windowBytes = Frames.storedBytesMax(rawMax)
  const stretches: Array<Stretch> = []
  const lose = () => {
    if (stretches.at(-1) !== unknownLoss) stretches.push(unknownLoss)
  }
  for (let at = 0; at < size;) {
    const window = yield* access.root.segments.read(tape, name, at, Math.min(windowBytes, size - at))
    const frame = measured(codec, window, rawMax)
    const read =
      frame === undefined
        ? undefined
        : yield* Effect.result(decompress(codec, window.subarray(0, frame.fileBytes), frame.rawBytes))
    if (frame !== undefined && read?._tag === "Success" && read.success.at(-1) === newline) {
      stretches.push(goodFrame(access, tape, name, codec, at, frame, countLines(read.success)))
      at += frame.fileBytes
    } else {
      lose()
      at += nextStart(codec, window)
    }
    yield* Effect.yieldNow
  }
  return joined(stretches)
})

const measured = (codec: Frames.Codec, window: Uint8Array, rawMax: number): Frames.FrameSize | undefined => {
  try {
    return Frames.measure(codec, window, 0, rawMax)
  } catch (error) {
    if (error instanceof Frames.FrameDamaged || error instanceof Frames.FrameTooLarge) return undefined
    throw error
  }
}

const goodFrame = (
  access: SegmentAccess,
  tape: string,
  segment: string,
  codec: Frames.Codec,
  offset: number,
  { fileBytes, rawBytes }: Frames.FrameSize,
  records: number
): GoodStretch => {
  const read = Effect.flatMap(readSegment(access, tape, segment, offset, fileBytes), (stored) =>
    Effect.mapError(decompress(codec, stored, rawBytes), (error): SegmentError =>
      frameError(tape, segment, offset, error)
    )
  )
  return { records, reads: [read] }
}

/** Returns where another frame may begin, after the first byte; else the end of the window. */
const nextStart = (codec: Frames.Codec, window: Uint8Array): number => {
  const start = Frames.startBytes(codec)
  const found = Buffer.from(window.buffer, window.byteOffset, window.length).indexOf(start, 1)
  // The beginning of a frame may be cut off at the end of the window.
  return found === -1 ? Math.max(1, window.length - start.length + 1) : found
}

const countLines = (lines: Uint8Array): number => {
  let count = 0
  for (let at = lines.indexOf(newline); at !== -1; at = lines.indexOf(newline, at + 1)) count++
  return count
}

/** Joins frames that follow each other. */
const joined = (stretches: ReadonlyArray<Stretch>): ReadonlyArray<Stretch> => {
  const all: Array<Stretch> = []
  for (const stretch of stretches) {
    const before = all.at(-1)
    if (before !== undefined && "reads" in before && "reads" in stretch) {
      const { reads, records } = before
      all[all.length - 1] = { records: records + stretch.records, reads: [...reads, ...stretch.reads] }
    } else {
      all.push(stretch)
    }
  }
  return all
}
