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
import { type LiveEvents, matchesInFile, TermChoices } from "./LiveMatches.ts"
import { findMatches } from "./MatchLookup.ts"
import { type CursorOptions, firstSegmentAt, type Ordinals, TapeCursor } from "./TapeCursor.ts"

interface MatchOptions extends CursorOptions {
  readonly filter: Compiled
  readonly terms: QueryTerms
  /** Maximum number of events. */
  readonly limit: number
  /** Shared by the cursors of one read. */
  readonly choices: TermChoices
}

/** A file with events of the tape. */
type Place = Ordinals & ({ readonly segment: Segment } | { readonly live: LiveEvents })

/** Events of a file that are looked at, and not yet read. */
interface Found {
  readonly place: Place
  readonly matches: Matches
}

/** Maximum number of events that are read together. */
const eventsAtOnce = 256

/** Returns cursors of these tapes for a filter that looks events up. */
export const makeMatchCursors = (
  lib: LibHandle,
  tapes: ReadonlyArray<OpenTape>,
  options: CursorOptions & { readonly filter: Compiled },
  items: ReadonlyArray<QueryItem>,
  limit: number
): Effect.Effect<Array<EventCursor>> =>
  Effect.sync(() => {
    const all = { ...options, limit, terms: termsOf(items), choices: new TermChoices(options.from) }
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
      places.push(...this.#options.choices.filesOf(parts.slice(live), from))
      this.#places = places.filter(isLeft)
      if (!backward) this.#places.reverse()
    })
  }

  #lookAt(place: Place): Effect.Effect<void, SegmentError> {
    const { from, to } = this.#range
    const { terms } = this.#options
    const matches: Effect.Effect<Matches | undefined, SegmentError> =
      "live" in place
        ? matchesInFile(this.#lib, this.#options.choices, place.live, terms, from, to)
        : findMatches(this.#lib, this.#tape.name, place.segment, terms, from, to)
    return Effect.map(matches, (found) => {
      if (found === undefined) {
        const options = { ...this.#options, ...this.#range }
        this.#scan = { place, cursor: new TapeCursor(this.#lib, this.#tape, options, place) }
      } else this.#keep(place, found)
    })
  }

  #keep(place: Place, matches: Matches): void {
    if (matches.positions.length > 0) this.#found = { place, matches }
    else this.#leave(place)
  }

  /** Notes that all events of a file were looked at. */
  #leave({ end, first }: Ordinals): void {
    this.#found = undefined
    this.#scan = undefined
    this.#ordinal = this.#options.backward ? first : end
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
  #readFound({ matches, place }: Found): Effect.Effect<void, SegmentError> {
    const { backward, chunkBytes, filter } = this.#options
    const count = Math.min(matches.positions.length, eventsAtOnce, this.#left)
    const next = backward ? matches.positions.length - count : 0
    return Effect.flatMap(this.#linesOf(place, matches.places.slice(next, next + count)), (lines) => {
      const fitting = fittingOf(backward ? lines.toReversed() : lines, chunkBytes)
      const first = backward ? next + count - fitting : 0
      const taken = lines.slice(first - next, first - next + fitting)
      return Effect.flatMap(this.#read(place, taken), (events): Effect.Effect<void, SegmentCorrupt> => {
        const wrong = events.findIndex(({ position }, at) => position !== matches.positions[first + at])
        if (wrong !== -1) return Effect.fail(this.#disagreeing(place, taken[wrong]!.offset))
        const rest = backward ? [0, first] : [fitting, matches.positions.length]
        const matching = events.filter((event) => filter.matches(event))
        const last = backward ? events[0]! : events.at(-1)!
        this.#pass(backward ? matching.toReversed() : matching, last.position)
        this.#keep(place, {
          positions: matches.positions.slice(...rest),
          places: matches.places.slice(...rest)
        })
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
