/** Whatever the clock says: a time that is stored is one that FORMAT.md allows, and no call dies. */
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import * as fc from "fast-check"
import type { ClockOutOfRange } from "litetapes/Errors"
import * as EventStore from "litetapes/EventStore"
import * as MemoryStorage from "litetapes/MemoryStorage"
import * as Tape from "litetapes/Tape"
import { temporaryFolder } from "../../support/temporaryFolder.ts"
import { withLib } from "../../support/openLib.ts"

const place = temporaryFolder()

const last = Date.UTC(9999, 11, 31, 23, 59, 59, 999)

const times = fc.oneof(
  fc.integer({ min: 0, max: last }),
  fc.double(),
  fc.constantFrom(-1, 0, 0.5, -0.5, last, last + 0.5, last + 1, 2 ** 48, 8.64e15, 8.64e15 + 1, -8.64e15, Number.NaN)
)

describe("the time of an event", () => {
  it("is within the years 1970 to 9999, or the append fails with `ClockOutOfRange`", () =>
    fc.assert(
      fc.asyncProperty(fc.array(times, { minLength: 1, maxLength: 8 }), async (steps) => {
        let now = steps[0]!
        const run = Effect.clockWith((clock) =>
          Effect.provideService(
            Effect.gen(function* () {
              const storage = yield* MemoryStorage.make
              const use = Effect.gen(function* () {
                const store = yield* EventStore.make
                for (const [n, step] of steps.entries()) {
                  now = step
                  const isStorable = step >= 0 && step < last + 1
                  const calls: ReadonlyArray<Effect.Effect<unknown, unknown>> = [
                    store.append("order-1", [{ type: "A", data: n }]),
                    store.append(`category${n}-1`, [{ type: "A", data: n }]),
                    store.lib.createTape(`tape-${n}`)
                  ]
                  for (const call of calls) {
                    const exit = yield* Effect.exit(call)
                    if (Exit.isFailure(exit)) assert.isFalse(Cause.hasDies(exit.cause), Cause.pretty(exit.cause))
                    assert.strictEqual(Exit.isSuccess(exit), isStorable, `at ${step}`)
                    if (Exit.isFailure(exit)) {
                      const { _tag, millis } = Cause.squash(exit.cause) as ClockOutOfRange
                      assert.deepStrictEqual([_tag, millis], ["ClockOutOfRange", step])
                    }
                  }
                  // Whatever the clock says, records have no time.
                  yield* (yield* Tape.make("notes")).append([{ n }])
                }
                return yield* Stream.runCollect(store.readAll())
              })
              const at = place()
              now = 0
              yield* withLib(storage, at, (lib) => lib.createTape("notes"))
              now = steps[0]!
              const events = yield* withLib(storage, at, () => use)
              for (const { time } of events)
                assert.match(time, /^(19[7-9]\d|[2-9]\d{3})-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
              return events.length
            }),
            Clock.Clock,
            Object.assign(Object.create(clock) as Clock.Clock, {
              currentTimeMillis: Effect.sync(() => now),
              currentTimeMillisUnsafe: () => now
            })
          )
        )
        const stored = await Effect.runPromise(run)
        assert.strictEqual(stored, 2 * steps.filter((step) => step >= 0 && step < last + 1).length)
      }),
      { numRuns: 40 }
    ))
})
