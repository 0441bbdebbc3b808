/** Small segments are merged: when, how much at once, and what a failure leaves. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as Stream from "effect/Stream"
import * as FolderStorage from "litetapes/FolderStorage"
import type * as Lib from "litetapes/Lib"
import * as MemoryStorage from "litetapes/MemoryStorage"
import { Disk } from "../../src/services/ports/Disk.ts"
import { tamper } from "../support/transformGround.ts"
import { countingDisk } from "../support/countingDisk.ts"
import { failing } from "../support/failingStorage.ts"
import {
  existingTape,
  flush,
  type LibService,
  openSession,
  recordsOf,
  settle,
  tagOf,
  tapeOf,
  withLib
} from "../support/openLib.ts"

const quietly = (name: string, body: () => Effect.Effect<void, unknown>) =>
  it.live(name, () => Effect.provide(Effect.orDie(body()), Logger.layer([])))

/** A lib in which segments of less than 4 KiB are small, a close merges up to 16 KiB, and a clean close up to 1 KiB. */
const options: Lib.Options = { closeBytes: 64 * 1024, backlogMax: 4 }

const record = (n: number, bytes = 50) => ({ n, text: "x".repeat(bytes) })

/** Appends records to a tape, each as a segment. */
const addSegments = (lib: LibService, name: string, from: number, to: number, bytes?: number) =>
  Effect.gen(function* () {
    const tape = yield* tapeOf(lib, name)
    for (let n = from; n < to; n++) {
      yield* tape.append([record(n, bytes)])
      yield* tape.appendSegment
    }
  })

const segmentsOf = (lib: LibService, name: string) => Effect.flatMap(existingTape(lib, name), (tape) => tape.segments)

const countOf = (lib: LibService, name: string) => Effect.map(segmentsOf(lib, name), ({ length }) => length)

/** Fills a dynamic segment by another tape, until it is closed and the merges that follow have ended. */
const roll = (lib: LibService) =>
  Effect.gen(function* () {
    const tape = yield* tapeOf(lib, "filler")
    yield* tape.append([record(0, 70_000)])
    yield* tape.append([record(1, 10)])
    yield* Effect.forEach(Array.from({ length: 20 }), () => settle, { discard: true })
  })

const numbers = (to: number) => Array.from({ length: to }, (_, n) => n)

const expectAll = (lib: LibService, name: string, to: number) =>
  Effect.map(recordsOf(lib, name), (records) =>
    assert.deepStrictEqual(
      records.map(({ n }) => n),
      numbers(to)
    )
  )

