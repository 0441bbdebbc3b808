/** Whoever waits for a large batch is told of it while the next one is on its way: who is told goes on, and makes it. */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Lib from "litetapes/Lib"
import type { AppendError } from "../../../src/services/write/appendRecords.ts"
import { type Kind, recordsOf, settle, tapeOf, withLib } from "../../support/openLib.ts"
import { refusal, watched } from "../../support/watchedStorage.ts"
import { uncaught } from "../../support/uncaught.ts"

const writers = 8
const everybody = Array.from({ length: writers }, (_, writer) => writer)

/** Eight of them are a batch whose half is worth a sync of its own. */
const record = (writer: number, nth: number) => ({ writer, nth, text: "x".repeat(16 * 1024) })

interface Run {
  readonly lib: Lib.Lib["Service"]
  readonly fibres: ReadonlyArray<Fiber.Fiber<string, never>>
}

interface Use {
  /** Runs as soon as a writer was told of its first record. */
  readonly whenTold?: (writer: number, run: Run) => void
  /** The batch behind that of the first records waits until somebody looked at who was told; then it ends so. */
  readonly held?: Effect.Effect<void, ReturnType<typeof refusal>>
  /** Whose end is waited for; default: all. */
  readonly awaited?: ReadonlyArray<number>
}

/** Writers that each append twice, their first records in one batch, and when they were told. */
const twoBatches = Effect.fnUntraced(function* ({ storage, place }: Kind, use: Use) {
  const watch = watched(yield* storage)
  return yield* withLib(watch.storage, place(), (lib) =>
    Effect.gen(function* () {
      const tape = yield* tapeOf(lib, "a")
      const [begun, alone] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
      const [atNext, goOn] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
      const log: Array<string> = []
      let batches = 0
      watch.before = (operation) => {
        if (operation !== "append") return Effect.void
        batches++
        if (batches === 1) return Effect.andThen(Deferred.succeed(begun, undefined), Deferred.await(alone))
        if (batches !== 3) return Effect.void
        log.push("next")
        if (use.held === undefined) return Effect.void
        return Deferred.succeed(atNext, undefined).pipe(Effect.andThen(Deferred.await(goOn)), Effect.andThen(use.held))
      }
      const first = yield* Effect.forkChild(tape.append([{ first: true }]))
      yield* Deferred.await(begun)
      const fibres: Array<Fiber.Fiber<string, never>> = []
      for (const writer of everybody) {
        const appends: Effect.Effect<void, AppendError> = Effect.gen(function* () {
          yield* tape.append([record(writer, 0)])
          log.push(`${writer} first`)
          use.whenTold?.(writer, { lib, fibres })
          yield* tape.append([record(writer, 1)])
          log.push(`${writer} second`)
        })
        fibres.push(yield* Effect.forkChild(outcomeOf(appends), { startImmediately: true }))
      }
      yield* Deferred.succeed(alone, undefined)
      yield* Fiber.join(first)
      if (use.held !== undefined) {
        yield* Deferred.await(atNext)
        yield* settle
        log.push("held")
        yield* Deferred.succeed(goOn, undefined)
      }
      const exits = yield* Effect.forEach(use.awaited ?? everybody, (writer) => Fiber.await(fibres[writer]!))
      const outcomes = exits.map((exit) => (exit._tag === "Success" ? exit.value : "interrupted"))
      const stored = yield* Effect.orElseSucceed(recordsOf(lib, "a"), () => [])
      return { log, outcomes, stored }
    })
  )
})

const outcomeOf = (appends: Effect.Effect<void, AppendError>): Effect.Effect<string> =>
  Effect.match(appends, { onFailure: ({ _tag }) => _tag, onSuccess: () => "appended" })

const logOf = (nth: "first" | "second", of = everybody) => of.map((writer) => `${writer} ${nth}`)

