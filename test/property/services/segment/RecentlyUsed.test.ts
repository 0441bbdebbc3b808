import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import { RecentlyUsed } from "../../../../src/services/segment/RecentlyUsed.ts"
import { runs } from "../../../support/runs.ts"

interface Value {
  readonly bytes: number
}

const key = fc.constantFrom("a", "b", "c", "d", "e", "f")
const op = fc.oneof(
  fc.record({ do: fc.constant("set" as const), key, bytes: fc.integer({ min: 1, max: 60 }) }),
  fc.record({ do: fc.constant("get" as const), key, bytes: fc.constant(0) }),
  fc.record({ do: fc.constant("delete" as const), key, bytes: fc.constant(0) })
)

const bytesMax = 100

describe("RecentlyUsed", () => {
  it("keeps what was used last, within its bytes, and reports everything that it drops", () => {
    fc.assert(
      fc.property(fc.array(op, { maxLength: 60 }), (ops) => {
        const kept = new Set<Value>()
        const values = new RecentlyUsed<Value>(
          bytesMax,
          ({ bytes }) => bytes,
          (value) => kept.delete(value)
        )
        /** By last use, the most recent one last. */
        let model: Array<readonly [string, Value]> = []
        for (const { bytes, do: what, key } of ops) {
          const known = model.find(([name]) => name === key)
          if (what === "get") assert.strictEqual(values.get(key), known?.[1])
          model = model.filter((entry) => entry !== known)
          if (what === "delete") values.delete(key)
          if (what === "get" && known !== undefined) model.push(known)
          if (what === "set") {
            const value = { bytes }
            kept.add(value)
            values.set(key, value)
            model.push([key, value])
            let sum = model.reduce((all, [, each]) => all + each.bytes, 0)
            while (sum > bytesMax) sum -= model.shift()![1].bytes
          }
          assert.deepStrictEqual(
            [...values.keys()],
            model.map(([name]) => name)
          )
          assert.strictEqual(
            values.bytes,
            model.reduce((all, [, each]) => all + each.bytes, 0)
          )
          assert.strictEqual(values.size, model.length)
          assert.strictEqual(kept.size, model.length)
          assert.isTrue(model.every(([, value]) => kept.has(value)))
        }
      }),
      { numRuns: runs }
    )
  })

  it("keeps a value that is larger than allowed, alone, until the next one", () => {
    const values = new RecentlyUsed<Value>(bytesMax, ({ bytes }) => bytes)
    values.set("a", { bytes: 50 })
    values.set("b", { bytes: 200 })
    assert.deepStrictEqual([...values.keys()], ["b"])
    values.set("a", { bytes: 50 })
    assert.deepStrictEqual([...values.keys()], ["a"])
  })
})
