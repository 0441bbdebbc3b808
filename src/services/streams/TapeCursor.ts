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
import { EventCursor } from "./EventCursor.ts"
import type { Compiled } from "./EventFilter.ts"

export interface CursorOptions {
  readonly from: number
  readonly to: number
  readonly backward: boolean
  readonly filter: Compiled | undefined
  readonly chunkBytes: number
}

/** Records of a tape, by ordinal. */
export interface Ordinals {
  readonly first: number
  readonly end: number
}

export class TapeCursor extends EventCursor {
  readonly #lib: LibHandle
  readonly #tape: OpenTape
  readonly #options: CursorOptions
  /** Forward: the next ordinal. Backward: the ordinal after the next. `undefined` before the first chunk. */
  #ordinal: number | undefined
  /** The records at the beginning. Later ones have positions from `to`, so they are not wanted. */
  readonly #first: number
  readonly #end: number
  /** Positions of the first and last parsed event: of the current chunk; backward, `#firstSeen` is of the chunk before. */
  #firstSeen = Number.POSITIVE_INFINITY
  #last = -1

  /** `ordinals` are the records that are wanted. Default: all. */
  constructor(lib: LibHandle, tape: OpenTape, options: CursorOptions, ordinals?: Ordinals) {
    super(options.backward)
    this.#lib = lib
    this.#tape = tape
    this.#options = options
    this.#first = ordinals?.first ?? 0
    this.#end = Math.min(tape.records, ordinals?.end ?? tape.records)
  }

  protected readNext(): Effect.Effect<void, ReadError> {
    const { backward, chunkBytes } = this.#options
    const ordinal = this.#ordinal
    if (ordinal === undefined) {
      return Effect.map(this.#seek, (found) => {
        this.#ordinal = Math.min(this.#end, Math.max(this.#first, found))
      })
    }
    if (backward ? ordinal <= this.#first : ordinal >= this.#end) {
      this.end()
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
  }

  #takeForward(chunk: Chunk, ordinal: number): void {
    const end = Math.min(this.#end, chunk.firstOrdinal + chunk.count)
    this.show(this.#parse(chunk, ordinal, end))
    this.#ordinal = end
  }

  #takeBackward(chunk: Chunk, ordinal: number): void {
    const first = this.#firstSeen
    this.#last = -1
    const from = Math.max(this.#first, chunk.firstOrdinal)
    const events = this.#parse(chunk, from, ordinal).toReversed()
    if (this.#last >= first) throw new BadLine("positions do not ascend")
    this.show(events)
    this.#ordinal = from
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
            this.end()
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
    if (this.#last === -1) this.#firstSeen = event.position
    this.#last = event.position
    return event
  }

  /** Returns where to begin: at or before the first wanted event; backward, after the last one. */
  readonly #seek: Effect.Effect<number, SegmentError> = Effect.suspend(() => {
    const { from, to, backward } = this.#options
    if (this.#end <= this.#first) return Effect.succeed(this.#first)
    if (backward) return to >= this.#lib.journal.durable.position ? Effect.succeed(this.#end) : this.#seekEnd(to)
    return from === 0 ? Effect.succeed(0) : this.#seekStart(from)
  })

  /** Returns an ordinal at or before the first event at this position or later. */
  #seekStart(position: number): Effect.Effect<number, SegmentError> {
    // Both from one moment: a part that is flushed in between must not be missed.
    const { parts } = this.#tape
    const { segments } = this.#tape.state
    return Effect.flatMap(firstSegmentAt(this.#lib, this.#tape.name, segments, position), (segment) => {
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
    return Effect.flatMap(firstSegmentAt(this.#lib, this.#tape.name, segments, position), (segment) => {
      if (segment === undefined) return Effect.succeed(this.#end)
      return Effect.map(this.#lib.segments.index(this.#tape.name, "events", segment), ({ blocks }) => {
        const next = Math.max(0, blocks.blockOfPosition(position)) + 1
        const within = next < blocks.count ? blocks.firstRecord[next]! : segment.records
        return Math.min(this.#end, segment.firstOrdinal + within)
      })
    })
  }

  #liveAt(parts: ReadonlyArray<LivePart>, position: number): number {
    const at = firstNotBefore(parts.length, (index) => parts[index]!.endPosition <= position)
    return parts[at]?.firstOrdinal ?? this.#end
  }
}

/**
 * Returns the first segment with an event at this position or later, or `undefined` if only live parts may have one.
 */
export const firstSegmentAt = Effect.fnUntraced(function* (
  lib: LibHandle,
  tape: string,
  segments: ReadonlyArray<Segment>,
  position: number
): Effect.fn.Return<Segment | undefined, SegmentError> {
  let low = 0
  let high = segments.length
  while (low < high) {
    const middle = (low + high) >>> 1
    const { header } = yield* lib.segments.index(tape, "events", segments[middle]!)
    if (header.lastPosition < position) low = middle + 1
    else high = middle
  }
  return segments[low]
})
