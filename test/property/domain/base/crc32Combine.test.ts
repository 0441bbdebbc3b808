import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { crc32 } from "node:zlib"
import { crc32Combine } from "../../../../src/domain/base/crc32Combine.ts"

const parts = fc.array(fc.uint8Array({ maxLength: 600 }), { maxLength: 20 })

const joined = (pieces: ReadonlyArray<Uint8Array>): number =>
  pieces.reduce((crc, piece) => crc32Combine(crc, crc32(piece), piece.length), 0)

describe("joinCrc", () => {
  it("is the CRC-32 of the concatenated parts", () => {
    fc.assert(
      fc.property(parts, (pieces) => {
        assert.strictEqual(joined(pieces), crc32(Buffer.concat(pieces)))
      })
    )
  })

  it("works for parts that are longer than lines", () => {
    for (const length of [4095, 4096, 4097, 70_000, 1_000_003]) {
      const part = Buffer.alloc(length, "a part")
      assert.strictEqual(joined([Buffer.from("before"), part]), crc32(Buffer.concat([Buffer.from("before"), part])))
    }
  })

  it("works for a part whose CRC is 0", () => {
    const zero = Buffer.from("9d0ad96d", "hex")
    assert.strictEqual(crc32(zero), 0)
    for (const pieces of [
      [zero, Buffer.from("behind")],
      [Buffer.from("before"), zero],
      [zero, zero]
    ]) {
      assert.strictEqual(joined(pieces), crc32(Buffer.concat(pieces)))
    }
  })

  it("differs if one part differs", () => {
    const flip = fc.record({ pieces: parts, at: fc.nat(), bit: fc.integer({ min: 0, max: 7 }) })
    fc.assert(
      fc.property(flip, ({ pieces, at, bit }) => {
        const whole = Buffer.concat(pieces)
        fc.pre(whole.length > 0)
        const place = at % whole.length
        whole.writeUInt8(whole.readUInt8(place) ^ (1 << bit), place)
        assert.notStrictEqual(crc32(whole), joined(pieces))
      })
    )
  })
})
