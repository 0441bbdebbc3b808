import * as fc from "fast-check"
import { createHash } from "node:crypto"
import { assert, describe, it } from "vitest"
import * as Merkle from "../../../../src/domain/merkle/Merkle.ts"
import { runs } from "../../../support/runs.ts"

const sha256 = (...parts: ReadonlyArray<Uint8Array>) =>
  Buffer.from(createHash("sha256").update(Buffer.concat(parts)).digest())

/** MTH of RFC 9162 section 2.1.1, as it stands there. */
const rootOf = (records: ReadonlyArray<Uint8Array>): Buffer => {
  const n = records.length
  if (n === 0) return sha256()
  if (n === 1) return sha256(Buffer.of(0), records[0]!)
  let k = 1
  while (k * 2 < n) k *= 2
  return sha256(Buffer.of(1), rootOf(records.slice(0, k)), rootOf(records.slice(k)))
}

const reference = (records: ReadonlyArray<Uint8Array>) => rootOf(records).toString("hex")

const added = (state: Merkle.State, records: ReadonlyArray<Uint8Array>) => {
  const tree = new Merkle.Accumulator(state)
  for (const record of records) tree.add(record)
  return tree
}

/** As it comes back from disk. */
const stored = (state: Merkle.State): Merkle.State => {
  const parsed: unknown = JSON.parse(JSON.stringify(state))
  assert.isTrue(Merkle.isState(parsed))
  return parsed as Merkle.State
}

describe("Merkle", () => {
  it("has the root of the RFC's definition for every size up to 200, resumed at every size before", () => {
    const records = Array.from({ length: 200 }, (_, i) => Buffer.from(`{"n":${i}}`))
    const states = [Merkle.empty]
    for (const record of records) states.push(stored(added(states.at(-1)!, [record]).state()))
    for (let size = 0; size <= records.length; size++) {
      const expected = reference(records.slice(0, size))
      assert.strictEqual(Merkle.root(states[size]!), expected)
      for (let split = 0; split < size; split++) {
        assert.deepStrictEqual(added(states[split]!, records.slice(split, size)).state(), states[size])
      }
    }
  })

  it("has the same root whatever the records, the splits, and the way leaves are given", () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 600, size: "max" }),
        fc.array(fc.nat(600), { maxLength: 5 }),
        (records, cuts) => {
          const splits = [0, ...cuts.map((cut) => Math.min(cut, records.length)), records.length].toSorted(
            (a, b) => a - b
          )
          let state = Merkle.empty
          const hashes = new Merkle.Accumulator()
          for (let i = 1; i < splits.length; i++) {
            const part = records.slice(splits[i - 1], splits[i])
            state = stored(added(state, part).state())
            for (const record of part) hashes.addLeafHash(Merkle.leafHash(record))
          }
          assert.strictEqual(state.size, records.length)
          assert.strictEqual(Merkle.root(state), reference(records))
          assert.deepStrictEqual(hashes.state(), state)
        }
      ),
      { numRuns: runs }
    )
  })

  it("has another root when any record changes, moves or is missing", () => {
    const distinct = fc.uniqueArray(fc.string({ maxLength: 8 }), { minLength: 2, maxLength: 60 })
    fc.assert(
      fc.property(distinct, fc.nat(), fc.nat(), (texts, a, b) => {
        const records = texts.map((text) => Buffer.from(text))
        const [i, j] = [a % records.length, b % records.length]
        const root = added(Merkle.empty, records).root()
        assert.notStrictEqual(added(Merkle.empty, records.toSpliced(i, 1)).root(), root)
        assert.notStrictEqual(added(Merkle.empty, records.with(i, Buffer.from("no such record"))).root(), root)
        if (i !== j) {
          assert.notStrictEqual(added(Merkle.empty, records.with(i, records[j]!).with(j, records[i]!)).root(), root)
        }
      }),
      { numRuns: runs }
    )
  })
})
