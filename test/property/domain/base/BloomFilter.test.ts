import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { hash53 } from "../../../../src/domain/base/Hash53.ts"
import { BloomFilter } from "../../../../src/domain/base/BloomFilter.ts"
import { runs } from "../../../support/runs.ts"

/** Includes hashes that a hash function would rarely return: small ones, and many that share one half. */
const hashes = fc.array(
  fc.oneof(
    fc.maxSafeNat(),
    fc.nat(100),
    fc.nat(2 ** 20).map((high) => high * 2 ** 32 + 7),
    fc.nat().map((low) => 5 * 2 ** 32 + low)
  )
)

const filterOf = (members: ReadonlyArray<number>, room = members.length): BloomFilter => {
  const filter = new BloomFilter(room)
  for (const hash of members) filter.add(hash)
  return filter
}

describe("BloomFilter", () => {
  it("contains everything that was added, even if it was made for fewer", () => {
    fc.assert(
      fc.property(hashes, fc.nat(50), (members, room) => {
        const filter = filterOf(members, room)
        assert.isTrue(members.every((hash) => filter.mayHave(hash)))
        assert.strictEqual(filter.bytes, BloomFilter.bytesFor(room))
      }),
      { numRuns: runs * 5 }
    )
  })

  it("contains nothing if nothing was added", () => {
    fc.assert(fc.property(hashes, (others) => !others.some((hash) => filterOf([], 100).mayHave(hash))))
  })

  it.each([
    ["of names", (n: number) => hash53(`order-${n}`)],
    ["in a row", (n: number) => n],
    ["that differ only in their high half", (n: number) => (n % 2 ** 21) * 2 ** 32 + 12_345]
  ])("excludes 97 of 100 hashes %s that were not added", (_, hashOf) => {
    const count = 100_000
    const filter = filterOf(Array.from({ length: count }, (_, n) => hashOf(n)))
    let wrong = 0
    for (let n = count; n < 2 * count; n++) if (filter.mayHave(hashOf(n))) wrong++
    assert.isBelow(wrong / count, 0.03)
    assert.isAtMost(filter.bytes, (count * 10) / 8 + 4)
  })
})
