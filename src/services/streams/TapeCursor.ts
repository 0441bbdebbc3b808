/** Reads one tape's events by position, a chunk at a time, for a merge over several tapes. */
import * as Effect from "effect/Effect"
import { firstNotBefore } from "../../domain/base/binarySearch.ts"
import { fromRecord, type RecordedEvent } from "../../domain/event/Event.ts"
import { type JsonObject, trustedParser } from "../../domain/json/TaraSON.ts"
import type { Segment } from "../../domain/meta/SystemRecord.ts"
import { BadLine } from "../../domain/json/BadLine.ts"
import type { LibHandle } from "../lib/LibHandle.ts"
import type { LivePart } from "../journal/DynamicFile.ts"
import { decodeUntrusted } from "../base/decodeUntrusted.ts"
import type { OpenTape } from "../lib/OpenTape.ts"
import type { Chunk } from "../segment/Chunk.ts"
import { corruptAt, readChunk, type ReadError } from "../read/RecordReader.ts"
import type { SegmentError } from "../segment/SegmentAccess.ts"
import type { Compiled } from "./EventFilter.ts"

export interface CursorOptions {
  readonly from: number
  readonly to: number
  readonly backward: boolean
  readonly filter: Compiled | undefined
  readonly chunkBytes: number
}

export class TapeCursor {
  readonly #lib: LibHandle
  readonly #tape: OpenTape
  readonly #options: CursorOptions
  /** Forward: the next ordinal. Backward: the ordinal after the next. `undefined` before the first chunk. */
  #ordinal: number | undefined
  /** Number of records at the beginning. Later ones have positions from `to`, so they are not wanted. */
  readonly #end: number
  #events: Array<RecordedEvent> = []
  #at = 0
  #done = false
  /** Positions of the first and last parsed event: of the current chunk; backward, `#first` is of the chunk before. */
  #first = Number.POSITIVE_INFINITY
  #last = -1

  constructor(lib: LibHandle, tape: OpenTape, options: CursorOptions) {
    this.#lib = lib
    this.#tape = tape
    this.#options = options
    this.#end = tape.records
  }

  /** Position of the next event; `undefined` if none is in memory. */
  get head(): number | undefined {
    return this.#events[this.#at]?.position
  }

  /** Whether nothing is in memory, but perhaps more on disk. */
  get isDry(): boolean {
    return this.#at >= this.#events.length && !this.#done
  }

  /** Moves up to `max` events that come before position `bound` to `into`. */
  takeUntil(bound: number, max: number, into: Array<RecordedEvent>): void {
    const { backward } = this.#options
    for (let taken = 0; taken < max && this.#at < this.#events.length; taken++) {
      const event = this.#events[this.#at]!
      if (backward ? event.position <= bound : event.position >= bound) return
      into.push(event)
      this.#at++
    }
  }

  /** Reads chunks until there is a matching event, or no more. */
  readonly fill: Effect.Effect<void, ReadError> = Effect.suspend(() => {
    if (!this.isDry) return Effect.void
    return Effect.andThen(
      this.#readNext,
      Effect.suspend(() => this.fill)
    )
  })

