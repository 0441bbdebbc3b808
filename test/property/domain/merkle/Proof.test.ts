import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import * as Merkle from "../../../../src/domain/merkle/Merkle.ts"
import * as Proof from "../../../../src/domain/merkle/Proof.ts"
import * as Rfc from "../../../support/rfc9162.ts"
import { runs } from "../../../support/runs.ts"

const tape = "0190c3a4-0000-7000-8000-000000000001"
const recordAt = (ordinal: number) => Buffer.from(`{"n":${ordinal}}`)
const sizeMax = 130
const records = Array.from({ length: 400 }, (_, n) => recordAt(n))
const tree = Rfc.leavesOf(records)
const leaves = records.map((record) => Merkle.leafHash(record))

const headOf = (size: number, of: Rfc.Leaves = tree): Proof.Head => ({ records: size, root: of.root(0, size), tape })

const inclusionOf = (ordinal: number, size: number, of: Rfc.Leaves = tree): Proof.InclusionProof => ({
  hashes: Rfc.path(of, ordinal, size),
  head: headOf(size, of),
  ordinal
})

const consistencyOf = (from: number, to: number, of: Rfc.Leaves = tree): Proof.ConsistencyProof => ({
  from: headOf(from, of),
  hashes: Rfc.proof(of, from, to),
  to: headOf(to, of)
})

const someHash = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes).toString("hex"))

const flipped = (hash: string, bit: number): string => {
  const bytes = Buffer.from(hash, "hex")
  bytes[bit >>> 3]! ^= 1 << (bit & 7)
  return bytes.toString("hex")
}

/** What is done to the hashes of a proof: always something. */
type Change = (hashes: ReadonlyArray<string>) => ReadonlyArray<string>
const index = (at: number, hashes: ReadonlyArray<string>) => at % Math.max(1, hashes.length)
const change: fc.Arbitrary<Change> = fc.oneof(
  fc.tuple(fc.nat(), fc.nat(255)).map(
    ([at, bit]): Change =>
      (hashes) =>
        hashes.length === 0 ? [] : hashes.with(index(at, hashes), flipped(hashes[index(at, hashes)]!, bit))
  ),
  fc.nat().map(
    (at): Change =>
      (hashes) =>
        hashes.toSpliced(index(at, hashes), 1)
  ),
  fc.tuple(fc.nat(), someHash).map(
    ([at, hash]): Change =>
      (hashes) =>
        hashes.toSpliced(at % (hashes.length + 1), 0, hash)
  ),
  fc.tuple(fc.nat(), fc.nat()).map(
    ([at, from]): Change =>
      (hashes) =>
        hashes.toSpliced(at % (hashes.length + 1), 0, hashes[index(from, hashes)] ?? leaves[0]!)
  ),
  fc.tuple(fc.nat(), fc.nat()).map(([a, b]): Change => (hashes) => {
    const [i, j] = [index(a, hashes), index(b, hashes)]
    return hashes.length < 2 ? [] : hashes.with(i, hashes[j]!).with(j, hashes[i]!)
  }),
  fc.constant<Change>((hashes) => hashes.toReversed()),
  fc.array(someHash, { maxLength: 60 }).map(
    (hashes): Change =>
      () =>
        hashes
  ),
  fc.nat(130).map(
    (length): Change =>
      () =>
        Array.from({ length }, () => leaves[0]!)
  )
)

const stored = <A>(value: A): A => JSON.parse(JSON.stringify(value)) as A

const same = (a: ReadonlyArray<string>, b: ReadonlyArray<string>) => a.join() === b.join()

