/**
 * The plan of a recovery without meta, computed without a disk: tapes that were flushed and repacked, the last repack
 * interrupted, some files damaged or missing, the last records in dynamic segments too. The plan contains the stream,
 * once and in order, as far as anything undamaged contains it; or it is ambiguous.
 */
import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import { numbersBeforeRepack } from "../../../../../src/domain/meta/TapeState.ts"
import type { Plan } from "../../../../../src/services/maintenance/recover/Plan.ts"
import { alike, arbitrary, plan, printsOf, streamOf, type Seen, type Slice } from "../../../../support/planCases.ts"
import { runs } from "../../../../support/runs.ts"

const check = ({ plan, all, damaged, gone, isOnlyCopy, removed, total, inDynamic }: Seen): void => {
  if ("ambiguous" in plan) return
  const ordinals = Array.from({ length: total }, (_, n) => n)
  const isHeld = (n: number) =>
    n >= inDynamic || all.some((slice) => !damaged.has(slice) && !gone.has(slice) && slice.from <= n && n < slice.to)
  const stream = streamOf(plan, all, inDynamic)
  assert.deepStrictEqual(isOnlyCopy ? stream.toSorted((a, b) => a - b) : stream, ordinals.filter(isHeld))
  const isBackAll = ({ from, to }: Slice) => stream.filter((n) => n >= from && n < to).length === to - from
  for (const { number, isBack } of plan.lost) {
    const slice = all.find((one) => one.number === number)!
    assert.isTrue(damaged.has(slice))
    if (isBack) assert.isTrue(isBackAll(slice), `${number} is back`)
  }
  for (const slice of damaged) {
    if (isBackAll(slice)) continue
    const found = plan.lost.find(({ number }) => number === slice.number)
    assert.isFalse(found === undefined || found.isBack, `${slice.number} is lost`)
  }
  for (const { certain, from, to } of plan.missing) {
    for (let n = from; n <= to && certain; n++) {
      assert.isTrue(
        [...gone, ...removed].some((slice) => slice.number === n),
        `${n} is missing`
      )
    }
  }
  if (isOnlyCopy) return
  for (const { from, records, to } of plan.gaps) {
    const lost = ordinals.filter((n) => n >= from && n < to && !isHeld(n)).length
    assert.strictEqual(records, lost, `between ${from} and ${to}`)
  }
  // If records are in dynamic segments, the number of lost records is known and reported.
  const lost = ordinals.filter((n) => !isHeld(n)).length
  if (inDynamic < total)
    assert.strictEqual(
      plan.gaps.reduce((sum, { records }) => sum + records, 0),
      lost
    )
}

/**
 * If files are lost, a record that occurs in two batches may be taken for one. A record that occurs in one batch only
 * is kept.
 */
const checkKept = ({ all, damaged, gone, inDynamic, prints }: Seen, plan: Plan): void => {
  for (const { number } of plan.lost) {
    assert.isTrue(
      [...damaged].some((slice) => slice.number === number),
      `${number} is damaged`
    )
  }
  const made = new Set(streamOf(plan, all, inDynamic).map((n) => prints[n]))
  const held = all.filter((slice) => !damaged.has(slice) && !gone.has(slice))
  for (const { from, number, to } of held) {
    for (let n = from; n < to; n++) assert.isTrue(made.has(prints[n]), `record ${n} of ${number}`)
  }
  for (let n = inDynamic; n < prints.length; n++) assert.isTrue(made.has(prints[n]), `record ${n} that was committed`)
}

/** Returns whether a record is in a file, or among the remaining committed ones. */
const heldIn =
  ({ all, damaged, gone, inDynamic, committedEnd }: Seen) =>
  (n: number): boolean =>
    (n >= inDynamic && n < committedEnd) ||
    all.some((slice) => !damaged.has(slice) && !gone.has(slice) && slice.from <= n && n < slice.to)

