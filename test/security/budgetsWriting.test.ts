/** Writes keep every limit of reads. Reaching a limit rejects that call; the writer continues. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as fs from "node:fs"
import * as EventStore from "litetapes/EventStore"
import * as Lib from "litetapes/Lib"
import type { TaraSONError } from "litetapes/TaraSONError"
import * as NodeStorage from "../../src/layers/NodeStorage.ts"
import { libMetaOf, tapeMetaOf } from "../support/hostileLib.ts"
import { existingTape, type LibService, recordsOf, tapeOf, withLib } from "../support/openLib.ts"
import { temporaryFolder } from "../support/temporaryFolder.ts"
import { outcomeOf, wordFor } from "../support/victimLib.ts"

const place = temporaryFolder()
const KiB = 1024

const limits = { recordBytesMax: 200, depthMax: 4, batchBytesMax: 1000, metaBytesMax: 16 * KiB }

const inLib = <A, E>(use: (lib: LibService) => Effect.Effect<A, E>, at = place(), options: Lib.Options = { limits }) =>
  Effect.flatMap(NodeStorage.make, (storage) => withLib(storage, at, use, options))

/** Returns a record of `bytes` canonical bytes. */
const recordOf = (bytes: number) => ({ a: "x".repeat(bytes - '{"a":""}'.length) })

const nested = (depth: number): unknown => (depth === 1 ? {} : { a: nested(depth - 1) })

const reasonOf = <A, E>(effect: Effect.Effect<A, E>) =>
  Effect.map(outcomeOf(effect), (outcome) => {
    if (!("error" in outcome)) return "done"
    const { error } = outcome
    return wordFor(error) === "TaraSONError" ? (error as TaraSONError).reason._tag : wordFor(error)
  })

describe("records at their limits", () => {
  it.live("are stored and read back; one byte, one level or one line more rejects the whole batch", () =>
    inLib((lib) =>
      Effect.gen(function* () {
        const tape = yield* tapeOf(lib, "notes")
        const fits = [recordOf(200), nested(4), { a: [[[1]]] }]
        yield* tape.append(fits)
        for (const [records, reason] of [
          [[recordOf(201)], "RecordTooLarge"],
          [[{ ok: 1 }, recordOf(201)], "RecordTooLarge"],
          [[nested(5)], "NestingTooDeep"],
          [[{ a: [[[[1]]]] }], "NestingTooDeep"],
          [Array.from({ length: 5 }, () => recordOf(200)), "BatchTooLarge"]
        ] as const) {
          assert.strictEqual(yield* reasonOf(tape.append(records)), reason)
        }
        // Five lines of 199 bytes, with their newlines: 1,000.
        const whole = [...Array.from({ length: 4 }, () => recordOf(199)), recordOf(199)]
        yield* tape.append(whole)
        yield* tape.appendSegment
        assert.deepStrictEqual<unknown>(yield* recordsOf(lib, "notes"), [...fits, ...whole])
        assert.isTrue((yield* lib.verify()).ok)
      })
    )
  )

  it.live("may have as many keys or items as fit; too many are refused", () =>
    inLib(
      (lib) =>
        Effect.gen(function* () {
          const tape = yield* tapeOf(lib, "keys")
          const keys = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, n) => [`k${n}`, n]))
          const record = keys(60_000)
          yield* tape.append([record])
          assert.deepStrictEqual<unknown>((yield* recordsOf(lib, "keys"))[0], record)
          assert.strictEqual(yield* reasonOf(tape.append([keys(500_000)])), "RecordTooLarge")
          assert.strictEqual(
            yield* reasonOf(tape.append([{ a: Array.from({ length: 600_000 }, () => 0) }])),
            "RecordTooLarge"
          )
        }),
      place(),
      {}
    )
  )

  it.live("may be events, whose envelope counts", () =>
    inLib(
      (lib) =>
        Effect.gen(function* () {
          const store = yield* Effect.provideService(EventStore.make, Lib.Lib, lib)
          const append = (data: unknown) => store.append("a-1", [{ type: "T", data }])
          yield* append({ a: [1] })
          assert.strictEqual(yield* reasonOf(append(nested(4))), "NestingTooDeep")
          assert.strictEqual(yield* reasonOf(append("x".repeat(400))), "RecordTooLarge")
          assert.strictEqual(yield* Stream.runCount(store.readAll()), 1)
        }),
      place(),
      { limits: { ...limits, recordBytesMax: 400 } }
    )
  )
})

/** Runs `step` with ascending numbers until it fails. Returns the number of successes and the error. */
const untilRefused = (step: (n: number) => Effect.Effect<unknown, unknown>) =>
  Effect.gen(function* () {
    for (let n = 0; n < 10_000; n++) {
      const outcome = yield* outcomeOf(step(n))
      if ("error" in outcome) return { done: n, error: outcome.error as Error }
    }
    throw new Error("it never failed")
  })

