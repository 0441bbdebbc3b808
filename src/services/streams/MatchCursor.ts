/**
 * Reads those of one tape's events that match a filter by type or tags. Looks them up in the indexes of segments, and among
 * the terms of dynamic segments, and reads no others. Where that does not pay, or is not possible, it reads all events of
 * a file.
 */
import * as Effect from "effect/Effect"
import { firstNotBefore } from "../../domain/base/binarySearch.ts"
import { SegmentCorrupt } from "../../domain/format/Errors.ts"
import { dynamicName } from "../../domain/format/Names.ts"
import type { RecordedEvent } from "../../domain/event/Event.ts"
import type { Segment } from "../../domain/meta/SystemRecord.ts"
import type { QueryItem } from "../../domain/event/Query.ts"
import { type Matches, type QueryTerms, termsOf } from "../../domain/segment/termMatches.ts"
import * as SegmentIndex from "../../domain/segment/SegmentIndex.ts"
import type { LibHandle } from "../lib/LibHandle.ts"
import type { OpenTape } from "../lib/OpenTape.ts"
import type { ReadError } from "../read/RecordReader.ts"
import { retryVanished } from "../read/retryVanished.ts"
import type { SegmentError } from "../segment/SegmentAccess.ts"
import { EventCursor } from "./EventCursor.ts"
import type { Compiled } from "./EventFilter.ts"
import { readFromDynamic, readFromSegment } from "./EventLines.ts"
import { type LiveEvents, LiveMatches } from "./LiveMatches.ts"
import { findMatches } from "./MatchLookup.ts"
import { type CursorOptions, firstSegmentAt, type Ordinals, TapeCursor } from "./TapeCursor.ts"

interface MatchOptions extends CursorOptions {
  readonly filter: Compiled
  readonly terms: QueryTerms
  /** Maximum number of events. */
  readonly limit: number
  /** Shared by the cursors of one read. */
  readonly live: LiveMatches
}

type LivePlace = Ordinals & { readonly live: LiveEvents }

/** A file with events of the tape, or the part of a file that was not looked at. */
type Place = LivePlace | (Ordinals & { readonly segment: Segment })

/** Events of a file that were found. Those from index `first` up to, but not including, `end` are not yet read. */
interface Found {
  readonly place: Place
  readonly matches: Matches
  first: number
  end: number
}

/** Maximum number of events that are read together. */
const eventsAtOnce = 256

/** More events than this are read as a whole if most of the events between them match too. */
const scanMin = 64

/** Returns cursors of these tapes for a filter that looks events up. */
export const makeMatchCursors = (
  lib: LibHandle,
  tapes: ReadonlyArray<OpenTape>,
  options: CursorOptions & { readonly filter: Compiled },
  items: ReadonlyArray<QueryItem>,
  limit: number
): Effect.Effect<Array<EventCursor>> =>
  Effect.sync(() => {
    const terms = termsOf(items)
    const { backward, from, to } = options
    const all = { ...options, limit, terms, live: new LiveMatches({ terms, from, to, backward }) }
    return tapes.map((tape) => new MatchCursor(lib, tape, all))
  })

class MatchCursor extends EventCursor {
  readonly #lib: LibHandle
  readonly #tape: OpenTape
  readonly #options: MatchOptions
  /** Forward, all events before this position were looked at; backward, all from it on. */
  #position: number
  /** The same for whole files, by ordinal: it stays the same whatever files the records are in. */
  #ordinal: number
  /** Files that were not looked at, the next one last; `undefined` before they are known. */
  #places: Array<Place> | undefined
  #layout = ""
  #found: Found | undefined
  /** Reads all events of a file. */
  #scan: { readonly place: Place; readonly cursor: TapeCursor } | undefined
  #left: number

  constructor(lib: LibHandle, tape: OpenTape, options: MatchOptions) {
    super(options.backward)
    this.#lib = lib
    this.#tape = tape
    this.#options = options
    this.#position = options.backward ? options.to : options.from
    this.#ordinal = options.backward ? Number.POSITIVE_INFINITY : 0
    this.#left = options.limit
  }

