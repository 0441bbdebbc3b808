/** `litetapes cat` */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { category } from "../../domain/format/Placement.ts"
import { Failed, Usage } from "../errors.ts"
import { type Filtering, filterOf, type Placed, printEvents, printRecords, type Showing } from "../events.ts"
import type { EventStore, RecordedEvent } from "../../services/EventStore.ts"
import type { LibService } from "../../services/Lib.ts"
import { parseInstant } from "../instant.ts"
import { reader, storeOf, tapeOf, within } from "../openLib.ts"

interface Input extends Filtering, Showing {
  readonly name: Option.Option<string>
  readonly stream: boolean
  readonly from: Option.Option<number>
  readonly to: Option.Option<number>
  readonly limit: Option.Option<number>
  readonly reverse: boolean
  readonly since: Option.Option<string>
  readonly until: Option.Option<string>
}

interface Range {
  readonly from?: number
  readonly to?: number
}

const rangeOf = ({ from, to }: Input): Range => ({
  ...(Option.isSome(from) ? { from: from.value } : {}),
  ...(Option.isSome(to) ? { to: to.value } : {})
})

const instant = (flag: string, text: Option.Option<string>): Effect.Effect<string | undefined, Usage> => {
  if (Option.isNone(text)) return Effect.succeed(undefined)
  const parsed = parseInstant(text.value)
  return parsed === undefined
    ? Effect.fail(
        new Usage({
          message: `--${flag} must be a time such as 2026-11-30 or 2026-11-30T12:00:00Z, not ${JSON.stringify(text.value)}.`
        })
      )
    : Effect.succeed(parsed)
}

/** Returns which times are wanted; `undefined`: all. */
const timesOf = (input: Input) =>
  Effect.gen(function* () {
    const since = yield* instant("since", input.since)
    const until = yield* instant("until", input.until)
    if (since === undefined && until === undefined) return undefined
    return (time: string): boolean => (since === undefined || time >= since) && (until === undefined || time < until)
  })

const isEvent = ({ record }: Placed): boolean =>
  typeof record["stream"] === "string" && typeof record["time"] === "string"

/** Returns the event in a record of an event tape. */
const eventOf = ({ record: { $type: type, ...event } }: Placed): RecordedEvent =>
  ({ ...event, type }) as unknown as RecordedEvent

const take = <A, E, R>(elements: Stream.Stream<A, E, R>, limit: Option.Option<number>): Stream.Stream<A, E, R> =>
  Option.isSome(limit) ? Stream.take(elements, limit.value) : elements

/** Prints the records of a tape: those of an event tape as events. */
const printTape = (lib: LibService, name: string, input: Input, isAt: ((time: string) => boolean) | undefined) =>
  Effect.gen(function* () {
    const tape = yield* tapeOf(lib, name)
    const { role } = yield* tape.meta
    const size = yield* tape.size
    const { allowGaps, limit, reverse } = input
    const { from = 0, to = size } = rangeOf(input)
    const filter = filterOf(input)
    if (role !== "events" && (filter !== undefined || isAt !== undefined)) {
      return yield* new Usage({
        message: `${name} is a tape of records: only events have a type, a tag, a category, a correlation id and a time to filter by.`
      })
    }
    const end = Math.min(to, size)
    const isAll = filter === undefined && isAt === undefined
    // What is wanted at most need not be read, if nothing is left out.
    const most = Option.isSome(limit) && isAll ? limit.value : Number.POSITIVE_INFINITY
    const range = reverse
      ? { from: Math.max(from, end - most), to: end }
      : { from, to: Math.max(from, Math.min(end, from + most)) }
    const records = Stream.mapAccum(
      tape.records({ ...range, reverse, allowGaps }),
      () => (reverse ? range.to - 1 : range.from),
      (ordinal, record): [number, ReadonlyArray<Placed>] => [ordinal + (reverse ? -1 : 1), [{ ordinal, record }]]
    )
    if (role !== "events") return yield* printRecords(take(records, limit), input)
    const wanted = (event: RecordedEvent): boolean =>
      (isAt === undefined || isAt(event.time)) &&
      (input.type.length === 0 || input.type.includes(event.type)) &&
      input.tag.every((tag) => event.tags.includes(tag)) &&
      (input.category.length === 0 || input.category.includes(category(event.stream))) &&
      (Option.isNone(input.correlation) || event.metadata["correlationId"] === input.correlation.value)
    const events = Stream.filter(Stream.map(Stream.filter(records, isEvent), eventOf), wanted)
    yield* printEvents(take(events, limit), input)
  })

const printStore = (
  store: EventStore["Service"],
  stream: string | undefined,
  input: Input,
  isAt: ((time: string) => boolean) | undefined
) => {
  const { allowGaps, limit, reverse } = input
  const direction = reverse ? ("backward" as const) : ("forward" as const)
  const most = isAt === undefined && Option.isSome(limit) ? { limit: limit.value } : {}
  const options = { ...rangeOf(input), ...most, direction, allowGaps }
  const filter = filterOf(input)
  const filtered = filter === undefined ? {} : { filter }
  const all: Stream.Stream<RecordedEvent, unknown> =
    stream === undefined
      ? store.readAll({ ...options, ...filtered })
      : store.read(stream, { ...options, ...(filtered as object) })
  const events = isAt === undefined ? all : Stream.filter(all, ({ time }) => isAt(time))
  return printEvents(take(events, limit), input)
}

const program = (input: Input) =>
  Effect.gen(function* () {
    const isAt = yield* timesOf(input)
    const lib = yield* reader
    const store = yield* storeOf(lib)
    if (Option.isNone(input.name)) return yield* printStore(store, undefined, input, isAt)
    const name = input.name.value
    const isTape = !input.stream && (yield* lib.tapes).some((tape) => tape.name === name)
    if (isTape) return yield* printTape(lib, name, input, isAt)
    if ((yield* store.revision(name)) === "no-stream") {
      return yield* new Failed({
        message: `there is ${input.stream ? "no stream" : "neither a tape nor a stream"} ${JSON.stringify(name)}; litetapes ls lists the tapes, litetapes streams the streams.`
      })
    }
    yield* printStore(store, name, input, isAt)
  })

export const run = (input: Input) => within(program(input))
