import { assert, describe, it } from "vitest"
import { hash53, hashId } from "../../../../src/domain/base/Hash53.ts"

describe("Hash53", () => {
  it("returns the published values of cyrb53, on which indexes on disk depend", () => {
    assert.strictEqual(hash53("a"), 7929297801672961)
    assert.strictEqual(hash53("b"), 8684336938537663)
    assert.strictEqual(hash53("revenge"), 4051478007546757)
    assert.strictEqual(hash53("revenue"), 8309097637345594)
  })

  it("returns the same value for an id as ever, on which indexes on disk depend", () => {
    assert.strictEqual(hashId("order-17", "0190b6a6-7c4e-7b1a-8f2e-0123456789ab"), 7472062396632972)
  })

  it("hashes stream and id as a pair", () => {
    const pairs = [
      ["a", "bc"],
      ["ab", "c"],
      ["abc", ""],
      ["", "abc"],
      ["bc", "a"]
    ] as const
    const hashes = new Set(pairs.map(([stream, id]) => hashId(stream, id)))
    assert.strictEqual(hashes.size, pairs.length)
  })

  it("returns distinct, evenly spread integers below 2^53 for a hundred thousand similar names", () => {
    const seen = new Set<number>()
    const buckets = Array.from({ length: 64 }, () => 0)
    for (let i = 0; i < 100_000; i++) {
      const hash = i % 2 === 0 ? hash53(`order-${i}`) : hashId("order-1", `event-${i}`)
      assert.isTrue(Number.isSafeInteger(hash) && hash >= 0)
      seen.add(hash)
      buckets[Math.floor(hash / 2 ** 47)]!++
    }
    assert.strictEqual(seen.size, 100_000)
    for (const count of buckets) assert.closeTo(count, 100_000 / 64, 300)
  })
})
