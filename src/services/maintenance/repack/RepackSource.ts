/** Reads the lines of a run of closed segments in pieces, with the keys of events that an index needs. */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Event from "../../../domain/event/Event.ts"
import { newline } from "../../../domain/format/Format.ts"
import { BadLine } from "../../../domain/json/BadLine.ts"
import type { Role } from "../../../domain/meta/SystemRecord.ts"
import type { EventKey } from "../../../domain/segment/SegmentIndex.ts"
import type { LibHandle } from "../../lib/LibHandle.ts"
import { EventRun } from "../../../domain/event/EventRun.ts"
import { decodeUntrusted } from "../../base/decodeUntrusted.ts"
import type { OpenTape } from "../../lib/OpenTape.ts"
import type { Chunk } from "../../segment/Chunk.ts"
import { corruptAt, readChunk, type ReadError } from "../../read/RecordReader.ts"

/** Whole lines, with their keys if they are events. */
export interface Piece {
  readonly lines: Uint8Array
  readonly count: number
  readonly event: ((n: number) => EventKey) | undefined
}

const pieceBytes = 512 * 1024

/** Number of streams whose names are kept, so that a string need not be made for every event. */
const streamsMax = 100_000

type Coming = Fiber.Fiber<Chunk, ReadError>

export class RepackSource {
  readonly #lib: LibHandle
  readonly #tape: OpenTape
  readonly #role: Role
  readonly #end: number
  #ordinal: number
  /** Lines that were read and not yet returned. */
  #rest: Array<Uint8Array> = []
  /** Ordinal after all that was read, and the read that continues from there. */
  #read: number
  #coming: Coming | undefined
  #events: EventRun

  constructor(lib: LibHandle, tape: OpenTape, role: Role, from: number, to: number) {
    this.#lib = lib
    this.#tape = tape
    this.#role = role
    this.#ordinal = from
    this.#read = from
    this.#end = to
    this.#events = new EventRun(lib.meta.limits)
  }

  /** Ordinal of the next line. */
  get ordinal(): number {
    return this.#ordinal
  }

  get isDone(): boolean {
    return this.#ordinal >= this.#end
  }

  /** Returns the next lines: up to `bytesMax` bytes, or one line that alone is longer. */
  next(bytesMax: number): Effect.Effect<Piece, ReadError> {
    return Effect.flatMap(this.#lines, (lines) =>
      decodeUntrusted(
        () => this.#take(lines, bytesMax),
        (why) => corruptAt(this.#tape, this.#ordinal, why)
      )
    )
  }

  /** Returns lines that are in memory, else waits for the pending read and starts the next one. */
  readonly #lines: Effect.Effect<Uint8Array, ReadError> = Effect.suspend(() => {
    const [rest] = this.#rest
    if (rest !== undefined) return Effect.succeed(rest)
    return Effect.gen({ self: this }, function* () {
      const chunk = yield* this.#coming === undefined ? this.#chunk : Fiber.join(this.#coming)
      const from = this.#read
      this.#read = Math.min(this.#end, chunk.firstOrdinal + chunk.count)
      this.#coming =
        this.#read < this.#end ? yield* Effect.forkChild(this.#chunk, { startImmediately: true }) : undefined
      this.#rest = piecesFrom(chunk, from, this.#end)
      yield* Effect.yieldNow
      return this.#rest[0]!
    })
  })

  readonly #chunk: Effect.Effect<Chunk, ReadError> = Effect.suspend(() =>
    readChunk(this.#lib, this.#tape, this.#read, "forward", pieceBytes)
  )

  #take(lines: Uint8Array, bytesMax: number): Piece {
    if (this.#events.streamCount > streamsMax) this.#events = new EventRun(this.#lib.meta.limits)
    const holdsEvents = this.#role === "events"
    const keys: Array<EventKey> = []
    let bytes = 0
    let count = 0
    while (bytes < lines.length) {
      // Each line is decoded in the call that returns it.
      if (count > 0 && lines.length > bytesMax && lines.indexOf(newline, bytes) + 1 > bytesMax) break
      const end = holdsEvents ? this.#events.next(lines, bytes, Event.decodeLine) : lines.indexOf(newline, bytes)
      if (end === -1) throw new BadLine("a line does not end with a newline")
      if (holdsEvents) keys.push(this.#events.key)
      bytes = end + 1
      count++
    }
    if (bytes === lines.length) this.#rest.shift()
    else this.#rest[0] = lines.subarray(bytes)
    this.#ordinal += count
    return { lines: lines.subarray(0, bytes), count, event: holdsEvents ? (n) => keys[n]! : undefined }
  }
}

/** Returns the lines of a chunk from ordinal `from` up to but not including `to`, in pieces of whole lines. */
const piecesFrom = (chunk: Chunk, from: number, to: number): Array<Uint8Array> => {
  const { count, firstOrdinal, pieces } = chunk
  if (from === firstOrdinal && firstOrdinal + count <= to) return [...pieces]
  const wanted: Array<Uint8Array> = []
  let ordinal = firstOrdinal
  for (const piece of pieces) {
    let start = 0
    let at = 0
    for (; at < piece.length && ordinal < to; ordinal++) {
      at = piece.indexOf(newline, at) + 1
      if (ordinal < from) start = at
    }
    if (start < at) wanted.push(piece.subarray(start, at))
  }
  return wanted
}
