/** Reads the events of one stream in pages, forward or backward. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { type InvalidArgument, type LibClosed, SegmentCorrupt } from "../../domain/format/Errors.ts"
import type { RecordedEvent } from "../../domain/event/Event.ts"
import type { EventsLost, TapeNotForEvents } from "../../domain/event/EventErrors.ts"
import { aCountOrInfinity, aFlag, type Checks, nested, oneOf } from "../../domain/format/checkOptions.ts"
import { checkStreamName, type InvalidStreamName } from "../../domain/format/Placement.ts"
import { attempt } from "../base/attempt.ts"
import { checkOptions } from "../base/checkCall.ts"
import type { LibHandle } from "../lib/LibHandle.ts"
import type { LoadError } from "../lib/TapeRegistry.ts"
import type { OpenTape } from "../lib/OpenTape.ts"
import type { SegmentError } from "../segment/SegmentAccess.ts"
import { retryVanished } from "../read/retryVanished.ts"
import {
  compile,
  type Compiled,
  filterChecks,
  matchesNothing,
  refuseCategories,
  type TypeFilter
} from "./EventFilter.ts"
import { findEventTape } from "./EventTape.ts"
import { StreamGaps } from "./StreamGaps.ts"
import { type StreamFile, filesOf, type Source, sourceAt } from "./StreamSources.ts"

/** Range of events of a stream, by revision. */
export interface ReadStreamOptions {
  /** First revision. Default: 0. */
  readonly from?: number
  /** Revision after the last one. Default: the end of the durable events when the reading begins. */
  readonly to?: number
  /** Maximum number of events. Default: no limit. */
  readonly limit?: number
  /** `backward` returns the last event first. Default: `forward`. */
  readonly direction?: "forward" | "backward"
  /**
   * Whether to continue where events are lost, or may be, instead of failing with `EventsLost`. Default: false.
   */
  readonly allowGaps?: boolean
  /** Events to return. Default: all. `limit` counts the events that match. */
  readonly filter?: TypeFilter
}

export const readStreamChecks = {
  from: aCountOrInfinity,
  to: aCountOrInfinity,
  limit: aCountOrInfinity,
  direction: oneOf("forward", "backward"),
  allowGaps: aFlag,
  filter: nested(filterChecks)
} satisfies Checks<ReadStreamOptions>

/** Why a stream could not be read. */
export type StreamReadError =
  | LoadError
  | SegmentError
  | InvalidStreamName
  | InvalidArgument
  | TapeNotForEvents
  | EventsLost
  | LibClosed

type PageError = SegmentError | LibClosed | EventsLost

/** Number of events per read. */
const pageEvents = 512

/** Streams the events of one stream. A stream without events or without a tape is empty. */
export const readStream = (
  lib: LibHandle,
  stream: string,
  options: ReadStreamOptions = {}
): Stream.Stream<RecordedEvent, StreamReadError> =>
  Stream.unwrap(
    Effect.gen(function* () {
      yield* checkOptions("EventStore.read", options, readStreamChecks)
      yield* lib.guard.checkOpen
      yield* attempt<string, InvalidStreamName>(() => checkStreamName(stream))
      const refusal = refuseCategories(options.filter, "EventStore.read")
      if (refusal !== undefined) return yield* refusal
      const tape = yield* findEventTape(lib, stream)
      if (tape === undefined || matchesNothing(options.filter)) return Stream.empty
      return new Cursor(lib, tape, stream, options).stream
    })
  )

class Cursor {
  readonly #lib: LibHandle
  readonly #tape: OpenTape
  readonly #stream: string
  readonly #backward: boolean
  readonly #from: number
  readonly #to: number
  /** Events from this position are hidden: they were not acknowledged when the reading began. */
  readonly #endPosition: number
  readonly #gaps: StreamGaps
  readonly #filter: Compiled | undefined
  #left: number
  /** Forward: the next revision. Backward: the revision after the next; `Infinity` until the end is known. */
  #next: number
  #places: Array<StreamFile>
  /** Layout of the tape when the places were listed. */
  #planned = ""
  #source: Source | undefined

  constructor(lib: LibHandle, tape: OpenTape, stream: string, options: ReadStreamOptions) {
    this.#lib = lib
    this.#tape = tape
    this.#stream = stream
    this.#backward = options.direction === "backward"
    this.#from = options.from ?? 0
    this.#to = options.to ?? Number.POSITIVE_INFINITY
    this.#endPosition = lib.journal.durable.position
    this.#left = options.limit ?? Number.POSITIVE_INFINITY
    this.#next = this.#backward ? this.#to : this.#from
    this.#gaps = new StreamGaps(lib, tape, stream, options.allowGaps === true)
    this.#filter = compile(options.filter)
    this.#places = this.#freshPlaces()
  }

  get stream(): Stream.Stream<RecordedEvent, StreamReadError> {
    return Stream.paginate(undefined, () =>
      Effect.map(
        this.#page,
        (events) => [events ?? [], events === undefined ? Option.none<undefined>() : Option.some(undefined)] as const
      )
    )
  }

