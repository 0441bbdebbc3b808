/**
 * Recovery of damaged tapes: the recovered records are in order and were all on the tape, everything undamaged in a
 * file or in a dynamic segment is recovered, and everything else is reported.
 */
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as Stream from "effect/Stream"
import * as fc from "fast-check"
import type * as Lib from "litetapes/Lib"
import * as MemoryStorage from "litetapes/MemoryStorage"
import { parseSegmentName } from "litetapes/Names"
import type { Root } from "litetapes/Storage"
import type * as Tape from "litetapes/Tape"
import { assert, describe, it } from "vitest"
import { copyLib } from "../../../../support/copyLib.ts"
import { hiding } from "../../../../support/hidingStorage.ts"
import {
  existingTape,
  openSession,
  recordsOf,
  type StorageService,
  tapeOf,
  withLib
} from "../../../../support/openLib.ts"
import { numbered, rewrite, rewriteMeta, tamper } from "../../../../support/transformGround.ts"
import { watched } from "../../../../support/watchedStorage.ts"
import { runs } from "../../../../support/runs.ts"
import * as IndexFiles from "../../../../../src/services/segment/IndexFiles.ts"

interface Session {
  /** The records of each batch, whether it is flushed, and which earlier batch it repeats except for which record. */
  readonly batches: ReadonlyArray<
    readonly [records: number, flushed: boolean, like: readonly [batch: number, changed: number] | null]
  >
  readonly repack: Tape.RepackOptions | null
}

/** The damage of a file, chosen by a number, at a place given as a fraction. */
interface Damage {
  readonly file: number
  readonly how: "zero" | "cut" | "remove"
  readonly at: number
}

interface Case {
  readonly sessions: ReadonlyArray<Session>
  readonly crash: boolean
  readonly damages: ReadonlyArray<Damage>
  readonly meta: "lost" | ReadonlyArray<number>
  readonly indexes: boolean
}

const newline = 0x0a

const fraction = fc.integer({ min: 0, max: 999 }).map((n) => n / 1000)

const session: fc.Arbitrary<Session> = fc.record({
  batches: fc.array(fc.tuple(fc.integer({ min: 1, max: 5 }), fc.boolean(), fc.constant(null)), {
    minLength: 1,
    maxLength: 6
  }),
  repack: fc.option(
    fc.record({
      targetBytes: fc.constantFrom(1, 200, 2000),
      compression: fc.constantFrom("none" as const, "gzip" as const, "zstd" as const),
      shardEvery: fc.constantFrom(0, 2)
    })
  )
})

const cases: fc.Arbitrary<Case> = fc.record({
  sessions: fc.array(session, { minLength: 1, maxLength: 4 }),
  crash: fc.boolean(),
  damages: fc.array(
    fc.record({
      file: fc.nat(30),
      how: fc.constantFrom("zero" as const, "cut" as const, "remove" as const),
      at: fraction
    }),
    { maxLength: 4 }
  ),
  meta: fc.oneof(fc.constant("lost" as const), fc.array(fraction, { minLength: 1, maxLength: 3 })),
  indexes: fc.boolean()
})

const like = fc.option(fc.tuple(fc.nat(20), fc.nat(6)), { freq: 3 })

const alikeSession: fc.Arbitrary<Session> = fc.record({
  batches: fc.array(fc.tuple(fc.integer({ min: 1, max: 6 }), fc.boolean(), like), { minLength: 1, maxLength: 5 }),
  repack: fc.option(fc.constant<Tape.RepackOptions>({ compression: "zstd" }), { freq: 3 })
})

const gone: fc.Arbitrary<Damage> = fc.record({ file: fc.nat(30), how: fc.constant("remove" as const), at: fraction })

/** Cases in which batches nearly equal earlier ones, one file is lost, and the others are intact. */
const alikeCases: fc.Arbitrary<Case> = fc.record({
  sessions: fc.array(alikeSession, { minLength: 2, maxLength: 4 }),
  crash: fc.constant(true),
  damages: fc.array(gone, { maxLength: 1 }),
  meta: fc.constant("lost" as const),
  indexes: fc.boolean()
})

const damageFile = (root: Root, name: string, { how, at }: Damage) => {
  if (how === "remove") return root.segments.remove("a", name)
  return rewrite(root, "a", name, (bytes) => {
    const place = Math.floor(at * bytes.length)
    // Not between two lines: only its index shows that such a file was once longer.
    if (how === "cut") return bytes.subarray(0, bytes[place - 1] === newline ? place - 1 : place)
    // No line and no frame contains a run of such bytes.
    const damaged = Uint8Array.from(bytes)
    damaged.fill(1, place, place + 2)
    return damaged
  })
}

interface Written {
  readonly place: string
  readonly total: number
  /** Ordinal of the first record in dynamic segments. */
  readonly inDynamic: number
  /** Ordinals of the records in each file; or their `n`, if batches are alike. */
  readonly files: ReadonlyMap<string, ReadonlyArray<number>>
  /** The `n` of the record of each ordinal: the ordinal, unless batches are alike. */
  readonly all: ReadonlyArray<number>
  /** Whether there is a file that meta does not list: the output of a merge that the crash interrupted. */
  readonly hasMore: boolean
}

