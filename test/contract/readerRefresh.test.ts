/** Refreshes of one reader that overlap: the view never goes back, whichever of them ends last. */
import { it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as MemoryStorage from "litetapes/MemoryStorage"
import type { Storage } from "litetapes/Storage"
import { assert, describe } from "vitest"
import { openSession, tapeOf } from "../support/openLib.ts"

/** A storage whose readers wait at the next read of the hint once it is armed. */
const holding = (base: Storage["Service"], gate: Deferred.Deferred<void>) => {
  let armed = false
  const hold = <A, E>(read: Effect.Effect<A, E>): Effect.Effect<A, E> =>
    Effect.flatMap(read, (found) => {
      if (!armed) return Effect.succeed(found)
      armed = false
      return Effect.as(Deferred.await(gate), found)
    })
  const storage: Storage["Service"] = {
    open: (place, mode) =>
      Effect.map(base.open(place, mode), (root) =>
        mode === "read" ? { ...root, hint: { ...root.hint, read: hold(root.hint.read) } } : root
      )
  }
  return {
    storage,
    arm: () => {
      armed = true
    }
  }
}

describe("a reader that is refreshed twice at the same time", () => {
  it.effect("keeps the later view when the earlier refresh ends last", () =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      const { arm, storage } = holding(yield* MemoryStorage.make, gate)
      const writer = yield* openSession(storage, "place")
      const tape = yield* tapeOf(writer.lib, "a")
      yield* tape.append([{ n: 0 }])
      const reader = yield* openSession(storage, "place", { mode: "read" })
      const seen = yield* tapeOf(reader.lib, "a")
      arm()
      const slow = yield* Effect.forkChild(reader.lib.refresh, { startImmediately: true })
      for (let n = 1; n < 6; n++) yield* tape.append([{ n }])
      yield* reader.lib.refresh
      assert.strictEqual(yield* seen.size, 6)
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(slow)
      assert.strictEqual(yield* seen.size, 6)
      assert.strictEqual((yield* reader.lib.durable).batch, 6)
      yield* reader.close
      yield* writer.close
    })
  )
})