  #freshPlaces(): Array<StreamFile> {
    this.#planned = this.#tape.layout
    const places = filesOf(this.#lib, this.#tape)
    return this.#backward ? places.toReversed() : places
  }

  /** Returns the next events; `undefined` at the end. */
  readonly #page: Effect.Effect<Array<RecordedEvent> | undefined, PageError> = Effect.suspend(() => {
    if (this.#lib.guard.isClosed) return Effect.fail(this.#lib.guard.closedError)
    if (this.#left <= 0 || this.#from >= this.#to || (!this.#backward && this.#next >= this.#to))
      return Effect.succeed(undefined)
    if (this.#backward && this.#next <= this.#from) return Effect.succeed(undefined)
    return retryVanished(this.#lib, this.#tape, this.#planned, this.#read, () => {
      // Closed or repacked since the places were listed, so the events are elsewhere now.
      this.#places = this.#freshPlaces()
      this.#source = undefined
      return this.#page
    })
  })

  readonly #read: Effect.Effect<Array<RecordedEvent> | undefined, PageError> = Effect.suspend(() => {
    const source = this.#source
    if (source === undefined) return this.#nextSource
    const { from, count } = this.#wanted(source.firstRevision, source.count)
    if (count <= 0) {
      this.#source = undefined
      return this.#nextSource
    }
    const first = source.firstRevision + from
    return Effect.flatMap(source.read(from, count), (events) => this.#take(events, first, first + count))
  })

  /** Returns the range of a run to read next, counted within the run; empty when the run is finished. */
  readonly #wanted = (firstRevision: number, count: number): { readonly from: number; readonly count: number } => {
    const end = firstRevision + count
    // How many must be read for those that are left is not known if some may not match.
    const page = this.#filter === undefined ? Math.min(pageEvents, this.#left) : pageEvents
    const from = this.#backward
      ? Math.max(firstRevision, this.#from, Math.min(end, this.#next) - page)
      : Math.max(firstRevision, this.#next)
    const to = this.#backward ? Math.min(end, this.#next) : Math.min(end, this.#to, from + page)
    return { from: from - firstRevision, count: to - from }
  }

  #take(
    events: Array<RecordedEvent>,
    from: number,
    to: number
  ): Effect.Effect<Array<RecordedEvent> | undefined, PageError> {
    const wrong = events.findIndex((event, index) => event.stream !== this.#stream || event.revision !== from + index)
    const last = events.at(-1)!
    const gap = this.#gapBeside(from, to)
    const lost = gap === undefined || wrong !== -1 ? undefined : this.#gaps.explain(gap, this.#started, last)
    if (lost instanceof Error) return Effect.fail(lost)
    if (wrong !== -1 || (gap !== undefined && lost === undefined && (this.#started || !this.#backward))) {
      const why = `the revisions of a stream are not consecutive at ${gap === undefined ? from + wrong : this.#next}`
      return Effect.fail(new SegmentCorrupt({ tape: this.#tape.name, segment: "index", offset: 0, why }))
    }
    this.#gaps.saw(last)
    this.#started = true
    this.#next = this.#backward ? from : to
    const durable = events.filter((event) => event.position < this.#endPosition)
    const shown = this.#matching(this.#backward ? durable.toReversed() : durable)
    this.#left -= shown.length
    // Forward, hidden events are at the end.
    if (!this.#backward && durable.length < events.length) this.#left = 0
    return Effect.succeed(shown)
  }

  /** Returns the events that match the filter, up to the limit. */
  #matching(events: Array<RecordedEvent>): Array<RecordedEvent> {
    const filter = this.#filter
    return filter === undefined ? events : events.filter((event) => filter.matches(event)).slice(0, this.#left)
  }

  #started = false

  /** Returns the revisions between the events `[from, to)` and those that were read before, or the end of the range. */
  #gapBeside(from: number, to: number): readonly [first: number, end: number] | undefined {
    if (!this.#backward) return from > this.#next ? [this.#next, from] : undefined
    const end = Math.min(this.#next, this.#to)
    return to < end ? [to, end] : undefined
  }

  readonly #nextSource: Effect.Effect<Array<RecordedEvent> | undefined, PageError> = Effect.suspend(() => {
    const place = this.#places[0]
    if (place === undefined) return this.#end
    return Effect.flatMap(sourceAt(this.#lib, this.#tape, place, this.#stream, this.#wanted), (source) => {
      this.#places.shift()
      this.#source = source
      return this.#page
    })
  })

  /** Nothing more is in any file. Fails if lost events would follow in the range. */
  readonly #end: Effect.Effect<undefined, PageError> = Effect.suspend(() =>
    this.#backward && this.#started
      ? this.#gaps.checkStart(this.#from, Math.min(this.#next, this.#to))
      : this.#gaps.checkEnd(this.#backward ? this.#from : this.#next, this.#to)
  )
}
