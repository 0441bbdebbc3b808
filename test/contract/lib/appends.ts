/** Appends on their way into batches: group commit, interruption, the end of the lib, closing in the background. */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import {
  existingTape,
  type Kind,
  openSession,
  recordsOf,
  settle,
  tagOf,
  tapeOf,
  withLib
} from "../../support/openLib.ts"
import { at, watched, type Watched } from "../../support/watchedStorage.ts"

/** Blocks the first append to storage until `goOn` runs. */
const blockAppends = Effect.fnUntraced(function* (watch: Watched) {
  const [begun, goOn] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
  watch.before = at("append", Effect.andThen(Deferred.succeed(begun, undefined), Deferred.await(goOn)))
  return { begun: Deferred.await(begun), goOn: Deferred.succeed(goOn, undefined) }
})

const numbers = (count: number) => Array.from({ length: count }, (_, n) => ({ n }))

/** Forks an effect and runs it until it waits for something. */
const begin = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

export const groupContract = ({ storage, place }: Kind): void => {
  describe("group commit", () => {
    it.live("makes one write for each append, however many tapes it touches, and no write for an empty one", () =>
      Effect.gen(function* () {
        const watch = watched(yield* storage)
        yield* withLib(watch.storage, place(), (lib) =>
          Effect.gen(function* () {
            const tapes = ["a", "b", "c"]
            for (const tape of tapes) yield* lib.createTape(tape)
            const a = yield* existingTape(lib, "a")
            const appends = () => watch.counts.get("append") ?? 0
            yield* a.append(numbers(100))
            assert.strictEqual(appends(), 1)
            const receipts = yield* lib.commit(tapes.map((tape) => ({ tape, records: numbers(3) })))
            assert.strictEqual(appends(), 2)
            assert.deepStrictEqual(
              receipts.map(({ tape, firstOrdinal, records, batch }) => [tape, firstOrdinal, records, batch]),
              [
                ["a", 100, 3, 2],
                ["b", 0, 3, 2],
                ["c", 0, 3, 2]
              ]
            )
            const twice = yield* lib.commit([
              { tape: "b", records: numbers(2) },
              { tape: "b", records: numbers(1) }
            ])
            assert.deepStrictEqual(
              twice.map(({ firstOrdinal }) => firstOrdinal),
              [3, 5]
            )
            assert.strictEqual(appends(), 3)
            assert.deepInclude(yield* a.append([]), { firstOrdinal: 103, records: 0, batch: 3 })
            assert.deepStrictEqual(yield* lib.commit([]), [])
            assert.strictEqual(appends(), 3)
          })
        )
      })
    )

    it.live("puts appends that arrive while a batch is written into the next batch", () =>
      Effect.gen(function* () {
        const watch = watched(yield* storage)
        yield* withLib(watch.storage, place(), (lib) =>
          Effect.gen(function* () {
            const tape = yield* tapeOf(lib, "a")
            const { begun, goOn } = yield* blockAppends(watch)
            const first = yield* Effect.forkChild(tape.append([{ n: 0 }]))
            yield* begun
            const others = yield* Effect.forEach(numbers(64).slice(1), (record) => begin(tape.append([record])))
            yield* goOn
            yield* Fiber.join(first)
            const receipts = yield* Effect.forEach(others, Fiber.join)
            assert.strictEqual(watch.counts.get("append"), 2)
            assert.deepStrictEqual(
              receipts.map(({ firstOrdinal, batch }) => [firstOrdinal, batch]),
              Array.from({ length: 63 }, (_, index) => [index + 1, 2])
            )
            assert.deepStrictEqual(yield* recordsOf(lib, "a"), numbers(64))
          })
        )
      })
    )

    it.live("needs far fewer writes than there are concurrent appends", () =>
      Effect.gen(function* () {
        const watch = watched(yield* storage)
        yield* withLib(watch.storage, place(), (lib) =>
          Effect.gen(function* () {
            const tape = yield* tapeOf(lib, "a")
            const receipts = yield* Effect.forEach(numbers(64), (record) => tape.append([record]), {
              concurrency: "unbounded"
            })
            assert.isAtMost(watch.counts.get("append")!, 8)
            const records = yield* recordsOf(lib, "a")
            for (const [n, { firstOrdinal }] of receipts.entries()) assert.deepStrictEqual(records[firstOrdinal], { n })
          })
        )
      })
    )
  })
}