const numbersIn = (records: ReadonlyArray<{ readonly [key: string]: unknown }>) => records.map(({ n }) => n as number)

const write = Effect.fnUntraced(function* (storage: StorageService, { crash, sessions }: Case) {
  let place = "lib"
  let total = 0
  let inDynamic = 0
  const all: Array<number> = []
  const former: Array<ReadonlyArray<number>> = []
  for (const [index, { batches, repack }] of sessions.entries()) {
    const watch = watched(storage)
    const { lib, close } = yield* openSession(watch.storage, place)
    const tape = yield* tapeOf(lib, "a")
    inDynamic = total
    for (const [count, flushed, like] of batches) {
      const before = like === null ? undefined : former[like[0] % Math.max(1, former.length)]
      const fresh = Array.from({ length: before?.length ?? count }, (_, at) => total + at)
      const batch = before?.map((n, at) => (at === like![1] % before.length ? fresh[at]! : n)) ?? fresh
      yield* tape.append(batch.flatMap((n) => numbered(n, n + 1)))
      total += batch.length
      all.push(...batch)
      former.push(batch)
      if (flushed) yield* tape.appendSegment
    }
    if (repack !== null) yield* tape.repack(repack)
    if (crash && index === sessions.length - 1) {
      yield* watch.frozen(copyLib(storage, place, "copy"))
      place = "copy"
    }
    yield* close
  }
  const files = yield* withLib(
    storage,
    place,
    (reader) =>
      Effect.gen(function* () {
        const tape = yield* existingTape(reader, "a")
        const found = new Map<string, ReadonlyArray<number>>()
        for (const { name, number } of yield* tape.segments) {
          found.set(name, numbersIn(yield* Stream.runCollect(tape.readSegment(number))))
        }
        return found
      }),
    { mode: "read" }
  )
  const there = yield* tamper(storage, place, (root) => root.segments.list("a"))
  const hasMore = there.some((name) => !files.has(name))
  return { place, total, inDynamic: crash ? inDynamic : total, files, all, hasMore } satisfies Written
})

interface Counts {
  damaged: number
  ambiguous: number
}

/** Damages files and meta, and returns the damaged files. */
const damage = Effect.fnUntraced(function* (base: StorageService, { place, files }: Written, one: Case) {
  const names = [...files.keys()]
  const damaged = new Map<string, Damage>()
  if (names.length > 0) for (const damage of one.damages) damaged.set(names[damage.file % names.length]!, damage)
  yield* tamper(base, place, (root) =>
    Effect.gen(function* () {
      if (!one.indexes) yield* Effect.forEach(names, (name) => IndexFiles.remove(root.derived, "a", name))
      for (const [name, damage] of damaged) yield* damageFile(root, name, damage)
      if (one.meta === "lost") return
      const places = one.meta
      yield* rewriteMeta(root, "a", (bytes) => {
        const changed = Uint8Array.from(bytes)
        for (const at of places) changed[Math.floor(at * bytes.length)]! ^= 0x15
        return changed
      })
    })
  )
  return damaged
})

const ordinalsTo = (total: number) => Array.from({ length: total }, (_, n) => n)

/** Checks the statements of a report. */
const checkReport = (
  report: Lib.RecoverReport,
  { files, inDynamic, total }: Written,
  damaged: ReadonlyMap<string, Damage>,
  expected: ReadonlyArray<number>
) => {
  assert.strictEqual(report.records, expected.length)
  const held = new Set(expected)
  const isHeld = (name: string) => files.get(name)!.every((n) => held.has(n))
  for (const [name, { how }] of damaged) {
    const lost = report.lost.find(({ segment }) => segment === name)
    if (how !== "remove") assert.isTrue(lost !== undefined || report.dropped.includes(name), `${name} is named`)
    if (lost?.isBack === true) assert.isTrue(isHeld(name), `${name} is back`)
  }
  for (const { segment } of report.lost) assert.isTrue(damaged.has(segment), `${segment} is not damaged`)
  for (const { certain, from, to } of report.missing) {
    const removed = [...damaged].flatMap(([name, { how }]) => (how === "remove" ? [parseSegmentName(name).number] : []))
    for (let number = from; number <= to && certain; number++) assert.include(removed, number)
  }
  const lost = ordinalsTo(total).filter((n) => !held.has(n))
  for (const { from, records, to } of report.gaps) {
    assert.strictEqual(lost.filter((n) => n >= from && n < to).length, records, `between ${from} and ${to}`)
  }
  const inGaps = report.gaps.reduce((sum, { records }) => sum + records, 0)
  // With records in dynamic segments, the original number of records is known.
  if (inDynamic < total) assert.strictEqual(inGaps, lost.length)
}

