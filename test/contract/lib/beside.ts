/**
 * The callers of a large batch are resumed while the next batch is under way: the first ones to resume append again,
 * and so make that next batch.
 */
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

/** Eight of these records are a batch of which half is large enough for a sync of its own. */
const record = (writer: number, nth: number) => ({ writer, nth, text: "x".repeat(16 * 1024) })

interface Run {
  readonly lib: Lib.Lib["Service"]
  readonly fibres: ReadonlyArray<Fiber.Fiber<string, never>>
}

interface Use {
  /** Runs as soon as the first record of a writer is acknowledged. */
  readonly whenTold?: (writer: number, run: Run) => void
  /**
   * Runs in the batch after that of the first records, once the acknowledgements so far were counted. The batch then
   * ends with this outcome.
   */
  readonly held?: Effect.Effect<void, ReturnType<typeof refusal>>
  /** The writers to wait for; default: all. */
  readonly awaited?: ReadonlyArray<number>
}

/**
 * Runs writers that each append twice, with their first records in one batch, and logs when each append is
 * acknowledged.
 */
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

/** Counts the writers whose first record was acknowledged before `mark`. */
const toldBefore = (log: ReadonlyArray<string>, mark: string): number =>
  log.slice(0, log.indexOf(mark)).filter((line) => line.endsWith("first")).length

const firstRecords = (stored: ReadonlyArray<unknown>): Array<number> =>
  (stored as ReadonlyArray<{ readonly writer: number; readonly nth: number }>)
    .filter(({ nth }) => nth === 0)
    .map(({ writer }) => writer)

export const besideContract = (kind: Kind): void => {
  describe("a large batch", () => {
    it.live("is acknowledged to its last callers during the next batch, which its first callers fill", () =>
      Effect.gen(function* () {
        const { log, outcomes, stored } = yield* twoBatches(kind, { held: Effect.void })
        assert.isAbove(toldBefore(log, "next"), 0)
        assert.isBelow(toldBefore(log, "next"), writers)
        assert.strictEqual(toldBefore(log, "held"), writers)
        assert.deepStrictEqual(outcomes, Array(writers).fill("appended"))
        assert.strictEqual(stored.length, 1 + 2 * writers)
      })
    )

    it.live("is acknowledged before the next one, however soon that is durable", () =>
      Effect.gen(function* () {
        const { log } = yield* twoBatches(kind, {})
        assert.isBelow(toldBefore(log, "next"), writers)
        assert.deepStrictEqual(
          log.filter((line) => line !== "next"),
          [...logOf("first"), ...logOf("second")]
        )
      })
    )

    it.live("is acknowledged even if the next one fails", () =>
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

    it.live("keeps a caller waiting that is interrupted before its acknowledgement", () =>
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

    it.live("is acknowledged to all callers even if one of the first closes the lib", () =>
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
        // Writers 0 to 2 had appended again before the close, and both of their appends succeed.
        assert.deepStrictEqual(outcomes, [...Array(3).fill("appended"), ...Array(writers - 3).fill("LibClosed")])
      })
    )

    it.live("is acknowledged to all callers even if an observer of one of them throws", () =>
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
