/**
 * Encrypts fields of events. It has a default, so nothing needs to be provided; a simulation, or a program that must use another
 * implementation of the same algorithm, provides its own.
 */
import * as Context from "effect/Context"
import { decrypt, encrypt } from "../base/aesGcm.ts"

/** Converts at once: encoding and decoding an event are synchronous. */
export interface Cipher {
  /**
   * Returns what to store of `plain`. Must be deterministic: a retry has to give the same bytes. `place` names the field, and
   * must be authenticated with it.
   */
  readonly encrypt: (key: Uint8Array, place: Uint8Array, plain: Uint8Array) => Uint8Array
  /** Returns what was encrypted; `undefined` if the bytes are not what `encrypt` has returned for this key and place. */
  readonly decrypt: (key: Uint8Array, place: Uint8Array, bytes: Uint8Array) => Uint8Array | undefined
}

/** Default: AES-256-GCM of `node:crypto`, with a nonce that is derived from the key, the place and the text. */
export const FieldCipher = Context.Reference<Cipher>("litetapes/FieldCipher", {
  defaultValue: () => ({ encrypt, decrypt })
})
