import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { FrameCache } from "../../../../src/services/segment/FrameCache.ts"

/** Counts its loads, of frames with that many bytes. */
class Loads {
  count = 0
  readonly load: Effect.Effect<Uint8Array>

  constructor(bytes: number) {
    this.load = Effect.sync(() => {
      this.count++
      return new Uint8Array(bytes)
    })
  }
}

describe("the cache of frames", () => {
  it.effect("keeps as many bytes as allowed, and drops the least recently used frame", () =>
    Effect.gen(function* () {
      const cache = new FrameCache<never>(100)
      const frame = new Loads(40)
      yield* cache.get("a", frame.load)
      yield* cache.get("b", frame.load)
      yield* cache.get("a", frame.load)
      assert.strictEqual(frame.count, 2)
      yield* cache.get("c", frame.load)
      assert.strictEqual(cache.bytes, 80)
      yield* cache.get("a", frame.load)
      assert.strictEqual(frame.count, 3)
      yield* cache.get("b", frame.load)
      assert.strictEqual(frame.count, 4)
    })
  )

  it.effect("returns a frame that is larger than the cache without keeping it", () =>
    Effect.gen(function* () {
      const cache = new FrameCache<never>(100)
      const frame = new Loads(101)
      assert.strictEqual((yield* cache.get("a", frame.load)).length, 101)
      assert.strictEqual(cache.bytes, 0)
      yield* cache.get("a", frame.load)
      assert.strictEqual(frame.count, 2)
    })
  )

  it.effect("loads a frame once for several callers, even if the first one is interrupted", () =>
    Effect.gen(function* () {
      const cache = new FrameCache<never>()
      const started = yield* Deferred.make<void>()
      const gate = yield* Deferred.make<Uint8Array>()
      let count = 0
      const load = Effect.suspend(() => {
        count++
        return Effect.andThen(Deferred.succeed(started, undefined), Deferred.await(gate))
      })
      const first = yield* Effect.forkChild(cache.get("a", load))
      yield* Deferred.await(started)
      const others = yield* Effect.forEach([1, 2, 3], () => Effect.forkChild(cache.get("a", load)))
      const giving = yield* Effect.forkChild(Fiber.interrupt(first))
      yield* Effect.yieldNow
      yield* Deferred.succeed(gate, Buffer.from("frame"))
      for (const other of others) assert.strictEqual(Buffer.from(yield* Fiber.join(other)).toString(), "frame")
      yield* Fiber.join(giving)
      assert.strictEqual(count, 1)
    })
  )

  it.effect("reports a failure to all waiting callers, and keeps nothing", () =>
    Effect.gen(function* () {
      const cache = new FrameCache<string>()
      const gate = yield* Deferred.make<Uint8Array, string>()
      const waiting = yield* Effect.forEach([1, 2], () =>
        Effect.forkChild(Effect.flip(cache.get("a", Deferred.await(gate))))
      )
      yield* Effect.yieldNow
      yield* Deferred.fail(gate, "damaged")
      for (const fiber of waiting) assert.strictEqual(yield* Fiber.join(fiber), "damaged")
      assert.strictEqual((yield* cache.get("a", new Loads(7).load)).length, 7)
    })
  )
})
