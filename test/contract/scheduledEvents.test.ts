/** Scheduled events: durable, delivered once when they are due, unless they are cancelled. */
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Logger from "effect/Logger"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import * as EventContext from "litetapes/EventContext"
import * as EventStore from "litetapes/EventStore"
import * as MemoryStorage from "litetapes/MemoryStorage"
import * as ScheduledEvents from "litetapes/ScheduledEvents"
import { makeJumpingClock } from "../support/jumpingClock.ts"
import { openSession, settle, storeOf, tagOf } from "../support/openLib.ts"

type Store = EventStore.EventStore["Service"]

const reminders = ScheduledEvents.make({ name: "reminder" })
const begin = Date.UTC(2030, 0, 1)
const minute = 60_000
const quiet = Logger.layer([])

const openMemory = Effect.gen(function* () {
  yield* TestClock.setTime(begin)
  const storage = yield* MemoryStorage.make
  const { close, lib } = yield* openSession(storage, "lib")
  yield* Effect.addFinalizer(() => close)
  return { storage, lib, close, store: yield* storeOf(lib) }
})

/** Delivers until `stop`. */
const start = (store: Store) =>
  Effect.gen(function* () {
    const scope = yield* Scope.make()
    const running = yield* ScheduledEvents.run(reminders).pipe(
      Effect.provideService(Scope.Scope, scope),
      Effect.provideService(EventStore.EventStore, store)
    )
    const stop = Scope.close(scope, Exit.void)
    yield* Effect.addFinalizer(() => stop)
    return { running, stop }
  })

const schedule = (store: Store, id: string, deliverAt: number, stream = "order-1") =>
  Effect.provideService(
    reminders.schedule({ id, deliverAt, stream, event: { type: "Overdue", data: { id } } }),
    EventStore.EventStore,
    store
  )

const cancel = (store: Store, id: string) => Effect.provideService(reminders.cancel(id), EventStore.EventStore, store)

const delivered = (store: Store) =>
  Effect.map(Stream.runCollect(store.readAll({ filter: { types: ["Overdue"] } })), (events) =>
    events.map(({ data }) => (data as { readonly id: string }).id)
  )

