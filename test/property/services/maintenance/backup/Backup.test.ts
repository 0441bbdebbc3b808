/**
 * A backup, made at any moment of any history, holds exactly what the lib held after one acknowledged batch; and a restore
 * of it to any position is a lib with that prefix, which continues.
 */
import * as Effect from "effect/Effect"
import * as fc from "fast-check"
import type * as Lib from "litetapes/Lib"
import * as Logger from "effect/Logger"
import * as MemoryStorage from "litetapes/MemoryStorage"
import { assert, describe, it } from "vitest"
import {
  assertBackup,
  assertHeld,
  assertNumbers,
  described,
  restoring,
  type Step,
  stopAfter,
  Subject
} from "../../../../support/backupRun.ts"
import { type StorageService, tagOf, withLib } from "../../../../support/openLib.ts"
import { runs } from "../../../../support/runs.ts"

const tape = fc.constantFrom("r1", "r2")
const stream = fc.constantFrom("order-1", "order-2", "acc-1")
const repack = fc.record({
  targetBytes: fc.constantFrom(1, 300, 5000),
  compression: fc.constantFrom("none" as const, "gzip" as const, "zstd" as const),
  shardEvery: fc.constantFrom(0, 2),
  force: fc.boolean()
})
const anyTape = fc.constantFrom("r1", "r2", "order", "acc")

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      op: fc.constant("records" as const),
      tape,
      count: fc.integer({ min: 1, max: 4 }),
      bytes: fc.constantFrom(10, 300, 900)
    })
  },
  {
    weight: 7,
    arbitrary: fc.record({
      op: fc.constant("events" as const),
      streams: fc.array(stream, { minLength: 1, maxLength: 4 }),
      bytes: fc.constantFrom(10, 300, 900)
    })
  },
  { weight: 3, arbitrary: fc.record({ op: fc.constant("flush" as const), tape: anyTape }) },
  { weight: 3, arbitrary: fc.record({ op: fc.constant("repack" as const), tape: anyTape, options: repack }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant("archive" as const), tape: fc.constant("r2") }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant("user" as const), tape: anyTape, value: fc.nat(9) }) }
)

/** One backup: what happens before it and meanwhile, who makes it, and how many of its writing steps an earlier attempt did. */
const round = fc.record({
  before: fc.array(step, { maxLength: 8, size: "max" }),
  beside: fc.array(step, { maxLength: 6, size: "max" }),
  by: fc.constantFrom("writer" as const, "reader" as const),
  interrupted: fc.option(fc.nat(25), { nil: undefined })
})
type Round = typeof round extends fc.Arbitrary<infer A> ? A : never

const options: Lib.Options = { closeBytes: 2048, backlogMax: 2 }

const backUp = Effect.fnUntraced(function* (
  storage: StorageService,
  lib: Lib.Lib["Service"],
  { beside, by, interrupted }: Pick<Round, "beside" | "by" | "interrupted">,
  subject: Subject
) {
  const run = (target: StorageService) =>
    by === "writer"
      ? lib.backup("backup", { storage: target })
      : withLib(storage, "lib", (reader) => reader.backup("backup", { storage: target }), { mode: "read" })
  const appends = Effect.forEach(beside, (one) => subject.take(lib, one), { discard: true })
  if (interrupted !== undefined) {
    const { storage: target, steps } = stopAfter(storage, interrupted)
    const outcome = yield* Effect.result(run(target))
    if (outcome._tag === "Failure") assert.isAtLeast(steps(), interrupted)
  }
  const [report] = yield* Effect.all([run(storage), appends], { concurrency: "unbounded" })
  return report
})

const inMemory = (body: (storage: StorageService) => Effect.Effect<void, unknown>) =>
  Effect.runPromise(Effect.flatMap(MemoryStorage.make, body).pipe(Effect.provide(Logger.layer([]))))

