import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import { is } from "../../../../src/domain/base/readShape.ts"
import * as Proof from "../../../../src/domain/merkle/Proof.ts"
import * as TaraSON from "../../../../src/domain/json/TaraSON.ts"
import { change, flipped, inclusionOf, leaves, records, same, sizeMax } from "../../../support/proofs.ts"
import { builtInclusion, h0, inputs, tape } from "../../../support/referenceTree.ts"
import * as Rfc from "../../../support/rfc9162.ts"
import { runs } from "../../../support/runs.ts"

describe("an inclusion proof", () => {
  const greetings = [{ $type: "Greeted", name: "Ada", at: 1 }, { name: "Zoë" }, { name: "Ada" }, { name: "Ada" }]
  const lines = greetings.map((record) => TaraSON.toBytes(TaraSON.encode(record)))

  it("accepts a record, or its canonical bytes", () => {
    for (const [ordinal, record] of greetings.entries()) {
      const proof = builtInclusion(lines, ordinal)
      assert.isTrue(Proof.checkInclusion(record, proof))
      assert.isTrue(Proof.checkInclusion(lines[ordinal], proof))
      assert.isFalse(Proof.checkInclusion(Buffer.concat([lines[ordinal]!, Buffer.from("\n")]), proof))
    }
    // Canonical: the order of keys does not matter.
    assert.isTrue(Proof.checkInclusion({ at: 1, name: "Ada", $type: "Greeted" }, builtInclusion(lines, 0)))
  })

  it("of one of two equal records does not prove the other", () => {
    const third = builtInclusion(lines, 2)
    assert.isTrue(Proof.checkInclusion({ name: "Ada" }, third))
    // The neighbours are each other's siblings, so here, and only here, one path proves both.
    assert.isTrue(Proof.checkInclusion({ name: "Ada" }, { ...third, ordinal: 3 }))
    const apart = [lines[2]!, lines[0]!, lines[2]!]
    assert.isTrue(Proof.checkInclusion({ name: "Ada" }, builtInclusion(apart, 0)))
    assert.isFalse(Proof.checkInclusion({ name: "Ada" }, { ...builtInclusion(apart, 0), ordinal: 2 }))
    assert.isTrue(Proof.checkInclusion({ name: "Ada" }, builtInclusion(apart, 2)))
  })

  it("accepts records up to the given limits", () => {
    const large = { text: "x".repeat(2 * 1024 * 1024) }
    const limits = { recordBytesMax: 4 * 1024 * 1024, depthMax: 128, batchBytesMax: 2 ** 30, metaBytesMax: 2 ** 20 }
    const line = TaraSON.toBytes(TaraSON.encode(large, limits))
    const proof = builtInclusion([line], 0)
    assert.isTrue(Proof.checkInclusion(large, proof, limits))
    assert.isTrue(Proof.checkInclusion(line, proof))
    assert.isFalse(Proof.checkInclusion(large, proof))
  })

  it("proves nothing if it is malformed, and never throws", () => {
    const good = builtInclusion(inputs, 5)
    const record = inputs[5]!
    assert.isTrue(Proof.checkInclusion(record, good))
    const accessor = {
      ...good,
      get hashes(): ReadonlyArray<string> {
        throw new Error("read")
      }
    }
    const { proxy, revoke } = Proxy.revocable(good, {})
    revoke()
    const bad: ReadonlyArray<unknown> = [
      undefined,
      null,
      0,
      "",
      [],
      {},
      accessor,
      proxy,
      { ...good, hashes: undefined },
      { ...good, hashes: good.hashes.join() },
      { ...good, hashes: { ...good.hashes, length: 3 } },
      { ...good, hashes: [1, ...good.hashes.slice(1)] },
      { ...good, hashes: good.hashes.map((hash) => hash.toUpperCase()) },
      { ...good, hashes: good.hashes.map((hash) => `${hash}\n`) },
      { ...good, hashes: good.hashes.map((hash) => Buffer.from(hash, "hex")) },
      { ...good, hashes: [] },
      { ...good, hashes: Array.from({ length: 10_000 }, () => h0) },
      { ...good, ordinal: "5" },
      { ...good, ordinal: -1 },
      { ...good, ordinal: 5.5 },
      { ...good, ordinal: Number.NaN },
      { ...good, ordinal: 8 },
      { ...good, ordinal: 2 ** 53 },
      { ...good, head: undefined },
      { ...good, head: { ...good.head, records: 0 } },
      { ...good, head: { ...good.head, records: 5 } },
      { ...good, head: { ...good.head, records: Number.POSITIVE_INFINITY } },
      { ...good, head: { ...good.head, root: good.head.root.toUpperCase() } },
      { ...good, head: { ...good.head, tape: "orders" } }
    ]
    for (const [n, proof] of bad.entries()) {
      assert.isFalse(Proof.checkInclusion(record, proof as Proof.InclusionProof), `case ${n}`)
    }
  })

  it("has no more hashes than a tree can need, according to its schema", () => {
    const proof = builtInclusion(inputs, 5)
    const hashes = Array.from({ length: 129 }, () => h0)
    assert.isTrue(is(Proof.InclusionProof)({ ...proof, hashes: hashes.slice(1) }))
    assert.isFalse(is(Proof.InclusionProof)({ ...proof, hashes }))
  })

  it("does not hold for a value that is not a record", () => {
    const good = builtInclusion([TaraSON.toBytes("{}")], 0)
    assert.isTrue(Proof.checkInclusion({}, good))
    const cycle: { self?: unknown } = {}
    cycle.self = cycle
    const bad = [undefined, null, "{}", 1, [], new Map(), () => 0, Symbol("{}"), new Proxy({}, {}), cycle, { $type: 1 }]
    for (const record of bad) assert.isFalse(Proof.checkInclusion(record, good))
  })

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

  it("holds for no other record and at no other ordinal, in every tree of up to 40", () => {
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

  it("holds for another size only if its path has the same form there, because a head vouches for its size", () => {
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

  it("cannot be forged by changing its hashes or its root", () => {
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

  it("is checked as the RFC says, for any hashes, size and ordinal", () => {
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
