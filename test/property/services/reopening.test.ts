/**
 * Whatever fails on the disk, and however often the lib is opened again under the same service: every acknowledged event
 * and record is there once, in order, after a power loss too; nobody writes without the lock.
 */
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as fc from "fast-check"
import * as EventStore from "litetapes/EventStore"
import * as Lib from "litetapes/Lib"
import * as Tape from "litetapes/Tape"
import { PowerLoss, SimulatedDisk } from "litetapes/testing"
import { assert, describe, it } from "vitest"
import { checkedTag } from "../../support/messages.ts"
import { FaultyDisk } from "../../support/reopening.ts"
import { runs } from "../../support/runs.ts"

/** Errors after which nothing was appended, or whose outcome the next append with the same id finds out. */
const expectedTags = ["CommitOutcomeUnknown", "WriterPoisoned", "LibClosed", "LibLocked", "StorageError"]

const plan = fc.record({
  /** Number of appends of each stream, one after the other; the streams append at the same time. */
  streams: fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 3 }),
  /** Records of a tape that is held all the time. */
  records: fc.integer({ min: 0, max: 5 }),
  /** Steps that fail, counted from the last one that failed. */
  faults: fc.array(
    fc.record({
      after: fc.integer({ min: 0, max: 40 }),
      done: fc.constantFrom(0, 0.5, 1),
      code: fc.constantFrom("EIO", "ENOSPC")
    }),
    { maxLength: 8 }
  ),
  turns: fc.integer({ min: 0, max: 3 }),
  isAutomatic: fc.boolean(),
  closeBytes: fc.constantFrom(300, 1 << 20)
})

type Plan = typeof plan extends fc.Arbitrary<infer P> ? P : never

/** Lets the planned steps fail, from the next step on. */
const arm = (disk: FaultyDisk, faults: Plan["faults"]): void => {
  const left = [...faults]
  let since = 0
  disk.fault = (step) => {
    if (left[0] === undefined || !SimulatedDisk.isChange(step) || since++ < left[0].after) return undefined
    since = 0
    const { code, done } = left.shift()!
    return { code: step.operation === "lock" ? "ELOCKED" : code, done: step.operation === "lock" ? 0 : done }
  }
}

const events = (stream: string, nth: number) => [{ type: "Counted", id: `${stream}:${nth}`, data: { nth } }]

/** Repeats an effect until it succeeds; opens the lib again meanwhile, unless it does so itself. */
const untilDone = <A, E extends { readonly _tag: string }, R>(
  effect: Effect.Effect<A, E, R>,
  lib: Lib.Lib["Service"]
) =>
  Effect.gen(function* () {
    for (let tries = 0; tries < 500; tries++) {
      const outcome = yield* Effect.result(effect)
      if (Result.isSuccess(outcome)) return outcome.success
      assert.include(expectedTags, checkedTag(outcome.failure), String(outcome.failure))
      yield* Effect.ignore(lib.reopen)
      yield* Effect.yieldNow
    }
    return assert.fail("it never succeeds")
  })

const appendEvents = (stream: string, count: number) =>
  Effect.gen(function* () {
    const [store, lib] = [yield* EventStore.EventStore, yield* Lib.Lib]
    for (let nth = 0; nth < count; nth++) {
      const expected = nth === 0 ? ("no-stream" as const) : nth - 1
      const result = yield* untilDone(store.append(stream, events(stream, nth), { expected }), lib)
      assert.deepInclude(result, { firstRevision: nth, lastRevision: nth })
    }
  })

/** Records have no ids: after an unknown outcome, the size of the tape decides. */
const appendRecords = (tape: Tape.Tape["Service"], count: number) =>
  Effect.gen(function* () {
    const lib = yield* Lib.Lib
    const appendOne = (nth: number) =>
      Effect.gen(function* () {
        const outcome = yield* Effect.result(tape.append([{ nth }]))
        if (Result.isSuccess(outcome)) return outcome.success.firstOrdinal
        if (outcome.failure._tag !== "CommitOutcomeUnknown") return yield* Effect.fail(outcome.failure)
        yield* untilDone(lib.reopen, lib)
        return (yield* untilDone(tape.size, lib)) > nth ? nth : undefined
      })
    for (let nth = 0; nth < count; nth++) {
      let ordinal: number | undefined
      while (ordinal === undefined) ordinal = yield* untilDone(appendOne(nth), lib)
      assert.strictEqual(ordinal, nth)
    }
  })

const streamName = (_: number, index: number) => `order-${index}`

const check = ({ records, streams }: Plan) =>
  Effect.gen(function* () {
    const [store, lib] = [yield* EventStore.EventStore, yield* Lib.Lib]
    for (const [index, count] of streams.entries()) {
      const found = yield* Stream.runCollect(store.read(`order-${index}`))
      assert.deepStrictEqual(
        found.map(({ id, revision }) => [id, revision]),
        Array.from({ length: count }, (_, nth) => [`order-${index}:${nth}`, nth])
      )
    }
    const all = yield* Stream.runCollect(store.readAll())
    assert.strictEqual(
      all.length,
      streams.reduce((sum, count) => sum + count, 0)
    )
    const tape = yield* Tape.make("notes")
    assert.deepStrictEqual(
      yield* Stream.runCollect(tape.records()),
      Array.from({ length: records }, (_, nth) => ({ nth }))
    )
    const { bad } = yield* lib.verify()
    assert.deepStrictEqual(bad, [])
  })

const run = <A, E>(
  disk: FaultyDisk,
  program: Effect.Effect<A, E, EventStore.EventStore | Lib.Lib>,
  options?: Lib.Options
) => Effect.provide(Effect.provide(program, disk.layer(options)), Logger.layer([]))

const runPlan = (planned: Plan) =>
  Effect.gen(function* () {
    const { closeBytes, faults, isAutomatic, records, streams, turns } = planned
    const disk = new FaultyDisk({ turns: () => turns })
    yield* run(
      disk,
      Effect.gen(function* () {
        const tape = yield* Tape.makeOrCreate("notes")
        arm(disk, faults)
        const work = streams.map((count, index) => appendEvents(streamName(count, index), count))
        yield* Effect.all([...work, appendRecords(tape, records)], { concurrency: "unbounded" })
        disk.fault = () => undefined
        // A step that failed before may stop the writer only now.
        yield* Effect.flatMap(Lib.Lib, (lib) => untilDone(Effect.andThen(lib.reopen, check(planned)), lib))
        const left = new FaultyDisk({ state: PowerLoss.loseAll(disk.simulated.state()) })
        yield* run(left, check(planned))
      }),
      { closeBytes, ...(isAutomatic ? { reopen: Schedule.spaced("1 millis") } : {}) }
    )
    assert.deepStrictEqual(disk.unlocked, [])
    assert.isFalse(disk.isLocked)
    yield* run(new FaultyDisk({ state: disk.simulated.state() }), check(planned))
  })

describe("a lib that is opened again and again", () => {
  it("has every acknowledged event and record once, in order", { timeout: 120_000 }, () =>
    fc.assert(
      fc.asyncProperty(plan, (planned) => Effect.runPromise(runPlan(planned))),
      { numRuns: runs }
    )
  )
})
