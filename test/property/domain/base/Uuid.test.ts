import { createHash, randomBytes } from "node:crypto"
import { assert, describe, it } from "vitest"
import { isUuid, makeUuidV7, uuidOf } from "../../../../src/domain/base/Uuid.ts"
import * as fc from "fast-check"
import { runs } from "../../../support/runs.ts"

const filled = (byte: number) => (n: number) => new Uint8Array(n).fill(byte)

const clock = fc.array(
  fc.oneof(fc.nat(5), fc.integer({ min: 0, max: 2 ** 47 }), fc.double({ min: 0, max: 9, noNaN: true })),
  {
    maxLength: 200
  }
)

describe("Uuid", () => {
  it("lays out time, version, counter, variant and random bits as in RFC 9562 section 5.7", () => {
    // The time of the example in RFC 9562, appendix A.6.
    assert.strictEqual(makeUuidV7(filled(0x00))(0x017f22e279b0), "017f22e2-79b0-7000-8000-000000000000")
    assert.strictEqual(makeUuidV7(filled(0xff))(0x017f22e279b0), "017f22e2-79b0-7fff-bfff-ffffffffffff")
    assert.strictEqual(makeUuidV7(filled(0x5a))(1), "00000000-0001-7969-9a5a-5a5a5a5a5a5a")
  })

  it("increments within a millisecond, and moves to the next millisecond when the counter is full", () => {
    const next = makeUuidV7(filled(0x00))
    assert.strictEqual(next(7), "00000000-0007-7000-8000-000000000000")
    assert.strictEqual(next(7), "00000000-0007-7000-8000-000100000000")
    const nearlyFull = makeUuidV7((n) => new Uint8Array(n).fill(0xff).fill(0xfe, 3, 4))
    assert.strictEqual(nearlyFull(7), "00000000-0007-7fff-bffe-ffffffffffff")
    assert.strictEqual(nearlyFull(7), "00000000-0007-7fff-bfff-0000ffffffff")
    const full = makeUuidV7(filled(0xff))
    assert.strictEqual(full(7), "00000000-0007-7fff-bfff-ffffffffffff")
    assert.strictEqual(full(7), "00000000-0008-7fff-bfff-ffffffffffff")
  })

  it("ascends over 200,000 in one millisecond, through every carry of the counter", () => {
    const next = makeUuidV7(randomBytes)
    let last = ""
    for (let i = 0; i < 200_000; i++) {
      const uuid = next(1_700_000_000_000)
      if (uuid <= last) assert.fail(`${uuid} after ${last}`)
      last = uuid
    }
    assert.isTrue(isUuid(last))
  })

  it("dies on a time that no UUID can contain, and on too few random bytes", () => {
    for (const time of [-1, Number.NaN, 2 ** 48, Number.POSITIVE_INFINITY]) {
      assert.throws(() => makeUuidV7(randomBytes)(time), /invariant/i)
    }
    assert.throws(() => makeUuidV7(() => new Uint8Array(3))(1), /invariant/i)
  })

  it("makes the name-based UUID of RFC 9562, appendix B.2", () => {
    const dns = Buffer.from("6ba7b8109dad11d180b400c04fd430c8", "hex")
    const digest = createHash("sha256").update(dns).update("www.example.com").digest()
    assert.strictEqual(uuidOf(digest, 8), "5c146b14-3c52-8afd-938a-375d0df1fbf6")
    assert.strictEqual(digest.toString("hex").slice(0, 16), "5c146b143c524afd")
  })

  it("recognises UUIDs of RFC 9562 in lower case", () => {
    for (const version of "12345678") assert.isTrue(isUuid(`017f22e2-79b0-${version}cc3-98c4-dc0c0c07398f`))
    const others = [
      "",
      "017f22e2-79b0-0cc3-98c4-dc0c0c07398f",
      "017f22e2-79b0-9cc3-98c4-dc0c0c07398f",
      "017f22e2-79b0-7cc3-78c4-dc0c0c07398f",
      "017f22e2-79b0-7cc3-c8c4-dc0c0c07398f",
      "017F22E2-79B0-7CC3-98C4-DC0C0C07398F",
      "017f22e279b07cc398c4dc0c0c07398f",
      "{017f22e2-79b0-7cc3-98c4-dc0c0c07398f}",
      "017f22e2-79b0-7cc3-98c4-dc0c0c07398f\n",
      "00000000-0000-0000-0000-000000000000"
    ]
    for (const other of others) assert.isFalse(isUuid(other), other)
  })

  it("ascends whatever the clock does, with the latest time that the clock has shown", () => {
    fc.assert(
      fc.property(clock, (times) => {
        const next = makeUuidV7(randomBytes)
        let last = ""
        let latest = 0
        for (const time of times) {
          const uuid = next(time)
          latest = Math.max(latest, Math.floor(time))
          assert.isTrue(isUuid(uuid), uuid)
          assert.strictEqual(uuid[14], "7")
          assert.isTrue(uuid > last, `${uuid} after ${last}`)
          assert.strictEqual(Number.parseInt(uuid.replaceAll("-", "").slice(0, 12), 16), latest)
          last = uuid
        }
      }),
      { numRuns: runs }
    )
  })
})