describe("merging small segments", () => {
  it.live("happens after a close, in the background", () =>
    Effect.gen(function* () {
      const storage = yield* MemoryStorage.make
      yield* withLib(
        storage,
        "lib",
        (lib) =>
          Effect.gen(function* () {
            yield* addSegments(lib, "a", 0, 20)
            const { root } = yield* Effect.flatMap(existingTape(lib, "a"), (tape) => tape.head)
            assert.strictEqual(yield* countOf(lib, "a"), 20)
            yield* roll(lib)
            assert.strictEqual(yield* countOf(lib, "a"), 1)
            assert.strictEqual((yield* Effect.flatMap(existingTape(lib, "a"), (tape) => tape.head)).root, root)
            yield* expectAll(lib, "a", 20)
            assert.isTrue((yield* lib.verify()).ok)
          }),
        options
      )
    })
  )

  it.live("happens before a clean end, up to 1 KiB, and nothing is written afterwards", () =>
    Effect.gen(function* () {
      const storage = yield* MemoryStorage.make
      yield* withLib(
        storage,
        "lib",
        (lib) => Effect.andThen(addSegments(lib, "a", 0, 9), addSegments(lib, "b", 0, 9, 300)),
        options
      )
      yield* withLib(storage, "lib", (lib) =>
        Effect.gen(function* () {
          assert.isFalse(lib.report.recovered)
          // Nine segments of 74 bytes are less than 1 KiB, of nine of 324 bytes only the last three are.
          assert.strictEqual(yield* countOf(lib, "a"), 1)
          assert.strictEqual(yield* countOf(lib, "b"), 9)
          yield* expectAll(lib, "a", 9)
        })
      )
    })
  )

  for (const [mergeSegments, left] of [
    [false, 9],
    [20, 9],
    [undefined, 1]
  ] as const) {
    it.live(`obeys mergeSegments: ${mergeSegments}`, () =>
      Effect.gen(function* () {
        const storage = yield* MemoryStorage.make
        const by = mergeSegments === undefined ? options : { ...options, mergeSegments }
        yield* withLib(storage, "lib", (lib) => Effect.andThen(addSegments(lib, "a", 0, 9), roll(lib)), by)
        yield* withLib(
          storage,
          "lib",
          (lib) => Effect.map(countOf(lib, "a"), (count) => assert.strictEqual(count, left)),
          by
        )
      })
    )
  }

  it.live("with a number merges all segments under half of closeBytes once there are so many", () =>
    Effect.gen(function* () {
      const storage = yield* MemoryStorage.make
      const by = { ...options, mergeSegments: 4 }
      yield* withLib(
        storage,
        "lib",
        (lib) =>
          Effect.gen(function* () {
            yield* addSegments(lib, "a", 0, 1, 20_000)
            yield* addSegments(lib, "a", 1, 4)
            yield* roll(lib)
            assert.strictEqual(yield* countOf(lib, "a"), 1)
          }),
        by
      )
    })
  )

  it.live("copies at most a quarter of closeBytes after one close, and the tapes take turns", () =>
    Effect.gen(function* () {
      const storage = yield* MemoryStorage.make
      const names = numbers(6).map((n) => `t${n}`)
      yield* withLib(
        storage,
        "lib",
        (lib) =>
          Effect.gen(function* () {
            for (const name of names) yield* addSegments(lib, name, 0, 4, 1200)
            const counts: Array<number> = []
            for (let closes = 0; closes < 2; closes++) {
              yield* roll(lib)
              const all = yield* Effect.forEach(names, (name) => countOf(lib, name))
              counts.push(all.filter((count) => count === 1).length)
            }
            // Three times 4.9 KiB are less than 16 KiB, four times are more.
            assert.deepStrictEqual(counts, [3, 6])
          }),
        options
      )
    })
  )

  it.live("does not keep a reader from reading on, from the files that it knows", () =>
    Effect.gen(function* () {
      const storage = yield* MemoryStorage.make
      const { close, lib } = yield* openSession(storage, "lib", options)
      yield* addSegments(lib, "a", 0, 20)
      yield* withLib(
        storage,
        "lib",
        (reader) =>
          Effect.gen(function* () {
            const tape = yield* existingTape(reader, "a")
            let read = 0
            yield* Stream.runForEachArray(tape.records(), (records) => {
              read += records.length
              return read === records.length ? roll(lib) : Effect.void
            })
            assert.strictEqual(read, 20)
            assert.strictEqual(yield* countOf(lib, "a"), 1)
            yield* expectAll(reader, "a", 20)
          }),
        { mode: "read" }
      )
      yield* close
    })
  )

  quietly("that fails before meta changes leaves the segments, and the lib is closed cleanly", () =>
    Effect.gen(function* () {
      const storage = yield* MemoryStorage.make
      const disk = failing(storage)
      const { close, lib } = yield* openSession(disk.storage, "lib", options)
      yield* addSegments(lib, "a", 0, 9)
      disk.plan({ operation: "segments.write", nth: 1, when: "before" })
      yield* lib.close
      assert.isTrue(disk.hasFailed())
      yield* close
      yield* withLib(
        storage,
        "lib",
        (again) =>
          Effect.gen(function* () {
            assert.isFalse(again.report.recovered)
            assert.strictEqual(yield* countOf(again, "a"), 9)
            yield* expectAll(again, "a", 9)
          }),
        { ...options, mergeSegments: false }
      )
    })
  )

  for (const when of ["before", "after"] as const) {
    quietly(`whose change of meta fails (${when} it is done) fails the close, and loses nothing`, () =>
      Effect.gen(function* () {
        const storage = yield* MemoryStorage.make
        const disk = failing(storage)
        const { close, lib } = yield* openSession(disk.storage, "lib", options)
        yield* addSegments(lib, "a", 0, 9)
        disk.plan({ operation: "meta.replace", nth: 1, when })
        assert.strictEqual(yield* tagOf(lib.close), "WriterPoisoned")
        assert.isTrue(disk.hasFailed())
        yield* close
        yield* withLib(
          storage,
          "lib",
          (again) =>
            Effect.gen(function* () {
              assert.isTrue(again.report.recovered)
              yield* expectAll(again, "a", 9)
              assert.strictEqual(yield* countOf(again, "a"), when === "before" ? 9 : 1)
              assert.isTrue((yield* again.verify()).ok)
              yield* addSegments(again, "a", 9, 10)
              yield* expectAll(again, "a", 10)
            }),
          { ...options, mergeSegments: false }
        )
      })
    )
  }

  quietly("in the background that fails is tried again after the next close", () =>
    Effect.gen(function* () {
      const disk = failing(yield* MemoryStorage.make)
      yield* withLib(
        disk.storage,
        "lib",
        (lib) =>
          Effect.gen(function* () {
            yield* addSegments(lib, "a", 0, 9)
            yield* tapeOf(lib, "filler")
            // The first write is the flush of the filler.
            disk.plan({ operation: "segments.write", nth: 2, when: "before" })
            yield* roll(lib)
            assert.isTrue(disk.hasFailed())
            assert.strictEqual(yield* countOf(lib, "a"), 9)
            yield* roll(lib)
            assert.strictEqual(yield* countOf(lib, "a"), 1)
            yield* expectAll(lib, "a", 9)
          }),
        options
      )
    })
  )
})

