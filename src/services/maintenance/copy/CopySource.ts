/** What a lib holds at one moment, and its events by position as lines, for a copy of the lib. */
import * as Effect from "effect/Effect"
import { invariant } from "../../../domain/base/invariant.ts"
import { EventRun } from "../../../domain/event/EventRun.ts"
import { PositionGap } from "../../../domain/event/EventErrors.ts"
import * as Event from "../../../domain/event/Event.ts"
import { LibClosed } from "../../../domain/format/Errors.ts"
import { BadLine } from "../../../domain/json/BadLine.ts"
import type { CheckpointState } from "../../../domain/meta/Checkpoint.ts"
import { checkpointsOf } from "../../lib/checkpoints.ts"
import type { TapeListing } from "../../../domain/meta/LibState.ts"
import type { EventKey } from "../../../domain/segment/SegmentIndex.ts"
import { decodeUntrusted } from "../../base/decodeUntrusted.ts"
import type { LibHandle } from "../../lib/LibHandle.ts"
import type { OpenTape } from "../../lib/OpenTape.ts"
import type { LoadError } from "../../lib/TapeRegistry.ts"
import { corruptAt, readChunk, type ReadError } from "../../read/RecordReader.ts"

/** A tape, and how many records it has at that moment. */
export interface SourceTape {
  readonly listed: TapeListing
  readonly tape: OpenTape
  readonly records: number
}

/** A lib at one moment: all tapes at the same batch. */
export interface Snapshot {
  readonly tapes: ReadonlyArray<SourceTape>
  /** Position after its last event. */
  readonly position: number
  /** How far the consumers are that keep their checkpoints in the lib. */
  readonly checkpoints: ReadonlyMap<string, CheckpointState>
}

/** Returns what the lib holds now. Loads every tape. */
export const snapshotOf = (lib: LibHandle): Effect.Effect<Snapshot, LoadError> =>
  Effect.gen(function* () {
    while (true) {
      for (const { name } of lib.meta.state.tapes.values()) yield* lib.tapes.get(name)
      const snapshot = takeNow(lib)
      if (snapshot !== undefined) return snapshot
    }
  })

/** Takes the snapshot in one step: a batch is published in one step too. `undefined` if a tape was created meanwhile. */
const takeNow = (lib: LibHandle): Snapshot | undefined => {
  const tapes: Array<SourceTape> = []
  for (const listed of lib.meta.state.tapes.values()) {
    const tape = lib.tapes.known(listed.name)
    if (tape === undefined) return undefined
    tapes.push({ listed, tape, records: tape.records })
  }
  return { tapes, position: lib.journal.durable.position, checkpoints: checkpointsOf(lib) }
}

/** The line of an event, with its newline. It keeps the memory of the whole chunk that it was read with. */
export interface EventLine {
  readonly bytes: Uint8Array
  readonly key: EventKey
  readonly tape: OpenTape
  readonly ordinal: number
}

/** Errors of reading all events. */
export type SourceError = ReadError | PositionGap | LibClosed

/** Number of lines in a page, at most. */
const pageLines = 1024

/** Bytes of lines that all tapes together hold in memory, about. */
const windowBytes = 16 * 1024 * 1024

/** Number of streams whose names are kept, so that a string need not be made for every event. */
const streamsMax = 100_000

/** The events of a snapshot by position. */
export class EventMerge {
  readonly #lib: LibHandle
  readonly #end: number
  readonly #complete: boolean
  readonly #chunkBytes: number
  /** A heap: no cursor comes before its parent, the one at half its index. Cursors in it have a line. */
  readonly #heap: Array<Cursor> = []
  /** Cursors that must read before anything else is returned. */
  #dry: Array<Cursor>
  #expected = 0
  #run: EventRun

  constructor(lib: LibHandle, { position, tapes }: Snapshot, allowGaps: boolean) {
    this.#lib = lib
    this.#end = position
    this.#complete = !allowGaps
    this.#run = new EventRun(lib.meta.limits)
    const events = tapes.filter(({ listed, records }) => listed.role === "events" && records > 0)
    this.#dry = events.map(({ tape, records }) => new Cursor(tape, records))
    this.#chunkBytes = Math.max(4096, Math.min(512 * 1024, Math.floor(windowBytes / Math.max(1, events.length))))
  }

