/**
 * Timers of an open lib. There is one while a dynamic segment has batches that will become old, and no other: a lib with
 * nothing to do never wakes up, whatever its clock does.
 */
import { it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import * as fc from "fast-check"
import { Disk } from "litetapes/Disk"
import * as FolderStorage from "litetapes/FolderStorage"
import * as Lib from "litetapes/Lib"
import * as MemoryStorage from "litetapes/MemoryStorage"
import * as NodeDisk from "litetapes/NodeDisk"
import * as NodeStorage from "litetapes/NodeStorage"
import { Storage } from "litetapes/Storage"
import type * as Tape from "litetapes/Tape"
import * as fs from "node:fs"
import * as path from "node:path"
import { assert, describe } from "vitest"
import { settle, tagOf, tapeOf } from "../support/openLib.ts"
import { startLockHolder } from "../support/lockHolder.ts"
import { temporaryFolder } from "../support/temporaryFolder.ts"

const newPlace = temporaryFolder()

/** What a clock was asked to do. */
interface Sleeps {
  begun: number
  pending: number
}

/** Runs `use` with a clock that counts the sleeps of everything in it. */
const counted = <A, E, R>(use: (sleeps: Sleeps) => Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.clockWith((clock) => {
    const sleeps: Sleeps = { begun: 0, pending: 0 }
    // A test clock has more than the methods of a clock.
    const counting: Clock.Clock = Object.assign(Object.create(clock) as Clock.Clock, {
      sleep: (duration: Duration.Duration) =>
        Effect.suspend(() => {
          sleeps.begun += 1
          sleeps.pending += 1
          return Effect.ensuring(
            clock.sleep(duration),
            Effect.sync(() => (sleeps.pending -= 1))
          )
        })
    })
    return Effect.provideService(use(sleeps), Clock.Clock, counting)
  })

const years = (count: number): number => count * 365 * 86_400_000

const inSegments = (tape: Tape.Tape["Service"]) =>
  Effect.map(tape.segments, (segments) => segments.reduce((sum, { records }) => sum + records, 0))

/** Waits until the flush that a timer started is over: it needs no time of the clock. */
const flushed = (tape: Tape.Tape["Service"]): Effect.Effect<void> =>
  Effect.gen(function* () {
    while ((yield* inSegments(tape)) < (yield* tape.size)) yield* Effect.promise(() => new Promise(setImmediate))
  }).pipe(Effect.orDie)

const storages = [
  { name: "memory", layer: MemoryStorage.layer },
  { name: "a folder", layer: NodeStorage.layerWith({ sealing: "event-loop" }) }
]

describe.each(storages)("the timers of a lib in $name", ({ layer }) => {
  it.effect("are absent while it is idle, so a clock may be set to any date", () =>
    counted((sleeps) =>
      Effect.gen(function* () {
        const at = newPlace()
        const lib = yield* Lib.open(at)
        const tape = yield* tapeOf(lib, "a")
        yield* TestClock.setTime(years(60))
        assert.deepStrictEqual(sleeps, { begun: 0, pending: 0 })
        const reader = yield* Lib.open(at, { mode: "read" })
        yield* reader.refresh
        yield* TestClock.setTime(years(120))
        assert.deepStrictEqual(sleeps, { begun: 0, pending: 0 })
        // Refused appends leave nothing that could become old.
        assert.strictEqual(yield* tagOf(tape.append([{ n: Number.NaN }])), "TaraSONError")
        yield* TestClock.setTime(years(180))
        assert.deepStrictEqual(sleeps, { begun: 0, pending: 0 })
      })
    ).pipe(Effect.provide(layer))
  )

  it.effect("wake up once for each dynamic segment that becomes old", () =>
    counted((sleeps) =>
      Effect.gen(function* () {
        const lib = yield* Lib.open(newPlace(), { closeAfter: "1 hour" })
        const tape = yield* tapeOf(lib, "a")
        for (let n = 1; n <= 3; n++) {
          yield* tape.append([{ n }])
          yield* tape.append([{ n }])
          yield* settle
          assert.deepStrictEqual(sleeps, { begun: n, pending: 1 })
          yield* TestClock.adjust("59 minutes")
          assert.strictEqual(yield* inSegments(tape), 2 * (n - 1))
          yield* TestClock.setTime(years(60 * n))
          yield* flushed(tape)
          assert.deepStrictEqual(sleeps, { begun: n, pending: 0 })
        }
        // The last event is as young as the others were, although its file was made long ago.
        yield* tape.append([{ n: 4 }])
        yield* TestClock.adjust("59 minutes")
        assert.strictEqual(yield* inSegments(tape), 6)
      })
    ).pipe(Effect.provide(layer))
  )

  it.effect("are absent with a `closeAfter` that never comes", () =>
    counted((sleeps) =>
      Effect.gen(function* () {
        const lib = yield* Lib.open(newPlace(), { closeAfter: Duration.infinity })
        const tape = yield* tapeOf(lib, "a")
        yield* tape.append([{ n: 0 }])
        yield* TestClock.setTime(years(60))
        assert.deepStrictEqual(sleeps, { begun: 0, pending: 0 })
        assert.strictEqual(yield* inSegments(tape), 0)
      })
    ).pipe(Effect.provide(layer))
  )
})

/** Acts on a lib: milliseconds that pass, or bytes of a record that is appended. */
const acts = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant("pass" as const), millis: fc.integer({ min: 0, max: 90_000 }) }),
    fc.record({ kind: fc.constant("append" as const), chars: fc.integer({ min: 0, max: 600 }) }),
    fc.record({ kind: fc.constant("refused" as const) })
  ),
  { maxLength: 25 }
)