describe("lib meta at its limit", () => {
  it.live("refuses another tape before it creates anything, and keeps working with the present ones", () =>
    Effect.gen(function* () {
      const at = place()
      const sizes: Array<number> = []
      const small = { limits: { ...limits, recordBytesMax: 400 }, closeBytes: 600, backlogMax: 2 }
      const tapes = yield* inLib(
        (lib) =>
          Effect.gen(function* () {
            const { done, error } = yield* untilRefused((n) => lib.createTape(`tape-${n}`))
            assert.isAbove(done, 20)
            assert.strictEqual(wordFor(error), "MetaInvalid")
            assert.match(error.message, /litelib\.meta\.jsonl.*metaBytesMax.*higher/)
            assert.isFalse(fs.existsSync(`${at}/tape-${done}`))
            const clone = Effect.flatMap(existingTape(lib, "tape-0"), (tape) => tape.clone(lib, "cloned"))
            assert.strictEqual(yield* reasonOf(clone), "MetaInvalid")
            const store = yield* Effect.provideService(EventStore.make, Lib.Lib, lib)
            assert.strictEqual(yield* reasonOf(store.append("new-1", [{ type: "T" }])), "MetaInvalid")
            // The writer can still roll and close dynamic segments, and tapes can change their state, any number of
            // times.
            for (let round = 0; round < 60; round++) {
              const records = [recordOf(190), recordOf(190)]
              yield* lib.commit([{ tape: `tape-${round % 20}`, records }])
              yield* lib.archive("tape-1")
              yield* lib.activate("tape-1")
              sizes.push(fs.statSync(libMetaOf(at)).size)
            }
            return done
          }),
        at,
        small
      )
      sizes.push(fs.statSync(libMetaOf(at)).size)
      assert.isAtMost(Math.max(...sizes), limits.metaBytesMax)
      assert.isAbove(Math.max(...sizes), (limits.metaBytesMax * 3) / 4)
      yield* inLib(
        (lib) =>
          Effect.gen(function* () {
            assert.isFalse(lib.report.recovered)
            assert.lengthOf(yield* lib.tapes, tapes)
            assert.lengthOf(yield* recordsOf(lib, "tape-0"), 6)
            assert.strictEqual(yield* reasonOf(lib.createTape("more")), "MetaInvalid")
          }),
        at,
        {}
      )
    })
  )
})

describe("tape meta at its limit", () => {
  it.live("refuses another user value but not segments; removing a value makes room", () =>
    Effect.gen(function* () {
      const at = place()
      yield* inLib(
        (lib) =>
          Effect.gen(function* () {
            const tape = yield* tapeOf(lib, "notes")
            const value = "v".repeat(100)
            const { done, error } = yield* untilRefused((n) => tape.setUserMeta(`key-${n}`, value))
            assert.isAbove(done, 5)
            assert.strictEqual(wordFor(error), "MetaInvalid")
            assert.match(error.message, /notes\/tape\.meta\.jsonl.*user values.*metaBytesMax/)
            yield* tape.append([{ n: 1 }])
            assert.isDefined(yield* tape.appendSegment)
            // Any number of times: folding drops superseded values.
            for (let n = 0; n < 100; n++) yield* tape.setUserMeta("key-0", `${value}`)
            yield* tape.removeUserMeta("key-1")
            yield* tape.setUserMeta("key-more", value)
            assert.isAtMost(fs.statSync(tapeMetaOf(at, "notes")).size, limits.metaBytesMax)
          }),
        at
      )
      yield* inLib((lib) => Effect.map(recordsOf(lib, "notes"), (records) => assert.lengthOf(records, 1)), at)
    })
  )

  it.live("is folded if that makes room, so large values can be replaced any number of times", () =>
    Effect.gen(function* () {
      const at = place()
      yield* inLib(
        (lib) =>
          Effect.gen(function* () {
            const tape = yield* tapeOf(lib, "notes")
            for (let n = 0; n < 20; n++) {
              yield* tape.setUserMeta("large", `${n} ${"v".repeat(3000)}`)
              assert.isAtMost(fs.statSync(tapeMetaOf(at, "notes")).size, limits.metaBytesMax)
            }
            assert.match(String((yield* tape.meta).userMeta["large"]), /^19 v/)
          }),
        at,
        { limits: { ...limits, recordBytesMax: 4 * KiB } }
      )
    })
  )

  it.live("refuses another segment before it is written; a repack makes room", () =>
    Effect.gen(function* () {
      const at = place()
      yield* inLib(
        (lib) =>
          Effect.gen(function* () {
            const tape = yield* tapeOf(lib, "notes")
            const { done, error } = yield* untilRefused((n) => Effect.andThen(tape.append([{ n }]), tape.appendSegment))
            assert.isAbove(done, 5)
            assert.match(error.message, /metaBytesMax.*Repack/)
            assert.isAtMost(fs.statSync(tapeMetaOf(at, "notes")).size, limits.metaBytesMax)
            yield* tape.append([{ n: "still" }])
            yield* tape.repack()
            assert.isDefined(yield* tape.appendSegment)
            assert.lengthOf(yield* recordsOf(lib, "notes"), done + 2)
          }),
        at
      )
    })
  )

  it.live("refuses a clone whose meta exceeds the limit of the target lib", () =>
    Effect.gen(function* () {
      const storage = yield* NodeStorage.make
      const source = place()
      yield* withLib(storage, source, (lib) =>
        Effect.gen(function* () {
          const tape = yield* tapeOf(lib, "notes")
          for (let n = 0; n < 40; n++) {
            yield* tape.append([{ n }])
            yield* tape.appendSegment
          }
          yield* inLib((target) =>
            Effect.gen(function* () {
              assert.strictEqual(yield* reasonOf(tape.clone(target, "notes")), "MetaInvalid")
              assert.deepStrictEqual(yield* target.tapes, [])
              yield* tapeOf(target, "notes")
            })
          )
        })
      )
    })
  )
})