  readonly #readNext: Effect.Effect<void, ReadError> = Effect.suspend(() => {
    const { backward, chunkBytes } = this.#options
    const ordinal = this.#ordinal
    if (ordinal === undefined) {
      return Effect.map(this.#seek, (found) => {
        this.#ordinal = found
      })
    }
    if (backward ? ordinal <= 0 : ordinal >= this.#end) {
      this.#done = true
      return Effect.void
    }
    const direction = backward ? "backward" : "forward"
    return Effect.flatMap(
      readChunk(this.#lib, this.#tape, backward ? ordinal - 1 : ordinal, direction, chunkBytes),
      (chunk) =>
        decodeUntrusted(
          () => (backward ? this.#takeBackward(chunk, ordinal) : this.#takeForward(chunk, ordinal)),
          (why) => corruptAt(this.#tape, backward ? chunk.firstOrdinal : ordinal, why)
        )
    )
  })

  #takeForward(chunk: Chunk, ordinal: number): void {
    const end = Math.min(this.#end, chunk.firstOrdinal + chunk.count)
    this.#events = this.#parse(chunk, ordinal, end)
    this.#at = 0
    this.#ordinal = end
  }

  #takeBackward(chunk: Chunk, ordinal: number): void {
    const first = this.#first
    this.#last = -1
    this.#events = this.#parse(chunk, chunk.firstOrdinal, ordinal).toReversed()
    if (this.#last >= first) throw new BadLine("positions do not ascend")
    this.#at = 0
    this.#ordinal = chunk.firstOrdinal
  }

  #parse(chunk: Chunk, fromOrdinal: number, toOrdinal: number): Array<RecordedEvent> {
    const { from, to, backward, filter } = this.#options
    const events: Array<RecordedEvent> = []
    let ordinal = chunk.firstOrdinal
    for (const piece of chunk.pieces) {
      const text = Buffer.from(piece.buffer, piece.byteOffset, piece.length).toString("utf8")
      const parse = trustedParser(text)
      let start = 0
      while (start < text.length && ordinal < toOrdinal) {
        const end = text.indexOf("\n", start)
        if (ordinal >= fromOrdinal && (filter === undefined || filter.mayMatch(text, start))) {
          const event = this.#ascending(fromRecord(parse(text.slice(start, end)) as JsonObject))
          if (event.position >= from && event.position < to) {
            if (filter === undefined || filter.matches(event)) events.push(event)
          } else if (backward ? event.position < from : event.position >= to) {
            // Positions ascend along a tape, so no later event is wanted.
            this.#done = true
            if (!backward) return events
          }
        }
        ordinal++
        start = end + 1
      }
    }
    return events
  }

  /** Fails unless positions ascend, since a merge could otherwise stay at one position for ever. */
  #ascending(event: RecordedEvent): RecordedEvent {
    if (event.position <= this.#last) throw new BadLine("positions do not ascend")
    if (this.#last === -1) this.#first = event.position
    this.#last = event.position
    return event
  }

  /** Returns where to begin: at or before the first wanted event; backward, after the last one. */
  readonly #seek: Effect.Effect<number, SegmentError> = Effect.suspend(() => {
    const { from, to, backward } = this.#options
    if (this.#end === 0) return Effect.succeed(0)
    if (backward) return to >= this.#lib.journal.durable.position ? Effect.succeed(this.#end) : this.#seekEnd(to)
    return from === 0 ? Effect.succeed(0) : this.#seekStart(from)
  })

  /** Returns an ordinal at or before the first event at this position or later. */
  #seekStart(position: number): Effect.Effect<number, SegmentError> {
    // Both from one moment: a part that is flushed in between must not be missed.
    const { parts } = this.#tape
    const { segments } = this.#tape.state
    return Effect.flatMap(this.#segmentAt(segments, position), (segment) => {
      if (segment === undefined) return Effect.succeed(this.#liveAt(parts, position))
      return Effect.map(this.#lib.segments.index(this.#tape.name, "events", segment), ({ blocks }) => {
        const block = Math.max(0, blocks.blockOfPosition(position))
        return segment.firstOrdinal + blocks.firstRecord[block]!
      })
    })
  }

  /** Returns an ordinal after all events before this position. */
  #seekEnd(position: number): Effect.Effect<number, SegmentError> {
    const { segments } = this.#tape.state
    return Effect.flatMap(this.#segmentAt(segments, position), (segment) => {
      if (segment === undefined) return Effect.succeed(this.#end)
      return Effect.map(this.#lib.segments.index(this.#tape.name, "events", segment), ({ blocks }) => {
        const next = Math.max(0, blocks.blockOfPosition(position)) + 1
        const within = next < blocks.count ? blocks.firstRecord[next]! : segment.records
        return Math.min(this.#end, segment.firstOrdinal + within)
      })
    })
  }

  /**
   * Returns the first segment with an event at this position or later, or `undefined` if only live parts may have one.
   */
  #segmentAt(segments: ReadonlyArray<Segment>, position: number): Effect.Effect<Segment | undefined, SegmentError> {
    return Effect.gen({ self: this }, function* () {
      let low = 0
      let high = segments.length
      while (low < high) {
        const middle = (low + high) >>> 1
        const { header } = yield* this.#lib.segments.index(this.#tape.name, "events", segments[middle]!)
        if (header.lastPosition < position) low = middle + 1
        else high = middle
      }
      return segments[low]
    })
  }

  #liveAt(parts: ReadonlyArray<LivePart>, position: number): number {
    const at = firstNotBefore(parts.length, (index) => parts[index]!.endPosition <= position)
    return parts[at]?.firstOrdinal ?? this.#end
  }
}
