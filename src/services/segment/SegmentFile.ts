/** Reads a segment's file from beginning to end: its bytes, frame by frame, and its stored lines. */
import * as Effect from "effect/Effect"
import { createHash } from "node:crypto"
import { DecompressionLimit, SegmentCorrupt, SegmentMissing } from "../../domain/format/Errors.ts"
import { newline } from "../../domain/format/Format.ts"
import { forEachLine } from "../../domain/format/lines.ts"
import * as Frames from "../../domain/segment/Frames.ts"
import { describeError } from "../../domain/json/describeError.ts"
import { decodeSame } from "../../domain/segment/SameLine.ts"
import type { Compression } from "../../domain/format/Names.ts"
import type { Segment } from "../../domain/meta/SystemRecord.ts"
import { TaraSONError } from "../../domain/json/TaraSONError.ts"
import type { SegmentAccess, SegmentError } from "./SegmentAccess.ts"
import { decompress } from "./FrameCodec.ts"

const readBytes = 1024 * 1024

/**
 * Reads a range of a segment's file, perhaps into `memory`. Fails with `SegmentMissing` if the file is gone, or
 * `SegmentCorrupt` if it ends early.
 */
export const readSegment = (
  access: SegmentAccess,
  tape: string,
  segment: string,
  offset: number,
  length: number,
  memory?: Uint8Array
): Effect.Effect<Uint8Array, SegmentError> =>
  Effect.matchEffect(access.root.segments.read(tape, segment, offset, length, memory), {
    onFailure: (error): Effect.Effect<Uint8Array, SegmentError> =>
      Effect.fail(error.reason === "not-found" ? new SegmentMissing({ tape, segment }) : error),
    onSuccess: (bytes) =>
      bytes.length === length
        ? Effect.succeed(bytes)
        : Effect.fail(
            new SegmentCorrupt({ tape, segment, offset: offset + bytes.length, why: "it is shorter than meta says" })
          )
  })

/** Returns the error of a damaged frame. `offset` is where in the file the frame begins. */
export const frameError = (
  tape: string,
  segment: string,
  offset: number,
  error: Frames.FrameDamaged | Frames.FrameTooLarge
): SegmentCorrupt | DecompressionLimit =>
  error instanceof Frames.FrameTooLarge
    ? new DecompressionLimit({ tape, segment, offset, limit: error.limit })
    : new SegmentCorrupt({ tape, segment, offset, why: error.message })

/** Receives the content of a file, in order. Data is only valid during the call and must not be kept. */
export interface FileTaker {
  /** Receives bytes as they are stored. */
  readonly onFile?: (chunk: Uint8Array) => void
  /**
   * Receives a line without its newline. `offset` is where in the file the line, or its frame, begins. Throw to report
   * that the line is damaged.
   */
  readonly onLine: (line: Uint8Array, offset: number) => void
  /** Called after the lines of a frame, with the size of that frame in the file. */
  readonly onFrame?: (fileBytes: number) => void
}

/**
 * Reads a whole file, without comparing it to meta. Decompresses at most `rawBytesMax` bytes. Holds a frame, or a line
 * and 1 MiB, in memory.
 */
export const readFileLines = (
  access: SegmentAccess,
  tape: string,
  segment: string,
  compression: Compression,
  taker: FileTaker,
  rawBytesMax: number = Number.POSITIVE_INFINITY
): Effect.Effect<void, SegmentError> =>
  Effect.flatMap(access.root.segments.size(tape, segment), (size): Effect.Effect<void, SegmentError> => {
    if (size === undefined) return Effect.fail(new SegmentMissing({ tape, segment }))
    const file: File = { access, tape, segment, size }
    return compression === "none" ? readPlain(file, taker) : readFrames(file, compression, taker, rawBytesMax)
  })

interface File {
  readonly access: SegmentAccess
  readonly tape: string
  readonly segment: string
  readonly size: number
}

const corrupt = ({ segment, tape }: File, offset: number, why: string) =>
  new SegmentCorrupt({ tape, segment, offset, why })

/** Calls `onLine` for each of the whole lines. `offsetOf` maps a byte of them to its offset in the file. */
const takeLines = (
  file: File,
  bytes: Uint8Array,
  taker: FileTaker,
  offsetOf: (at: number) => number
): SegmentCorrupt | undefined => {
  let at = 0
  try {
    forEachLine(bytes, (start, end) => {
      at = start
      taker.onLine(bytes.subarray(start, end), offsetOf(start))
    })
    return undefined
  } catch (error) {
    if (error instanceof SegmentCorrupt) return error
    return corrupt(file, offsetOf(at), describeError(error))
  }
}

