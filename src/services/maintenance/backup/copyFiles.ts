/** Copies files of a tape to another place: whole segments byte by byte, and runs of records as new segments. */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { createHash } from "node:crypto"
import { SegmentCorrupt } from "../../../domain/format/Errors.ts"
import { newline } from "../../../domain/format/Format.ts"
import type { Segment } from "../../../domain/meta/SystemRecord.ts"
import { decodeUntrusted } from "../../base/decodeUntrusted.ts"
import type { Counter } from "../../base/Progress.ts"
import type { LibHandle } from "../../lib/LibHandle.ts"
import type { OpenTape } from "../../lib/OpenTape.ts"
import type { Root, StorageError } from "../../ports/Storage.ts"
import { corruptAt, linesOfChunk, readChunk } from "../../read/RecordReader.ts"
import * as IndexFiles from "../../segment/IndexFiles.ts"
import { writeNextSegment } from "../../segment/NextSegment.ts"
import type { SegmentError } from "../../segment/SegmentAccess.ts"
import { readSegment } from "../../segment/SegmentFile.ts"
import { keyOfLine } from "../../segment/SegmentIndexFile.ts"
import { type Pace, pieceBytesMax } from "./Pace.ts"

/** An index larger than this is not copied, because it is read as a whole: whoever needs it rebuilds it. */
const indexBytesMax = 64 * 1024 * 1024

interface Way {
  readonly source: LibHandle
  readonly root: Root
  readonly pace: Pace
}

/** Copies a segment to `name`, and its index if there is one. Fails if the file does not match meta. */
export const copySegment = (
  way: Way,
  tape: string,
  segment: Segment,
  name: string
): Effect.Effect<void, SegmentError> =>
  Effect.andThen(
    way.root.segments.write(tape, name, (append) => copyBytes(way, tape, segment, append)),
    Effect.ignore(copyIndex(way, tape, segment.name, name))
  )

/**
 * The next piece is read while one is hashed and written, each into memory of the one before the last: new memory costs
 * more time than reading, hashing and writing together.
 */
const copyBytes = Effect.fnUntraced(function* (
  { pace, source }: Way,
  tape: string,
  segment: Segment,
  append: (chunk: Uint8Array) => Effect.Effect<void, StorageError>
): Effect.fn.Return<void, SegmentError> {
  const digest = createHash("sha256")
  const { bytes, name } = segment
  const memories: Array<Uint8Array> = []
  let pieces = 0
  const read = (offset: number, pieceBytes: number) =>
    Effect.suspend(() => {
      const length = Math.min(pieceBytes, bytes - offset)
      const memory = (memories[pieces++ % 2] ??= new Uint8Array(Math.min(pieceBytesMax, bytes)))
      const reading = readSegment(source.segments, tape, name, offset, length, memory)
      return Effect.forkChild(reading, { startImmediately: true })
    })
  let offset = 0
  let coming: Fiber.Fiber<Uint8Array, SegmentError> | undefined
  const step = (pieceBytes: number) =>
    Effect.gen(function* () {
      const piece = yield* Fiber.join(coming ?? (yield* read(offset, pieceBytes)))
      offset += piece.length
      coming = offset < bytes ? yield* read(offset, pieceBytes) : undefined
      const writing = yield* Effect.forkChild(append(piece), { startImmediately: true })
      digest.update(piece)
      yield* Fiber.join(writing)
    })
  while (offset < bytes) yield* pace.run(step)
  if (digest.digest("hex") !== segment.sha256) {
    return yield* new SegmentCorrupt({ tape, segment: name, offset: 0, why: "its SHA-256 does not match meta" })
  }
})

const copyIndex = Effect.fnUntraced(function* (
  { root, source }: Way,
  tape: string,
  segment: string,
  name: string
): Effect.fn.Return<void, StorageError> {
  const bytes = yield* IndexFiles.size(source.root.derived, tape, segment)
  if (bytes === undefined || bytes > indexBytesMax) return
  const [index] = yield* IndexFiles.readRanges(source.root.derived, tape, segment, [[0, bytes]])
  if (index !== undefined) yield* IndexFiles.write(root.derived, tape, name, index)
})

/** A segment that is made from records. */
export interface Tail {
  readonly number: number
  readonly before: Segment | undefined
  readonly lastBatch: number
  /** Ordinal at which it ends at the latest. */
  readonly end: number
}

/** Raw bytes after which a segment that is made from records ends. */
const tailBytesMax = 512 * 1024 * 1024

/** Writes the records after `before`, up to `end` or as many as fit, as a new segment with its index. */
export const writeTail = Effect.fnUntraced(function* (
  source: LibHandle,
  tape: OpenTape,
  root: Root,
  { before, end, lastBatch, number }: Tail,
  counter: Counter
): Effect.fn.Return<Segment, SegmentError> {
  const { name, role } = tape
  const options = { tape: name, role, number, before, lastBatch }
  const { index, segment } = yield* writeNextSegment(root, options, (seal, append) =>
    Effect.gen(function* () {
      let next = before?.merkle.size ?? 0
      while (next < end && seal.rawBytes < tailBytesMax) {
        const lines = linesOfChunk(yield* readChunk(source, tape, next, "forward"), next, end)
        const bytes = Buffer.concat(lines.flatMap((line) => [line, lineEnd]))
        yield* decodeUntrusted(
          () => seal.add(bytes, role === "events" ? (n) => keyOfLine(role, lines[n]!)! : undefined),
          (why) => corruptAt(tape, next, why)
        )
        yield* append(bytes)
        yield* counter.add(lines.length, bytes.length)
        next += lines.length
        yield* Effect.yieldNow
      }
    })
  )
  yield* Effect.ignore(IndexFiles.write(root.derived, name, segment.name, index))
  return segment
})

const lineEnd = Buffer.of(newline)
