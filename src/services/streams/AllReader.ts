/**
 * Reads the events of all streams by position: a merge over the tapes that hold events. Positions have no gaps, so a
 * reader of all events notices a missing one.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { aCountOrInfinity, aFlag, type Checks, nested, oneOf } from "../../domain/format/checkOptions.ts"
import type { InvalidArgument, LibClosed } from "../../domain/format/Errors.ts"
import type { RecordedEvent } from "../../domain/event/Event.ts"
import { type EventsLost, PositionGap, type TapeNotForEvents } from "../../domain/event/EventErrors.ts"
import { checkOptions } from "../base/checkCall.ts"
import { lazy } from "../base/lazy.ts"
import type { LibHandle } from "../lib/LibHandle.ts"
import type { OpenTape } from "../lib/OpenTape.ts"
import type { LoadError } from "../lib/TapeRegistry.ts"
import type { ReadError } from "../read/RecordReader.ts"
import { AllGaps } from "./AllGaps.ts"
import { tapesFor } from "./CategoryTapes.ts"
import { compile, type Compiled, type EventFilter, filterChecks, matchesNothing } from "./EventFilter.ts"
import type { EventCursor } from "./EventCursor.ts"
import { type CursorOptions, TapeCursor } from "./TapeCursor.ts"

/** Range and filter of events, by position. */
export interface ReadAllOptions {
  /** First position. Default: 0. */
  readonly from?: number
  /** Position after the last one. Default: the end of the durable events when the reading begins. */
  readonly to?: number
  /** Maximum number of events. Default: no limit. */
  readonly limit?: number
  /** `backward` returns the last event first. Default: `forward`. */
  readonly direction?: "forward" | "backward"
  /**
   * Events to return. Default: all. With placement `category-or-shared` or `category`, a filter by category reads only
   * the tapes that hold events of these categories.
   */
  readonly filter?: EventFilter
  /**
   * Whether to continue at missing positions instead of failing with `PositionGap`, and where events are lost instead of
   * failing with `EventsLost`. For a lib that was recovered with losses. Default: false.
   */
  readonly allowGaps?: boolean
}

const readAllChecks = {
  from: aCountOrInfinity,
  to: aCountOrInfinity,
  limit: aCountOrInfinity,
  direction: oneOf("forward", "backward"),
  filter: nested(filterChecks),
  allowGaps: aFlag
} satisfies Checks<ReadAllOptions>

/** Why events could not be read. */
export type AllReadError =
  | LoadError
  | ReadError
  | PositionGap
  | EventsLost
  | TapeNotForEvents
  | InvalidArgument
  | LibClosed

/** Maximum number of events in a chunk. */
const pageEvents = 1024

/** Maximum size of lines that all tapes together hold in memory, in bytes. */
const windowBytes = 8 * 1024 * 1024

/** Streams the events of all streams by position. */
export const readAll = (lib: LibHandle, options: ReadAllOptions = {}): Stream.Stream<RecordedEvent, AllReadError> =>
  Stream.unwrap(
    Effect.gen(function* () {
      yield* checkOptions("EventStore.readAll", options, readAllChecks)
      const { filter: wanted, ...range } = options
      return readMatching(lib, range, matchesNothing(wanted) ? "nothing" : compile(wanted), wanted?.categories)
    })
  )

/** Does the same for options that were checked, with a compiled filter. `undefined`: every event matches. */
export const readMatching = (
  lib: LibHandle,
  range: Omit<ReadAllOptions, "filter">,
  filter: Compiled | "nothing" | undefined,
  categories?: ReadonlyArray<string>
): Stream.Stream<RecordedEvent, AllReadError> =>
  Stream.unwrap(
    Effect.gen(function* () {
      yield* lib.guard.checkOpen
      const { allowGaps = false, direction, from = 0, limit = Number.POSITIVE_INFINITY } = range
      const to = Math.min(lib.journal.durable.position, range.to ?? Number.POSITIVE_INFINITY)
      const names = yield* tapesFor(lib, categories)
      if (from >= to || limit <= 0 || filter === "nothing") return Stream.empty
      const backward = direction === "backward"
      const tapes = yield* Effect.forEach(names, (name) => lib.tapes.get(name))
      const chunkBytes = Math.max(16 * 1024, Math.min(64 * 1024, Math.floor(windowBytes / Math.max(1, tapes.length))))
      const cursors = yield* cursorsOf(lib, tapes, { from, to, backward, filter, chunkBytes }, limit)
      return new Merge(lib, cursors, {
        from,
        to,
        backward,
        limit,
        complete: filter === undefined && !allowGaps,
        gaps: new AllGaps(tapes, { from, to, backward, allowed: allowGaps })
      }).stream
    })
  )

/** Events that can be looked up are; else all events are read. */
const cursorsOf = (
  lib: LibHandle,
  tapes: ReadonlyArray<OpenTape>,
  options: CursorOptions,
  limit: number
): Effect.Effect<Array<EventCursor>> => {
  const { filter } = options
  return filter?.items === undefined
    ? Effect.sync(() => tapes.map((tape) => new TapeCursor(lib, tape, options)))
    : makeMatchCursors(lib, tapes, { ...options, filter }, filter.items, limit)
}