describe("a program that appends one event and ends", () => {
  it.live("leaves at most three times the bytes of its events after 200 runs", () =>
    Effect.gen(function* () {
      const disk = countingDisk()
      const storage = yield* Effect.provideService(FolderStorage.make, Disk, disk.disk)
      for (let run = 0; run < 200; run++) {
        yield* withLib(storage, "/lib", (lib) =>
          Effect.flatMap(tapeOf(lib, "todo"), (tape) => tape.append([record(run, 150)]))
        )
      }
      const segments = disk.filesOf(/\/seg-\d+\.jsonl$/)
      assert.isAtMost(segments.count, 3 * Math.ceil(Math.log(200) / Math.log(4)))
      assert.isAtMost(disk.filesOf(/./).bytes, 3 * segments.bytes)
      yield* withLib(storage, "/lib", (lib) =>
        Effect.gen(function* () {
          yield* expectAll(lib, "todo", 200)
          assert.isTrue((yield* lib.verify()).ok)
          yield* flush(lib, "todo")
        })
      )
    })
  )
})

describe("a segment that cannot be read", () => {
  const programs = (times: number) =>
    Effect.gen(function* () {
      const storage = yield* MemoryStorage.make
      const logged: Array<string> = []
      const logger = Logger.make(({ message }) => void logged.push(String(message)))
      const quiet = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.provide(effect, Logger.layer([logger]))
      yield* withLib(storage, "lib", (lib) => addSegments(lib, "a", 0, 2), { mergeSegments: false })
      yield* tamper(storage, "lib", (root) => root.segments.remove("a", "seg-000002.jsonl"))
      for (let n = 0; n < times; n++) {
        yield* quiet(
          withLib(storage, "lib", (lib) => Effect.flatMap(tapeOf(lib, "a"), (tape) => tape.append([record(n)])))
        )
      }
      const count = yield* withLib(storage, "lib", (lib) => countOf(lib, "a"), { mode: "read" })
      return { count, warnings: logged.filter((one) => one.includes("were not merged")).length }
    })

  it.live("keeps those before it from being merged, not those after it", () =>
    Effect.gen(function* () {
      const { count, warnings } = yield* programs(64)
      assert.isAtMost(count, 8)
      assert.isAtMost(warnings, 64)
    })
  )
})
