/**
 * The version of a meta, against which a change is made.
 */
import { createHash } from "node:crypto"

/** Returns the hexadecimal SHA-256 of the bytes, which are given in parts. */
export const versionOf = (...parts: ReadonlyArray<Uint8Array>): string => {
  const hash = createHash("sha256")
  for (const part of parts) hash.update(part)
  return hash.digest("hex")
}
