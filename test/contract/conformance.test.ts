/** A suite that cannot fail is worthless: every check is shown a storage that breaks its promise, and sees it. */
import * as Effect from "effect/Effect"
import * as MemoryStorage from "litetapes/MemoryStorage"
import type { Storage } from "litetapes/Storage"
import { Conformance } from "litetapes/testing"
import { assert, describe, it } from "vitest"
import { always, type Mutant } from "./conformance/breaking.ts"
import { dynamicMutants, indexMutants, segmentMutants } from "./conformance/files.ts"
import { libMutants } from "./conformance/libs.ts"
import { metaMutants, openMutants, tapeMutants } from "./conformance/places.ts"

let places = 0

const kindOf = (storage: Effect.Effect<Storage["Service"], unknown>): Conformance.Kind => ({
  storage,
  place: () => `place-${(places += 1)}`,
  timeLimit: "20 seconds"
})

const whole = Conformance.all(kindOf(MemoryStorage.make))

const mutants: ReadonlyArray<Mutant> = [
  ...openMutants,
  ...metaMutants,
  ...tapeMutants,
  ...dynamicMutants,
  ...segmentMutants,
  ...indexMutants,
  ...libMutants
]

describe("a storage that breaks a promise is found out", () => {
  it.each(mutants.map((mutant) => [mutant.breaks, mutant] as const))("%s", async (_, { caughtBy, storage }) => {
    const checks = Conformance.all(kindOf(Effect.map(MemoryStorage.make, storage)))
    const { failed } = await Effect.runPromise(Conformance.run(checks.filter(({ name }) => name === caughtBy)))
    assert.deepStrictEqual(
      failed.map(({ check }) => check.length > 0),
      [true],
      `not caught by ${JSON.stringify(caughtBy)}`
    )
    const [failure] = failed
    assert.instanceOf(failure, Conformance.ConformanceFailure)
    for (const said of [failure!.what, failure!.expected, failure!.actual, failure!.promise]) {
      assert.isAbove(said.length, 0)
      assert.include(failure!.message, said)
    }
    assert.notStrictEqual(failure!.expected, failure!.actual)
  })

  it("by each of the checks: none is there for nothing", () => {
    assert.sameMembers(
      whole.map(({ name }) => name),
      [...new Set(mutants.map(({ caughtBy }) => caughtBy))]
    )
  })
})

describe("the checks", () => {
  it("have names of their own, and a promise each", () => {
    assert.strictEqual(new Set(whole.map(({ name }) => name)).size, whole.length)
    for (const { promise } of whole) assert.isAbove(promise.length, 10)
  })

  it("find nothing in a storage that keeps its promises, one after the other or at once", async () => {
    const { passed, failed } = await Effect.runPromise(Conformance.run(whole))
    assert.deepStrictEqual(failed, [])
    assert.deepStrictEqual(
      passed,
      whole.map(({ name }) => name)
    )
    const storage = Conformance.storage(kindOf(MemoryStorage.make))
    await Effect.runPromise(Effect.forEach(storage, ({ run }) => run, { concurrency: "unbounded" }))
  })

  it("fail, and do not hang or die, where the storage does", async () => {
    const base = await Effect.runPromise(MemoryStorage.make)
    const broken = [
      { storage: { open: () => Effect.never }, says: /time|Timeout/i },
      { storage: { open: () => Effect.die(new Error("bug in the storage")) }, says: /bug in the storage/ },
      { storage: { ...base, open: undefined as never }, says: /not a function/ }
    ]
    for (const { storage, says } of broken) {
      const kind = { ...kindOf(Effect.succeed(storage)), timeLimit: "10 millis" as const }
      const { passed, failed } = await Effect.runPromise(Conformance.run(Conformance.storage(kind)))
      assert.deepStrictEqual(passed, [])
      for (const failure of failed) assert.match(failure.actual, says)
    }
    const cycle: { inner?: unknown } = {}
    cycle.inner = cycle
    const odd = always(() => ({ listTapes: Effect.succeed([1n, cycle] as never) }))
    const tapes = Conformance.storage(kindOf(Effect.map(MemoryStorage.make, odd)))
    const { failed } = await Effect.runPromise(Conformance.run(tapes))
    assert.include(
      failed.map(({ actual }) => actual),
      '["1n", [object Object]]'
    )
    const unmade = kindOf(Effect.fail(new Error("no database")))
    const [check] = Conformance.storage(unmade)
    const failure = await Effect.runPromise(Effect.flip(check!.run))
    assert.strictEqual(failure.actual, "no database")
  })
})
