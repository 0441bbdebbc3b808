/** Reactors: side effects at least once with a stable key, their results recorded once, and dead letters. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Logger from "effect/Logger"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as EventStore from "litetapes/EventStore"
import type * as Lib from "litetapes/Lib"
import * as MemoryStorage from "litetapes/MemoryStorage"
import * as Reactor from "litetapes/Reactor"
import * as ScheduledEvents from "litetapes/ScheduledEvents"
import type { Storage } from "litetapes/Storage"
import { ConsumerSpec } from "litetapes/testing"
import { openSession, storeOf, tagOf } from "../support/openLib.ts"

type Store = EventStore.EventStore["Service"]
type React = Reactor.Options<string, unknown, never>["react"]

const quiet = Logger.layer([])

const opened = Effect.fnUntraced(function* (storage: Storage["Service"], options: Lib.Options = {}) {
  const { close, lib } = yield* openSession(storage, "lib", options)
  yield* Effect.addFinalizer(() => close)
  return { close, lib, storage, store: yield* storeOf(lib) }
})

const openMemory = Effect.flatMap(MemoryStorage.make, (storage) => opened(storage))

const reactorOf = (react: React, options: Partial<Reactor.Options<string, unknown, never>> = {}) =>
  Reactor.make({
    name: "payments",
    filter: { types: ["OrderPlaced"] },
    retry: Schedule.spaced(0),
    maxAttempts: 2,
    ...options,
    react
  })

/** Runs a reactor until `stop`. */
const start = (store: Store, react: React, options?: Partial<Reactor.Options<string, unknown, never>>) =>
  Effect.gen(function* () {
    const scope = yield* Scope.make()
    const running = yield* Reactor.run(reactorOf(react, options)).pipe(
      Effect.provideService(Scope.Scope, scope),
      Effect.provideService(EventStore.EventStore, store),
      Effect.onError(() => Scope.close(scope, Exit.void))
    )
    const stop = Scope.close(scope, Exit.void)
    yield* Effect.addFinalizer(() => stop)
    return { running, stop }
  })

const place = (store: Store, ...orders: ReadonlyArray<number>) =>
  Effect.forEach(orders, (n) => store.append(`order-${n}`, [{ type: "OrderPlaced", id: `placed-${n}`, data: { n } }]), {
    discard: true
  })

const taken = (store: Store) =>
  Effect.map(Stream.runCollect(store.readAll({ filter: { types: ["PaymentTaken"] } })), (events) =>
    events.map(({ data, stream }) => `${stream}: ${JSON.stringify(data)}`)
  )

/** A payment provider that knows keys. */
const makeProvider = () => {
  const calls: Array<string> = []
  const charged = new Set<string>()
  const declined = new Set<string>()
  const react: React = ({ data, stream }, { key }) =>
    Effect.suspend(() => {
      calls.push(key)
      if (declined.has(stream)) return Effect.fail(new Error(`${stream} is declined`))
      charged.add(key)
      return Effect.succeed({ stream, events: [{ type: "PaymentTaken", data: { call: calls.length, order: data } }] })
    })
  return { calls, charged, declined, react }
}