const readPlain = Effect.fnUntraced(function* (file: File, taker: FileTaker): Effect.fn.Return<void, SegmentError> {
  const { access, segment, size, tape } = file
  const { limits } = access
  const lineBytesMax = Math.max(limits.batchBytesMax, Frames.rawBytesMax(limits))
  /** Beginning of a line whose end has not been read yet. */
  let rest: Array<Uint8Array> = []
  let restBytes = 0
  for (let offset = 0; offset < size;) {
    const chunk = yield* readSegment(access, tape, segment, offset, Math.min(readBytes, size - offset))
    taker.onFile?.(chunk)
    const end = chunk.lastIndexOf(newline) + 1
    if (end > 0) {
      const lines = restBytes === 0 ? chunk.subarray(0, end) : Buffer.concat([...rest, chunk.subarray(0, end)])
      const start = offset - restBytes
      const bad = takeLines(file, lines, taker, (at) => start + at)
      if (bad !== undefined) return yield* bad
      rest = []
      restBytes = 0
    }
    rest.push(chunk.subarray(end))
    restBytes += chunk.length - end
    offset += chunk.length
    if (restBytes > lineBytesMax)
      return yield* corrupt(file, offset - restBytes, "a line is longer than the limits allow")
    yield* Effect.yieldNow
  }
  if (restBytes > 0) return yield* corrupt(file, size - restBytes, "it does not end with a newline")
})

const readFrames = Effect.fnUntraced(function* (
  file: File,
  codec: Frames.Codec,
  taker: FileTaker,
  rawBytesMax: number
): Effect.fn.Return<void, SegmentError> {
  const { access, segment, size, tape } = file
  const frameMax = Frames.rawBytesMax(access.limits)
  let rawLeft = rawBytesMax
  let pending: Uint8Array = new Uint8Array(0)
  let frameAt = 0
  for (let offset = 0; offset < size;) {
    const chunk = yield* readSegment(access, tape, segment, offset, Math.min(readBytes, size - offset))
    taker.onFile?.(chunk)
    offset += chunk.length
    pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk])
    let used = 0
    for (;;) {
      const frame = yield* nextFrame(file, codec, pending, used, frameAt, Math.min(frameMax, rawLeft))
      if (frame === undefined) break
      const begin = frameAt
      const bad = takeLines(file, frame.raw, taker, () => begin)
      if (bad !== undefined) return yield* bad
      taker.onFrame?.(frame.fileBytes)
      used += frame.fileBytes
      frameAt += frame.fileBytes
      rawLeft -= frame.raw.length
    }
    pending = pending.subarray(used)
  }
  if (pending.length > 0) return yield* corrupt(file, frameAt, "it ends within a frame")
})

/** Returns the decompressed frame at `at`, or `undefined` if more must be read first. */
const nextFrame = (
  file: File,
  codec: Frames.Codec,
  pending: Uint8Array,
  at: number,
  fileOffset: number,
  rawMax: number
): Effect.Effect<{ readonly raw: Uint8Array; readonly fileBytes: number } | undefined, SegmentError> =>
  Effect.suspend(() => {
    const { segment, tape } = file
    const size = measure(codec, pending, at, rawMax)
    if (size === undefined) return Effect.succeed(undefined)
    if (size instanceof Error) return Effect.fail(frameError(tape, segment, fileOffset, size))
    const { fileBytes, rawBytes } = size
    return Effect.matchEffect(decompress(codec, pending.subarray(at, at + fileBytes), rawBytes), {
      onFailure: (error) => Effect.fail(frameError(tape, segment, fileOffset, error)),
      onSuccess: (raw) =>
        raw.at(-1) === newline
          ? Effect.succeed({ raw, fileBytes })
          : Effect.fail(corrupt(file, fileOffset, "a frame does not end with a newline"))
    })
  })

const measure = (codec: Frames.Codec, bytes: Uint8Array, at: number, rawMax: number) => {
  try {
    return Frames.measure(codec, bytes, at, rawMax)
  } catch (error) {
    if (error instanceof Frames.FrameDamaged || error instanceof Frames.FrameTooLarge) return error
    throw error
  }
}

