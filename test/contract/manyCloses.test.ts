/**
 * A service that runs for days with the default options closes a dynamic segment every minute, each with few events. What
 * things cost must not grow with the number of closes. Steps and bytes of the disk are counted; no clock of the machine.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import * as FolderStorage from "litetapes/FolderStorage"
import type * as Lib from "litetapes/Lib"
import { Disk } from "../../src/services/ports/Disk.ts"
import { internalsOf } from "../../src/services/internals.ts"
import { countingDisk } from "../support/countingDisk.ts"
import { type LibService, openSession, settle, storeOf } from "../support/openLib.ts"

/** A disk that counts, and a lib on it. */
const ground = (options: Lib.Options = {}) => {
  const counting = countingDisk()
  const storage = Effect.provideService(FolderStorage.make, Disk, counting.disk)
  const open = Effect.flatMap(storage, (service) => openSession(service, "/lib", options))
  const use = <A, E, R>(body: (lib: LibService) => Effect.Effect<A, E, R>) =>
    Effect.acquireUseRelease(
      open,
      ({ lib }) => body(lib),
      ({ close }) => close
    )
  return { ...counting, open, use }
}

type Ground = ReturnType<typeof ground>

/** Waits until nothing is left to close, and the merges that follow have ended. */
const untilClosed = (lib: LibService): Effect.Effect<void> =>
  Effect.suspend(() =>
    internalsOf(lib).handle.journal.files.length === 1 ? settle : Effect.andThen(settle, untilClosed(lib))
  )

const event = (n: number) => ({ type: "Noted", data: { n, text: "x".repeat(40) } })

/** Appends the events of a minute: one for each category, each time to another of five streams. */
const append = (lib: LibService, n: number, categories: number) =>
  Effect.flatMap(storeOf(lib), (store) =>
    store.appendAll(
      Array.from({ length: categories }, (_, at) => ({ stream: `cat${at}-${n % 5}`, events: [event(n)] }))
    )
  )

/** Lives through minutes: each time the events come, and the dynamic segment is closed. */
const minutes = (lib: LibService, from: number, to: number, categories: number) =>
  Effect.gen(function* () {
    for (let n = from; n < to; n++) {
      yield* append(lib, n, categories)
      yield* TestClock.adjust("61 seconds")
      yield* untilClosed(lib)
    }
  })

const segments = /\/seg-\d+\.jsonl$/

/** Returns what things cost now, each in a lib that was just opened, and what is on the disk. */
const measure = Effect.fnUntraced(function* (disk: Ground, n: number, categories: number, count: number) {
  const left = {
    segments: disk.filesOf(segments),
    indexes: disk.filesOf(/\.idx$/),
    tapeMeta: disk.filesOf(/tape\.meta\.jsonl$/),
    libMeta: disk.filesOf(/litelib\.meta\.jsonl$/),
    files: disk.filesOf(/./)
  }
  const read = (lib: LibService) =>
    Effect.flatMap(storeOf(lib), (store) =>
      Stream.runCollect(store.read("cat0-1", { direction: "backward", limit: 15 }))
    )
  const [firstRead, nextRead] = yield* disk.use((lib) => Effect.all([disk.costOf(read(lib)), disk.costOf(read(lib))]))
  const firstAppend = yield* disk.use((lib) =>
    Effect.flatMap(storeOf(lib), (store) => disk.costOf(store.append(`cat0-new${n}`, [event(n)])))
  )
  const session = yield* disk.open
  const running = yield* disk.costOf(minutes(session.lib, n, n + count, categories))
  yield* append(session.lib, n, categories)
  const closing = yield* disk.costOf(session.close)
  const opening = yield* disk.costOf(Effect.flatMap(disk.open, ({ close }) => close))
  return { left, opening, firstRead, nextRead, firstAppend, closing, running }
})

interface Run {
  readonly categories: number
  /** Minutes before the two measurements, and of each of them. */
  readonly first: number
  readonly last: number
  readonly count: number
}

/** Measures after few closes and after many, and compares. */
const compare = ({ categories, count, first, last }: Run) =>
  Effect.gen(function* () {
    const disk = ground()
    yield* disk.use((lib) => minutes(lib, 0, first, categories))
    const few = yield* measure(disk, first, categories, count)
    yield* disk.use((lib) => minutes(lib, first + count, last, categories))
    const many = yield* measure(disk, last, categories, count)
    // At most three segments for each power of four, and the event that `measure` appends to another stream.
    const segmentsMax = categories * (3 * Math.ceil(Math.log(last) / Math.log(4)) + 1)
    assert.isAtMost(many.left.segments.count, segmentsMax)
    assert.strictEqual(many.left.indexes.count, many.left.segments.count)
    assert.isAtMost(many.left.tapeMeta.bytes, 1300 * (many.left.segments.count + categories))
    assert.isAtMost(many.left.libMeta.bytes, 32 * 1024)
    assert.isAtMost(many.left.indexes.bytes, many.left.segments.bytes / 4)
    assert.isAtMost(many.left.files.count, 2 * many.left.segments.count + categories + 4)

    assert.deepStrictEqual(
      [many.opening.steps, many.opening.syncs],
      [few.opening.steps, few.opening.syncs],
      "opening and closing"
    )
    // A look-up opens an index and reads one or two pages of it; a few events are read from a few segments.
    const each = 6 * Math.ceil(segmentsMax / categories)
    assert.isAtMost(many.firstRead.steps, each)
    assert.isAtMost(many.nextRead.steps, 30)
    assert.strictEqual(many.nextRead.indexSteps, few.nextRead.indexSteps)
    assert.isAtMost(many.firstAppend.steps, each)
    // A flush takes the same steps; what merges copy grows with the logarithm.
    assert.isAtMost(many.running.steps, 1.1 * few.running.steps)
    assert.isAtMost(many.running.syncs, 1.1 * few.running.syncs)
    assert.isAtMost(many.running.bytes, 2 * few.running.bytes)
    assert.isAtMost(many.closing.steps, 2 * few.closing.steps)
  })

describe("a service that closes every minute", () => {
  it.effect(
    "costs the same after 5,000 closes as after 500",
    () => compare({ categories: 1, first: 500, last: 5000, count: 64 }),
    240_000
  )

  it.effect(
    "costs the same with twenty categories after 80 closes as after 16",
    () => compare({ categories: 20, first: 16, last: 80, count: 16 }),
    240_000
  )
})

describe("an event store with more than a thousand segments", () => {
  it.live("opens the index of each of them once", () => {
    const categories = 22
    const disk = ground({ closeBytes: 1, mergeSegments: false })
    return disk.use((lib) =>
      Effect.gen(function* () {
        for (let n = 0; n < 51; n++) yield* append(lib, n, categories)
        yield* untilClosed(lib)
        assert.isAbove(disk.filesOf(segments).count, 1024)
        const store = yield* storeOf(lib)
        const readAll = Effect.forEach(
          Array.from({ length: categories }, (_, at) => at),
          (at) => Stream.runCollect(store.read(`cat${at}-0`)),
          { discard: true }
        )
        yield* readAll
        assert.strictEqual((yield* disk.costOf(readAll)).indexSteps, 0)
        assert.strictEqual(
          (yield* disk.costOf(store.append("cat0-new", [event(0)], { expected: "no-stream" }))).indexSteps,
          0
        )
      })
    )
  })
})