describe("an inclusion proof", () => {
  it(`is the RFC's PATH and holds, for every record in every tree of up to ${sizeMax}`, () => {
    for (let size = 1; size <= sizeMax; size++) {
      for (let ordinal = 0; ordinal < size; ordinal++) {
        const builder = new Proof.InclusionBuilder(size, ordinal)
        for (const leaf of leaves.slice(0, size)) builder.addLeafHash(leaf)
        const proof = builder.finish(tape)
        assert.deepStrictEqual(proof, inclusionOf(ordinal, size))
        assert.isTrue(Proof.checkInclusion(records[ordinal]!, proof), `${ordinal} of ${size}`)
      }
    }
  })

  it("holds of no other record, at no other ordinal, in every tree of up to 40", () => {
    for (let size = 1; size <= 40; size++) {
      for (let ordinal = 0; ordinal < size; ordinal++) {
        const proof = inclusionOf(ordinal, size)
        for (let wrong = 0; wrong <= size; wrong++) {
          if (wrong === ordinal) continue
          assert.isFalse(Proof.checkInclusion(records[wrong]!, proof))
          assert.isFalse(Proof.checkInclusion(records[ordinal]!, { ...proof, ordinal: wrong }))
          assert.isFalse(Proof.checkInclusion(records[wrong]!, { ...proof, ordinal: wrong }))
        }
      }
    }
  })

  it("holds for another size only where its path has the same form there: a head vouches for its size", () => {
    let fitting = 0
    for (let size = 1; size <= 18; size++) {
      for (let ordinal = 0; ordinal < size; ordinal++) {
        const proof = inclusionOf(ordinal, size)
        for (let claimed = 0; claimed <= 20; claimed++) {
          for (let at = 0; at <= 20; at++) {
            const forged = { ...proof, head: { ...proof.head, records: claimed }, ordinal: at }
            const expected = Rfc.proves(records[ordinal]!, at, claimed, proof.head.root, proof.hashes)
            assert.strictEqual(Proof.checkInclusion(records[ordinal]!, forged), expected, `${at} of ${claimed}`)
            if (expected) fitting++
          }
        }
      }
    }
    assert.isAbove(fitting, 171)
  })

  it("is not forged by changing its hashes or its root", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 400 }), fc.nat(), change, fc.nat(255), (size, n, change, bit) => {
        const ordinal = n % size
        const proof = inclusionOf(ordinal, size)
        assert.isTrue(Proof.checkInclusion(records[ordinal]!, proof))
        const hashes = change(proof.hashes)
        const verdict = Proof.checkInclusion(records[ordinal]!, { ...proof, hashes })
        assert.strictEqual(verdict, same(hashes, proof.hashes))
        const head = { ...proof.head, root: flipped(proof.head.root, bit) }
        assert.isFalse(Proof.checkInclusion(records[ordinal]!, { ...proof, head }))
        assert.isFalse(Proof.checkInclusion(records[ordinal]!, { ...proof, hashes, head }))
      }),
      { numRuns: runs * 10 }
    )
  })

  it("is checked as the RFC says, whatever its hashes, its size and its ordinal", () => {
    const size = fc.oneof(fc.nat(70), fc.nat(400))
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 400 }), fc.nat(), change, size, size, (from, n, change, claimed, at) => {
        const proof = inclusionOf(n % from, from)
        const record = records[n % from]!
        const hashes = change(proof.hashes)
        for (const [ordinal, size] of [
          [at, claimed],
          [at, from],
          [n % from, claimed]
        ] as const) {
          const forged = { hashes, head: { ...proof.head, records: size }, ordinal }
          const expected = Rfc.proves(record, ordinal, size, proof.head.root, hashes)
          assert.strictEqual(Proof.checkInclusion(record, forged), expected)
        }
      }),
      { numRuns: runs * 10 }
    )
  })
})

