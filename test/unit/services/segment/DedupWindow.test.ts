import { hash } from "node:crypto"
import { assert, describe, it } from "vitest"
import { DedupWindow } from "../../../../src/services/segment/DedupWindow.ts"

const hashOf = (n: number) => hash("sha256", String(n), "hex")

describe("the dedup window", () => {
  it("finds each added record by the hash of its line, and no other", () => {
    const repeats = new DedupWindow()
    for (let n = 0; n < 10_000; n++) repeats.add(hashOf(n), 3 * n)
    for (let n = 0; n < 10_000; n++) assert.strictEqual(repeats.find(hashOf(n)), 3 * n)
    for (let n = 10_000; n < 20_000; n++) assert.isUndefined(repeats.find(hashOf(n)))
  })

  it("distinguishes hashes that differ only in their last digit", () => {
    const repeats = new DedupWindow()
    const alike = Array.from("0123456789abcdef", (digit) => "a".repeat(63) + digit)
    alike.slice(1).forEach((digits, line) => repeats.add(digits, line))
    alike.slice(1).forEach((digits, line) => assert.strictEqual(repeats.find(digits), line))
    assert.isUndefined(repeats.find(alike[0]!))
  })

  it("forgets old records, and keeps those that are found again", () => {
    const repeats = new DedupWindow(100)
    for (let n = 0; n < 1000; n++) {
      repeats.add(hashOf(n), n)
      assert.strictEqual(repeats.find(hashOf(0)), 0)
      if (n >= 40) assert.strictEqual(repeats.find(hashOf(n - 40)), n - 40)
    }
    for (let n = 1; n < 500; n++) assert.isUndefined(repeats.find(hashOf(n)))
  })

  it("dies on a record that it contains already", () => {
    const repeats = new DedupWindow()
    repeats.add(hashOf(1), 1)
    assert.throws(() => repeats.add(hashOf(1), 2), /invariant/i)
  })
})
