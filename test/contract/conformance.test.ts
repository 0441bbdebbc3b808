/** A suite that cannot fail is worthless: each check meets a storage that breaks its promise, and must catch it. */
import * as Deferred from "effect/Deferred"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as MemoryStorage from "litetapes/MemoryStorage"
import type { Storage } from "litetapes/Storage"
import { Conformance } from "litetapes/testing"
import { assert, describe, it } from "vitest"
import { always, type Mutant } from "./conformance/breaking.ts"
import { derivedMutants, journalMutants, segmentMutants } from "./conformance/files.ts"
import { lookedInto, losses } from "./conformance/keeping.ts"
import { libMutants } from "./conformance/libs.ts"
import { metaMutants, openMutants, tapeMutants } from "./conformance/places.ts"
import { rangeMutants } from "./conformance/ranges.ts"

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
  ...journalMutants,
  ...segmentMutants,
  ...derivedMutants,
  ...rangeMutants,
  ...libMutants
]

describe("the conformance suite, against a broken storage,", () => {
  it.each(mutants.map((mutant) => [mutant.breaks, mutant] as const))("finds: %s", async (_, { caughtBy, storage }) => {
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

  it("has at least one broken storage for each check", () => {
    assert.sameMembers(
      whole.map(({ name }) => name),
      [...new Set(mutants.map(({ caughtBy }) => caughtBy))]
    )
  })
})

describe("the conformance suite, given a `holds` that looks into a place,", () => {
  const failedBy = async (kind: Conformance.Kind) =>
    (await Effect.runPromise(Conformance.run(Conformance.storage(kind)))).failed

  it("passes if the storage keeps everything", async () => {
    assert.deepStrictEqual(await failedBy(lookedInto((storage) => storage)), [])
  })

  it.each(losses.map((loss) => [loss.loses, loss] as const))("fails if %s is lost", async (_, loss) => {
    const kind = lookedInto(loss.storage)
    const failed = await failedBy(kind)
    assert.deepStrictEqual(
      failed.map(({ check }) => check),
      [loss.caughtBy]
    )
    assert.match(failed[0]!.what, /is kept$/)
    const { storage, place } = kind
    assert.deepStrictEqual(await failedBy({ storage, place }), [], "caught without `holds`: it is not needed")
  })

  it("fails if `holds` claims that everything is there", async () => {
    const failed = await failedBy({ ...lookedInto((storage) => storage), holds: () => Effect.succeed(true) })
    assert.sameMembers(
      failed.map(({ check }) => check),
      [...new Set(losses.map(({ caughtBy }) => caughtBy))]
    )
  })
})

describe("the conformance checks", () => {
  it("have unique names and one promise each", () => {
    assert.strictEqual(new Set(whole.map(({ name }) => name)).size, whole.length)
    for (const { promise } of whole) assert.isAbove(promise.length, 10)
  })

  it("find nothing in a storage that keeps its promises, one after the other or concurrently", async () => {
    const { passed, failed } = await Effect.runPromise(Conformance.run(whole))
    assert.deepStrictEqual(failed, [])
    assert.deepStrictEqual(
      passed,
      whole.map(({ name }) => name)
    )
    const storage = Conformance.storage(kindOf(MemoryStorage.make))
    await Effect.runPromise(Effect.forEach(storage, ({ run }) => run, { concurrency: "unbounded" }))
  })

  it("fail, and do not hang or die, if the storage does", async () => {
    const base = await Effect.runPromise(MemoryStorage.make)
    const broken = [
      { storage: { open: () => Effect.never }, timeLimit: "10 millis", says: /time|Timeout/i },
      { storage: { open: () => Effect.die(new Error("bug in the storage")) }, says: /bug in the storage/ },
      { storage: { ...base, open: undefined as never }, says: /not a function/ }
    ] as const
    for (const { says, storage, ...limit } of broken) {
      const kind = { ...kindOf(Effect.succeed(storage)), ...limit }
      const { passed, failed } = await Effect.runPromise(Conformance.run(Conformance.storage(kind)))
      assert.deepStrictEqual(passed, [])
      for (const failure of failed) assert.match(failure.actual, says)
    }
    const cycle: { inner?: unknown } = {}
    cycle.inner = cycle
    const odd = always(() => ({ tapes: { list: Effect.succeed([1n, cycle] as never) } }))
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

  it.each([
    ["meta", "replace"],
    ["segments", "write"],
    ["hint", "write"],
    ["journal", "drop"]
  ])("time out if %s.%s never returns and cannot be interrupted", async (role, operation) => {
    const stuck = always(() => ({ [role]: { [operation]: () => Effect.uninterruptible(Effect.never) } }))
    const kind = { ...kindOf(Effect.map(MemoryStorage.make, stuck)), timeLimit: "20 millis" as const }
    for (const checks of [Conformance.storage(kind), Conformance.lib(kind)]) {
      const { passed, failed } = await Effect.runPromise(Conformance.run(checks))
      assert.sameMembers(
        [...passed, ...failed.map(({ check }) => check)],
        checks.map(({ name }) => name)
      )
      assert.isNotEmpty(failed)
      for (const failure of failed) assert.match(failure.actual, /timed out/)
    }
  })

  it("stop when interrupted, and wait for the storage until their time limit", async () => {
    const interrupted = (
      open: (opening: Effect.Effect<never>, ended: Effect.Effect<void>) => Effect.Effect<never>,
      timeLimit: Duration.Input
    ) =>
      Effect.gen(function* () {
        const opened = yield* Deferred.make<void>()
        let hasEnded = false
        const ended = Effect.sync(() => {
          hasEnded = true
        })
        const opening = Effect.andThen(Deferred.succeed(opened, undefined), Effect.never)
        const storage = { open: () => open(opening, ended) }
        const [check] = Conformance.storage({ ...kindOf(Effect.succeed(storage)), timeLimit })
        const fiber = yield* Effect.forkChild(check!.run)
        yield* Deferred.await(opened)
        yield* Fiber.interrupt(fiber)
        return { hasEnded, exit: yield* Fiber.await(fiber) }
      })
    const slow = await Effect.runPromise(
      interrupted(
        (opening, ended) => Effect.onInterrupt(opening, () => Effect.andThen(Effect.sleep("10 millis"), ended)),
        "20 seconds"
      )
    )
    assert.isTrue(slow.hasEnded)
    assert.isTrue(Exit.hasInterrupts(slow.exit))
    const stuck = await Effect.runPromise(interrupted((opening) => Effect.uninterruptible(opening), "20 millis"))
    assert.isTrue(Exit.isFailure(stuck.exit))
  })
})