describe("a lib with appends at any time, and rolls by size and by age", () => {
  it.live("has one timer while it has records that are not in a segment, and none otherwise", () =>
    Effect.promise(() =>
      fc.assert(
        fc.asyncProperty(acts, (list) =>
          Effect.runPromise(
            counted((sleeps) =>
              Effect.gen(function* () {
                const lib = yield* Lib.open("lib", { closeBytes: 1000, closeAfter: "60 seconds" })
                const tape = yield* tapeOf(lib, "a")
                for (const act of list) {
                  if (act.kind === "append") yield* tape.append([{ text: "x".repeat(act.chars) }])
                  if (act.kind === "refused") yield* Effect.ignore(tape.append([{ n: Number.NaN }]))
                  if (act.kind === "pass") yield* TestClock.adjust(act.millis)
                  yield* settle
                  const waiting = (yield* tape.size) - (yield* inSegments(tape))
                  assert.strictEqual(sleeps.pending, waiting > 0 ? 1 : 0)
                  if (act.kind === "pass" && act.millis >= 60_000) assert.strictEqual(waiting, 0)
                }
              })
            ).pipe(Effect.scoped, Effect.provide(MemoryStorage.layer), Effect.provide(TestClock.layer()))
          )
        ),
        { numRuns: Number(process.env["LITETAPES_RUNS"] ?? 100) }
      )
    )
  )
})

describe("the kernel's lock", () => {
  it.effect("is looked up with a commit, at most once a minute", () =>
    Effect.gen(function* () {
      let looks = 0
      const disk: Disk["Service"] = {
        ...NodeDisk.make,
        lock: (at) =>
          Effect.map(NodeDisk.make.lock(at), (lock) => ({
            ...lock,
            keep: Effect.andThen(
              Effect.sync(() => (looks += 1)),
              lock.keep!
            )
          }))
      }
      const storage = yield* Effect.provideService(FolderStorage.make, Disk, disk)
      yield* Effect.gen(function* () {
        const lib = yield* Lib.open(newPlace(), { closeAfter: Duration.infinity })
        const tape = yield* tapeOf(lib, "a")
        const opening = looks
        for (let n = 0; n < 5; n++) yield* tape.append([{ n }])
        assert.strictEqual(looks, opening)
        yield* TestClock.setTime(years(60))
        assert.strictEqual(looks, opening)
        for (let n = 0; n < 5; n++) yield* tape.append([{ n }])
        assert.strictEqual(looks, opening + 1)
        yield* TestClock.adjust("59 seconds")
        yield* tape.append([{ n: 0 }])
        assert.strictEqual(looks, opening + 1)
        yield* TestClock.adjust("1 second")
        yield* tape.append([{ n: 0 }])
        assert.strictEqual(looks, opening + 2)
      }).pipe(Effect.provideService(Storage, storage))
    })
  )

  it.effect.runIf(process.platform === "linux")("is taken again by the next commit, once it was dropped", () =>
    Effect.gen(function* () {
      const at = newPlace()
      const lib = yield* Lib.open(at, { closeAfter: Duration.infinity })
      const tape = yield* tapeOf(lib, "a")
      const lock = path.join(at, "litelib.lock")
      // What a copy of the folder does: POSIX drops all locks of this process on the file.
      fs.closeSync(fs.openSync(lock, "r"))
      yield* TestClock.adjust("1 minute")
      yield* tape.append([{ n: 0 }])
      const other = yield* Effect.promise(() => startLockHolder(lock))
      yield* Effect.promise(() => other.kill())
      assert.strictEqual(other.said, "ELOCKED")
    }).pipe(Effect.provide(NodeStorage.layer))
  )
})
