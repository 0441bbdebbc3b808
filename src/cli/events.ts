/** How events and records are printed, and which ones. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as FlatView from "../domain/json/FlatView.ts"
import type { JsonObject } from "../domain/json/TaraSON.ts"
import type { EventFilter, RecordedEvent } from "../services/EventStore.ts"
import { type OutputClosed, Usage } from "./errors.ts"
import { JsonFlag } from "./flags.ts"
import { Output } from "./Output.ts"
import type { Styles } from "./text/styles.ts"
import { time } from "./text/units.ts"
import { visible, visibleJson, visibleJsonLines } from "./text/visible.ts"
import { cut, pad } from "./text/width.ts"

/** The flags of `showing`, as handlers get them. */
export interface Showing {
  readonly pretty: boolean
  readonly flat: boolean
}

/** The flags of `filtering`, as handlers get them. */
export interface Filtering {
  readonly type: ReadonlyArray<string>
  readonly tag: ReadonlyArray<string>
  readonly category: ReadonlyArray<string>
  readonly correlation: Option.Option<string>
  readonly allowGaps: boolean
}

/** Returns the filter of the flags; `undefined` if every event matches. */
export const filterOf = ({ category, correlation, tag, type }: Filtering): EventFilter | undefined => {
  const filter: EventFilter = {
    ...(category.length > 0 ? { categories: category } : {}),
    ...(type.length > 0 ? { types: type } : {}),
    ...(tag.length > 0 ? { tags: tag } : {}),
    ...(Option.isSome(correlation) ? { correlationId: correlation.value } : {})
  }
  return Object.keys(filter).length > 0 ? filter : undefined
}

/** Returns an event with its fields in the order in which they are printed. */
export const shownEvent = ({ data, id, metadata, position, revision, stream, tags, time, type }: RecordedEvent) => ({
  position,
  stream,
  revision,
  type,
  time,
  id,
  data,
  metadata,
  tags
})

/** Prints one or several lines for each element. */
type Printer<A> = (element: A) => string

const fitted = (head: string, rest: string, width: number | undefined, styles: Styles): string => {
  const line = `${head}  ${rest}`
  const shown = width === undefined ? line : cut(line, width)
  // The place is dim, so that the eye finds what happened.
  return shown.length <= head.length ? shown : `${styles.dim(shown.slice(0, head.length))}${shown.slice(head.length)}`
}

const eventLine = (event: RecordedEvent, width: number | undefined, styles: Styles): string => {
  const place = `${String(event.position).padStart(7)}  ${time(event.time)}`
  const origin = pad(`${visible(event.stream)}@${event.revision}`, 20)
  const tags = event.tags.length > 0 ? `  ${event.tags.map((tag) => `#${visible(tag)}`).join(" ")}` : ""
  return fitted(place, `${origin}  ${pad(visible(event.type), 16)}  ${visibleJson(event.data)}${tags}`, width, styles)
}

const recordLine = (ordinal: number, record: JsonObject, width: number | undefined, styles: Styles): string =>
  fitted(String(ordinal).padStart(7), visibleJson(record), width, styles)

const flatLines = (value: JsonObject): string => `${visibleLinesOf(FlatView.flatten(value))}\n`

const visibleLinesOf = (entries: Iterable<FlatView.Entry>): string =>
  Array.from(entries, ([pointer, value]) => `${visible(pointer)}: ${visibleJson(value)}`).join("\n")

const printerOf = <A>(
  { flat, pretty }: Showing,
  isJson: boolean,
  valueOf: (element: A) => JsonObject,
  line: Printer<A>
): Printer<A> => {
  if (flat) return (element) => flatLines(valueOf(element)).trimEnd()
  if (pretty) return (element) => visibleJsonLines(valueOf(element))
  return isJson ? (element) => visibleJson(valueOf(element)) : line
}

const checkShowing = ({ flat, pretty }: Showing): Effect.Effect<void, Usage> =>
  flat && pretty ? Effect.fail(new Usage({ message: "--flat and --pretty exclude each other." })) : Effect.void

const printAll = <A, E, R>(
  elements: Stream.Stream<A, E, R>,
  printer: Printer<A>
): Effect.Effect<void, E | OutputClosed, R | Output> =>
  Effect.flatMap(Output, (output) =>
    // A chunk at a time: one write for many lines, and none is read before the last ones were written.
    Stream.runForEachArray(elements, (chunk) => output.print(chunk.map((element) => printer(element))))
  )

/** Prints events as they come. */
export const printEvents = <E, R>(events: Stream.Stream<RecordedEvent, E, R>, showing: Showing) =>
  Effect.gen(function* () {
    yield* checkShowing(showing)
    const { look } = yield* Output
    const { styles } = look()
    const printer = printerOf<RecordedEvent>(
      showing,
      yield* JsonFlag,
      (event) => shownEvent(event) as unknown as JsonObject,
      (event) => eventLine(event, look().width, styles)
    )
    yield* printAll(events, printer)
  })

/** A record of a tape, and its place on it. */
export interface Placed {
  readonly ordinal: number
  readonly record: JsonObject
}

/** Prints records as they come. For programs, they are printed as they are stored. */
export const printRecords = <E, R>(records: Stream.Stream<Placed, E, R>, showing: Showing) =>
  Effect.gen(function* () {
    yield* checkShowing(showing)
    const { look } = yield* Output
    const { styles } = look()
    const printer = printerOf<Placed>(
      showing,
      yield* JsonFlag,
      ({ record }) => record,
      ({ ordinal, record }) => recordLine(ordinal, record, look().width, styles)
    )
    yield* printAll(records, printer)
  })