  protected readNext(): Effect.Effect<void, ReadError> {
    if (this.#left <= 0) {
      this.end()
      return Effect.void
    }
    if (this.#places === undefined) this.#layout = this.#tape.layout
    return retryVanished(this.#lib, this.#tape, this.#layout, this.#step(), () => {
      this.#places = undefined
      this.#found = undefined
      this.#scan = undefined
      return this.readNext()
    })
  }

  #step(): Effect.Effect<void, ReadError> {
    if (this.#scan !== undefined) return this.#scanOn(this.#scan)
    if (this.#found !== undefined) return this.#readFound(this.#found)
    if (this.#places === undefined) return this.#listPlaces()
    const place = this.#places.pop()
    if (place !== undefined) return this.#lookAt(place)
    this.end()
    return Effect.void
  }

  /** The range of positions that is still to be looked at. */
  get #range(): { readonly from: number; readonly to: number } {
    const { backward, from, to } = this.#options
    return backward ? { from, to: this.#position } : { from: this.#position, to }
  }

  #listPlaces(): Effect.Effect<void, SegmentError> {
    const { backward } = this.#options
    const { from, to } = this.#range
    // Both from one moment: a part that is flushed in between must not be missed.
    const { parts, state } = this.#tape
    const { segments } = state
    const isLeft = ({ end, first }: Ordinals) => (backward ? first < this.#ordinal : end > this.#ordinal)
    const edge = backward ? to - 1 : from
    const isAll = backward ? to >= this.#lib.journal.durable.position : from === 0
    const known = isAll ? Effect.succeed(undefined) : firstSegmentAt(this.#lib, this.#tape.name, segments, edge)
    return Effect.map(known, (segment) => {
      const at = segment === undefined ? segments.length : segments.indexOf(segment)
      const wanted = isAll ? segments : backward ? segments.slice(0, at + 1) : segments.slice(at)
      const places: Array<Place> = wanted.map((one) => ({
        segment: one,
        first: one.firstOrdinal,
        end: one.firstOrdinal + one.records
      }))
      // A part that is being flushed may be in a segment already.
      const live = firstNotBefore(parts.length, (index) => parts[index]!.firstOrdinal < state.records)
      places.push(...this.#options.live.filesOf(parts.slice(live), from))
      this.#places = places.filter(isLeft)
      if (!backward) this.#places.reverse()
    })
  }

  #lookAt(place: Place): Effect.Effect<void, SegmentError> {
    const { from, to } = this.#range
    if ("live" in place) {
      return Effect.map(this.#options.live.find(this.#lib, place.live, from, to), (found) => {
        if (found === undefined) return this.#scanAll(place)
        const looked = this.#split(place, found.parts)
        const { length } = found.matches.places
        const isMostOf = length > scanMin && length <= this.#left && 2 * length > looked.end - looked.first
        if (isMostOf) this.#scanAll(looked)
        else this.#keep(looked, found.matches)
      })
    }
    const { backward, terms } = this.#options
    const wanted = { from, to, backward, count: this.#left }
    return Effect.map(findMatches(this.#lib, this.#tape.name, place.segment, terms, wanted), (found) => {
      if (found === undefined) return this.#scanAll(place)
      // The rest of the segment is looked at after these.
      if (found.from > from || found.to < to) this.#places?.push(place)
      this.#keep(place, found)
    })
  }

  /** Returns the place of the first parts of a file, backward of the last ones. The others are looked at later. */
  #split(place: LivePlace, count: number): LivePlace {
    const { file, parts } = place.live
    if (count === parts.length) return place
    const { backward } = this.#options
    const at = backward ? parts.length - count : count
    const before = { live: { file, parts: parts.slice(0, at) }, first: place.first, end: parts[at]!.firstOrdinal }
    const after = { live: { file, parts: parts.slice(at) }, first: before.end, end: place.end }
    this.#places?.push(backward ? before : after)
    return backward ? after : before
  }

  #scanAll(place: Place): void {
    const options = { ...this.#options, ...this.#range }
    this.#scan = { place, cursor: new TapeCursor(this.#lib, this.#tape, options, place) }
  }

  #keep(place: Place, matches: Matches): void {
    const end = matches.positions.length
    if (end > 0) this.#found = { place, matches, first: 0, end }
    else this.#leave(place)
  }

  /** Notes that all events of a place were looked at, unless it is the next one again. */
  #leave(place: Place): void {
    this.#found = undefined
    this.#scan = undefined
    if (this.#places?.at(-1) !== place) this.#ordinal = this.#options.backward ? place.first : place.end
  }

  #scanOn({ cursor, place }: { readonly place: Place; readonly cursor: TapeCursor }): Effect.Effect<void, ReadError> {
    return Effect.map(cursor.fill, () => {
      const events: Array<RecordedEvent> = []
      cursor.takeUntil(this.#options.backward ? -1 : Number.POSITIVE_INFINITY, this.#left, events)
      if (events.length === 0) this.#leave(place)
      else this.#pass(events, events.at(-1)!.position)
    })
  }

  /** Shows events that match. All events up to position `last` were looked at. */
  #pass(events: ReadonlyArray<RecordedEvent>, last: number): void {
    this.#position = this.#options.backward ? last : last + 1
    this.#left -= events.length
    this.show(events)
  }

