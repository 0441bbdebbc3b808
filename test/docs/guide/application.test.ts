/** The program in the chapter "Testing your application" of docs/GUIDE.md, word for word; the guide imports these before. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as CheckpointStore from "litetapes/CheckpointStore"
import * as Consumer from "litetapes/Consumer"
import * as EventStore from "litetapes/EventStore"
import * as PromiseStore from "litetapes/PromiseStore"
import { assert, it } from "@effect/vitest"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as TestClock from "effect/testing/TestClock"
import * as MemoryStorage from "litetapes/MemoryStorage"
import { afterEach, beforeEach, describe, vi } from "vitest"

// With Effect: each test has a store of its own, and a clock that stands still until the test moves it.
const orders = EventStore.layer("orders").pipe(Layer.provide(MemoryStorage.layer))

it.effect("reminds a customer a week after the order", () =>
  Effect.gen(function* () {
    const store = yield* EventStore.EventStore
    yield* TestClock.setTime(Date.parse("2031-02-03T04:05:06Z")) // any date, at once
    yield* store.append("order-17", [{ type: "OrderPlaced" }])
    yield* TestClock.adjust("7 days")
    yield* store.append("order-17", [{ type: "CustomerReminded" }])
    const events = yield* Stream.runCollect(store.read("order-17"))
    assert.deepStrictEqual(
      events.map(({ time }) => time.slice(0, 10)),
      ["2031-02-03", "2031-02-10"]
    )
  }).pipe(Effect.provide(orders))
)

// The pauses of a consumer follow the same clock, and so does its checkpoint.
it.effect("sends a mail at the third attempt", () =>
  Effect.gen(function* () {
    const store = yield* EventStore.EventStore
    const attempts = yield* Queue.unbounded<number>()
    let count = 0
    const mailing = Consumer.make({
      name: "mailing",
      handler: () =>
        Effect.gen(function* () {
          yield* Queue.offer(attempts, ++count)
          if (count < 3) yield* Effect.fail("no connection")
        })
    })
    const running = yield* Consumer.run(mailing)
    yield* store.append("order-17", [{ type: "OrderPlaced" }])
    assert.strictEqual(yield* Queue.take(attempts), 1)
    yield* TestClock.adjust("100 millis")
    assert.strictEqual(yield* Queue.take(attempts), 2)
    yield* TestClock.adjust("199 millis")
    assert.strictEqual(yield* Queue.size(attempts), 0)
    yield* TestClock.adjust("1 millis")
    yield* running.whenCaughtUp
    assert.strictEqual((yield* running.status).position, 1)
  }).pipe(Effect.provide([orders, CheckpointStore.layerMemory]))
)

// With promises: one memory for all tests, which is emptied after each of them.
describe("without Effect", () => {
  const memory = MemoryStorage.makeShared()

  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["Date", "setTimeout", "clearTimeout", "setInterval", "clearInterval"] })
  })
  afterEach(() => {
    vi.useRealTimers()
    memory.reset()
  })

  it("finds the order again after a restart", async () => {
    vi.setSystemTime("2031-02-03T04:05:06Z")
    {
      await using store = await PromiseStore.open("orders", { storage: memory.layer })
      await store.append("order-17", [{ type: "OrderPlaced" }])
      await vi.advanceTimersByTimeAsync(365 * 86_400_000)
    }
    await using store = await PromiseStore.open("orders", { storage: memory.layer })
    assert.strictEqual(await store.revision("order-17"), 0)
  })
})