/** Checks that each loss that the report tells of is listed, and nothing where nothing is missing. */
const checkLosses = (report: Lib.RecoverReport, { total }: Written, held: ReadonlyArray<number>) => {
  const { gaps, losses, lost, missing } = report
  const isTold = gaps.length > 0 || lost.some(({ isBack }) => !isBack) || missing.some(({ certain }) => certain)
  assert.strictEqual(losses.length > 0, isTold)
  if (gaps.length > 0 || lost.length > 0) return
  // Nothing shows that a file which is gone only repeated other files or dynamic segments.
  if (missing.some(({ certain }) => certain)) return
  if (held.length === total) assert.deepStrictEqual([...losses], [])
}

const recoverOne = Effect.fnUntraced(function* (one: Case, counts: Counts) {
  const base = yield* MemoryStorage.make
  const { storage, hide } = hiding(base)
  const written = yield* write(base, one)
  const { files, hasMore, inDynamic, place, total } = written
  const damaged = yield* damage(base, written, one)
  counts.damaged += damaged.size
  if (one.meta === "lost") hide(place, "a")
  const expected = ordinalsTo(total).filter((n) => {
    if (n >= inDynamic) return true
    return [...files].some(([name, numbers]) => !damaged.has(name) && numbers.includes(n))
  })
  const more = numbered(total, total + 2)
  let held: ReadonlyArray<number> = expected
  const isRecovered = yield* withLib(storage, place, (lib) =>
    Effect.gen(function* () {
      const result = yield* Effect.result(lib.recoverTape("a"))
      if (result._tag === "Failure") {
        // Two changes of meta may cancel out.
        if (result.failure._tag === "NotDamaged") return false
        assert.strictEqual(result.failure._tag, "RecoverAmbiguous")
        counts.ambiguous += 1
        // As many records are missing without a trace as may have been appended twice.
        assert.isTrue([...damaged.values()].some(({ how }) => how === "remove"))
        return false
      }
      held = numbersIn(yield* recordsOf(lib, "a", { allowGaps: true }))
      checkLosses(result.success, written, held)
      const whole = yield* Effect.result(recordsOf(lib, "a"))
      assert.strictEqual(whole._tag, result.success.losses.length === 0 ? "Success" : "Failure")
      // The output of an interrupted merge may have what a damaged file has lost.
      if (!hasMore) assert.deepStrictEqual(held, expected)
      assert.includeMembers([...held], expected)
      assert.deepStrictEqual(
        [...held],
        [...new Set(held)].toSorted((a, b) => a - b)
      )
      checkReport(result.success, written, damaged, held)
      yield* Effect.flatMap(existingTape(lib, "a"), (tape) => tape.append(more))
      assert.isTrue((yield* lib.verify()).ok)
      return true
    })
  )
  if (!isRecovered) return
  hide(place, "a")
  yield* withLib(storage, place, (lib) =>
    Effect.gen(function* () {
      yield* lib.recoverTape("a")
      assert.deepStrictEqual(numbersIn(yield* recordsOf(lib, "a", { allowGaps: true })), [...held, ...numbersIn(more)])
      assert.isTrue((yield* lib.verify()).ok)
    })
  )
})

const recoverAlike = Effect.fnUntraced(function* (one: Case, counts: { recovered: number }) {
  const base = yield* MemoryStorage.make
  const { storage, hide } = hiding(base)
  const written = yield* write(base, one)
  const { all, files, inDynamic, place } = written
  const damaged = yield* damage(base, written, one)
  hide(place, "a")
  yield* withLib(storage, place, (lib) =>
    Effect.gen(function* () {
      const result = yield* Effect.result(lib.recoverTape("a"))
      if (result._tag === "Failure") {
        assert.strictEqual(result.failure._tag, "RecoverAmbiguous")
        return
      }
      counts.recovered++
      assert.deepStrictEqual(result.success.lost, [])
      const found = numbersIn(yield* recordsOf(lib, "a", { allowGaps: true }))
      if (damaged.size === 0) assert.deepStrictEqual(found, all)
      const held = [...files].flatMap(([name, numbers]) => (damaged.has(name) ? [] : numbers))
      const there = new Set(found)
      for (const n of [...held, ...all.slice(inDynamic)]) assert.isTrue(there.has(n), `record ${n}`)
      assert.isTrue((yield* lib.verify()).ok)
    })
  )
})

describe("recover of a damaged tape", () => {
  it("omits no intact file that nearly equals others", { timeout: 60_000 + 1000 * runs }, async () => {
    const counts = { recovered: 0 }
    const property = fc.asyncProperty(alikeCases, (one) =>
      Effect.runPromise(Effect.provide(recoverAlike(one, counts), Logger.layer([])))
    )
    await fc.assert(property, { numRuns: runs })
    if (runs >= 100) assert.isAbove(counts.recovered, runs / 3)
  })

  it("recovers what is left in order, and reports the rest", { timeout: 60_000 + 1000 * runs }, async () => {
    const counts = { damaged: 0, ambiguous: 0 }
    const property = fc.asyncProperty(cases, (one) =>
      Effect.runPromise(Effect.provide(recoverOne(one, counts), Logger.layer([])))
    )
    await fc.assert(property, { numRuns: runs })
    if (runs < 100) return
    assert.isAbove(counts.damaged, runs / 4)
    assert.isBelow(counts.ambiguous, runs / 20)
  })
})
