import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import * as Proof from "../../../../src/domain/merkle/Proof.ts"
import { change, consistencyOf, flipped, leaves, records, same, sizeMax } from "../../../support/proofs.ts"
import { builtConsistency, h0, h45, other, tape, referenceHead } from "../../../support/referenceTree.ts"
import * as Rfc from "../../../support/rfc9162.ts"
import { runs } from "../../../support/runs.ts"

describe("a consistency proof", () => {
  it("holds only between heads of one tape", () => {
    const good = builtConsistency(3, 7)
    assert.isFalse(Proof.checkConsistency({ ...good, from: { ...good.from, tape: other } }))
    assert.isFalse(Proof.checkConsistency({ ...good, to: { ...good.to, tape: other } }))
  })

  it("begins at the root of the empty tree, and at no other head that claims to be empty", () => {
    for (const to of [0, 1, 5]) {
      const good = builtConsistency(0, to)
      assert.isFalse(Proof.checkConsistency({ ...good, from: { ...good.from, root: h0 } }))
      assert.isFalse(Proof.checkConsistency({ ...good, hashes: [h0] }))
    }
    assert.isFalse(Proof.checkConsistency({ ...builtConsistency(0, 0), to: { ...referenceHead(0), root: h0 } }))
  })

  it("needs no hash between equal heads, and accepts none", () => {
    for (const size of [1, 4, 5]) {
      const good = builtConsistency(size, size)
      assert.isFalse(Proof.checkConsistency({ ...good, hashes: [good.from.root] }))
      assert.isFalse(Proof.checkConsistency({ ...good, to: { ...good.to, root: h45 } }))
    }
  })

  it("does not hold backwards, nor without hashes", () => {
    const good = builtConsistency(3, 7)
    assert.isFalse(Proof.checkConsistency({ ...good, from: good.to, to: good.from }))
    assert.isFalse(Proof.checkConsistency({ ...good, hashes: [] }))
    // The form of the larger root itself, given as the path of a power of two.
    assert.isFalse(Proof.checkConsistency({ ...builtConsistency(4, 8), hashes: [] }))
  })

  it("proves nothing if it is malformed, and never throws", () => {
    const good = builtConsistency(6, 8)
    const bad: ReadonlyArray<unknown> = [
      undefined,
      null,
      {},
      { ...good, from: null },
      { ...good, hashes: null },
      { ...good, hashes: [...good.hashes, 7] },
      { ...good, hashes: good.hashes.map((hash) => hash.slice(1)) },
      { ...good, from: { ...good.from, records: 6.5 } },
      { ...good, from: { ...good.from, records: -1 } },
      { ...good, to: { ...good.to, records: 2 ** 60 } },
      new Proxy(good, {
        get() {
          throw new Error("read")
        }
      })
    ]
    for (const [n, proof] of bad.entries()) {
      assert.isFalse(Proof.checkConsistency(proof as Proof.ConsistencyProof), `case ${n}`)
    }
  })

  it(`is the RFC's PROOF and holds, between all sizes of up to ${sizeMax}`, () => {
    for (let to = 0; to <= sizeMax; to++) {
      for (let from = 0; from <= to; from++) {
        const builder = new Proof.ConsistencyBuilder(from, to)
        for (const leaf of leaves.slice(0, to)) builder.addLeafHash(leaf)
        const proof = builder.finish(tape)
        assert.deepStrictEqual(proof, consistencyOf(from, to))
        assert.isTrue(Proof.checkConsistency(proof), `${from} to ${to}`)
      }
    }
  })

  it("holds for other sizes only if it has the same form there, because heads vouch for their sizes", () => {
    for (let to = 1; to <= 14; to++) {
      for (let from = 0; from <= to; from++) {
        const proof = consistencyOf(from, to)
        for (let m = 0; m <= 16; m++) {
          for (let n = 0; n <= 16; n++) {
            const forged = { ...proof, from: { ...proof.from, records: m }, to: { ...proof.to, records: n } }
            const expected = Rfc.provesGrowth(forged.from, forged.to, proof.hashes)
            assert.strictEqual(Proof.checkConsistency(forged), expected, `${from} to ${to} as ${m} to ${n}`)
          }
        }
      }
    }
  })

  it("cannot be forged by changing its hashes or a root", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 400 }), fc.nat(), change, fc.nat(255), (to, n, change, bit) => {
        const from = n % (to + 1)
        const proof = consistencyOf(from, to)
        assert.isTrue(Proof.checkConsistency(proof))
        const hashes = change(proof.hashes)
        assert.strictEqual(Proof.checkConsistency({ ...proof, hashes }), same(hashes, proof.hashes))
        const wrongFrom = { ...proof.from, root: flipped(proof.from.root, bit) }
        const wrongTo = { ...proof.to, root: flipped(proof.to.root, bit) }
        assert.isFalse(Proof.checkConsistency({ ...proof, from: wrongFrom }))
        // Nothing is a prefix of everything, so the later root is then not checked.
        assert.strictEqual(Proof.checkConsistency({ ...proof, to: wrongTo }), from === 0 && to > 0)
      }),
      { numRuns: runs * 10 }
    )
  })

  it("is checked as the RFC says, for any hashes and sizes", () => {
    const size = fc.oneof(fc.nat(70), fc.nat(400))
    fc.assert(
      fc.property(size, size, change, size, size, (a, b, change, m, n) => {
        const [from, to] = [Math.min(a, b), Math.max(a, b)]
        const proof = consistencyOf(from, to)
        for (const hashes of [proof.hashes, change(proof.hashes)]) {
          for (const [claimed, claimedTo] of [
            [from, n],
            [m, to],
            [m, n]
          ] as const) {
            const forged = {
              from: { ...proof.from, records: claimed },
              hashes,
              to: { ...proof.to, records: claimedTo }
            }
            assert.strictEqual(Proof.checkConsistency(forged), Rfc.provesGrowth(forged.from, forged.to, hashes))
          }
        }
      }),
      { numRuns: runs * 10 }
    )
  })

  it("does not exist between heads whose common records differ in one record", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 200 }), fc.nat(), fc.nat(), change, (to, n, m, change) => {
        const from = 1 + (n % to)
        const changed = Rfc.leavesOf(records.slice(0, to).with(m % from, Buffer.from("{}")))
        const [ours, theirs] = [consistencyOf(from, to), consistencyOf(from, to, changed)]
        for (const hashes of [ours.hashes, theirs.hashes, change(ours.hashes), change(theirs.hashes)]) {
          assert.isFalse(Proof.checkConsistency({ from: ours.from, hashes, to: theirs.to }))
          assert.isFalse(Proof.checkConsistency({ from: theirs.from, hashes, to: ours.to }))
        }
      }),
      { numRuns: runs * 10 }
    )
  })
})