  /** Reads the next of the events that were found. */
  #readFound(found: Found): Effect.Effect<void, SegmentError> {
    const { backward, chunkBytes, filter } = this.#options
    const { matches, place } = found
    const count = Math.min(found.end - found.first, eventsAtOnce, this.#left)
    const next = backward ? found.end - count : found.first
    return Effect.flatMap(this.#linesOf(place, matches.places.slice(next, next + count)), (lines) => {
      const fitting = fittingOf(backward ? lines.toReversed() : lines, chunkBytes)
      const first = backward ? next + count - fitting : next
      const taken = lines.slice(first - next, first - next + fitting)
      return Effect.flatMap(this.#read(place, taken), (events): Effect.Effect<void, SegmentCorrupt> => {
        const wrong = events.findIndex(({ position }, at) => position !== matches.positions[first + at])
        if (wrong !== -1) return Effect.fail(this.#disagreeing(place, taken[wrong]!.offset))
        const matching = events.filter((event) => filter.matches(event))
        const last = backward ? events[0]! : events.at(-1)!
        this.#pass(backward ? matching.toReversed() : matching, last.position)
        if (backward) found.end = first
        else found.first = first + fitting
        if (found.first === found.end) this.#leave(place)
        return Effect.void
      })
    })
  }

  #linesOf(place: Place, places: ReadonlyArray<number>): Effect.Effect<Array<SegmentIndex.LineSpan>, SegmentError> {
    if ("live" in place) return Effect.succeed(places.map((row) => place.live.file.events!.row(row)))
    return this.#lib.segments.lookup(this.#tape.name, "events", place.segment, (header) =>
      SegmentIndex.readEntriesAt(header, places)
    )
  }

  #read(place: Place, lines: ReadonlyArray<SegmentIndex.LineSpan>): Effect.Effect<Array<RecordedEvent>, SegmentError> {
    return "live" in place
      ? readFromDynamic(this.#lib, this.#tape.name, place.live.file, lines)
      : readFromSegment(this.#lib, this.#tape.name, place.segment, lines)
  }

  #disagreeing(place: Place, offset: number): SegmentCorrupt {
    const segment = "live" in place ? dynamicName(place.live.file.dynamic) : place.segment.name
    const why = "its index and its events have different positions"
    return new SegmentCorrupt({ tape: this.#tape.name, segment, offset, why })
  }
}

/** Returns how many lines, from the first one on, fit into this many bytes; at least one. */
const fittingOf = (lines: ReadonlyArray<SegmentIndex.LineSpan>, bytesMax: number): number => {
  let bytes = 0
  const over = lines.findIndex(({ length }) => (bytes += length) > bytesMax)
  return over === -1 ? lines.length : Math.max(1, over)
}
