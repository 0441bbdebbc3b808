/** The beginning and end of a lib: nobody waits for ever, no lock is left, and invalid settings create nothing. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as EventStore from "litetapes/EventStore"
import * as Lib from "litetapes/Lib"
import { Storage } from "litetapes/Storage"
import { existingTape, type Kind, openSession, recordsOf, tagOf, tapeOf, withLib } from "../../support/openLib.ts"

const large = { text: "x".repeat(3000) }

export const lifecycleContract = ({ storage, place }: Kind): void => {
  describe("the beginning and end of a lib", () => {
    it.live("frees the lock after a failed open, even if the caller's scope stays open", () =>
      Effect.gen(function* () {
        const base = yield* storage
        const location = place()
        yield* withLib(base, location, () => Effect.void)
        const twice = Effect.gen(function* () {
          const wrong = Lib.open(location, { placement: { kind: "single" } })
          assert.strictEqual(yield* tagOf(wrong), "SettingsMismatch")
          return (yield* Lib.open(location)).report.created
        })
        assert.isFalse(yield* Effect.scoped(twice).pipe(Effect.provideService(Storage, base)))
      })
    )

    it.live("creates no lib with settings that it could not be opened with", () =>
      Effect.gen(function* () {
        const base = yield* storage
        const location = place()
        const wrong: ReadonlyArray<Lib.Options> = [
          { limits: { batchBytesMax: 0 } },
          { limits: { recordBytesMax: 1.5 } },
          { limits: { recordBytesMax: Number.NaN } },
          { limits: { metaBytesMax: 200 } },
          { placement: { kind: "hashed", tapes: 5000 } }
        ]
        for (const options of wrong) {
          assert.strictEqual(yield* tagOf(withLib(base, location, () => Effect.void, options)), "InvalidSettings")
        }
        assert.isTrue(yield* withLib(base, location, (lib) => Effect.succeed(lib.report.created)))
      })
    )

    it.live("completes appends that wait for the backlog when the lib is closed", () =>
      Effect.gen(function* () {
        const base = yield* storage
        const location = place()
        const { lib, close } = yield* openSession(base, location, { closeBytes: 2000, backlogMax: 1 })
        const tape = yield* tapeOf(lib, "alpha")
        const appends = yield* Effect.forEach(Array.from({ length: 30 }), () => Effect.forkDetach(tape.append([large])))
        yield* Effect.yieldNow
        yield* close
        const exits = yield* Effect.forEach(appends, Fiber.await)
        const kept = exits.filter(Exit.isSuccess).length
        const records = yield* withLib(base, location, (again) => recordsOf(again, "alpha"))
        assert.strictEqual(records.length, kept)
        for (const exit of exits) if (Exit.isFailure(exit)) assert.match(String(exit.cause), /LibClosed/)
      })
    )

    it.live("closes the lib once, and makes every caller of close wait for that", () =>
      Effect.gen(function* () {
        const base = yield* storage
        const location = place()
        const { lib, close } = yield* openSession(base, location, { closeBytes: 2000, backlogMax: 1 })
        const tape = yield* tapeOf(lib, "alpha")
        const appends = yield* Effect.forEach(Array.from({ length: 20 }), () => Effect.forkDetach(tape.append([large])))
        const first = yield* Effect.forkDetach(lib.close)
        const second = yield* Effect.forkDetach(lib.close)
        yield* Effect.yieldNow
        yield* Fiber.interrupt(first)
        yield* close
        assert.isTrue(Exit.isSuccess(yield* Fiber.await(second)))
        yield* lib.close
        for (const fiber of appends) yield* Fiber.await(fiber)
        yield* withLib(base, location, (again) =>
          Effect.sync(() => {
            assert.isFalse(again.report.recovered, "it was closed cleanly")
          })
        )
      })
    )

    it.live("creates either a tape or a clone if both are created with one name, and that one whole", () =>
      Effect.gen(function* () {
        const base = yield* storage
        const location = place()
        yield* withLib(base, location, (lib) =>
          Effect.gen(function* () {
            const tape = yield* tapeOf(lib, "alpha")
            yield* tape.append([{ n: 1 }])
            const made = yield* Effect.all([Effect.exit(lib.createTape("x")), Effect.exit(tape.clone(lib, "x"))], {
              concurrency: "unbounded"
            })
            assert.strictEqual(made.filter(Exit.isSuccess).length, 1)
            yield* existingTape(lib, "x")
          })
        )
        yield* withLib(base, location, (lib) =>
          Effect.gen(function* () {
            yield* existingTape(lib, "x")
            assert.isTrue((yield* lib.verify()).ok)
          })
        )
      })
    )

    it.live("refuses an argument that is not a number, and keeps working", () =>
      Effect.gen(function* () {
        const base = yield* storage
        yield* withLib(base, place(), (lib) =>
          Effect.gen(function* () {
            const store = yield* EventStore.make
            yield* store.append("order-1", [{ type: "Placed" }])
            const tape = yield* tapeOf(lib, "alpha")
            yield* tape.append([{ n: 1 }])
            const error = yield* Effect.flip(tape.repack({ targetBytes: Number.NaN }))
            assert.deepInclude(error, { _tag: "InvalidArgument", argument: "options.targetBytes" })
            yield* tape.append([{ n: 2 }])
            yield* tape.appendSegment
            assert.deepStrictEqual(
              (yield* tape.segments).map(({ records }) => records),
              [2]
            )
          })
        )
      })
    )
  })
}