export const interruptionContract = ({ storage, place }: Kind): void => {
  describe("an interrupted append", () => {
    it.live("writes nothing if it is queued, and waits for the outcome if its batch is sealed", () =>
      Effect.gen(function* () {
        const watch = watched(yield* storage)
        const log: Array<string> = []
        yield* withLib(watch.storage, place(), (lib) =>
          Effect.gen(function* () {
            const tape = yield* tapeOf(lib, "a")
            const { begun, goOn } = yield* blockAppends(watch)
            watch.after = at("append", Effect.asVoid(Effect.sync(() => log.push("written"))))
            const sealed = yield* Effect.forkChild(tape.append([{ n: 0 }]))
            yield* begun
            const queued = yield* begin(tape.append([{ n: 1 }]))
            const last = yield* begin(tape.append([{ n: 2 }]))
            yield* Fiber.interrupt(queued)
            const interrupting = yield* begin(
              Effect.andThen(
                Fiber.interrupt(sealed),
                Effect.sync(() => log.push("interrupted"))
              )
            )
            yield* settle
            yield* goOn
            yield* Fiber.join(interrupting)
            assert.deepStrictEqual(log.slice(0, 2), ["written", "interrupted"])
            assert.strictEqual((yield* Fiber.join(last)).firstOrdinal, 1)
            assert.deepStrictEqual(yield* recordsOf(lib, "a"), [{ n: 0 }, { n: 2 }])
          })
        )
      })
    )
  })
}

export const endContract = ({ storage, place }: Kind): void => {
  describe("the end of a lib", () => {
    for (const how of ["scope", "close"] as const) {
      it.live(`by its ${how} completes the queued appends`, () =>
        Effect.gen(function* () {
          const base = yield* storage
          const location = place()
          const watch = watched(base)
          const { lib, close } = yield* openSession(watch.storage, location)
          const tape = yield* tapeOf(lib, "a")
          const { begun, goOn } = yield* blockAppends(watch)
          const appends = [yield* Effect.forkChild(tape.append([{ n: 0 }]))]
          yield* begun
          for (const record of numbers(20).slice(1)) appends.push(yield* begin(tape.append([record])))
          const ending = yield* begin(how === "scope" ? close : lib.close)
          assert.strictEqual(yield* tagOf(tape.append([{ n: 99 }])), "LibClosed")
          yield* goOn
          for (const [n, fiber] of appends.entries()) {
            assert.strictEqual((yield* Fiber.join(fiber)).firstOrdinal, n)
          }
          yield* Fiber.join(ending)
          yield* lib.close
          yield* close
          yield* withLib(base, location, (reopened) =>
            Effect.gen(function* () {
              assert.isFalse(reopened.report.recovered)
              assert.deepStrictEqual(yield* recordsOf(reopened, "a"), numbers(20))
              assert.lengthOf(yield* (yield* existingTape(reopened, "a")).segments, 1)
            })
          )
        })
      )
    }

    it.live("flushes everything into segments and leaves no dynamic segment", () =>
      Effect.gen(function* () {
        const base = yield* storage
        const location = place()
        yield* withLib(base, location, (lib) =>
          Effect.gen(function* () {
            for (const tape of ["a", "b"]) yield* lib.createTape(tape)
            yield* lib.commit(["a", "b"].map((tape) => ({ tape, records: numbers(5) })))
          })
        )
        yield* Effect.scoped(
          Effect.gen(function* () {
            const root = yield* base.open(location, "read")
            assert.deepStrictEqual(yield* root.journal.list, [])
            for (const tape of ["a", "b"]) {
              assert.deepStrictEqual(yield* root.segments.list(tape), ["seg-000001.jsonl"])
              const bytes = yield* root.segments.read(tape, "seg-000001.jsonl", 0, 1000)
              assert.strictEqual(Buffer.from(bytes).toString(), '{"n":0}\n{"n":1}\n{"n":2}\n{"n":3}\n{"n":4}\n')
            }
          })
        )
      })
    )

    it.live("keeps the last batch, however often lib meta was changed before", () =>
      Effect.gen(function* () {
        const base = yield* storage
        // Lib meta is rewritten once it is long. At any of these lengths the clean end may be the record that triggers
        // it.
        for (let changes = 62; changes < 76; changes++) {
          const location = place()
          yield* withLib(base, location, (lib) =>
            Effect.gen(function* () {
              const tape = yield* tapeOf(lib, "a")
              yield* tape.append([{ n: 0 }])
              yield* tape.append([{ n: 1 }])
              for (let n = 0; n < changes; n++) yield* n % 2 === 0 ? lib.archive("a") : lib.activate("a")
              yield* lib.activate("a")
            })
          )
          yield* withLib(base, location, (lib) =>
            Effect.gen(function* () {
              assert.strictEqual((yield* lib.durable).batch, 2, `after ${changes} changes`)
              assert.strictEqual((yield* (yield* existingTape(lib, "a")).append([{ n: 2 }])).batch, 3)
              assert.deepStrictEqual(yield* recordsOf(lib, "a"), numbers(3))
            })
          )
        }
      })
    )
  })
}