describe("the plan of a recovery", () => {
  for (const damages of [0, 2]) {
    it(`contains each remaining record once if files continue after the remaining committed ones: ${damages} damages`, () => {
      const counts = { ahead: 0, planned: 0 }
      const property = fc.property(arbitrary(damages), fc.integer({ min: 1, max: 12 }), (one, cut) => {
        const seen = plan(one, undefined, cut)
        const { all, committedEnd, gone, inDynamic, isOnlyCopy, total } = seen
        fc.pre(committedEnd > inDynamic && gone.size < numbersBeforeRepack)
        const isAhead = all.some(({ to }) => to > committedEnd)
        if (isAhead) counts.ahead++
        if ("ambiguous" in seen.plan) return
        if (isAhead) counts.planned++
        const stream = streamOf(seen.plan, all, inDynamic)
        const held = Array.from({ length: total }, (_, n) => n).filter(heldIn(seen))
        // Only the length of a lost file may show on which side of the committed records another file belongs.
        const isCertain = damages === 0 && !isOnlyCopy
        assert.deepStrictEqual(isCertain ? stream : stream.toSorted((a, b) => a - b), held)
      })
      fc.assert(property, { numRuns: runs * 20 })
      assert.isAbove(counts.ahead, runs)
      assert.isAbove(counts.planned, counts.ahead / (damages === 0 ? 2 : 5))
    })
  }

  it("contains the stream once if nothing is damaged and no power was lost", () => {
    const counts = { leftovers: 0 }
    const property = fc.property(arbitrary(0), (one) => {
      fc.pre(one.end?.left !== "any inputs")
      const seen = plan(one)
      if (seen.all.length > 0 && one.end !== null) counts.leftovers++
      assert.isFalse("ambiguous" in seen.plan, JSON.stringify(seen.plan))
      check(seen)
      if (!("ambiguous" in seen.plan)) assert.deepStrictEqual(seen.plan.lost, [])
    })
    fc.assert(property, { numRuns: runs * 10 })
    assert.isAbove(counts.leftovers, runs)
  })

  it("contains the stream once even if records repeat, or is ambiguous", () => {
    const counts = { planned: 0 }
    const property = fc.property(arbitrary(0), fc.integer({ min: 1, max: 4 }), (one, kinds) => {
      fc.pre(one.role === "records" && one.end?.left !== "any inputs")
      const { inDynamic, plan: made, total } = plan(one, kinds)
      if ("ambiguous" in made) return
      counts.planned++
      const committed = printsOf({ number: 0, from: inDynamic, to: total }, kinds)
      const prints = [
        ...made.files.flatMap(({ prints }) => [...prints]),
        ...made.tails.flatMap(([from, to]) => [...committed.subarray(from, to)])
      ]
      assert.deepStrictEqual(prints, [...printsOf({ number: 0, from: 0, to: total }, kinds)])
    })
    fc.assert(property, { numRuns: runs * 10 })
    assert.isAbove(counts.planned, runs)
  })

  it("contains each remaining record once, or is ambiguous, if files are damaged", () => {
    const counts = { ambiguous: 0, damaged: 0 }
    const property = fc.property(arbitrary(4), (one) => {
      const seen = plan(one)
      // As many as a repack skips: then it may look as if a repack had removed them.
      fc.pre(seen.gone.size < numbersBeforeRepack)
      if (seen.damaged.size + seen.gone.size > 0) counts.damaged++
      if ("ambiguous" in seen.plan) counts.ambiguous++
      check(seen)
    })
    fc.assert(property, { numRuns: runs * 20 })
    assert.isAbove(counts.damaged, runs)
    assert.isBelow(counts.ambiguous, counts.damaged / 5)
  })

  for (const damages of [0, 4]) {
    it(`omits no file that nearly equals another, or is ambiguous: ${damages} damages`, () => {
      const counts = { planned: 0 }
      const property = fc.property(alike(damages), (one) => {
        const seen = plan(one)
        fc.pre(seen.gone.size < numbersBeforeRepack)
        if ("ambiguous" in seen.plan) return
        counts.planned++
        if (damages === 0) check(seen)
        else checkKept(seen, seen.plan)
      })
      fc.assert(property, { numRuns: runs * 10 })
      assert.isAbove(counts.planned, runs * 3)
    })
  }
})
