import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import * as DynamicSegment from "../../../../src/domain/journal/DynamicSegment.ts"
import { runs } from "../../../support/runs.ts"
import { batches, build, type Built, small, start } from "../../../support/batches.ts"
import { flipped } from "../../../support/copyLib.ts"
import { hex, uuid } from "../../../support/systemRecords.ts"

const scan = (bytes: Uint8Array, limit?: number) => DynamicSegment.scan(bytes, start, limit)

/** The first `count` batches, as a scan should find them. */
const expected = ({ batches, offsets }: Built, count: number) =>
  batches.slice(0, count).map(({ batch, position, hash, checkpoints, parts }, index) => ({
    batch,
    position,
    hash,
    checkpoints,
    offset: offsets[index]!,
    end: offsets[index + 1]!,
    parts: parts.map((part) => ({ ...part, offset: part.offset + offsets[index]! }))
  }))

/** Counts the whole batches before `length`. */
const wholeBefore = ({ offsets }: Built, length: number): number =>
  offsets.filter((offset, index) => index > 0 && offset <= length).length

describe("a dynamic segment", () => {
  it("returns the batches that were written", () => {
    fc.assert(
      fc.property(batches(6), (given) => {
        const built = build(given)
        const found = scan(built.bytes)
        assert.isUndefined(found.damage)
        assert.strictEqual(found.goodBytes, built.bytes.length)
        assert.deepStrictEqual(found.batches, expected(built, given.length))
        assert.deepStrictEqual(DynamicSegment.readHeader(built.bytes), {
          $type: "LiteLib.Header",
          dynamic: 4,
          epoch: 2,
          lib: uuid(1)
        })
        assert.strictEqual(DynamicSegment.headerBytes(built.bytes), built.headerBytes)
      }),
      { numRuns: runs }
    )
  })

  it("has the same content with room after it, whole or cut at any byte", () => {
    fc.assert(
      fc.property(batches(3), fc.nat(), fc.integer({ min: 1, max: 5000 }), (given, cut, room) => {
        const built = build(given)
        const behindHeader = built.bytes.length - built.headerBytes + 1
        for (const length of [built.bytes.length, built.headerBytes + (cut % behindHeader)]) {
          const content = built.bytes.subarray(0, length)
          const roomy = new Uint8Array(length + room)
          roomy.set(content)
          assert.deepStrictEqual(scan(roomy), scan(content))
          assert.strictEqual(scan(roomy).contentBytes, length)
        }
      }),
      { numRuns: runs }
    )
  })

  it("that is cut at any byte returns exactly the whole batches before the cut, and a torn rest", () => {
    fc.assert(
      fc.property(batches(3, fc.record({ text: fc.string({ maxLength: 20 }) })), (given) => {
        const built = build(given)
        for (let length = built.headerBytes; length <= built.bytes.length; length++) {
          const found = scan(built.bytes.subarray(0, length))
          const whole = wholeBefore(built, length)
          assert.deepStrictEqual(found.batches, expected(built, whole))
          assert.strictEqual(found.goodBytes, built.offsets[whole])
          assert.strictEqual(found.damage?.kind, length === built.offsets[whole] ? undefined : "torn")
        }
      }),
      { numRuns: Math.ceil(runs / 10) }
    )
  })

  it("reads no batch after the limit, even if it is damaged", () => {
    const built = build(small)
    for (let limit = 0; limit <= 3; limit++) {
      const damaged = Buffer.from(built.bytes)
      damaged.fill(0, built.offsets[limit])
      for (const bytes of [built.bytes, damaged]) {
        const found = scan(bytes, limit)
        assert.deepStrictEqual(found.batches, expected(built, limit))
        assert.isUndefined(found.damage)
      }
    }
  })

  it("reveals every flipped bit: in the last batch as torn or damaged, before it as damage to acknowledged data", () => {
    const built = build(small)
    const last = built.offsets.at(-2)!
    for (let at = built.headerBytes; at < built.bytes.length; at++) {
      for (let bit = 0; bit < 8; bit++) {
        const found = scan(flipped(built.bytes, at, bit))
        const whole = wholeBefore(built, at)
        assert.deepStrictEqual(found.batches, expected(built, whole))
        assert.strictEqual(found.damage?.offset, built.offsets[whole])
        if (at < last) assert.strictEqual(found.damage?.kind, "acknowledged", `byte ${at}, bit ${bit}`)
        else assert.isDefined(found.damage?.kind)
      }
    }
  })

  it("reveals zeros in any batch but the last as damage to acknowledged data", () => {
    const built = build(small)
    for (let from = built.headerBytes; from < built.offsets.at(-2)!; from++) {
      const damaged = Uint8Array.from(built.bytes)
      damaged.fill(0, from, Math.min(from + 16, built.offsets.at(-2)!))
      const found = scan(damaged)
      assert.strictEqual(found.damage?.kind, "acknowledged")
      assert.deepStrictEqual(found.batches, expected(built, wholeBefore(built, from)))
    }
  })

  it("refuses batches that are missing, doubled, swapped or foreign", () => {
    const { bytes, offsets, headerBytes } = build(small)
    const header = bytes.subarray(0, headerBytes)
    const pieces = offsets.slice(1).map((end, index) => bytes.subarray(offsets[index], end))
    const [one, two, three] = pieces as [Uint8Array, Uint8Array, Uint8Array]
    const kindOf = (...parts: ReadonlyArray<Uint8Array>) => scan(Buffer.concat([header, ...parts])).damage?.kind
    assert.isUndefined(kindOf(one, two, three))
    assert.strictEqual(kindOf(two, three), "acknowledged")
    assert.strictEqual(kindOf(one, three), "acknowledged")
    assert.strictEqual(kindOf(one, one, two), "acknowledged")
    assert.strictEqual(kindOf(two, one, three), "acknowledged")
    assert.strictEqual(kindOf(one, two, three, three), "acknowledged")
    const foreign = build([[{ tape: 1, record: { foreign: true } }], ...small.slice(1)])
    assert.strictEqual(kindOf(one, foreign.bytes.subarray(foreign.offsets[1])), "acknowledged")
    assert.strictEqual(DynamicSegment.scan(bytes, { batch: 0, hash: hex(1) }, undefined).damage?.kind, "acknowledged")
    assert.strictEqual(DynamicSegment.scan(bytes, { ...start, batch: 1 }, undefined).damage?.kind, "acknowledged")
  })

  it("treats a user's text that looks like a mark as a record", () => {
    const text = '\n{"$type":"LiteLib.Commit","batch":1}\n'
    const built = build([[{ tape: 1, record: { text, also: '{"$type":"LiteLib.Commit",' } }]])
    assert.deepStrictEqual(scan(built.bytes).batches, expected(built, 1))
  })

  it("has a header in which every flipped bit makes it invalid or different", () => {
    const { bytes, headerBytes } = build([])
    const good = DynamicSegment.readHeader(bytes)
    for (let at = 0; at < headerBytes; at++) {
      for (let bit = 0; bit < 8; bit++) {
        assert.notDeepEqual(DynamicSegment.readHeader(flipped(bytes, at, bit)), good)
      }
    }
    for (let length = 0; length < headerBytes; length++) {
      assert.isString(DynamicSegment.readHeader(bytes.subarray(0, length)))
      assert.strictEqual(DynamicSegment.headerBytes(bytes.subarray(0, length)), 0)
    }
  })
})