describe("scheduled events", () => {
  it.effect("are delivered once, when they are due, and not before", () =>
    Effect.gen(function* () {
      const { store } = yield* openMemory
      const { running } = yield* start(store)
      yield* schedule(store, "a", begin + 30 * minute)
      yield* schedule(store, "b", begin + 10 * minute)
      yield* running.whenCaughtUp
      assert.deepStrictEqual(yield* running.open, [
        { id: "b", deliverAt: begin + 10 * minute, position: 1 },
        { id: "a", deliverAt: begin + 30 * minute, position: 0 }
      ])
      yield* TestClock.adjust("9 minutes")
      yield* running.whenCaughtUp
      assert.deepStrictEqual(yield* delivered(store), [])
      yield* TestClock.adjust("1 minute")
      yield* running.whenCaughtUp
      assert.deepStrictEqual(yield* delivered(store), ["b"])
      yield* TestClock.adjust("1 day")
      yield* running.whenCaughtUp
      assert.deepStrictEqual(yield* delivered(store), ["b", "a"])
      assert.deepInclude(yield* running.status, { state: "running", open: 0, nextDue: undefined })
      const own = yield* Stream.runCollect(store.read("reminder-a"))
      assert.deepStrictEqual(
        own.map(({ type }) => type),
        ["EventScheduled", "ScheduledEventDelivered"]
      )
    })
  )

  it.effect("are caused by what scheduled them, and keep their own metadata, tags and id", () =>
    Effect.gen(function* () {
      const { store } = yield* openMemory
      const { running } = yield* start(store)
      const event = { type: "Overdue", id: "own", data: { cents: 5 }, tags: ["late"], metadata: { by: "me" } }
      yield* reminders
        .schedule({ id: "a", deliverAt: new Date(begin), stream: "order-1", event })
        .pipe(
          EventContext.provide({ correlationId: "c", causationId: "d", metadata: { tenant: "t", other: 1 } }),
          Effect.provideService(EventStore.EventStore, store)
        )
      yield* schedule(store, "b", begin)
      yield* running.whenCaughtUp
      const [scheduled] = yield* Stream.runCollect(store.read("reminder-a"))
      const [first, second] = yield* Stream.runCollect(store.read("order-1"))
      assert.deepStrictEqual([first?.id, first?.data, first?.tags], ["own", { cents: 5 }, ["late"]])
      const marks = { correlationId: "c", causationId: scheduled!.id, tenant: "t", by: "me" }
      assert.deepStrictEqual<object>({ ...first?.metadata }, marks)
      const [other] = yield* Stream.runCollect(store.read("reminder-b"))
      assert.deepStrictEqual({ ...second?.metadata }, { correlationId: other!.id, causationId: other!.id })
    })
  )

  it.effect("are scheduled once under an id", () =>
    Effect.gen(function* () {
      const { store } = yield* openMemory
      const { running } = yield* start(store)
      assert.isFalse((yield* schedule(store, "a", begin)).repeated)
      assert.isTrue((yield* schedule(store, "a", begin)).repeated)
      yield* running.whenCaughtUp
      assert.isTrue((yield* schedule(store, "a", begin)).repeated)
      assert.strictEqual(yield* tagOf(schedule(store, "a", begin + 1)), "EventIdConflict")
      yield* running.whenCaughtUp
      assert.deepStrictEqual(yield* delivered(store), ["a"])
    })
  )

  it.effect("are not delivered once they are cancelled, also by a run that has not read the cancellation", () =>
    Effect.gen(function* () {
      const { store } = yield* openMemory
      yield* schedule(store, "a", begin + minute)
      yield* schedule(store, "b", begin + minute)
      // This run never hears of what is appended later.
      const deaf = {
        ...store,
        subscribeBatches: () => Stream.concat(Stream.take(store.subscribeBatches(), 1), Stream.never)
      }
      const { running } = yield* start(deaf)
      yield* settle
      assert.strictEqual((yield* running.status).open, 2)
      assert.strictEqual(yield* cancel(store, "a"), "cancelled")
      assert.strictEqual(yield* cancel(store, "a"), "cancelled")
      yield* TestClock.adjust("1 minute")
      yield* settle
      assert.deepStrictEqual(yield* delivered(store), ["b"])
      assert.strictEqual((yield* running.status).open, 0)
      assert.strictEqual(yield* cancel(store, "b"), "too-late")
      assert.strictEqual(yield* cancel(store, "c"), "unknown")
    })
  )

  it.effect("are delivered once by two runs at the same time", () =>
    Effect.gen(function* () {
      const { store } = yield* openMemory
      const ids = Array.from({ length: 100 }, (_, n) => `n${n}`)
      const [one, two] = [yield* start(store), yield* start(store)]
      yield* Effect.forEach(ids, (id, n) => schedule(store, id, begin + n), { discard: true })
      yield* TestClock.adjust("1 minute")
      yield* one.running.whenCaughtUp
      yield* two.running.whenCaughtUp
      assert.deepStrictEqual((yield* delivered(store)).toSorted(), ids.toSorted())
    })
  )

  it.effect("that are due at the start are delivered in the order of their times, many in a batch", () =>
    Effect.gen(function* () {
      const { close, storage, store } = yield* openMemory
      const open = 10_000
      const due = 200
      // Positions and times are in opposite orders.
      const at = (n: number) => (n < due ? begin - n : begin + n * minute)
      for (let from = 0; from < open; from += 1000) {
        const appends = Array.from({ length: 1000 }, (_, n) => {
          const id = `n${from + n}`
          return reminders.toAppend({
            id,
            deliverAt: at(from + n),
            stream: `order-${n % 3}`,
            event: { type: "Overdue", data: { id } }
          })
        })
        yield* store.appendAll(appends)
      }
      yield* close
      const again = yield* openSession(storage, "lib")
      yield* Effect.addFinalizer(() => again.close)
      const reopened = yield* storeOf(again.lib)
      const { batch } = yield* again.lib.durable
      const { running } = yield* start(reopened)
      yield* running.whenCaughtUp
      const wanted = Array.from({ length: due }, (_, n) => `n${due - 1 - n}`)
      assert.deepStrictEqual(yield* delivered(reopened), wanted)
      // 4 batches of deliveries, and the note of how far everything is settled.
      assert.isAtMost((yield* again.lib.durable).batch - batch, 5)
      const { nextDue, open: left } = yield* running.status
      assert.deepStrictEqual([left, nextDue], [open - due, begin + due * minute])
    })
  )

  it.effect("that are settled are not read again at each start", () =>
    Effect.gen(function* () {
      const { lib, store } = yield* openMemory
      const first = yield* start(store)
      const entry = (id: string, deliverAt: number) =>
        reminders.toAppend({ id, deliverAt, stream: "order-1", event: { type: "Overdue", data: { id } } })
      yield* store.appendAll(Array.from({ length: 600 }, (_, n) => entry(`n${n}`, begin)))
      yield* schedule(store, "open", begin + minute)
      yield* first.running.whenCaughtUp
      yield* first.stop
      yield* first.running.stopped
      assert.strictEqual((yield* first.running.status).state, "stopped")
      assert.strictEqual(yield* tagOf(first.running.whenCaughtUp), "DeliveriesStopped")
      const low = (yield* lib.checkpoints).find(({ consumer }) => consumer === "scheduled-reminder")?.low
      assert.strictEqual(low, 600)
      const from: Array<unknown> = []
      const noting = {
        ...store,
        subscribeBatches: (options?: EventStore.SubscribeOptions) => {
          from.push(options?.from)
          return store.subscribeBatches(options)
        }
      }
      const second = yield* start(noting)
      yield* second.running.whenCaughtUp
      assert.deepStrictEqual(from, [{ after: 599 }])
      assert.deepStrictEqual(
        (yield* second.running.open).map(({ id }) => id),
        ["open"]
      )
      yield* TestClock.adjust("1 minute")
      yield* second.running.whenCaughtUp
      assert.strictEqual((yield* delivered(store)).length, 601)
    })
  )

  it.effect("have one timer, of a minute at most, and none while nothing is open", () => {
    const { clock, elapse, set, timers } = makeJumpingClock(begin)
    return Effect.gen(function* () {
      const storage = yield* MemoryStorage.make
      const { close, lib } = yield* openSession(storage, "lib", { closeAfter: "1 hour" })
      yield* Effect.addFinalizer(() => close)
      const store = yield* storeOf(lib)
      const ours = () => timers().filter((left) => left <= minute)
      const { running } = yield* start(store)
      yield* settle
      assert.deepStrictEqual(ours(), [])
      yield* schedule(store, "late", begin + 100 * minute)
      yield* schedule(store, "soon", begin + minute / 2)
      yield* settle
      assert.deepStrictEqual(ours(), [minute / 2])
      yield* cancel(store, "soon")
      yield* settle
      assert.deepStrictEqual(ours(), [minute])
      // The clock is set forward, and the timer finds it out.
      set(begin + 100 * minute)
      elapse(minute - 1)
      yield* settle
      assert.deepStrictEqual(yield* delivered(store), [])
      elapse(1)
      yield* settle
      assert.deepStrictEqual(yield* delivered(store), ["late"])
      assert.deepStrictEqual(ours(), [])
      // It is set back: what was delivered stays so, and what is due later waits.
      set(begin)
      yield* schedule(store, "next", begin + 2 * minute)
      yield* settle
      elapse(minute)
      yield* settle
      assert.deepStrictEqual(yield* delivered(store), ["late"])
      elapse(minute)
      yield* settle
      assert.deepStrictEqual(yield* delivered(store), ["late", "next"])
      assert.strictEqual((yield* running.status).state, "running")
    }).pipe(Effect.provideService(Clock.Clock, clock))
  })

  it.effect("that their stream cannot take are given up, and hold up no other", () =>
    Effect.gen(function* () {
      const { lib, store } = yield* openMemory
      yield* store.append("old-1", [{ type: "Made" }])
      yield* lib.archive("old")
      yield* schedule(store, "a", begin, "old-1")
      yield* schedule(store, "b", begin)
      const { running } = yield* start(store)
      yield* running.whenCaughtUp
      assert.deepStrictEqual(yield* delivered(store), ["b"])
      const own = yield* Stream.runCollect(store.read("reminder-a"))
      assert.deepStrictEqual(
        own.map(({ type }) => type),
        ["EventScheduled", "ScheduledEventFailed"]
      )
      assert.match((own[1]!.data as { readonly why: string }).why, /archived/)
      assert.strictEqual(yield* cancel(store, "a"), "too-late")
    }).pipe(Effect.provide(quiet))
  )

  it.effect("that were delivered are not delivered again after a restore has left out only that", () =>
    Effect.gen(function* () {
      const { store } = yield* openMemory
      yield* schedule(store, "a", begin)
      const { running, stop } = yield* start(store)
      yield* running.whenCaughtUp
      yield* stop
      const [event] = yield* Stream.runCollect(store.read("order-1"))
      // What such a restore leaves.
      const storage = yield* MemoryStorage.make
      const { close, lib } = yield* openSession(storage, "restored")
      yield* Effect.addFinalizer(() => close)
      const restored = yield* storeOf(lib)
      yield* schedule(restored, "a", begin)
      yield* restored.append("order-1", [{ type: event!.type, id: event!.id, data: event!.data }])
      const again = yield* start(restored)
      yield* again.running.whenCaughtUp
      assert.deepStrictEqual(yield* delivered(restored), ["a"])
      assert.deepStrictEqual((yield* again.running.status).open, 0)
    })
  )

  it.effect("are refused if they could not be delivered", () =>
    Effect.gen(function* () {
      const { storage, store } = yield* openMemory
      const given = { id: "a", deliverAt: begin, stream: "order-1", event: { type: "Overdue" } }
      const wrong: ReadonlyArray<readonly [given: object, tag: string]> = [
        [{ ...given, id: "" }, "InvalidArgument"],
        [{ ...given, deliverAt: -1 }, "InvalidArgument"],
        [{ ...given, deliverAt: new Date(Number.NaN) }, "InvalidArgument"],
        [{ ...given, deliverAt: "tomorrow" }, "InvalidArgument"],
        [{ ...given, deliverAt: undefined }, "InvalidArgument"],
        [{ ...given, deliverTo: "x" }, "InvalidArgument"],
        [{ ...given, stream: "reminder-b" }, "InvalidArgument"],
        [{ ...given, stream: "" }, "InvalidStreamName"],
        [{ ...given, event: { type: "" } }, "InvalidEvent"],
        [{ ...given, event: { type: "Overdue", tags: [""] } }, "InvalidEvent"],
        [{ ...given, event: { type: "Overdue", data: 1n } }, "TaraSONError"]
      ]
      for (const [scheduled, tag] of wrong) {
        const call = reminders.schedule(scheduled as ScheduledEvents.Scheduled)
        assert.strictEqual(yield* tagOf(Effect.provideService(call, EventStore.EventStore, store)), tag)
      }
      assert.strictEqual(yield* store.position, 0)
      const reader = yield* openSession(storage, "lib", { mode: "read" })
      yield* Effect.addFinalizer(() => reader.close)
      assert.strictEqual(yield* tagOf(start(yield* storeOf(reader.lib))), "ReadOnly")
    })
  )

  it("have a name that can be a category", () => {
    for (const name of ["", "a-b", "Reminder", "x".repeat(49), undefined]) {
      assert.throws(() => ScheduledEvents.make({ name: name as string }), /name/)
    }
  })
})
