/** Whoever waits for a large batch is told of it while the next one is on its way: who is told goes on, and makes it. */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { type Kind, recordsOf, settle, tapeOf, withLib } from "../../support/openLib.ts"
import { refusal, watched } from "../../support/watchedStorage.ts"
import type { AppendError } from "../../../src/services/internal/Commit.ts"

const writers = 8

/** Eight of them are a batch whose half is worth a sync of its own. */
const record = (writer: number, nth: number) => ({ writer, nth, text: "x".repeat(16 * 1024) })

/**
 * Writers that each append twice, their first records in one batch. The batch behind that one is held until `goOn`; the
 * result says who had been told by then of their first record, at its begin and while it was held.
 */
const twoBatches = Effect.fnUntraced(function* (
  { storage, place }: Kind,
  use: {
    readonly whenTold?: (writer: number, fibres: ReadonlyArray<Fiber.Fiber<string, never>>) => void
    readonly outcome?: Effect.Effect<void, ReturnType<typeof refusal>>
  }
) {
  const watch = watched(yield* storage)
  return yield* withLib(watch.storage, place(), (lib) =>
    Effect.gen(function* () {
      const tape = yield* tapeOf(lib, "a")
      const [begun, alone] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
      const [held, goOn] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
      const told: Array<number> = []
      const toldBefore: Array<number> = []
      let batches = 0
      watch.before = (operation) => {
        if (operation !== "append") return Effect.void
        batches++
        if (batches === 1) return Effect.andThen(Deferred.succeed(begun, undefined), Deferred.await(alone))
        if (batches !== 3) return Effect.void
        toldBefore.push(...told)
        return Effect.andThen(Deferred.succeed(held, undefined), Deferred.await(goOn)).pipe(
          Effect.andThen(use.outcome ?? Effect.void)
        )
      }
      const fibres: Array<Fiber.Fiber<string, never>> = []
      const first = yield* Effect.forkChild(tape.append([{ first: true }]))
      yield* Deferred.await(begun)
      for (let writer = 0; writer < writers; writer++) {
        const appends: Effect.Effect<void, AppendError> = Effect.gen(function* () {
          yield* tape.append([record(writer, 0)])
          told.push(writer)
          use.whenTold?.(writer, fibres)
          yield* tape.append([record(writer, 1)])
        })
        fibres.push(yield* Effect.forkChild(outcomeOf(appends), { startImmediately: true }))
      }
      yield* Deferred.succeed(alone, undefined)
      yield* Fiber.join(first)
      yield* Deferred.await(held)
      yield* settle
      const toldMeanwhile = [...told]
      yield* Deferred.succeed(goOn, undefined)
      const exits = yield* Effect.forEach(fibres, Fiber.await)
      const stored = yield* recordsOf(lib, "a")
      return { toldBefore, toldMeanwhile, exits, stored }
    })
  )
})

const outcomeOf = (appends: Effect.Effect<void, AppendError>): Effect.Effect<string> =>
  Effect.match(appends, { onFailure: ({ _tag }) => _tag, onSuccess: () => "appended" })

const everybody = Array.from({ length: writers }, (_, writer) => writer)

const firstRecords = (stored: ReadonlyArray<unknown>): Array<number> =>
  (stored as ReadonlyArray<{ readonly writer: number; readonly nth: number }>)
    .filter(({ nth }) => nth === 0)
    .map(({ writer }) => writer)

export const besideContract = (kind: Kind): void => {
  describe("a large batch", () => {
    it.live("is told of beside the next one, which those make who are told first", () =>
      Effect.gen(function* () {
        const { exits, stored, toldBefore, toldMeanwhile } = yield* twoBatches(kind, {})
        assert.isAbove(toldBefore.length, 0)
        assert.isBelow(toldBefore.length, writers)
        assert.deepStrictEqual(toldMeanwhile, everybody)
        for (const exit of exits) assert.deepInclude(exit, { _tag: "Success" })
        assert.strictEqual(stored.length, 1 + 2 * writers)
      })
    )

    it.live("is acknowledged, though the next one fails", () =>
      Effect.gen(function* () {
        const outcome = Effect.fail(refusal("append"))
        const { exits, stored, toldBefore, toldMeanwhile } = yield* twoBatches(kind, { outcome })
        assert.deepStrictEqual(toldMeanwhile, everybody)
        const tags = exits.map((exit) => (exit._tag === "Success" ? exit.value : "interrupted"))
        const unknown = tags.map((tag) => tag === "CommitOutcomeUnknown")
        const inNext = everybody.filter((writer) => toldBefore.includes(writer))
        assert.deepStrictEqual(
          everybody.filter((writer) => unknown[writer]),
          inNext
        )
        for (const writer of everybody) assert.isTrue(unknown[writer] === true || tags[writer] === "WriterPoisoned")
        assert.deepStrictEqual(firstRecords(stored), everybody)
      })
    )

    it.live("is waited for by who is interrupted before being told of it", () =>
      Effect.gen(function* () {
        const last = writers - 1
        const { exits, stored, toldMeanwhile } = yield* twoBatches(kind, {
          whenTold: (writer, fibres) => {
            if (writer === 0) fibres[last]!.interruptUnsafe()
          }
        })
        assert.deepStrictEqual(toldMeanwhile, everybody.slice(0, last))
        assert.strictEqual(exits[last]!._tag, "Failure")
        assert.deepStrictEqual(firstRecords(stored), everybody)
      })
    )
  })
}