describe("a consistency proof", () => {
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

  it("holds for other sizes only where it has the same form there: heads vouch for their sizes", () => {
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

  it("is not forged by changing its hashes or a root", () => {
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
        // Nothing is a prefix of everything: the later root is then not looked at.
        assert.strictEqual(Proof.checkConsistency({ ...proof, to: wrongTo }), from === 0 && to > 0)
      }),
      { numRuns: runs * 10 }
    )
  })

  it("is checked as the RFC says, whatever its hashes and its sizes", () => {
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

  it("does not exist between heads of which one record among the first differs", () => {
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

describe("proofs", () => {
  const largeSize = fc.oneof(
    fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
    fc.integer({ min: 0, max: 52 }).map((bits) => 2 ** bits),
    fc.integer({ min: 1, max: 52 }).map((bits) => 2 ** bits + 1),
    fc.integer({ min: 2, max: 53 }).map((bits) => 2 ** bits - 1)
  )
  const fraction = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true })

  it("hold in trees of any size, and no changed one does", () => {
    fc.assert(
      fc.property(largeSize, fraction, fraction, change, (size, a, b, change) => {
        const [ordinal, from] = [Math.floor(a * size), Math.floor(b * size)]
        const special = new Map([[ordinal, recordAt(1)]])
        const large = Rfc.sparseLeaves(size, recordAt(0), special)
        const inclusion = inclusionOf(ordinal, size, large)
        assert.isTrue(Proof.checkInclusion(recordAt(1), inclusion))
        assert.isFalse(Proof.checkInclusion(recordAt(0), inclusion))
        const hashes = change(inclusion.hashes)
        const forged = { ...inclusion, hashes }
        assert.strictEqual(Proof.checkInclusion(recordAt(1), forged), same(hashes, inclusion.hashes))
        const wrong = { ...inclusion, ordinal: ordinal === 0 ? size - 1 : ordinal - 1 }
        assert.strictEqual(Proof.checkInclusion(recordAt(1), wrong), size === 1)
        const consistency = consistencyOf(from, size, large)
        assert.isTrue(Proof.checkConsistency(consistency))
        const changed = change(consistency.hashes)
        const verdict = Proof.checkConsistency({ ...consistency, hashes: changed })
        assert.strictEqual(verdict, same(changed, consistency.hashes))
      }),
      { numRuns: runs * 2 }
    )
  })

  it("and heads never throw, whatever they are given", () => {
    const proofLike = fc.record(
      {
        hashes: fc.oneof(fc.array(fc.oneof(someHash, fc.anything())), fc.anything()),
        head: fc.oneof(
          fc.record({ records: fc.oneof(fc.nat(), fc.anything()), root: someHash, tape: fc.constant(tape) })
        ),
        from: fc.oneof(fc.constant(headOf(3)), fc.anything()),
        to: fc.oneof(fc.constant(headOf(7)), fc.anything()),
        ordinal: fc.oneof(fc.nat(), fc.anything())
      },
      { requiredKeys: [] }
    )
    fc.assert(
      fc.property(
        fc.anything({ withNullPrototype: true, withBigInt: true }),
        proofLike,
        fc.json(),
        (any, like, text) => {
          for (const proof of [any, like]) {
            assert.isFalse(Proof.checkInclusion(any, proof as Proof.InclusionProof))
            assert.isFalse(Proof.checkInclusion(recordAt(0), proof as Proof.InclusionProof))
            assert.isFalse(Proof.checkConsistency(proof as Proof.ConsistencyProof))
          }
          assert.throws(() => Proof.decodeHead(text), Proof.HeadInvalid)
        }
      ),
      { numRuns: runs * 5 }
    )
  })

  it("and heads come back from JSON as they were", () => {
    fc.assert(
      fc.property(fc.nat(400), fc.nat(399), (from, n) => {
        const to = 400
        const consistency = consistencyOf(from, to)
        const inclusion = inclusionOf(n, to)
        assert.isTrue(Proof.checkConsistency(stored(consistency)))
        assert.isTrue(Proof.checkInclusion(records[n]!, stored(inclusion)))
        assert.deepStrictEqual(Proof.decodeHead(Proof.encodeHead(consistency.from)), consistency.from)
      }),
      { numRuns: runs }
    )
  })
})