  /** Returns the next lines; none at the end. */
  readonly page: Effect.Effect<ReadonlyArray<EventLine>, SourceError> = Effect.suspend(() => this.#next())

  #next(): Effect.Effect<ReadonlyArray<EventLine>, SourceError> {
    if (this.#lib.guard.isClosed) return Effect.fail(new LibClosed({ location: this.#lib.location }))
    if (this.#run.streamCount > streamsMax) this.#run = new EventRun(this.#lib.meta.limits)
    const dry = this.#dry
    this.#dry = []
    const fill = Effect.forEach(dry, (cursor) => this.#fill(cursor), { discard: true })
    return Effect.andThen(
      fill,
      Effect.suspend(() => this.#take())
    )
  }

  #take(): Effect.Effect<ReadonlyArray<EventLine>, SourceError> {
    const lines: Array<EventLine> = []
    while (this.#heap.length > 0 && this.#dry.length === 0 && lines.length < pageLines) {
      const cursor = this.#heap[0]!
      const line = cursor.line!
      const { position } = line.key
      const isNext = this.#complete ? position === this.#expected : position >= this.#expected
      if (!isNext)
        return Effect.fail(this.#gap(position < this.#expected ? this.#expected - 1 : this.#expected, position))
      this.#expected = position + 1
      lines.push(line)
      try {
        cursor.advance(this.#run)
      } catch (error) {
        return this.#bad(cursor, error)
      }
      if (cursor.line === undefined) {
        this.#removeFirst()
        if (!cursor.isDone) this.#dry.push(cursor)
      } else {
        this.#sink(0)
      }
    }
    if (lines.length > 0) return Effect.succeed(lines)
    if (this.#dry.length > 0) return this.#next()
    return this.#complete && this.#expected !== this.#end
      ? Effect.fail(this.#gap(this.#expected, this.#end))
      : Effect.succeed(lines)
  }

  #gap(expected: number, found: number): PositionGap {
    return new PositionGap({ location: this.#lib.location, expected, found })
  }

  #fill(cursor: Cursor): Effect.Effect<void, ReadError> {
    return Effect.flatMap(readChunk(this.#lib, cursor.tape, cursor.ordinal, "forward", this.#chunkBytes), (chunk) =>
      Effect.suspend(() => {
        cursor.take(chunk.pieces, cursor.ordinal - chunk.firstOrdinal)
        try {
          cursor.advance(this.#run)
        } catch (error) {
          return this.#bad(cursor, error)
        }
        invariant(cursor.line !== undefined, "a chunk has the record that was asked for")
        this.#heap.push(cursor)
        this.#rise(this.#heap.length - 1)
        return Effect.void
      })
    )
  }

  #bad(cursor: Cursor, error: unknown): Effect.Effect<never, ReadError> {
    return decodeUntrusted(
      (): never => {
        throw error
      },
      (why) => corruptAt(cursor.tape, cursor.ordinal, why)
    )
  }

  #removeFirst(): void {
    const last = this.#heap.pop()!
    if (this.#heap.length === 0) return
    this.#heap[0] = last
    this.#sink(0)
  }

  #rise(from: number): void {
    const heap = this.#heap
    for (let at = from; at > 0;) {
      const parent = (at - 1) >> 1
      if (heap[parent]!.position <= heap[at]!.position) return
      ;[heap[parent], heap[at]] = [heap[at]!, heap[parent]!]
      at = parent
    }
  }

  #sink(from: number): void {
    const heap = this.#heap
    for (let at = from; ;) {
      let least = at
      for (const child of [2 * at + 1, 2 * at + 2]) {
        if (child < heap.length && heap[child]!.position < heap[least]!.position) least = child
      }
      if (least === at) return
      ;[heap[least], heap[at]] = [heap[at]!, heap[least]!]
      at = least
    }
  }
}

/** The next lines of one tape. */
class Cursor {
  readonly tape: OpenTape
  readonly #end: number
  /** Ordinal of the next line that is not read yet. */
  ordinal = 0
  /** The line that is next in the merge. */
  line: EventLine | undefined
  #pieces: Array<Uint8Array> = []
  #at = 0
  #last = -1

  constructor(tape: OpenTape, end: number) {
    this.tape = tape
    this.#end = end
  }

  get isDone(): boolean {
    return this.ordinal >= this.#end
  }

  get position(): number {
    return this.line!.key.position
  }

  /** Takes the pieces of a chunk, without its first `skip` lines. */
  take(pieces: ReadonlyArray<Uint8Array>, skip: number): void {
    this.#pieces = [...pieces]
    this.#at = 0
    for (let left = skip; left > 0; left--) {
      this.#at = this.#pieces[0]!.indexOf(0x0a, this.#at) + 1
      if (this.#at === this.#pieces[0]!.length) this.#dropPiece()
    }
  }

  /** Moves to the next line. Has no line afterwards if all that was read is used up. */
  advance(run: EventRun): void {
    this.line = undefined
    const piece = this.#pieces[0]
    if (piece === undefined || this.isDone) return
    const end = run.next(piece, this.#at, Event.decodeLine) + 1
    const { key } = run
    if (key.position <= this.#last) throw new BadLine("positions do not ascend")
    this.#last = key.position
    this.line = { bytes: piece.subarray(this.#at, end), key, tape: this.tape, ordinal: this.ordinal }
    this.ordinal++
    this.#at = end
    if (end === piece.length) this.#dropPiece()
  }

  #dropPiece(): void {
    this.#pieces.shift()
    this.#at = 0
  }
}
