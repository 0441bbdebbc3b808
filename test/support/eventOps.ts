/** Sequences of operations on an event store, as data. */
import * as fc from "fast-check"
import type { ExpectedRevision, NewEvent, ReadAllOptions, ReadStreamOptions } from "litetapes/EventStore"
import type { Placement } from "litetapes/Placement"
import type { Attempt, EventModel } from "./eventModel.ts"

/** One placement of each kind. */
export const placements: ReadonlyArray<Placement> = [
  { kind: "category-or-shared" },
  { kind: "category" },
  { kind: "stream" },
  { kind: "single" },
  { kind: "hashed", tapes: 3 }
]

/** The expected revision of an append, relative to the stream's last one. */
export type Expectation = "any" | "no-stream" | "stream-exists" | { readonly off: number }

export interface Entry {
  readonly stream: string
  readonly events: ReadonlyArray<NewEvent>
  readonly expected: Expectation
}

/** An append, or a repeat of an earlier one as it was or with a change. Some are made by a command. */
export type Call =
  | { readonly kind: "append"; readonly entries: ReadonlyArray<Entry>; readonly commandId: string | undefined }
  | { readonly kind: "repeat"; readonly pick: number; readonly change: Change; readonly expected: Expectation }

/** How a repeat differs from the first append, in each stream: fewer events, one more, another trace, tags in other words. */
type Change = (typeof changes)[number]

const changes = ["nothing", "nothing", "none", "fewer", "more", "trace", "tags"] as const

export type Op =
  | { readonly kind: "call"; readonly call: Call }
  | { readonly kind: "together"; readonly calls: ReadonlyArray<Call> }
  | { readonly kind: "flush" | "archive" | "activate"; readonly pick: number }
  | { readonly kind: "reopen" | "crash" | "reader" }
  | { readonly kind: "copy"; readonly placement: Placement; readonly beside: boolean }
  | { readonly kind: "find"; readonly stream: string; readonly id: string; readonly commandId: string }
  | { readonly kind: "read"; readonly stream: string; readonly options: ReadStreamOptions }
  | { readonly kind: "readAll"; readonly options: ReadAllOptions }

/**
 * Two of them differ only in normalisation, one has no category, one is its own category. Two are named by UUIDs, one of
 * which is of a category that has another stream; one is of a category whose tape is the shared one.
 */
const uuid = "0f1e2d3c-4b5a-6978-8796-A5B4C3D2E1F0"
const streams = [
  uuid,
  uuid.toLowerCase(),
  "0f1e2d3c-1",
  "events-1",
  "order-1",
  "order-2",
  "order-2-x",
  "acc-1",
  "acc-2",
  "acc",
  "Ünï-☃\u2028",
  "é-1",
  "e\u0301-1",
  "-1"
]
const stream = fc.constantFrom(...streams)

const types = ["Opened", "Changed", 'Clo"sed', "変更"]
const tags = ["a", "b", "☃"]
const correlations = ["c-1", "c\u2028"]

export const commandIds = ["c-1", "c-2", "ç-3\u2028"]
const ids = ["i-1", "i-2", "i-3", "i-4", "ï-5\u2028", "i-6"]

/** Fillers are so long that a dynamic segment holds only a few. */
const data = fc.oneof(
  fc.constantFrom(undefined, 1, "x", { a: 1 }),
  fc.nat({ max: 9 }).map((n) => ({ filler: String(n).repeat(90 * n) }))
)

/** Few ids, so that they often collide. */
const event: fc.Arbitrary<NewEvent> = fc
  .record({
    type: fc.constantFrom(...types),
    data,
    id: fc.option(fc.constantFrom(...ids), { nil: undefined, freq: 2 }),
    tags: fc.option(fc.subarray(tags), { nil: undefined }),
    correlationId: fc.option(fc.constantFrom(...correlations), { nil: undefined })
  })
  .map(({ type, data, id, tags, correlationId }) => ({
    type,
    ...(data === undefined ? {} : { data }),
    ...(id === undefined ? {} : { id }),
    ...(tags === undefined ? {} : { tags }),
    ...(correlationId === undefined ? {} : { metadata: { correlationId } })
  }))

const expected: fc.Arbitrary<Expectation> = fc.oneof(
  { weight: 4, arbitrary: fc.constant("any" as const) },
  { weight: 4, arbitrary: fc.constant({ off: 0 }) },
  { weight: 3, arbitrary: fc.constantFrom("no-stream" as const, "stream-exists" as const, { off: -1 }, { off: 1 }) }
)

const one = fc.record({ stream, events: fc.array(event, { maxLength: 3 }), expected }).map((entry) => [entry])
const some = fc.array(fc.record({ stream, events: fc.array(event, { maxLength: 2 }), expected }), { maxLength: 3 })

