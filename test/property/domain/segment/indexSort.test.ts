/** The index is sorted in two ways, depending on the number of keys. Both give the same order. */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { sortedOrder } from "../../../../src/domain/segment/indexSort.ts"
import { runs } from "../../../support/runs.ts"

const hash = fc.oneof(
  fc.maxSafeNat(),
  fc.nat(3),
  fc.constantFrom(Number.MAX_SAFE_INTEGER, 2 ** 32, 2 ** 32 - 1, 2 ** 22)
)

/** Numbers of keys on both sides of the limit for comparing. */
const length = fc.oneof(fc.nat(40), fc.integer({ min: 505, max: 520 }), fc.integer({ min: 521, max: 5000 }))

const keys = fc
  .tuple(fc.array(hash, { minLength: 1 }), length)
  .map(([some, length]) => Float64Array.from({ length }, (_, i) => some[i % some.length]!))

describe("sortedOrder", () => {
  it("returns each key once, ascending, with equal ones in their original order", () => {
    const sizes: Array<boolean> = []
    fc.assert(
      fc.property(keys, (keys) => {
        const order = sortedOrder(keys)
        const expected = [...keys.keys()].toSorted((a, b) => keys[a]! - keys[b]! || a - b)
        assert.deepStrictEqual(Array.from(order), expected)
        sizes.push(keys.length > 512)
      }),
      { numRuns: runs * 3 }
    )
    assert.sameMembers([...new Set(sizes)], [true, false])
  })

  it.each([3, 600])("refuses invalid hashes among %i keys", (count) => {
    for (const bad of [-1, 0.5, Number.NaN, 2 ** 53]) {
      assert.throws(() => sortedOrder(Float64Array.from({ length: count }, (_, i) => (i === 1 ? bad : i))), /hash/)
    }
  })
})
