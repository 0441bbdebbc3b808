/**
 * A crash before any write to storage, which is a crash after the previous one: during appends, flushes, closes in the
 * background, and the opening that follows a crash. The next writer finds the acknowledged records, alone or with the
 * whole batch that was under way.
 */
import * as Effect from "effect/Effect"
import * as fc from "fast-check"
import * as MemoryStorage from "litetapes/MemoryStorage"
import { assert, describe, it } from "vitest"
import type { Found } from "../../reliability/crashes/explore.ts"
import { exploreHistory, history, shortHistories } from "../../reliability/crashes/histories.ts"
import { copyLib } from "../../support/copyLib.ts"
import { existingTape, type LibService, recordsOf, type StorageService, withLib } from "../../support/openLib.ts"
import { type Watched, watched } from "../../support/watchedStorage.ts"
import { runs } from "../../support/runs.ts"

const names = ["a", "b", "c"]
const options = { closeBytes: 700, backlogMax: 1 }

/** Tapes as arrays of numbers, which identify the records. */
type Contents = ReadonlyArray<ReadonlyArray<number>>

interface Snapshot {
  readonly place: string
  readonly acknowledged: Contents
  /** The acknowledged records and the batch under way. */
  readonly pending: Contents
}

/** Numbers of new records for each tape; or a flush of one. */
type Act = { readonly append: ReadonlyArray<number> } | { readonly flush: number }

const act: fc.Arbitrary<Act> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      append: fc.array(fc.nat(3), { minLength: 3, maxLength: 3 }).filter((counts) => counts.some((count) => count > 0))
    })
  },
  { weight: 1, arbitrary: fc.record({ flush: fc.nat(2) }) }
)

const recordOf = (n: number) => ({ n, text: "x".repeat((n * 53) % 300) })

const read = (lib: LibService) =>
  Effect.gen(function* () {
    const listed = new Set((yield* lib.tapes).map(({ name }) => name))
    const contents: Array<Array<number>> = []
    for (const name of names) {
      const records = listed.has(name) ? yield* recordsOf(lib, name) : []
      for (const record of records) assert.deepStrictEqual(record, recordOf(record["n"] as number))
      contents.push(records.map((record) => record["n"] as number))
    }
    return contents
  })

class Run {
  readonly #base: StorageService
  readonly #prefix: string
  readonly snapshots: Array<Snapshot> = []
  #copies = 0
  #next = 0
  acknowledged: Contents = names.map(() => [])
  pending: Contents = this.acknowledged

  constructor(base: StorageService, prefix: string) {
    this.#base = base
    this.#prefix = prefix
  }

