/** Handlers of programs without types that return no effect: the consumer stops, and says what to return. */
import * as Effect from "effect/Effect"
import * as CheckpointStore from "litetapes/CheckpointStore"
import * as Consumer from "litetapes/Consumer"
import * as EventStore from "litetapes/EventStore"
import * as MemoryStorage from "litetapes/MemoryStorage"
import { Storage } from "litetapes/Storage"
import * as Lib from "litetapes/Lib"
import { assert, describe, it } from "@effect/vitest"

const results: ReadonlyArray<readonly [string, () => unknown, RegExp]> = [
  ["a promise", () => Promise.resolve(1), /must be an Effect, not a Promise: wrap what it does in Effect\.tryPromise/],
  ["nothing", () => undefined, /must be an Effect, not undefined/],
  ["an object", () => ({}), /must be an Effect, not an object/]
]

describe("a handler that returns no effect", () => {
  it.live.each(results)("stops its consumer: %s", ([, handler, says]) =>
    Effect.gen(function* () {
      const lib = yield* Effect.provideService(Lib.open("lib"), Storage, yield* MemoryStorage.make)
      const store = yield* Effect.provideService(EventStore.make, Lib.Lib, lib)
      yield* store.append("order-1", [{ type: "OrderPlaced" }])
      const consumer = Consumer.make({ name: "wrong", handler: handler as never, maxAttempts: 1 })
      const running = yield* Consumer.run(consumer).pipe(
        Effect.provideService(EventStore.EventStore, store),
        Effect.provideService(CheckpointStore.CheckpointStore, yield* CheckpointStore.makeMemory)
      )
      const error = yield* Effect.flip(running.stopped)
      assert.strictEqual(error._tag, "HandlerFailed")
      assert.match(error.message, says)
    }).pipe(Effect.scoped)
  )
})
