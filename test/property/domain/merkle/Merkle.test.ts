import { createHash, hash } from "node:crypto"
import { assert, describe, it } from "vitest"
import * as Merkle from "../../../../src/domain/merkle/Merkle.ts"
import * as fc from "fast-check"
import { runs } from "../../../support/runs.ts"

// The test tree of Certificate Transparency (RFC 6962, whose tree hash RFC 9162 keeps).
const inputs = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"].map(
  (hex) => Buffer.from(hex, "hex")
)
const roots = [
  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
  "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
  "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
  "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
  "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
  "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
  "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
  "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
  "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"
]
const someHash = "00".repeat(32)

const sha256 = (...parts: ReadonlyArray<Uint8Array>) =>
  Buffer.from(createHash("sha256").update(Buffer.concat(parts)).digest())

/** MTH of RFC 9162 section 2.1.1, to the letter. */
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

/** Returns the state as it is read from disk. */
const stored = (state: Merkle.State): Merkle.State => {
  const parsed: unknown = JSON.parse(JSON.stringify(state))
  assert.isTrue(Merkle.isState(parsed))
  return parsed as Merkle.State
}

describe("Merkle", () => {
  it.each(roots.map((root, size) => [size, root] as const))("has the reference root over %i leaves", (size, root) => {
    const tree = new Merkle.Accumulator()
    for (const input of inputs.slice(0, size)) tree.add(input)
    assert.strictEqual(tree.root(), root)
    assert.strictEqual(tree.size, size)
    assert.strictEqual(Merkle.root(tree.state()), root)
  })

  it("hashes a leaf as its prefix and its bytes, at any length", () => {
    for (const length of [0, 1, 65_534, 65_535, 65_536, 65_537, 1_048_576, 3]) {
      const bytes = Buffer.alloc(length, 0x61)
      assert.strictEqual(Merkle.leafHash(bytes), hash("sha256", Buffer.concat([Buffer.of(0), bytes]), "hex"))
    }
  })

  it("hashes a part of a buffer like a separate buffer", () => {
    const bytes = Buffer.from('{}\n{"a":1}\n')
    assert.strictEqual(Merkle.leafHash(bytes, 3, 10), Merkle.leafHash(Buffer.from('{"a":1}')))
  })

  it("does not change a state from which it continues", () => {
    const tree = new Merkle.Accumulator()
    tree.add(inputs[3]!)
    const before = tree.state()
    const copy = structuredClone(before)
    tree.add(inputs[4]!)
    new Merkle.Accumulator(before).add(inputs[5]!)
    assert.deepStrictEqual(before, copy)
    assert.deepStrictEqual(Merkle.empty, { size: 0, peaks: [] })
  })

  it("recognises a state by its size and the form of its peaks", () => {
    const valid = [Merkle.empty, { size: 5, peaks: [someHash, someHash] }, { size: 2 ** 52, peaks: [someHash] }]
    for (const state of valid) assert.isTrue(Merkle.isState(state), JSON.stringify(state))
    const invalid = [
      undefined,
      null,
      [],
      "",
      {},
      { size: 0 },
      { peaks: [] },
      { size: 0, peaks: [someHash] },
      { size: 3, peaks: [someHash] },
      { size: -1, peaks: [someHash] },
      { size: 1.5, peaks: [someHash] },
      { size: 2 ** 53, peaks: [someHash] },
      { size: "1", peaks: [someHash] },
      { size: 1, peaks: { 0: someHash, length: 1 } },
      { size: 1, peaks: [1] },
      { size: 1, peaks: [someHash.slice(1)] },
      { size: 1, peaks: [`${someHash}\n`] },
      { size: 1, peaks: ["AB".repeat(32)] }
    ]
    for (const state of invalid) assert.isFalse(Merkle.isState(state), JSON.stringify(state))
  })

  it("dies on an invalid state, and on an invalid hash", () => {
    assert.throws(() => new Merkle.Accumulator({ size: 1, peaks: [] }), /invariant/i)
    assert.throws(() => new Merkle.Accumulator().addLeafHash("AB".repeat(32)), /invariant/i)
  })

  it("has the root of the RFC's definition for every size up to 200, resumed at every smaller size", () => {
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

  it("has the same root for any records and splits, and any way to add leaves", () => {
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

  it("has another root if any record changes, moves or is missing", () => {
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
