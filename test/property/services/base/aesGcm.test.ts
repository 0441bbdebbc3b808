/** The encryption of fields. */
import { createDecipheriv, createHmac } from "node:crypto"
import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import { decrypt, encrypt } from "../../../../src/services/base/aesGcm.ts"

const bytes = fc.uint8Array({ maxLength: 40 })
const key = fc.uint8Array({ minLength: 32, maxLength: 32 })

const isSame = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0

describe("encrypting a field", () => {
  it("gives equal bytes for equal texts in one place, and they decrypt with that key and place only", () =>
    fc.assert(
      fc.property(key, key, bytes, bytes, bytes, (one, other, place, elsewhere, plain) => {
        const encrypted = encrypt(one, place, plain)
        assert.isTrue(isSame(encrypted, encrypt(one, place, plain)))
        assert.isTrue(isSame(decrypt(one, place, encrypted)!, plain))
        if (!isSame(one, other)) assert.isUndefined(decrypt(other, place, encrypted))
        if (!isSame(place, elsewhere)) assert.isUndefined(decrypt(one, elsewhere, encrypted))
      })
    ))

  it("uses another nonce for another text, place or key, wherever the place ends", () =>
    fc.assert(
      fc.property(key, bytes, bytes, (one, place, plain) => {
        const nonceOf = (key: Uint8Array, place: Uint8Array, plain: Uint8Array) =>
          Buffer.from(encrypt(key, place, plain).subarray(0, 12)).toString("hex")
        const more = Uint8Array.from([...plain, 1])
        const changed = one.map((byte, at) => (at === 0 ? byte ^ 1 : byte))
        const nonces = [
          nonceOf(one, place, plain),
          nonceOf(one, place, more),
          nonceOf(one, Uint8Array.from([...place, 1]), plain),
          nonceOf(changed, place, plain)
        ]
        // The same bytes, of which more belong to the place.
        if (plain.length > 0) nonces.push(nonceOf(one, Uint8Array.from([...place, plain[0]!]), plain.subarray(1)))
        assert.strictEqual(new Set(nonces).size, nonces.length)
      })
    ))

  it("refuses bytes with any bit changed, and any other length", () => {
    const [one, place, plain] = [new Uint8Array(32), Buffer.from("place"), Buffer.from("plain")]
    const encrypted = encrypt(one, place, plain)
    for (let bit = 0; bit < encrypted.length * 8; bit++) {
      const changed = encrypted.map((byte, at) => (at === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte))
      assert.isUndefined(decrypt(one, place, changed))
    }
    for (let length = 0; length < encrypted.length; length++) {
      assert.isUndefined(decrypt(one, place, encrypted.subarray(0, length)))
    }
  })

  it("never changes: what one version has stored, every later one decrypts", () => {
    const [one, place, plain] = [Buffer.alloc(32, 7), Buffer.from("place"), Buffer.from('"Ada Lovelace"')]
    const encrypted = encrypt(one, place, plain)
    assert.strictEqual(
      Buffer.from(encrypted).toString("hex"),
      "7128424ca95893678f9646c469ef90fba69e6d2018a8ccedfa3b0e977e34c360eb3e7bbcb963e763e9c9"
    )
    // By hand: the key of the cipher is an HMAC of its name with the key of the subject.
    const inner = createHmac("sha256", one).update("litetapes encryption 1").digest()
    const decipher = createDecipheriv("aes-256-gcm", inner, encrypted.subarray(0, 12), { authTagLength: 16 })
    decipher.setAAD(place).setAuthTag(encrypted.subarray(12, 28))
    assert.strictEqual(
      decipher.update(encrypted.subarray(28), undefined, "utf8") + decipher.final("utf8"),
      '"Ada Lovelace"'
    )
  })
})
