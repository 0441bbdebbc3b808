/**
 * The version of a meta, against which a change is made: the SHA-256 of its bytes.
 */
import { createHash, type Hash } from "node:crypto"

/** Returns the version of these bytes. */
export const versionOf = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex")

/** The version of bytes that grow at their end, at a cost that depends on what is added and not on what is there. */
export class RunningVersion {
  readonly version: string
  readonly #hash: Hash

  private constructor(hash: Hash) {
    this.#hash = hash
    this.version = hash.copy().digest("hex")
  }

  static of(bytes: Uint8Array): RunningVersion {
    return new RunningVersion(createHash("sha256").update(bytes))
  }

  /** Returns the version with `more` at the end. */
  with(more: Uint8Array): RunningVersion {
    return new RunningVersion(this.#hash.copy().update(more))
  }
}
