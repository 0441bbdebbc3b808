/**
 * The version of a meta: what a change is made against.
 */
import { createHash } from "node:crypto"

/** Hexadecimal SHA-256 of the bytes, given in parts. */
export const versionOf = (...parts: ReadonlyArray<Uint8Array>): string => {
  const hash = createHash("sha256")
  for (const part of parts) hash.update(part)
  return hash.digest("hex")
}
