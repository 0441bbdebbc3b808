/** The form in which the value of an encrypted field is stored. */
import { parseTrusted } from "../../../domain/json/TaraSON.ts"
import type { Cipher } from "../../ports/FieldCipher.ts"
import type { SubjectKey, SubjectKeys } from "../../ports/KeyStore.ts"
import { erased } from "./Erased.ts"

/** An encrypted value, as JSON. */
export interface EncryptedField {
  /** Version of the algorithm, a dot, then nonce, tag and ciphertext in base64url. */
  readonly encrypted: string
  /** Version of the key. */
  readonly key: number
  /** Whose data it is. */
  readonly subject: string
}

/** Where a field is: never anything that a clone, a backup or a repack changes. */
export interface Place {
  readonly stream: string
  /** Id of the event. */
  readonly id: string
  /** The field within the data of the event, as RFC 6901 names it. */
  readonly pointer: string
}

const algorithm = "1."

export const isEncrypted = (json: unknown): json is EncryptedField => {
  if (typeof json !== "object" || json === null || Object.keys(json).length !== 3) return false
  const { encrypted, key, subject } = json as { readonly [name: string]: unknown }
  return typeof encrypted === "string" && typeof subject === "string" && Number.isSafeInteger(key) && Number(key) >= 1
}

/** Returns the bytes that name the place of a value, and the key that encrypts it. No other place has the same. */
const bytesOf = ({ id, pointer, stream }: Place, subject: string, version: number): Uint8Array =>
  Buffer.from(JSON.stringify(["litetapes/1", stream, id, subject, version, pointer]))

/** Encrypts a canonical JSON text. */
export const encryptField = (
  cipher: Cipher,
  { bytes, version }: SubjectKey,
  subject: string,
  place: Place,
  plain: string
): EncryptedField => {
  const encrypted = cipher.encrypt(bytes, bytesOf(place, subject, version), Buffer.from(plain))
  return { encrypted: algorithm + Buffer.from(encrypted).toString("base64url"), key: version, subject }
}

/** Why a field could not be decrypted. */
export class Undecryptable extends Error {}

/**
 * Returns the JSON value of a field, or `Erased` if its key was destroyed.
 *
 * @throws Undecryptable
 */
export const decryptField = (
  cipher: Cipher,
  known: SubjectKeys | undefined,
  { encrypted, key: version, subject }: EncryptedField,
  place: Place
): unknown => {
  const field = `its field ${place.pointer}`
  const key = known?.keys.find((one) => one.version === version)
  if (key === undefined) {
    if (known !== undefined && version <= known.destroyed) return erased(subject)
    throw new Undecryptable(
      `${field} is encrypted with key ${version}, which the KeyStore does not have and has not destroyed: provide the KeyStore with which it was appended, or restore it from a copy`
    )
  }
  const bytes = bytesIn(encrypted)
  const plain = bytes === undefined ? undefined : cipher.decrypt(key.bytes, bytesOf(place, subject, version), bytes)
  if (plain === undefined) {
    throw new Undecryptable(
      `${field} cannot be decrypted with key ${version}: its bytes were changed, or it was moved from another event or field`
    )
  }
  return parseTrusted(Buffer.from(plain.buffer, plain.byteOffset, plain.length).toString())
}

/** Returns `undefined` for anything but what `encryptField` writes. */
const bytesIn = (text: string): Uint8Array | undefined => {
  if (!text.startsWith(algorithm)) return undefined
  const base64 = text.slice(algorithm.length)
  const bytes = Buffer.from(base64, "base64url")
  return bytes.toString("base64url") === base64 ? bytes : undefined
}
