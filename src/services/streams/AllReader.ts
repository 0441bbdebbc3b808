/**
 * Reading the events of all streams in the order of their positions: a merge over the tapes that hold events. Positions
 * have no gaps, so a reader that wants all events notices when one is missing.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { LibClosed } from "../../domain/format/Errors.ts"
import type { RecordedEvent } from "../../domain/event/Event.ts"
import { PositionGap } from "../../domain/event/EventErrors.ts"
import { encodeTapeName } from "../../domain/format/Names.ts"
import type { LibHandle } from "../lib/LibHandle.ts"
import type { LoadError } from "../lib/TapeRegistry.ts"
import type { ReadError } from "../read/RecordReader.ts"
import { wholeNumber } from "../../domain/base/wholeNumber.ts"
import { compile, type EventFilter } from "./EventFilter.ts"
import { TapeCursor } from "./TapeCursor.ts"

/** Which events, by position. */
export interface ReadAllOptions {
  /** The first position; default 0. */
  readonly from?: number
  /** One behind the last position; default: all that are durable when the stream is read. */
  readonly to?: number
  /** How many events at most. */
  readonly limit?: number
  /** `backward`: the last one first. */
  readonly direction?: "forward" | "backward"
  readonly filter?: EventFilter
  /** Goes on where positions are missing, which is otherwise a `PositionGap`: for a lib that was recovered with losses. */
  readonly allowGaps?: boolean
}

export type AllReadError = LoadError | ReadError | PositionGap | LibClosed

/** Events that are handed on at once. */
const pageEvents = 1024

/** What all tapes together may hold in memory, in bytes of lines. */
const windowBytes = 8 * 1024 * 1024

export const readAll = (lib: LibHandle, options: ReadAllOptions = {}): Stream.Stream<RecordedEvent, AllReadError> =>
  Stream.unwrap(
    Effect.gen(function* () {
      yield* lib.guard.checkOpen
      const from = wholeNumber("from", options.from, 0)
      const to = Math.min(lib.journal.durable.position, wholeNumber("to", options.to, Number.POSITIVE_INFINITY))
      const limit = wholeNumber("limit", options.limit, Number.POSITIVE_INFINITY)
      if (from >= to || limit <= 0) return Stream.empty
      const backward = options.direction === "backward"
      const filter = compile(options.filter)
      const tapes = yield* Effect.forEach(tapesFor(lib, options.filter), (name) => lib.tapes.get(name))
      const chunkBytes = Math.max(16 * 1024, Math.min(64 * 1024, Math.floor(windowBytes / Math.max(1, tapes.length))))
      const cursors = tapes.map((tape) => new TapeCursor(lib, tape, { from, to, backward, filter, chunkBytes }))
      return new Merge(lib, cursors, {
        from,
        to,
        backward,
        limit,
        complete: filter === undefined && options.allowGaps !== true
      }).stream
    })
  )

/** Tapes that may hold what the filter wants: by category where the placement is. */
const tapesFor = (lib: LibHandle, filter: EventFilter | undefined): Array<string> => {
  const wanted =
    filter?.categories === undefined || lib.meta.state.placement.kind !== "category"
      ? undefined
      : // What is no text is no category, and has no tape.
        new Set(filter.categories.filter((name) => name.isWellFormed()).map(encodeTapeName))
  const names: Array<string> = []
  for (const tape of lib.meta.state.tapes.values()) {
    if (tape.role === "events" && (wanted === undefined || wanted.has(tape.name))) names.push(tape.name)
  }
  return names
}

class Merge {
  readonly #lib: LibHandle
  readonly #backward: boolean
  readonly #complete: boolean
  #cursors: Array<TapeCursor>
  #left: number
  /** The position that must come next, where all events are wanted. */
  #expected: number
  readonly #end: number

  constructor(
    lib: LibHandle,
    cursors: Array<TapeCursor>,
    options: {
      readonly from: number
      readonly to: number
      readonly backward: boolean
      readonly limit: number
      readonly complete: boolean
    }
  ) {
    this.#lib = lib
    this.#cursors = cursors
    this.#backward = options.backward
    this.#complete = options.complete
    this.#left = options.limit
    this.#expected = options.backward ? options.to - 1 : options.from
    this.#end = options.backward ? options.from - 1 : options.to
  }

  get stream(): Stream.Stream<RecordedEvent, AllReadError> {
    return Stream.paginate(undefined, () =>
      Effect.map(
        this.#page,
        (events) =>
          [events, events.length === 0 || this.#left <= 0 ? Option.none<undefined>() : Option.some(undefined)] as const
      )
    )
  }

  /** The next events; none at the end. */
  readonly #page = Effect.suspend((): Effect.Effect<Array<RecordedEvent>, AllReadError> => {
    if (this.#lib.guard.isClosed) return Effect.fail(new LibClosed({ location: this.#lib.location }))
    const dry = this.#cursors.filter((cursor) => cursor.isDry)
    const fill = Effect.forEach(dry, (cursor) => cursor.fill, { discard: true })
    return Effect.flatMap(fill, () => {
      this.#cursors = this.#cursors.filter((cursor) => cursor.head !== undefined)
      const events: Array<RecordedEvent> = []
      // A cursor that has run dry must be filled before anything behind its last event is handed on; one that has come
      // to its end is taken out before the next page.
      while (this.#cursors.length > 0 && events.length < Math.min(pageEvents, this.#left)) {
        const first = this.#pickFirst(events)
        if (first === undefined) return Effect.fail(this.#twins())
        if (first.head === undefined) break
      }
      this.#left -= events.length
      if (!this.#complete) return Effect.succeed(events)
      return this.#checkRow(events)
    })
  })

  /**
   * Takes the cursor with the next event, and all of its events that come before any other cursor's. Not one where another
   * has an event at the same position.
   */
  #pickFirst(events: Array<RecordedEvent>): TapeCursor | undefined {
    let first = this.#cursors[0]!
    let bound = this.#backward ? -1 : Number.POSITIVE_INFINITY
    for (const cursor of this.#cursors) {
      if (cursor === first) continue
      if (this.#isBefore(cursor.head!, first.head!)) {
        bound = first.head!
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

  /** Two cursors stand at the same position. */
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
    for (const event of events) {
      if (event.position !== this.#expected) return Effect.fail(this.#gap(event.position))
      this.#expected += step
    }
    const over = events.length === 0 && this.#left > 0
    return over && this.#expected !== this.#end ? Effect.fail(this.#gap(this.#end)) : Effect.succeed(events)
  }

  #gap(found: number): PositionGap {
    return new PositionGap({ location: this.#lib.location, expected: this.#expected, found })
  }
}