/** Most programs that only open a lib, append and close it look nothing up. */
const makeMatchCursors = lazy(() => import("./MatchCursor.ts"), "makeMatchCursors")

class Merge {
  readonly #lib: LibHandle
  readonly #backward: boolean
  readonly #complete: boolean
  readonly #gaps: AllGaps
  #cursors: Array<EventCursor>
  #left: number
  /** Number of events since others had their turn: reads from memory or of small pieces never wait. */
  #sinceTurn = 0
  /** The position that must come next, if all events are wanted. */
  #expected: number
  readonly #end: number

  constructor(
    lib: LibHandle,
    cursors: Array<EventCursor>,
    options: {
      readonly from: number
      readonly to: number
      readonly backward: boolean
      readonly limit: number
      readonly complete: boolean
      readonly gaps: AllGaps
    }
  ) {
    this.#lib = lib
    this.#cursors = cursors
    this.#backward = options.backward
    this.#complete = options.complete
    this.#gaps = options.gaps
    this.#left = options.limit
    this.#expected = options.backward ? options.to - 1 : options.from
    this.#end = options.backward ? options.from - 1 : options.to
  }

  get stream(): Stream.Stream<RecordedEvent, AllReadError> {
    return Stream.paginate(undefined, () =>
      Effect.map(
        this.#sinceTurn >= pageEvents ? Effect.andThen(Effect.yieldNow, this.#page) : this.#page,
        (events) =>
          [events, events.length === 0 || this.#left <= 0 ? Option.none<undefined>() : Option.some(undefined)] as const
      )
    )
  }

  /** Returns the next events; none at the end. */
  readonly #page = Effect.suspend((): Effect.Effect<Array<RecordedEvent>, AllReadError> => {
    if (this.#lib.guard.isClosed) return Effect.fail(this.#lib.guard.closedError)
    if (this.#sinceTurn >= pageEvents) this.#sinceTurn = 0
    const dry = this.#cursors.filter((cursor) => cursor.isDry)
    const fill = Effect.forEach(dry, (cursor) => cursor.fill, { discard: true })
    return Effect.flatMap(fill, (): Effect.Effect<Array<RecordedEvent>, AllReadError> => {
      this.#cursors = this.#cursors.filter((cursor) => cursor.head !== undefined)
      const events: Array<RecordedEvent> = []
      // A cursor that has run dry must be filled before any later event is returned. One at its end is removed before
      // the next page.
      while (this.#cursors.length > 0 && events.length < Math.min(pageEvents, this.#left)) {
        if (this.#gaps.hasBarrier && this.#gaps.bars(this.#nextHead())) break
        const first = this.#pickFirst(events)
        if (first === undefined) return Effect.fail(this.#twins())
        if (first.head === undefined) break
      }
      this.#left -= events.length
      this.#sinceTurn += events.length
      const lost = events.length === 0 && this.#left > 0 ? this.#gaps.error(this.#nextHead()) : undefined
      if (lost !== undefined) return Effect.fail(lost)
      if (!this.#complete) return Effect.succeed(events)
      return this.#checkRow(events)
    })
  })

  /**
   * Picks the cursor with the next event, and takes all of its events that come before those of any other cursor.
   * Returns `undefined` if two cursors have an event at the same position.
   */
  #pickFirst(events: Array<RecordedEvent>): EventCursor | undefined {
    let first = this.#cursors[0]!
    let bound = this.#gaps.bound
    for (const cursor of this.#cursors) {
      if (cursor === first) continue
      if (this.#isBefore(cursor.head!, first.head!)) {
        // A loss may be nearer than the event of another tape.
        if (this.#isBefore(first.head!, bound)) bound = first.head!
        first = cursor
      } else if (this.#isBefore(cursor.head!, bound)) {
        bound = cursor.head!
      }
    }
    if (first.head === bound) return undefined
    const max = Math.min(pageEvents, this.#left) - events.length
    first.takeUntil(bound, max, events)
    return first
  }

  /** Returns the position of the next event, `undefined` at the end. */
  #nextHead(): number | undefined {
    const heads = this.#cursors.map((cursor) => cursor.head!)
    if (heads.length === 0) return undefined
    return this.#backward ? Math.max(...heads) : Math.min(...heads)
  }

  /** Returns the error for two events at the same position. */
  #twins(): PositionGap {
    const heads = this.#cursors.map((cursor) => cursor.head!)
    const position = this.#backward ? Math.max(...heads) : Math.min(...heads)
    return new PositionGap({ location: this.#lib.location, expected: position, found: position })
  }

  #isBefore(a: number, b: number): boolean {
    return this.#backward ? a > b : a < b
  }

  #checkRow(events: Array<RecordedEvent>): Effect.Effect<Array<RecordedEvent>, PositionGap> {
    const step = this.#backward ? -1 : 1
    for (const { position } of events) {
      if (position !== this.#expected && !this.#gaps.covers(this.#expected, position))
        return Effect.fail(this.#gap(position))
      this.#expected = position + step
    }
    const over = events.length === 0 && this.#left > 0
    return over && this.#expected !== this.#end && !this.#gaps.covers(this.#expected, this.#end)
      ? Effect.fail(this.#gap(this.#end))
      : Effect.succeed(events)
  }

  #gap(found: number): PositionGap {
    return new PositionGap({ location: this.#lib.location, expected: this.#expected, found })
  }
}