  /** Makes a copy before every write from now on. */
  arm(watch: Watched, place: string): void {
    watch.before = () =>
      Effect.suspend(() => {
        const copied = `${this.#prefix}-${(this.#copies += 1)}`
        this.snapshots.push({ place: copied, acknowledged: this.acknowledged, pending: this.pending })
        return copyLib(this.#base, place, copied)
      })
  }

  append(lib: LibService, counts: ReadonlyArray<number>) {
    return Effect.suspend(() => {
      const fresh = counts.map((count) => Array.from({ length: count }, () => (this.#next += 1)))
      this.pending = this.acknowledged.map((numbers, index) => [...numbers, ...(fresh[index] ?? [])])
      const appends = names.map((tape, index) => ({ tape, records: (fresh[index] ?? []).map(recordOf) }))
      return Effect.map(lib.commit(appends), () => {
        this.acknowledged = this.pending
      })
    })
  }
}

/** Opens the files that a crash left, appends, and reopens them. */
const check = Effect.fnUntraced(function* (storage: StorageService, snapshot: Snapshot) {
  const { place, acknowledged, pending } = snapshot
  let found: Contents = []
  yield* withLib(storage, place, (lib) =>
    Effect.gen(function* () {
      found = yield* read(lib)
      const same = JSON.stringify(found)
      assert.include([JSON.stringify(acknowledged), JSON.stringify(pending)], same)
      assert.isUndefined(lib.report.tailDiscarded)
      assert.isFalse(lib.report.metaTailDropped)
      for (const { name } of yield* lib.tapes) yield* lib.commit([{ tape: name, records: [recordOf(0)] }])
    })
  )
  yield* withLib(storage, place, (lib) =>
    Effect.gen(function* () {
      const listed = (yield* lib.tapes).length
      assert.deepStrictEqual(
        yield* read(lib),
        found.map((numbers, index) => (index < listed ? [...numbers, 0] : numbers))
      )
      for (const { name } of yield* lib.tapes) {
        const tape = yield* existingTape(lib, name)
        for (const { number } of yield* tape.segments) yield* tape.verifySegment(number)
      }
    })
  )
})

/** Runs a writer, with a copy of the lib at every write. */
const live = Effect.fnUntraced(function* (base: StorageService, prefix: string, acts: ReadonlyArray<Act>) {
  const run = new Run(base, prefix)
  const watch = watched(base)
  // The first write creates the lib: before that there is nothing to copy.
  yield* withLib(base, prefix, () => Effect.void)
  run.arm(watch, prefix)
  const use = (lib: LibService) =>
    Effect.gen(function* () {
      for (const name of names) yield* lib.createTape(name)
      for (const one of acts) {
        if ("append" in one) yield* run.append(lib, one.append)
        else yield* Effect.flatMap(existingTape(lib, names[one.flush]!), (tape) => tape.appendSegment)
      }
    })
  yield* withLib(watch.storage, prefix, use, options)
  return run.snapshots
})

/** Opens and closes the lib after a crash, with a copy at every write. */
const liveAgain = Effect.fnUntraced(function* (base: StorageService, snapshot: Snapshot) {
  const run = new Run(base, `${snapshot.place}-again`)
  run.acknowledged = snapshot.acknowledged
  run.pending = snapshot.pending
  const watch = watched(base)
  run.arm(watch, snapshot.place)
  yield* withLib(watch.storage, snapshot.place, () => Effect.void, options)
  return run.snapshots
})

describe("a crash at any write", () => {
  it(
    "loses nothing acknowledged and leaves no partial batch, even during the opening after a crash",
    async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(act, { maxLength: 7 }), fc.nat(6), async (acts, offset) => {
          const base = await Effect.runPromise(MemoryStorage.make)
          const program = Effect.gen(function* () {
            const snapshots = yield* live(base, "lib", acts)
            for (const [index, snapshot] of snapshots.entries()) {
              const nested = index % 7 === offset ? yield* liveAgain(base, snapshot) : []
              for (const inner of [...nested, snapshot]) yield* check(base, inner)
            }
          })
          await Effect.runPromise(program)
        }),
        { numRuns: Math.ceil(runs / 10) }
      )
    },
    60_000 + 1000 * runs
  )
})

describe("the exploration of a history", () => {
  const plan = { lossesMax: 3, nestedEvery: 0, depth: 0, before: ["datasync", "unlink"] }

  /** Returns the keys of the images that two histories open, one after the other, and how often they are opened. */
  const inOrder = async (...numbers: ReadonlyArray<number>) => {
    const keys = new Set<number>()
    const all: Array<Found> = []
    for (const n of numbers) all.push(await exploreHistory(history(1, n), 1, n, plan, keys))
    for (const { appended, images } of all) assert.strictEqual(appended, images)
    const opens = all.reduce((sum, found) => sum + found.opens, 0)
    return { keys: [...keys].toSorted((a, b) => a - b), opens, repeated: all.at(-1)!.repeated }
  }

  it("opens the same images in the same way, whatever was opened before, and appends to all of them", async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(shortHistories - 1), fc.nat(shortHistories - 1), async (a, b) => {
        const [one, other] = [await inOrder(a, b), await inOrder(b, a)]
        assert.deepStrictEqual([one.keys, one.opens], [other.keys, other.opens])
        // Otherwise nothing could have been affected by the order.
        assert.isAbove(one.repeated, 0)
      }),
      { numRuns: Math.ceil(runs / 40) }
    )
  }, 120_000)
})
