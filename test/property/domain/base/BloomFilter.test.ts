import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { hash53 } from "../../../../src/domain/base/Hash53.ts"
import { BloomFilter } from "../../../../src/domain/base/BloomFilter.ts"
import { runs } from "../../../support/runs.ts"

/** Also those that no hash of text would be likely to give: small ones, and all with one half the same. */
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
  it("has all that was added, also where it was made for fewer", () => {
    fc.assert(
      fc.property(hashes, fc.nat(50), (members, room) => {
        const filter = filterOf(members, room)
        assert.isTrue(members.every((hash) => filter.mayHave(hash)))
        assert.strictEqual(filter.bytes, BloomFilter.bytesFor(room))
      }),
      { numRuns: runs * 5 }
    )
  })

  it("has nothing where nothing was added", () => {
    fc.assert(fc.property(hashes, (others) => !others.some((hash) => filterOf([], 100).mayHave(hash))))
  })

  it.each([
    ["of names", (n: number) => hash53(`order-${n}`)],
    ["in a row", (n: number) => n],
    ["that differ in their high half alone", (n: number) => (n % 2 ** 21) * 2 ** 32 + 12_345]
  ])("says of hashes %s that were not added, in 97 of 100 cases, that they were not", (_, hashOf) => {
    const count = 100_000
    const filter = filterOf(Array.from({ length: count }, (_, n) => hashOf(n)))
    let wrong = 0
    for (let n = count; n < 2 * count; n++) if (filter.mayHave(hashOf(n))) wrong++
    assert.isBelow(wrong / count, 0.03)
    assert.isAtMost(filter.bytes, (count * 10) / 8 + 4)
  })
})
