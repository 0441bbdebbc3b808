/** Checkpoints compared with sets of positions. */
import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import * as Checkpoint from "../../../../src/domain/meta/Checkpoint.ts"
import * as CheckpointRanges from "../../../../src/domain/meta/CheckpointRanges.ts"
import { runs } from "../../../support/runs.ts"

const most = 40

const ranges = fc.array(
  fc.tuple(fc.nat(most - 2), fc.integer({ min: 1, max: 8 })).map(([from, count]) => [from, from + count] as const),
  { maxLength: 8 }
)
const given = fc.record({ low: fc.nat(most), ranges })
type Given = typeof given extends fc.Arbitrary<infer A> ? A : never

const positions = Array.from({ length: 2 * most }, (_, n) => n)

/** The positions that are done. */
const setOf = ({ low, ranges: its }: Given): ReadonlySet<number> =>
  new Set(positions.filter((one) => one < low || its.some(([from, to]) => one >= from && one < to)))

const checkpointOf = ({ low, ranges: its }: Given) => CheckpointRanges.normalized(2, low, its)

/** Checks that a checkpoint is valid, the shortest one, and has exactly these positions done. */
const says = (checkpoint: Checkpoint.CheckpointState, done: ReadonlySet<number>): void => {
  assert.isUndefined(Checkpoint.whyNotCheckpoint(checkpoint))
  for (const one of positions)
    assert.strictEqual(CheckpointRanges.isDone(checkpoint, one), done.has(one), `position ${one}`)
  assert.strictEqual(Checkpoint.endOf(checkpoint), done.size === 0 ? 0 : Math.max(...done) + 1)
  assert.isTrue(Checkpoint.isSame(Checkpoint.ofMark(Checkpoint.toMark("c", checkpoint), 9), checkpoint))
}

describe("a checkpoint", () => {
  it("has the positions that it was made of, is what both of two have done, and is cut", () => {
    fc.assert(
      fc.property(given, given, fc.nat(2 * most), (one, other, end) => {
        const [first, second] = [checkpointOf(one), checkpointOf(other)]
        says(first, setOf(one))
        const both = new Set([...setOf(one), ...setOf(other)])
        says(CheckpointRanges.merged(first, second), both)
        assert.deepStrictEqual(CheckpointRanges.merged(first, second), CheckpointRanges.merged(second, first))
        assert.strictEqual(
          Checkpoint.isSame(first, CheckpointRanges.merged(first, second)),
          both.size === setOf(one).size
        )
        const kept = new Set([...setOf(one)].filter((position) => position < end))
        const cut = CheckpointRanges.cutAt({ ...first, at: 2 * most + 1 }, end)
        assert.isTrue(cut.isLost)
        says({ version: cut.version, low: cut.low, above: cut.above }, kept)
        // It was committed before anything that is left out.
        const early = { ...first, at: end }
        assert.deepStrictEqual(CheckpointRanges.cutAt(early, end), early)
      }),
      { numRuns: runs * 2 }
    )
  })

  it("is refused in a mark out of order, twice for a consumer, and beyond all positions", () => {
    assert.isUndefined(
      Checkpoint.whyNotMarked([
        ["a", 1, 2, [[3, 4]]],
        ["b", 1, 2, []]
      ])
    )
    for (const above of [
      [[2, 3]],
      [[4, 4]],
      [[5, 4]],
      [
        [3, 5],
        [5, 6]
      ]
    ] as const) {
      assert.isString(Checkpoint.whyNotMarked([["a", 1, 2, above]]))
    }
    assert.isString(
      Checkpoint.whyNotMarked([
        ["a", 1, 2, []],
        ["a", 1, 3, []]
      ])
    )
    assert.isString(Checkpoint.whyNotMarked([["a", 1, 2 ** 50, []]]))
  })
})
