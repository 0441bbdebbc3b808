/**
 * Encrypts small texts with AES-256-GCM (NIST SP 800-38D). The nonce is derived from the key, the place and the text
 * (as SIV does, RFC 8452): equal texts in one place give equal bytes, and nothing else has the same nonce.
 */
import { createCipheriv, createDecipheriv, createHmac } from "node:crypto"

const algorithm = "aes-256-gcm"
const nonceBytes = 12
const tagBytes = 16

/** Returns a key of its own for each purpose. */
const derived = (key: Uint8Array, purpose: string): Buffer =>
  createHmac("sha256", key).update(`litetapes ${purpose} 1`).digest()

const nonceOf = (key: Uint8Array, place: Uint8Array, plain: Uint8Array): Buffer => {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(place.length)
  const hash = createHmac("sha256", derived(key, "nonce")).update(length).update(place).update(plain).digest()
  return hash.subarray(0, nonceBytes)
}

/** Returns the nonce, the tag and the ciphertext, in this order. */
export const encrypt = (key: Uint8Array, place: Uint8Array, plain: Uint8Array): Uint8Array => {
  const nonce = nonceOf(key, place, plain)
  const cipher = createCipheriv(algorithm, derived(key, "encryption"), nonce).setAAD(place)
  const encrypted = Buffer.concat([cipher.update(plain), cipher.final()])
  return Buffer.concat([nonce, cipher.getAuthTag(), encrypted])
}

/** Returns what was encrypted; `undefined` if the bytes were changed, or encrypted with another key or for another place. */
export const decrypt = (key: Uint8Array, place: Uint8Array, bytes: Uint8Array): Uint8Array | undefined => {
  const from = nonceBytes + tagBytes
  if (bytes.length < from) return undefined
  const decipher = createDecipheriv(algorithm, derived(key, "encryption"), bytes.subarray(0, nonceBytes), {
    authTagLength: tagBytes
  })
  decipher.setAAD(place).setAuthTag(bytes.subarray(nonceBytes, from))
  try {
    return Buffer.concat([decipher.update(bytes.subarray(from)), decipher.final()])
  } catch {
    return undefined
  }
}
