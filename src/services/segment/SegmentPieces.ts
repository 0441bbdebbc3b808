/**
 * Reads a segment's file in pieces of whole lines as fast as possible: reads or decompresses the next part while the
 * current one is processed. It only tells whether the file was read as meta describes it; if not, `readStored` finds
 * the damage.
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { createHash } from "node:crypto"
import { newline } from "../../domain/format/Format.ts"
import * as Frames from "../../domain/segment/Frames.ts"
import type { Segment } from "../../domain/meta/SystemRecord.ts"
import type { SegmentAccess } from "./SegmentAccess.ts"
import { decompress } from "./FrameCodec.ts"
import { readSegment } from "./SegmentFile.ts"
import type { SegmentError } from "./SegmentAccess.ts"

/**
 * Receives whole lines. If the segment is compressed, they are all lines of `frame`, the stored bytes. Valid during the
 * call.
 */
export type TakePiece = (lines: Uint8Array, frame: Uint8Array | undefined) => void

const readBytes = 1024 * 1024

/** Maximum size of an unfinished line that is longer than one read; usual lines are shorter. */
const restBytesMax = 16 * readBytes

/**
 * Passes all lines to `take`, in order. Returns `false` if the file does not have the size in meta, is not made of
 * lines or frames, or `take` has thrown; then everything passed before is void. Fails if the file cannot be read.
 */
export const readPieces = (
  access: SegmentAccess,
  tape: string,
  segment: Segment,
  take: TakePiece
): Effect.Effect<boolean, SegmentError> =>
  Effect.flatMap(access.root.segments.size(tape, segment.name), (size) => {
    if (size !== segment.bytes) return Effect.succeed(false)
    const chunks = chunksOf(access, tape, segment)
    return segment.compression === "none"
      ? inOrder(chunks, new PlainLines(take))
      : readFrames(access, segment, segment.compression, chunks, take)
  })

/** Returns whether a segment's file has the length and hash in meta. Fails if it cannot be read. */
export const hasHash = (access: SegmentAccess, tape: string, segment: Segment): Effect.Effect<boolean, SegmentError> =>
  Effect.flatMap(access.root.segments.size(tape, segment.name), (size) => {
    if (size !== segment.bytes) return Effect.succeed(false)
    const digest = createHash("sha256")
    const take = (chunk: Uint8Array) => {
      digest.update(chunk)
      return true
    }
    return inOrder(chunksOf(access, tape, segment), { take, end: () => digest.digest("hex") === segment.sha256 })
  })

/**
 * Returns whether a segment's file is the one that meta names and holds lines with this SHA-256. If that is
 * `undefined`, the file's own hash covers the lines. Fails if the file cannot be read.
 */
export const hasLines = (
  access: SegmentAccess,
  tape: string,
  segment: Segment,
  rawSha256: string | undefined
): Effect.Effect<boolean, SegmentError> =>
  Effect.suspend(() => {
    if (rawSha256 === undefined) return hasHash(access, tape, segment)
    const stored = createHash("sha256")
    const raw = createHash("sha256")
    const read = readPieces(access, tape, segment, (lines, frame) => {
      raw.update(lines)
      stored.update(frame ?? lines)
    })
    return Effect.map(
      read,
      (isRead) => isRead && stored.digest("hex") === segment.sha256 && raw.digest("hex") === rawSha256
    )
  })

/** Returns the effects that produce the parts of a whole, one after the other; `undefined` after the last. */
type Parts<A, E> = () => Effect.Effect<A, E> | undefined

const chunksOf = (access: SegmentAccess, tape: string, { bytes, name }: Segment): Parts<Uint8Array, SegmentError> => {
  let offset = 0
  return () => {
    if (offset >= bytes) return undefined
    const at = offset
    offset += readBytes
    return readSegment(access, tape, name, at, Math.min(readBytes, bytes - at))
  }
}

/** Processes parts in order. Both return `false`, or throw, if the data is wrong. */
interface Taker<A> {
  readonly take: (part: A) => boolean
  readonly end: () => boolean
}

/** Number of parts that are read ahead while one is processed. */
const partsAhead = 2