const append = (entries: fc.Arbitrary<ReadonlyArray<Entry>>): fc.Arbitrary<Call> =>
  fc
    .record({ entries, commandId: fc.option(fc.constantFrom(...commandIds), { nil: undefined, freq: 2 }) })
    .map(({ commandId, entries }) => ({
      kind: "append",
      // The events of a command have no ids of their own.
      entries:
        commandId === undefined
          ? entries
          : entries.map(({ events, ...entry }) => ({ ...entry, events: events.map(({ id, ...event }) => event) })),
      commandId
    }))

const call: fc.Arbitrary<Call> = fc.oneof(
  { weight: 5, arbitrary: append(one) },
  { weight: 3, arbitrary: append(some) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("repeat" as const),
      pick: fc.nat(),
      change: fc.constantFrom(...changes),
      expected
    })
  }
)

const place = fc.option(fc.integer({ min: 0, max: 12 }), { nil: undefined })
const direction = fc.constantFrom(undefined, "forward" as const, "backward" as const)
const someOf = <A>(values: ReadonlyArray<A>) => fc.option(fc.subarray([...values]), { nil: undefined })

const fieldsWithin = {
  types: someOf([...types, "Never"]),
  tags: someOf(tags),
  correlationId: fc.option(fc.constantFrom(...correlations), { nil: undefined })
}

/** A filter within one stream. */
const filterWithin = fc.record(fieldsWithin).map(given)

const filter = fc
  .record({ categories: someOf(["order", "acc", "é", "", "nobody", "0f1e2d3c", "events"]), ...fieldsWithin })
  .map(given)

const range = fc.record({ from: place, to: place, limit: place, direction }).map(given)

/** Returns the options without the keys whose value is `undefined`. */
function given<A extends object>(options: A): { [K in keyof A]?: Exclude<A[K], undefined> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as never
}

const op: fc.Arbitrary<Op> = fc.oneof(
  { weight: 12, arbitrary: call.map((call) => ({ kind: "call" as const, call })) },
  {
    weight: 4,
    arbitrary: fc.array(call, { minLength: 2, maxLength: 4 }).map((calls) => ({ kind: "together" as const, calls }))
  },
  { weight: 3, arbitrary: fc.nat().map((pick) => ({ kind: "flush" as const, pick })) },
  { weight: 1, arbitrary: fc.nat().map((pick) => ({ kind: "archive" as const, pick })) },
  { weight: 1, arbitrary: fc.nat().map((pick) => ({ kind: "activate" as const, pick })) },
  { weight: 1, arbitrary: fc.constantFrom({ kind: "reopen" as const }, { kind: "crash" as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: "reader" as const }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("copy" as const),
      placement: fc.constantFrom(...placements),
      beside: fc.boolean()
    })
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(stream, range, fc.option(filterWithin, { nil: undefined }))
      .map(([stream, options, filter]) => ({ kind: "read" as const, stream, options: given({ ...options, filter }) }))
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("find" as const),
      stream,
      id: fc.constantFrom(...ids),
      commandId: fc.constantFrom(...commandIds)
    })
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(range, fc.option(filter, { nil: undefined }))
      .map(([options, filter]) => ({ kind: "readAll" as const, options: given({ ...options, filter }) }))
  }
)

export const opsOf = (maxLength: number): fc.Arbitrary<ReadonlyArray<Op>> =>
  fc.array(op, { minLength: 1, maxLength, size: "max" })

/** Returns the appends that a call means at this moment. */
export const attemptOf = (call: Call, model: EventModel, history: ReadonlyArray<Attempt>): Attempt => {
  const resolve = (stream: string, expectation: Expectation): ExpectedRevision => {
    if (typeof expectation === "string") return expectation
    const revision = model.revision(stream) + expectation.off
    return revision < 0 ? "no-stream" : revision
  }
  if (call.kind === "append") {
    const { commandId, entries } = call
    const appends = entries.map((entry) => ({ ...entry, expected: resolve(entry.stream, entry.expected) }))
    return { appends, ...(commandId === undefined ? {} : { commandId }) }
  }
  const { appends, ...earlier } = history[call.pick % history.length] ?? { appends: [] }
  return {
    ...earlier,
    appends: appends.map(({ events, stream }) => ({
      stream,
      events: changed(events, call.change),
      expected: resolve(stream, call.expected)
    }))
  }
}

const changed = (events: ReadonlyArray<NewEvent>, change: Change): ReadonlyArray<NewEvent> => {
  switch (change) {
    case "nothing":
      return events
    case "none":
      return []
    case "fewer":
      return events.slice(0, -1)
    case "more":
      return [...events, { type: "Opened" }]
    case "trace":
      return events.map((event) => ({ ...event, metadata: { correlationId: "c-2", trace: 7 } }))
    case "tags":
      return events.map(({ tags = [], ...event }) => ({ ...event, tags: tags.toReversed() }))
  }
}