describe("a chain of backups", () => {
  it("shows one batch each time, whatever happens meanwhile, and restores to any position", async () => {
    const property = fc.asyncProperty(
      fc.array(round, { minLength: 1, maxLength: 4 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (rounds, share) =>
        inMemory((storage) =>
          Effect.gen(function* () {
            const subject = new Subject()
            let batch = 0
            let at = 0
            const session = (some: typeof rounds) =>
              withLib(
                storage,
                "lib",
                (lib) =>
                  Effect.gen(function* () {
                    for (const one of some) {
                      for (const step of one.before) yield* subject.take(lib, step)
                      const before = (yield* lib.durable).batch
                      const report = yield* backUp(storage, lib, one, subject)
                      assert.isAtLeast(report.batch, before)
                      assert.isAtMost(report.batch, (yield* lib.durable).batch)
                      yield* assertBackup(storage, "backup", subject, report.batch)
                      batch = report.batch
                      at = report.place.position
                      assert.strictEqual(at, subject.at(batch).events.length)
                    }
                  }),
                options
              )
            for (const one of rounds) yield* session([one])
            const upTo = Math.floor(share * at)
            const restored = yield* restoring(storage, "backup", "restored", { upTo })
            const prefix = Subject.restored(subject.at(batch), upTo, restored.batch)
            yield* withLib(
              storage,
              "restored",
              (lib) =>
                Effect.gen(function* () {
                  yield* assertHeld(lib, prefix.at(restored.batch))
                  yield* assertNumbers(lib)
                  assert.strictEqual(lib.lineage, restored.place.lineage)
                  const old = (position: number) => lib.contains({ lib: lib.id, lineage: lib.id, position })
                  if (upTo > 0) assert.isTrue(yield* old(upTo - 1))
                  assert.isFalse(yield* old(upTo))
                  for (const tape of ["r1", "order-1"]) {
                    yield* prefix.take(
                      lib,
                      tape === "r1"
                        ? { op: "records", tape, count: 2, bytes: 10 }
                        : { op: "events", streams: [tape, "acc-1"], bytes: 10 }
                    )
                  }
                  yield* assertHeld(lib, prefix.at((yield* lib.durable).batch))
                  const again = yield* Effect.result(lib.backup("backup"))
                  if (upTo < at) {
                    assert(again._tag === "Failure" && again.failure._tag === "OtherHistory")
                    yield* assertBackup(storage, "backup", subject, batch)
                  } else if (again._tag === "Failure") assert.fail(again.failure.message)
                  else yield* assertBackup(storage, "backup", prefix, again.success.batch)
                }),
              options
            )
            if (upTo === at) {
              const fork = withLib(storage, "lib", (lib) => tagOf(lib.backup("backup")), options)
              assert.strictEqual(yield* fork, "OtherHistory")
            }
          })
        )
    )
    await fc.assert(property, { numRuns: runs })
  })

  it("copies nothing the second time, and keeps ids, roles, states, roots and user metadata", async () => {
    const property = fc.asyncProperty(fc.array(step, { maxLength: 12, size: "max" }), (steps) =>
      inMemory((storage) =>
        Effect.gen(function* () {
          const subject = new Subject()
          const use = (lib: Lib.Lib["Service"]) =>
            Effect.gen(function* () {
              for (const one of steps) yield* subject.take(lib, one)
              yield* lib.backup("backup")
              const again = yield* lib.backup("backup")
              assert.deepStrictEqual(again.copied, { segments: 0, bytes: 0 })
              return yield* described(lib)
            })
          // With the default options nothing is closed in the background.
          const expected = yield* withLib(storage, "lib", use)
          assert.deepStrictEqual(yield* withLib(storage, "backup", described, { mode: "read" }), expected)
          yield* restoring(storage, "backup", "restored")
          assert.deepStrictEqual(yield* withLib(storage, "restored", described), expected)
        })
      )
    )
    await fc.assert(property, { numRuns: runs })
  })
})

describe("an interrupted backup", () => {
  it("leaves the one before it restorable, and is continued by the next run", async () => {
    const property = fc.asyncProperty(
      fc.array(step, { maxLength: 12, size: "max" }),
      fc.array(step, { minLength: 1, maxLength: 12, size: "max" }),
      fc.nat(30),
      (first, second, stop) =>
        inMemory((storage) =>
          Effect.gen(function* () {
            const subject = new Subject()
            const use = (lib: Lib.Lib["Service"]) =>
              Effect.gen(function* () {
                for (const one of first) yield* subject.take(lib, one)
                const { batch } = yield* lib.backup("backup")
                for (const one of second) yield* subject.take(lib, one)
                const now = (yield* lib.durable).batch
                const cut = yield* Effect.result(lib.backup("backup", { storage: stopAfter(storage, stop).storage }))
                const shown = cut._tag === "Success" ? now : batch
                yield* restoring(storage, "backup", "restored")
                yield* withLib(storage, "restored", (restored) => assertHeld(restored, subject.at(shown)))
                const reading = yield* Effect.result(assertBackup(storage, "backup", subject, shown))
                if (reading._tag === "Failure") {
                  assert.strictEqual((reading.failure as { _tag: string })._tag, "BackupUnfinished")
                }
                yield* lib.backup("backup")
                yield* assertBackup(storage, "backup", subject, now)
              })
            yield* withLib(storage, "lib", use, options)
          })
        )
    )
    await fc.assert(property, { numRuns: runs * 2 })
  })
})

describe("an interrupted restore", () => {
  it("leaves no lib, and is continued by the next run", async () => {
    const property = fc.asyncProperty(
      fc.array(step, { minLength: 1, maxLength: 12, size: "max" }),
      fc.nat(20),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (steps, stop, share) =>
        inMemory((storage) =>
          Effect.gen(function* () {
            const subject = new Subject()
            const use = (lib: Lib.Lib["Service"]) =>
              Effect.gen(function* () {
                for (const one of steps) yield* subject.take(lib, one)
                return yield* lib.backup("backup")
              })
            const { batch, place } = yield* withLib(storage, "lib", use, options)
            const limited = stopAfter(storage, stop)
            const upTo = Math.floor(share * place.position)
            const cut = yield* Effect.result(restoring(limited.storage, "backup", "restored", { upTo, storage }))
            if (cut._tag === "Failure" && stop > 0) {
              for (const mode of ["read", "write"] as const) {
                const opening = withLib(storage, "restored", () => Effect.void, { mode })
                assert.strictEqual(yield* tagOf(opening), "BackupUnfinished")
              }
              const other = Math.floor(place.position / 2)
              yield* Effect.ignore(
                restoring(stopAfter(storage, stop).storage, "backup", "restored", { upTo: other, storage })
              )
              const again = yield* Effect.result(restoring(storage, "backup", "restored", { upTo }))
              // The other one was short enough to be done.
              if (again._tag === "Failure") return assert.strictEqual(again.failure._tag, "NotABackup")
            } else if (cut._tag === "Failure") {
              yield* restoring(storage, "backup", "restored", { upTo })
            }
            const prefix = Subject.restored(subject.at(batch), upTo, batch)
            yield* withLib(storage, "restored", (lib) => assertHeld(lib, prefix.at(batch)), options)
          })
        )
    )
    await fc.assert(property, { numRuns: runs * 2 })
  })
})