/** Passes parts to `taker` in order, and reads the next ones meanwhile. */
const inOrder = <A, E>(parts: Parts<A, E>, taker: Taker<A>): Effect.Effect<boolean, E> =>
  Effect.suspend(() => {
    const coming: Array<Fiber.Fiber<A, E>> = []
    return Effect.ensuring(
      takeAll(parts, taker, coming),
      Effect.suspend(() => Fiber.interruptAll(coming))
    )
  })

const takeAll = Effect.fnUntraced(function* <A, E>(
  parts: Parts<A, E>,
  taker: Taker<A>,
  coming: Array<Fiber.Fiber<A, E>>
): Effect.fn.Return<boolean, E> {
  const sendFor = function* () {
    while (coming.length < partsAhead) {
      const part = parts()
      if (part === undefined) return
      coming.push(yield* Effect.forkChild(part, { startImmediately: true }))
    }
  }
  yield* sendFor()
  while (coming.length > 0) {
    const part = yield* Fiber.join(coming.shift()!)
    yield* sendFor()
    if (!isGood(() => taker.take(part))) return false
    // Processing needs the processor, so other fibres get a turn.
    yield* Effect.yieldNow
  }
  return isGood(() => taker.end())
})

/** Untrusted bytes: whatever is thrown, `readStored` determines what is wrong. */
const isGood = (check: () => boolean): boolean => {
  try {
    return check()
  } catch {
    return false
  }
}

/** Splits parts of a file into whole lines. */
class PlainLines implements Taker<Uint8Array> {
  readonly #take: TakePiece
  /** Beginning of a line. */
  #rest: Uint8Array = new Uint8Array(0)

  constructor(take: TakePiece) {
    this.#take = take
  }

  take(chunk: Uint8Array): boolean {
    const end = chunk.lastIndexOf(newline) + 1
    if (end === 0) {
      this.#rest = Buffer.concat([this.#rest, chunk])
      return this.#rest.length <= restBytesMax
    }
    let start = 0
    if (this.#rest.length > 0) {
      start = chunk.indexOf(newline) + 1
      this.#take(Buffer.concat([this.#rest, chunk.subarray(0, start)]), undefined)
    }
    if (start < end) this.#take(chunk.subarray(start, end), undefined)
    this.#rest = chunk.slice(end)
    return true
  }

  end(): boolean {
    return this.#rest.length === 0
  }
}

interface Frame {
  readonly raw: Uint8Array
  readonly stored: Uint8Array
}

const readFrames = Effect.fnUntraced(function* (
  access: SegmentAccess,
  segment: Segment,
  codec: Frames.Codec,
  chunks: Parts<Uint8Array, SegmentError>,
  take: TakePiece
): Effect.fn.Return<boolean, SegmentError> {
  let pending: Uint8Array = new Uint8Array(0)
  let rawLeft = segment.rawBytes
  const rawMax = Frames.rawBytesMax(access.limits)
  const taker: Taker<Frame> = {
    take: ({ raw, stored }) => {
      if (raw.at(-1) !== newline) return false
      take(raw, stored)
      return true
    },
    end: () => true
  }
  for (let read = chunks(); read !== undefined; read = chunks()) {
    const chunk = yield* read
    pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk])
    let used = 0
    let isDamaged = false
    const frames: Parts<Frame, Frames.FrameDamaged | Frames.FrameTooLarge> = () => {
      const size = measure(codec, pending, used, Math.min(rawMax, rawLeft))
      isDamaged ||= size === "damaged"
      if (size === undefined || size === "damaged") return undefined
      const stored = pending.subarray(used, used + size.fileBytes)
      used += size.fileBytes
      rawLeft -= size.rawBytes
      return Effect.map(decompress(codec, stored, size.rawBytes), (raw) => ({ raw, stored }))
    }
    const good = yield* Effect.catch(inOrder(frames, taker), () => Effect.succeed(false))
    if (!good || isDamaged) return false
    pending = pending.subarray(used)
  }
  return pending.length === 0
})

const measure = (codec: Frames.Codec, bytes: Uint8Array, at: number, rawMax: number) => {
  try {
    return Frames.measure(codec, bytes, at, rawMax)
  } catch {
    return "damaged" as const
  }
}