/** How many were told of their first record before `mark`. */
const toldBefore = (log: ReadonlyArray<string>, mark: string): number =>
  log.slice(0, log.indexOf(mark)).filter((line) => line.endsWith("first")).length

const firstRecords = (stored: ReadonlyArray<unknown>): Array<number> =>
  (stored as ReadonlyArray<{ readonly writer: number; readonly nth: number }>)
    .filter(({ nth }) => nth === 0)
    .map(({ writer }) => writer)

export const besideContract = (kind: Kind): void => {
  describe("a large batch", () => {
    it.live("is told of beside the next one, which those make who are told first", () =>
      Effect.gen(function* () {
        const { log, outcomes, stored } = yield* twoBatches(kind, { held: Effect.void })
        assert.isAbove(toldBefore(log, "next"), 0)
        assert.isBelow(toldBefore(log, "next"), writers)
        assert.strictEqual(toldBefore(log, "held"), writers)
        assert.deepStrictEqual(outcomes, Array(writers).fill("appended"))
        assert.strictEqual(stored.length, 1 + 2 * writers)
      })
    )

    it.live("is told of before the next one, however soon that is durable", () =>
      Effect.gen(function* () {
        const { log } = yield* twoBatches(kind, {})
        assert.isBelow(toldBefore(log, "next"), writers)
        assert.deepStrictEqual(
          log.filter((line) => line !== "next"),
          [...logOf("first"), ...logOf("second")]
        )
      })
    )

    it.live("is acknowledged, though the next one fails", () =>
      Effect.gen(function* () {
        const { log, outcomes, stored } = yield* twoBatches(kind, { held: Effect.fail(refusal("append")) })
        const inNext = toldBefore(log, "next")
        assert.strictEqual(toldBefore(log, "held"), writers)
        assert.deepStrictEqual(outcomes, [
          ...Array(inNext).fill("CommitOutcomeUnknown"),
          ...Array(writers - inNext).fill("WriterPoisoned")
        ])
        assert.deepStrictEqual(firstRecords(stored), everybody)
      })
    )

    it.live("is waited for by who is interrupted before being told of it", () =>
      Effect.gen(function* () {
        const last = writers - 1
        const { log, outcomes, stored } = yield* twoBatches(kind, {
          held: Effect.void,
          whenTold: (writer, { fibres }) => {
            if (writer === 0) fibres[last]!.interruptUnsafe()
          }
        })
        assert.notInclude(log, `${last} first`)
        assert.deepStrictEqual(outcomes, [...Array(last).fill("appended"), "interrupted"])
        assert.deepStrictEqual(firstRecords(stored), everybody)
      })
    )

    it.live("is told of to all, though the lib is closed by who is told first", () =>
      Effect.gen(function* () {
        const { log, outcomes } = yield* twoBatches(kind, {
          whenTold: (writer, { lib }) => {
            if (writer === 3) Effect.runFork(lib.close)
          }
        })
        assert.deepStrictEqual(
          log.filter((line) => line.endsWith("first")),
          logOf("first")
        )
        // Who was told before had appended again, and has that too.
        assert.deepStrictEqual(outcomes, [...Array(3).fill("appended"), ...Array(writers - 3).fill("LibClosed")])
      })
    )

    it.live("is told of to all, though who watches one of them throws", () =>
      Effect.gen(function* () {
        const { thrown, result } = yield* uncaught(
          twoBatches(kind, {
            whenTold: (writer, { fibres }) => {
              if (writer !== 0) return
              fibres[0]!.addObserver(() => {
                throw new Error("one that watches")
              })
            },
            awaited: everybody.slice(1)
          })
        )
        assert.deepStrictEqual(result.outcomes, Array(writers - 1).fill("appended"))
        assert.strictEqual(result.stored.length, 1 + 2 * writers)
        assert.deepStrictEqual(
          thrown.map(({ message }) => message),
          ["one that watches"]
        )
      })
    )
  })
}
