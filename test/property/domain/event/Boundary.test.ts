/** A boundary is the same after a wire, and is accepted exactly where its events are in the history. */
import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import { Boundary, whyNotInHistory } from "../../../../src/domain/event/Boundary.ts"
import { InvalidArgument } from "../../../../src/domain/format/Errors.ts"
import type { Branch } from "../../../../src/domain/meta/LibState.ts"
import { junk } from "../../../support/junk.ts"

const uuids = fc.uniqueArray(fc.uuid(), { minLength: 5, maxLength: 5 })

const branch = (from: string, lineage: string, position: number): Branch => ({
  anchor: { batch: position, position, hash: "0".repeat(64) },
  from,
  lineage,
  time: "2026-01-01T00:00:00.000Z"
})

describe("a boundary", () => {
  it("is the same after it was encoded and decoded, also within JSON", () => {
    const property = fc.property(uuids, fc.maxSafeNat(), fc.boolean(), ([lib, lineage], position, isDecidable) => {
      const boundary = Boundary.of({ lib: lib!, lineage: lineage!, position, isDecidable })
      const text = boundary.encode()
      assert.strictEqual(encodeURIComponent(text), text)
      for (const one of [Boundary.decode(text), Boundary.decode(JSON.parse(JSON.stringify(boundary)) as string)]) {
        assert.isTrue(Boundary.is(one) && Object.isFrozen(one))
        assert.deepStrictEqual({ ...one }, { lib: lib!, lineage: lineage!, position, isDecidable })
      }
      assert.isFalse(Boundary.is({ ...boundary }))
    })
    fc.assert(property)
  })

  it("of any other text is refused", () => {
    const boundary = Boundary.of({ lib: "0".repeat(36), lineage: "1".repeat(36), position: 17, isDecidable: true })
    const text = boundary.encode()
    const property = fc.property(fc.nat(text.length), fc.string({ minLength: 1 }), (at, more) => {
      const changed = text.slice(0, at) + more + text.slice(at)
      let decoded: Boundary
      try {
        decoded = Boundary.decode(changed)
      } catch (error) {
        assert.deepInclude(error, { _tag: "InvalidArgument", call: "Boundary.decode" })
        return
      }
      assert.strictEqual(decoded.encode(), changed)
    })
    fc.assert(property)
    assert.throws(() => Boundary.decode(text.replace("17", "9".repeat(16))), /must be a text that/)
  })

  it("is not made of anything else, however long", () => {
    const uuid = "0".repeat(36)
    const texts = [
      "",
      "b1.",
      `b1.${uuid}.${uuid}.`,
      `b1.${uuid}.${uuid}.01`,
      `b1.${uuid}.${uuid}.1\n`,
      "b1.".repeat(1e6)
    ]
    const long = `b1.${uuid}.${uuid}.${"1".repeat(1e6)}`
    for (const value of [...junk, ...texts, long, Boundary]) {
      assert.throws(() => Boundary.decode(value as string), InvalidArgument)
      assert.isFalse(Boundary.is(value))
    }
    try {
      Boundary.decode(long)
    } catch (error) {
      assert.isBelow((error as Error).message.length, 200)
    }
  })

  it("is in the history of a lib up to where its lineage was left, and never ahead of its end", () => {
    const property = fc.property(uuids, fc.nat(9), fc.nat(9), fc.nat(9), fc.nat(30), (ids, a, b, c, position) => {
      const [lib, first, second, foreign, other] = ids as [string, string, string, string, string]
      // Restored to position `a`, continued to `a + b` and restored there, and continued to `a + b + c`.
      const state = { lib, branches: [branch(lib, first, a), branch(first, second, a + b)] }
      const next = a + b + c
      const ends = new Map([
        [lib, a],
        [first, a + b],
        [second, next]
      ])
      for (const [lineage, end] of ends) {
        const isThere = (of: string) =>
          whyNotInHistory(state, next, Boundary.of({ lib: of, lineage, position, isDecidable: true })) === undefined
        assert.strictEqual(isThere(lib), position <= end)
        assert.isFalse(isThere(other))
      }
      const boundary = Boundary.of({ lib, lineage: foreign, position, isDecidable: true })
      assert.match(whyNotInHistory(state, next, boundary) ?? "", /another history/)
    })
    fc.assert(property)
  })
})
