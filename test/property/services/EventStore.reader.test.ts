/**
 * A slow reader gets the events that existed when it began, once and in order, however they move meanwhile: into
 * segments, out of dynamic segments that are dropped, and with new events after them.
 */
import * as Effect from "effect/Effect"
import * as fc from "fast-check"
import * as Stream from "effect/Stream"
import * as EventStore from "litetapes/EventStore"
import * as Lib from "litetapes/Lib"
import * as MemoryStorage from "litetapes/MemoryStorage"
import { Storage } from "litetapes/Storage"
import * as Tape from "litetapes/Tape"
import { describe, it } from "vitest"
import { EventModel } from "../../support/eventModel.ts"
import { assertEvents } from "../../support/eventRun.ts"
import { runs } from "../../support/runs.ts"

type Store = EventStore.EventStore["Service"]

/** An append of that many events, each as long as a dynamic segment; or a flush. */
type Step = { readonly stream: string; readonly count: number } | "flush"

const streams = ["order-1", "order-2", "acc-1"]

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ stream: fc.constantFrom(...streams), count: fc.integer({ min: 1, max: 4 }) }) },
  { weight: 1, arbitrary: fc.constant("flush" as const) }
)

const place = fc.option(fc.nat({ max: 20 }), { nil: undefined })

const range = fc
  .record({ from: place, to: place, limit: place, direction: fc.constantFrom("forward" as const, "backward" as const) })
  .map(
    (options) =>
      Object.fromEntries(
        Object.entries(options).filter(([, value]) => value !== undefined)
      ) as EventStore.ReadStreamOptions
  )

const take = Effect.fnUntraced(function* (store: Store, model: EventModel, step: Step) {
  if (step === "flush") {
    for (const { name } of yield* store.lib.tapes) {
      const tape = yield* Effect.provideService(Tape.make(name), Lib.Lib, store.lib)
      yield* tape.appendSegment
    }
    return
  }
  const events = Array.from({ length: step.count }, () => ({ type: "Filled", data: "x".repeat(500) }))
  model.apply({ appends: [{ stream: step.stream, events }] })
  yield* store.append(step.stream, events)
})

const check = Effect.fnUntraced(function* (
  before: ReadonlyArray<Step>,
  between: ReadonlyArray<Step>,
  stream: string | undefined,
  options: EventStore.ReadStreamOptions,
  beside: boolean
) {
  const model = new EventModel({ kind: "category" })
  const store = yield* EventStore.open("place", { closeBytes: 2048, backlogMax: 1 })
  for (const step of before) yield* take(store, model, step)
  const reader = beside ? yield* EventStore.open("place", { mode: "read" }) : store
  const expected = stream === undefined ? model.readAll(options) : model.read(stream, options)
  const read = stream === undefined ? reader.readAll(options) : reader.read(stream, options)
  const seen: Array<EventStore.RecordedEvent> = []
  let pieces = 0
  yield* Stream.runForEachArray(
    read as Stream.Stream<EventStore.RecordedEvent, EventStore.StreamReadError>,
    (events) => {
      seen.push(...events)
      return take(store, model, between[pieces++ % between.length]!)
    }
  )
  assertEvents(seen, expected)
})

describe("a slow reader", () => {
  it("misses and repeats no event while the events move", async () => {
    const property = fc.asyncProperty(
      fc.array(step, { maxLength: 15, size: "max" }),
      fc.array(step, { minLength: 1, maxLength: 5, size: "max" }),
      fc.constantFrom(undefined, ...streams),
      range,
      fc.boolean(),
      (...args) =>
        Effect.runPromise(
          Effect.flatMap(MemoryStorage.make, (storage) =>
            Effect.provideService(Effect.scoped(check(...args)), Storage, storage)
          )
        )
    )
    await fc.assert(property, { numRuns: 3 * runs })
  })
})