describe("a reactor", () => {
  it.effect("records each result together with its checkpoint, in one batch", () =>
    Effect.gen(function* () {
      const { close, lib, storage, store } = yield* openMemory
      const { calls, react } = makeProvider()
      yield* place(store, 1, 2, 3)
      const { batch } = yield* lib.durable
      const one = yield* start(store, react)
      yield* one.running.whenCaughtUp
      // Where it began, and three results.
      assert.strictEqual((yield* lib.durable).batch - batch, 4)
      assert.deepInclude((yield* lib.checkpoints)[0], { consumer: "payments", version: 1 })
      yield* one.stop
      yield* close
      const again = yield* opened(storage)
      const two = yield* start(again.store, react)
      yield* place(again.store, 1, 2, 3, 4)
      yield* two.running.whenCaughtUp
      assert.strictEqual(calls.length, 4)
      assert.strictEqual(new Set(calls).size, 4)
      assert.strictEqual((yield* taken(again.store)).length, 4)
    })
  )

  it.effect("gives the same key in each call for an event, in any lib, and another one for another version", () =>
    Effect.gen(function* () {
      const keys: Array<string> = []
      const react: React = (_, { key }) =>
        Effect.flatMap(
          Effect.sync(() => keys.push(key)),
          () => Effect.fail("later")
        )
      for (const version of [1, 1, 2]) {
        const { store } = yield* openMemory
        yield* place(store, 1)
        const { running } = yield* start(store, react, { version })
        yield* running.whenCaughtUp
      }
      // Other systems have seen these: they must never change.
      assert.strictEqual(new Set(keys.slice(0, 4)).size, 1)
      assert.strictEqual(new Set(keys).size, 2)
      assert.strictEqual(keys[0], "4a7ac327-3f49-8f8a-9e53-a16fc9546212")
    }).pipe(Effect.provide(quiet))
  )

  it.effect("keeps what it gives up as a dead letter, over restarts, until that is replayed or dropped", () =>
    Effect.gen(function* () {
      const { close, storage, store } = yield* openMemory
      const { calls, declined, react } = makeProvider()
      declined.add("order-1").add("order-2")
      const one = yield* start(store, react)
      yield* place(store, 1, 2, 3)
      yield* one.running.whenCaughtUp
      assert.deepStrictEqual(yield* taken(store), ['order-3: {"call":5,"order":{"n":3}}'])
      yield* one.stop
      yield* close

      const again = yield* opened(storage)
      const two = yield* start(again.store, react)
      yield* two.running.whenCaughtUp
      assert.strictEqual(calls.length, 5)
      assert.strictEqual((yield* two.running.status).parked, 2)
      const letters = yield* two.running.deadLetters
      assert.deepStrictEqual(
        letters.map(({ attempts, id, stream, why }) => [stream, id, attempts, why]),
        [
          ["order-1", "placed-1", 2, "order-1 is declined"],
          ["order-2", "placed-2", 2, "order-2 is declined"]
        ]
      )
      const [first, second] = letters
      assert.strictEqual(yield* tagOf(two.running.replay(first!.position)), "HandlerFailed")
      assert.strictEqual((yield* two.running.deadLetters)[0]?.attempts, 3)
      declined.clear()
      yield* two.running.replay(first!.position)
      yield* two.running.drop(second!.position)
      assert.strictEqual(yield* tagOf(two.running.replay(second!.position)), "NotParked")
      assert.deepStrictEqual(yield* taken(again.store), [
        'order-3: {"call":5,"order":{"n":3}}',
        'order-1: {"call":7,"order":{"n":1}}'
      ])
      // The call that succeeded had the key of those that failed.
      assert.strictEqual(calls[6], calls[0])
      yield* two.stop
      yield* again.close
      const last = yield* opened(storage)
      const three = yield* start(last.store, react)
      yield* three.running.whenCaughtUp
      assert.deepStrictEqual(yield* three.running.deadLetters, [])
      const stored = yield* Stream.runCollect(last.store.read("deadletter-payments"))
      assert.deepStrictEqual(
        stored.map(({ type }) => type),
        ["DeadLetterAdded", "DeadLetterAdded", "DeadLetterAdded", "DeadLetterRemoved", "DeadLetterRemoved"]
      )
      assert.strictEqual(stored[0]?.metadata["causationId"], "placed-1")
    }).pipe(Effect.provide(quiet))
  )

  it.effect("lets the first results stand if an event is handled again", () =>
    Effect.gen(function* () {
      const { store } = yield* openMemory
      const { calls, charged, react } = makeProvider()
      yield* place(store, 1, 2)
      const one = yield* start(store, react)
      yield* one.running.whenCaughtUp
      yield* one.stop
      const before = yield* taken(store)
      yield* store.appendAll([], { checkpoint: { consumer: "payments", low: 0, reset: true } })
      const two = yield* start(store, react)
      yield* two.running.whenCaughtUp
      assert.deepStrictEqual([calls.length, charged.size], [4, 2])
      assert.deepStrictEqual(yield* taken(store), before)
      assert.deepStrictEqual(yield* two.running.deadLetters, [])
    })
  )

  it.effect("records its result also if it has sent a command with its key, to the same stream", () =>
    Effect.gen(function* () {
      const { store } = yield* openMemory
      const reactWith =
        (store: Store): React =>
        ({ stream }, { key }) =>
          Effect.as(store.append(stream, [{ type: "Reserved" }, { type: "Charged" }], { commandId: key }), {
            stream,
            events: [{ type: "PaymentTaken" }, { type: "MailSent" }]
          })
      yield* place(store, 1)
      const one = yield* start(store, reactWith(store))
      yield* one.running.whenCaughtUp
      const first = yield* Stream.runCollect(store.read("order-1"))
      assert.deepStrictEqual(
        first.map(({ type }) => type),
        ["OrderPlaced", "Reserved", "Charged", "PaymentTaken", "MailSent"]
      )
      // Libs have events with such ids: they must never change.
      assert.strictEqual(first[3]?.id, "b00e7c3c-d8eb-8687-ad37-7683781ac48b")
      yield* one.stop
      yield* store.appendAll([], { checkpoint: { consumer: "payments", low: 0, reset: true } })
      const two = yield* start(store, reactWith(store))
      yield* two.running.whenCaughtUp
      assert.deepStrictEqual(yield* two.running.deadLetters, [])
      assert.deepStrictEqual(yield* Stream.runCollect(store.read("order-1")), first)
    })
  )

  it.effect("does not take the event of another for its result", () =>
    Effect.gen(function* () {
      const { store } = yield* openMemory
      yield* place(store, 1)
      yield* store.append("order-1", [{ type: "Other", id: "taken" }])
      const { running } = yield* start(store, ({ stream }, { key }) =>
        Effect.as(store.append(stream, [{ type: "Reserved" }], { commandId: key }), {
          stream,
          events: [{ type: "PaymentTaken" }, { type: "MailSent", id: "taken" }]
        })
      )
      yield* running.whenCaughtUp
      assert.strictEqual((yield* running.deadLetters).length, 1)
    }).pipe(Effect.provide(quiet))
  )

  it.effect("calls nothing again if only its append has failed, and the event is done", () =>
    Effect.gen(function* () {
      const { store } = yield* openMemory
      const { calls, react } = makeProvider()
      // The append succeeds, and its answer is lost.
      const lossy: Store = {
        ...store,
        appendAll: (appends, options) =>
          appends.length === 0
            ? store.appendAll(appends, options)
            : Effect.andThen(store.appendAll(appends, options), Effect.die("the answer is lost"))
      }
      yield* place(store, 1)
      const { running } = yield* start(lossy, react)
      yield* running.whenCaughtUp
      assert.strictEqual(calls.length, 1)
      assert.strictEqual((yield* taken(store)).length, 1)
    }).pipe(Effect.provide(quiet))
  )

  it.effect("does not react to dead letters without being asked to", () =>
    Effect.gen(function* () {
      const { store } = yield* openMemory
      const seen: Array<string> = []
      const react: React = ({ type }) =>
        Effect.andThen(
          Effect.sync(() => seen.push(type)),
          Effect.fail("no")
        )
      yield* place(store, 1)
      const all = { filter: {}, maxAttempts: 1 }
      const one = yield* start(store, react, { name: "one", ...all })
      const two = yield* start(store, react, { name: "two", ...all })
      const alarm = yield* start(store, ({ stream }) => Effect.asVoid(Effect.sync(() => seen.push(stream))), {
        name: "alarm",
        filter: { categories: ["deadletter"] }
      })
      for (let n = 0; n < 3; n++) {
        for (const { running } of [one, two, alarm]) yield* running.whenCaughtUp
      }
      assert.deepStrictEqual(seen.toSorted(), ["OrderPlaced", "OrderPlaced", "deadletter-one", "deadletter-two"])
    }).pipe(Effect.provide(quiet))
  )

  it.effect("schedules a timeout with its result, and leaves both out or neither", () =>
    Effect.gen(function* () {
      const { store } = yield* openMemory
      const timeouts = ScheduledEvents.make({ name: "timeout" })
      const react: React = ({ stream, time }) =>
        Effect.succeed([
          { stream, events: [{ type: "PaymentTaken" }] },
          timeouts.toAppend({
            id: stream,
            deliverAt: Date.parse(time) + 1000,
            stream,
            event: { type: "PaymentOverdue" }
          })
        ])
      const { running } = yield* start(store, react)
      yield* place(store, 1)
      yield* running.whenCaughtUp
      const events = yield* Stream.runCollect(store.readAll())
      assert.deepStrictEqual(
        events.map(({ stream, type }) => `${stream} ${type}`),
        ["order-1 OrderPlaced", "order-1 PaymentTaken", "timeout-order-1 EventScheduled"]
      )
      assert.deepStrictEqual(events[2]?.metadata, { causationId: "placed-1", correlationId: "placed-1" })
    })
  )

  it.effect("is refused on a lib that is open for reading, and while it runs", () =>
    Effect.gen(function* () {
      const { storage, store } = yield* openMemory
      const { react } = makeProvider()
      yield* start(store, react)
      assert.strictEqual(yield* tagOf(start(store, react)), "ConsumerClaimed")
      const reader = yield* opened(storage, { mode: "read" })
      assert.strictEqual(yield* tagOf(start(reader.store, react)), "CheckpointsNeedWriter")
    })
  )

  it.effect("can be tested by the spec of consumers", () => {
    const shipping = reactorOf(({ data, stream }) =>
      Effect.succeed({ stream: `shipment-${stream}`, events: [{ type: "Shipped", data }] })
    )
    const placed = { stream: "order-1", events: [{ type: "OrderPlaced", data: { n: 1 } }] }
    const shipped = { stream: "shipment-order-1", events: [{ type: "Shipped", data: { n: 1 } }] }
    return ConsumerSpec.given(shipping.consumer, []).when(placed).thenAppends(shipped)
  })

  it("refuses what it cannot be made of", () => {
    const given = { name: "a", filter: {}, react: () => Effect.void }
    const wrong: ReadonlyArray<object> = [
      { ...given, name: "A" },
      { ...given, name: undefined },
      { ...given, filter: undefined },
      { ...given, react: undefined },
      { ...given, onPoison: "skip" },
      { ...given, maxAttempts: 0 }
    ]
    for (const options of wrong) {
      assert.throws(() => Reactor.make(options as never), /Reactor\.make/)
    }
  })
})
