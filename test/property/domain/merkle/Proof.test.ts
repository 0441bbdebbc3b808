import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import * as Merkle from "../../../../src/domain/merkle/Merkle.ts"
import * as Proof from "../../../../src/domain/merkle/Proof.ts"
import {
  change,
  consistencyOf,
  headOf,
  inclusionOf,
  recordAt,
  records,
  same,
  someHash
} from "../../../support/proofs.ts"
import {
  builtConsistency,
  builtInclusion,
  h0,
  h0123,
  h01,
  h1,
  h23,
  h4,
  h45,
  h4567,
  h67,
  inputs,
  other,
  referenceHead,
  tape
} from "../../../support/referenceTree.ts"
import * as Rfc from "../../../support/rfc9162.ts"
import { runs } from "../../../support/runs.ts"

const stored = <A>(value: A): A => JSON.parse(JSON.stringify(value)) as A

describe("Proof", () => {
  it.each([
    [0, 1, []],
    [0, 8, [h1, h23, h4567]],
    [5, 8, [h4, h67, h0123]],
    [2, 3, [h01]],
    [1, 5, [h0, h23, h4]]
  ])("has the reference path of leaf %i among %i", (ordinal, records, hashes) => {
    const proof = builtInclusion(inputs.slice(0, records), ordinal)
    assert.deepStrictEqual(proof, { hashes, head: referenceHead(records), ordinal })
    assert.isTrue(Proof.checkInclusion(inputs[ordinal]!, proof))
  })

  it.each([
    [1, 1, []],
    [1, 8, [h1, h23, h4567]],
    [6, 8, [h45, h67, h0123]],
    [2, 5, [h23, h4]],
    [0, 0, []],
    [0, 5, []],
    [4, 4, []],
    [7, 7, []],
    [4, 8, [h4567]]
  ])("has the reference proof from %i to %i leaves", (from, to, hashes) => {
    const proof = builtConsistency(from, to)
    assert.deepStrictEqual(proof, { from: referenceHead(from), hashes, to: referenceHead(to) })
    assert.isTrue(Proof.checkConsistency(proof))
  })

  it("is the same from leaves and from their hashes", () => {
    const inclusion = new Proof.InclusionBuilder(7, 3)
    const consistency = new Proof.ConsistencyBuilder(3, 7)
    for (const input of inputs.slice(0, 7)) {
      inclusion.addLeafHash(Merkle.leafHash(input))
      consistency.addLeafHash(Merkle.leafHash(input))
    }
    assert.deepStrictEqual(inclusion.finish(tape), builtInclusion(inputs.slice(0, 7), 3))
    assert.deepStrictEqual(consistency.finish(tape), builtConsistency(3, 7))
  })

  it("dies if it is built for an impossible leaf or size, or from too few or too many leaves", () => {
    const invariant = /invariant/
    assert.throws(() => new Proof.InclusionBuilder(0, 0), invariant)
    assert.throws(() => new Proof.InclusionBuilder(3, 3), invariant)
    assert.throws(() => new Proof.InclusionBuilder(3, -1), invariant)
    assert.throws(() => new Proof.InclusionBuilder(3, 0.5), invariant)
    assert.throws(() => new Proof.ConsistencyBuilder(3, 2), invariant)
    assert.throws(() => new Proof.ConsistencyBuilder(-1, 2), invariant)
    const builder = new Proof.InclusionBuilder(2, 0)
    builder.add(inputs[0]!)
    assert.throws(() => builder.finish(tape), invariant)
    builder.add(inputs[1]!)
    assert.throws(() => builder.add(inputs[2]!), invariant)
    assert.throws(() => builder.addLeafHash(h0), invariant)
    assert.throws(() => new Proof.ConsistencyBuilder(0, 0).add(inputs[0]!), invariant)
  })
})

describe("a head", () => {
  const head = referenceHead(5)
  const mismatch = (found: Proof.HeadMismatch["found"]) =>
    new Proof.HeadMismatch({ tape: "orders", expected: head, found }).message

  it("is encoded as one line of canonical JSON", () => {
    const text = Proof.encodeHead(head)
    assert.strictEqual(text, `{"records":5,"root":"${head.root}","tape":"${tape}"}`)
    assert.deepStrictEqual(Proof.decodeHead(text), head)
    assert.deepStrictEqual(
      Proof.decodeHead(`${JSON.stringify({ tape, root: head.root, records: 5 }, null, 2)}\n`),
      head
    )
  })

  it("is refused if its text is invalid", () => {
    const text = Proof.encodeHead(head)
    const bad = [
      "",
      "null",
      "[]",
      "{}",
      text.slice(1),
      text.replace("5", "5.5"),
      text.replace("5", "-5"),
      text.replace("5", '"5"'),
      text.replace("5", "9007199254740992"),
      text.replace('"records":5', '"records":5,"records":6'),
      text.replace("{", '{"more":1,'),
      text.replace(head.root, head.root.toUpperCase()),
      text.replace(tape, "orders"),
      text.replace(`,"tape":"${tape}"`, "")
    ]
    for (const text of bad) assert.throws(() => Proof.decodeHead(text), Proof.HeadInvalid)
  })

  it("equals another one only if size, root and tape are equal", () => {
    assert.isTrue(Proof.sameHead(head, { ...head }))
    assert.isFalse(Proof.sameHead(head, { ...head, records: 6 }))
    assert.isFalse(Proof.sameHead(head, { ...head, root: h0 }))
    assert.isFalse(Proof.sameHead(head, { ...head, tape: other }))
  })

  it("that a tape does not have is reported with the reason", () => {
    assert.match(mismatch({ tape: other, records: 9, root: null }), /the expected head is of/)
    assert.match(mismatch({ tape, records: 4, root: null }), /has 4 records, but the expected head has 5/)
    assert.match(mismatch({ tape, records: 5, root: h0 }), /the first 5 records .* were changed/)
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

  it("hold in trees of any size, and do not hold after a change", () => {
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

  it("and heads never throw when checked, whatever they contain", () => {
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

  it("and heads survive JSON unchanged", () => {
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