/** Receives every stored line without its newline. `sameAs` is the earlier line that it refers to, if it does. */
export type EachStored = (line: Uint8Array, sameAs: number | undefined) => void

/**
 * Reads a whole segment and checks it against meta: length, hash, and the numbers of lines, raw bytes and references.
 * Calls `each` before the hash is known. Does not check that a reference leads to a record.
 */
export const readStored = Effect.fnUntraced(function* (
  access: SegmentAccess,
  tape: string,
  segment: Segment,
  each: EachStored,
  onFrame?: (fileBytes: number) => void
): Effect.fn.Return<void, SegmentError> {
  const { compression, name, rawBytes, records, sha256 } = segment
  yield* checkSize(access, tape, segment)
  const digest = createHash("sha256")
  const found = { lines: 0, same: 0, rawBytes: 0 }
  let firstBad: { readonly offset: number; readonly why: string; readonly isItself: boolean } | undefined
  yield* readFileLines(
    access,
    tape,
    name,
    compression,
    {
      onFile: (chunk) => digest.update(chunk),
      onLine: (line, offset) => {
        const target = decodeSame(line)
        try {
          if (target !== undefined && !(target >= 0 && target < found.lines)) throw new Error(notThere)
          if (firstBad === undefined) each(line, target)
        } catch (error) {
          // Untrusted bytes: the hash decides whether this is damage or a defect of this library.
          const isItself = error instanceof TaraSONError
          firstBad ??= { offset, why: describeError(error), isItself }
        }
        if (target !== undefined) found.same++
        found.lines++
        found.rawBytes += line.length + 1
      },
      ...(onFrame === undefined
        ? {}
        : {
            onFrame: (fileBytes: number) => {
              if (firstBad === undefined) onFrame(fileBytes)
            }
          })
    },
    rawBytes
  )
  const bad = (why: string) => {
    const at = firstBad ?? { offset: 0, why }
    return new SegmentCorrupt({ tape, segment: name, offset: at.offset, why: at.why })
  }
  if (digest.digest("hex") !== sha256) {
    const why = "its SHA-256 does not match meta"
    if (firstBad?.isItself !== false) return yield* bad(why)
    // The line may be good, but an earlier damaged one makes it look wrong.
    const where = `${why}: ${firstBad.why} at byte ${firstBad.offset}`
    return yield* new SegmentCorrupt({ tape, segment: name, offset: 0, why: where })
  }
  if (found.lines !== records) return yield* bad(`it has ${found.lines} records, meta says ${records}`)
  if (found.rawBytes !== rawBytes) return yield* bad(`it holds ${found.rawBytes} bytes, meta says ${rawBytes}`)
  const same = segment.same ?? 0
  if (found.same !== same) return yield* bad(`${found.same} of its lines repeat others, meta says ${same}`)
  if (firstBad !== undefined) return yield* bad("")
})

const notThere = "a line repeats a line that does not exist"

/**
 * Checks by length and hash alone that a segment's file is the one that meta names, as fast as reading and SHA-256
 * allow. If it is not, reads it again line by line to find the damage.
 */
export const checkFile = Effect.fnUntraced(function* (
  access: SegmentAccess,
  tape: string,
  segment: Segment
): Effect.fn.Return<void, SegmentError> {
  yield* checkSize(access, tape, segment)
  const digest = createHash("sha256")
  for (let offset = 0; offset < segment.bytes;) {
    const chunk = yield* readSegment(access, tape, segment.name, offset, Math.min(readBytes, segment.bytes - offset))
    digest.update(chunk)
    offset += chunk.length
    // Hashing needs the processor, so other fibres get a turn.
    yield* Effect.yieldNow
  }
  if (digest.digest("hex") !== segment.sha256) yield* readStored(access, tape, segment, () => {})
})

const checkSize = (access: SegmentAccess, tape: string, segment: Segment): Effect.Effect<void, SegmentError> =>
  Effect.flatMap(access.root.segments.size(tape, segment.name), (size): Effect.Effect<void, SegmentError> => {
    if (size === undefined) return Effect.fail(new SegmentMissing({ tape, segment: segment.name }))
    if (size === segment.bytes) return Effect.void
    const why = `it has ${size} bytes, meta says ${segment.bytes}`
    return Effect.fail(new SegmentCorrupt({ tape, segment: segment.name, offset: Math.min(size, segment.bytes), why }))
  })
