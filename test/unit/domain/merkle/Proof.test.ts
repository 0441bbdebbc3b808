import * as Schema from "effect/Schema"
import { assert, describe, it } from "vitest"
import * as Merkle from "../../../../src/domain/merkle/Merkle.ts"
import * as Proof from "../../../../src/domain/merkle/Proof.ts"
import * as TaraSON from "../../../../src/domain/json/TaraSON.ts"
import { leavesOf } from "../../../support/rfc9162.ts"

// The test tree of Certificate Transparency (RFC 6962, whose trees and proofs RFC 9162 keeps).
const inputs = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"].map(
  (hex) => Buffer.from(hex, "hex")
)
const tree = leavesOf(inputs)
const tape = "0190c3a4-0000-7000-8000-000000000001"
const other = "0190c3a4-0000-7000-8000-000000000002"

const headOf = (records: number): Proof.Head => ({ records, root: tree.root(0, records), tape })

const inclusionOf = (records: ReadonlyArray<Uint8Array>, ordinal: number): Proof.InclusionProof => {
  const builder = new Proof.InclusionBuilder(records.length, ordinal)
  for (const record of records) builder.add(record)
  return builder.finish(tape)
}

const consistencyOf = (from: number, to: number): Proof.ConsistencyProof => {
  const builder = new Proof.ConsistencyBuilder(from, to)
  for (const input of inputs.slice(0, to)) builder.add(input)
  return builder.finish(tape)
}

const h0 = "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
const h1 = "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7"
const h4 = "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"
const h01 = "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"
const h23 = "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e"
const h45 = "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a"
const h67 = "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0"
const h0123 = "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"
const h4567 = "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"