export const closingContract = ({ storage, place }: Kind): void => {
  describe("closing in the background", () => {
    it.effect("closes a dynamic segment that has become old, even if nothing more is appended", () =>
      Effect.gen(function* () {
        const watch = watched(yield* storage)
        const closed = yield* Deferred.make<void>()
        const use = (lib: Parameters<Parameters<typeof withLib>[2]>[0]) =>
          Effect.gen(function* () {
            const tape = yield* tapeOf(lib, "a")
            yield* tape.append([{ n: 0 }])
            assert.lengthOf(yield* tape.segments, 0)
            watch.after = at("journal.drop", Effect.asVoid(Deferred.succeed(closed, undefined)))
            yield* TestClock.adjust("30 seconds")
            yield* Deferred.await(closed)
            assert.lengthOf(yield* tape.segments, 1)
            assert.deepStrictEqual(yield* recordsOf(lib, "a"), [{ n: 0 }])
            assert.deepInclude(yield* tape.append([{ n: 1 }]), { firstOrdinal: 1, batch: 2 })
          })
        yield* withLib(watch.storage, place(), use, { closeAfter: "20 seconds" })
      })
    )

    it.live("limits its backlog: appends wait for it instead of filling the disk", () =>
      Effect.gen(function* () {
        const watch = watched(yield* storage)
        const full = yield* Deferred.make<void>()
        const goOn = yield* Deferred.make<void>()
        let most = 0
        const use = (lib: Parameters<Parameters<typeof withLib>[2]>[0]) =>
          Effect.gen(function* () {
            const tape = yield* tapeOf(lib, "a")
            watch.before = (operation) => {
              most = Math.max(most, watch.dynamics.size)
              return operation === "segments.write" ? Deferred.await(goOn) : Effect.void
            }
            watch.after = at(
              "journal.create",
              Effect.suspend(() => (watch.dynamics.size < 4 ? Effect.void : Deferred.succeed(full, undefined)))
            )
            const records = numbers(60).map(({ n }) => ({ n, text: "x".repeat(500) }))
            const all = yield* begin(Effect.forEach(records, (record) => tape.append([record])))
            yield* Deferred.await(full)
            yield* settle
            yield* Deferred.succeed(goOn, undefined)
            const receipts = yield* Fiber.join(all)
            assert.strictEqual(receipts.at(-1)!.firstOrdinal, 59)
            assert.deepStrictEqual(yield* recordsOf(lib, "a"), records)
          })
        yield* withLib(watch.storage, place(), use, { closeBytes: 1024, backlogMax: 2 })
        // Two in the backlog, the current one, and the prepared one.
        assert.strictEqual(most, 4)
        assert.isAtLeast(watch.counts.get("journal.drop")!, 10)
      })
    )
  })
}