describe("Proof", () => {
  it.each([
    [0, 1, []],
    [0, 8, [h1, h23, h4567]],
    [5, 8, [h4, h67, h0123]],
    [2, 3, [h01]],
    [1, 5, [h0, h23, h4]]
  ])("has the reference path of leaf %i among %i", (ordinal, records, hashes) => {
    const proof = inclusionOf(inputs.slice(0, records), ordinal)
    assert.deepStrictEqual(proof, { hashes, head: headOf(records), ordinal })
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
    const proof = consistencyOf(from, to)
    assert.deepStrictEqual(proof, { from: headOf(from), hashes, to: headOf(to) })
    assert.isTrue(Proof.checkConsistency(proof))
  })

  it("is the same from leaves and from their hashes", () => {
    const inclusion = new Proof.InclusionBuilder(7, 3)
    const consistency = new Proof.ConsistencyBuilder(3, 7)
    for (const input of inputs.slice(0, 7)) {
      inclusion.addLeafHash(Merkle.leafHash(input))
      consistency.addLeafHash(Merkle.leafHash(input))
    }
    assert.deepStrictEqual(inclusion.finish(tape), inclusionOf(inputs.slice(0, 7), 3))
    assert.deepStrictEqual(consistency.finish(tape), consistencyOf(3, 7))
  })

  it("dies when it is built for what no tree has, or out of too few leaves, or too many", () => {
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

describe("an inclusion proof", () => {
  const records = [{ $type: "Greeted", name: "Ada", at: 1 }, { name: "Zoë" }, { name: "Ada" }, { name: "Ada" }]
  const lines = records.map((record) => TaraSON.toBytes(TaraSON.encode(record)))

  it("takes a record, or its canonical bytes", () => {
    for (const [ordinal, record] of records.entries()) {
      const proof = inclusionOf(lines, ordinal)
      assert.isTrue(Proof.checkInclusion(record, proof))
      assert.isTrue(Proof.checkInclusion(lines[ordinal], proof))
      assert.isFalse(Proof.checkInclusion(Buffer.concat([lines[ordinal]!, Buffer.from("\n")]), proof))
    }
    // Canonical: the order of keys is no part of a record.
    assert.isTrue(Proof.checkInclusion({ at: 1, name: "Ada", $type: "Greeted" }, inclusionOf(lines, 0)))
  })

  it("of one of two equal records is not one of the other", () => {
    const third = inclusionOf(lines, 2)
    assert.isTrue(Proof.checkInclusion({ name: "Ada" }, third))
    // The neighbours are each other's siblings, so here, and only here, one path serves both.
    assert.isTrue(Proof.checkInclusion({ name: "Ada" }, { ...third, ordinal: 3 }))
    const apart = [lines[2]!, lines[0]!, lines[2]!]
    assert.isTrue(Proof.checkInclusion({ name: "Ada" }, inclusionOf(apart, 0)))
    assert.isFalse(Proof.checkInclusion({ name: "Ada" }, { ...inclusionOf(apart, 0), ordinal: 2 }))
    assert.isTrue(Proof.checkInclusion({ name: "Ada" }, inclusionOf(apart, 2)))
  })

  it("takes records up to the limits that it is given", () => {
    const large = { text: "x".repeat(2 * 1024 * 1024) }
    const limits = { recordBytesMax: 4 * 1024 * 1024, depthMax: 128, batchBytesMax: 2 ** 30, metaBytesMax: 2 ** 20 }
    const line = TaraSON.toBytes(TaraSON.encode(large, limits))
    const proof = inclusionOf([line], 0)
    assert.isTrue(Proof.checkInclusion(large, proof, limits))
    assert.isTrue(Proof.checkInclusion(line, proof))
    assert.isFalse(Proof.checkInclusion(large, proof))
  })

  it("proves nothing when it is malformed, and never throws", () => {
    const good = inclusionOf(inputs, 5)
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

  it("has no more hashes than a tree can ask for, as its schema says", () => {
    const proof = inclusionOf(inputs, 5)
    const hashes = Array.from({ length: 129 }, () => h0)
    assert.isTrue(Schema.is(Proof.InclusionProof)({ ...proof, hashes: hashes.slice(1) }))
    assert.isFalse(Schema.is(Proof.InclusionProof)({ ...proof, hashes }))
  })

  it("holds of nothing that is no record", () => {
    const good = inclusionOf([TaraSON.toBytes("{}")], 0)
    assert.isTrue(Proof.checkInclusion({}, good))
    const cycle: { self?: unknown } = {}
    cycle.self = cycle
    const bad = [undefined, null, "{}", 1, [], new Map(), () => 0, Symbol("{}"), new Proxy({}, {}), cycle, { $type: 1 }]
    for (const record of bad) assert.isFalse(Proof.checkInclusion(record, good))
  })
})

describe("a consistency proof", () => {
  it("holds between heads of one tape only", () => {
    const good = consistencyOf(3, 7)
    assert.isFalse(Proof.checkConsistency({ ...good, from: { ...good.from, tape: other } }))
    assert.isFalse(Proof.checkConsistency({ ...good, to: { ...good.to, tape: other } }))
  })

  it("goes from the root of nothing, and from no other that claims to be empty", () => {
    for (const to of [0, 1, 5]) {
      const good = consistencyOf(0, to)
      assert.isFalse(Proof.checkConsistency({ ...good, from: { ...good.from, root: h0 } }))
      assert.isFalse(Proof.checkConsistency({ ...good, hashes: [h0] }))
    }
    assert.isFalse(Proof.checkConsistency({ ...consistencyOf(0, 0), to: { ...headOf(0), root: h0 } }))
  })

  it("needs no hash between equal heads, and takes none", () => {
    for (const size of [1, 4, 5]) {
      const good = consistencyOf(size, size)
      assert.isFalse(Proof.checkConsistency({ ...good, hashes: [good.from.root] }))
      assert.isFalse(Proof.checkConsistency({ ...good, to: { ...good.to, root: h45 } }))
    }
  })

  it("does not go backwards, nor without hashes", () => {
    const good = consistencyOf(3, 7)
    assert.isFalse(Proof.checkConsistency({ ...good, from: good.to, to: good.from }))
    assert.isFalse(Proof.checkConsistency({ ...good, hashes: [] }))
    // The larger root's own form, given as the path of a power of two.
    assert.isFalse(Proof.checkConsistency({ ...consistencyOf(4, 8), hashes: [] }))
  })

  it("proves nothing when it is malformed, and never throws", () => {
    const good = consistencyOf(6, 8)
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
})

describe("a head", () => {
  const head = headOf(5)
  const mismatch = (found: Proof.HeadMismatch["found"]) =>
    new Proof.HeadMismatch({ tape: "orders", expected: head, found }).message

  it("is kept as one line of canonical JSON", () => {
    const text = Proof.encodeHead(head)
    assert.strictEqual(text, `{"records":5,"root":"${head.root}","tape":"${tape}"}`)
    assert.deepStrictEqual(Proof.decodeHead(text), head)
    assert.deepStrictEqual(
      Proof.decodeHead(`${JSON.stringify({ tape, root: head.root, records: 5 }, null, 2)}\n`),
      head
    )
  })

  it("is refused when it is none", () => {
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

  it("is the same as another in all three, or not at all", () => {
    assert.isTrue(Proof.sameHead(head, { ...head }))
    assert.isFalse(Proof.sameHead(head, { ...head, records: 6 }))
    assert.isFalse(Proof.sameHead(head, { ...head, root: h0 }))
    assert.isFalse(Proof.sameHead(head, { ...head, tape: other }))
  })

  it("that a tape does not fit says why", () => {
    assert.match(mismatch({ tape: other, records: 9, root: null }), /the expected head is of/)
    assert.match(mismatch({ tape, records: 4, root: null }), /has 4 records, the expected head has 5/)
    assert.match(mismatch({ tape, records: 5, root: h0 }), /the first 5 records .* were changed/)
  })
})
