/**
 * The root of a logical stream: the Merkle tree hash of RFC 9162 section 2.1.1 with SHA-256.
 *
 * ```
 * leaf = SHA-256(0x00 ‖ canonical bytes)     node = SHA-256(0x01 ‖ left ‖ right)     root of nothing = SHA-256()
 * ```
 *
 * A tree over any number of leaves is kept as its **peaks**: the roots of the complete subtrees that make up its size,
 * one for every bit that is set in the size, the largest first. Peaks are all that is needed to add leaves later, so
 * every tape's meta contains them. All hashes here are 64 lower-case hexadecimal digits.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9162#section-2.1.1
 */
import { hash } from "node:crypto"
import { invariant } from "../base/invariant.ts"

/** A tree of `size` leaves that can be continued. */
export interface State {
  /** Number of leaves. */
  readonly size: number
  /** Roots of its complete subtrees, the largest first. */
  readonly peaks: ReadonlyArray<string>
}

/** The tree without leaves. */
export const empty: State = { size: 0, peaks: [] }

/** Returns whether a value from elsewhere is a state: as many peaks as its size has bits set, each of them a hash. */
export const isState = (value: unknown): value is State => {
  if (typeof value !== "object" || value === null) return false
  const { size, peaks } = value as { readonly size?: unknown; readonly peaks?: unknown }
  return (
    typeof size === "number" &&
    Number.isSafeInteger(size) &&
    size >= 0 &&
    Array.isArray(peaks) &&
    peaks.length === bitsSet(size) &&
    peaks.every(isHash)
  )
}

/** Returns whether a value is a hash as this module writes it. */
export const isHash = (value: unknown): value is string => typeof value === "string" && /^[0-9a-f]{64}$/.test(value)

/**
 * Returns the hash of the leaf with the canonical bytes `bytes[start, end)`. The record id differs: it has no prefix.
 */
export const leafHash = (bytes: Uint8Array, start = 0, end = bytes.length): string => hashLeaf(bytes, start, end, "hex")

/** Returns the hash of the node over two subtrees, given their roots, which must be hashes (`isHash`). */
export const nodeHash = (left: string, right: string): string => {
  nodeInput.write(left, 1, 32, "hex")
  nodeInput.write(right, 33, 32, "hex")
  return hash("sha256", nodeInput, "hex")
}

/** Returns the root of a tree. */
export const root = (state: State): string => foldPeaks(state.peaks)

/** A tree that grows. Adding a leaf costs two hashes on average, and no memory. */
export class Accumulator {
  #size: number
  /** Packed. */
  readonly #peaks: Array<string>

  /** Continues `state`, which must be valid (`isState`). */
  constructor(state: State = empty) {
    invariant(isState(state), "a Merkle state has one hash for each bit set in its size")
    this.#size = state.size
    this.#peaks = state.peaks.map(packed)
  }

  /** Number of leaves. */
  get size(): number {
    return this.#size
  }

  /** Adds the record whose canonical bytes are `bytes[start, end)`. The bytes are not kept. */
  add(bytes: Uint8Array, start = 0, end = bytes.length): void {
    this.#push(hashLeaf(bytes, start, end, "binary"))
  }

  /** Adds a leaf by its hash (`leafHash`). */
  addLeafHash(leaf: string): void {
    invariant(isHash(leaf), "a leaf hash has 64 lower-case hexadecimal digits")
    this.#push(packed(leaf))
  }

  /** Returns the tree as it is now. */
  state(): State {
    return { size: this.#size, peaks: this.#peaks.map(unpacked) }
  }

  /** Returns the root over the leaves that were added so far. */
  root(): string {
    return root(this.state())
  }

  #push(leaf: string): void {
    invariant(this.#size < Number.MAX_SAFE_INTEGER, "a tree has at most 2^53 - 1 leaves")
    let peak = leaf
    for (let rest = this.#size; rest % 2 === 1; rest = (rest - 1) / 2) peak = hashPacked(this.#peaks.pop()!, peak)
    this.#peaks.push(peak)
    this.#size++
  }
}

// Reused between calls: everything here is synchronous, and allocating would cost more than hashing.
let leafInput = Buffer.alloc(64 * 1024)
const nodeInput = Buffer.alloc(65, 0x01)

const hashLeaf = (bytes: Uint8Array, start: number, end: number, encoding: "hex" | "binary"): string => {
  const length = end - start
  if (leafInput.length <= length) leafInput = Buffer.alloc(2 ** Math.ceil(Math.log2(length + 1)))
  leafInput.set(start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end), 1)
  return hash("sha256", leafInput.subarray(0, length + 1), encoding)
}

/** Does what `nodeHash` does, with packed hashes: a loop over their letters beats reading hexadecimal digits. */
const hashPacked = (left: string, right: string): string => {
  for (let i = 0; i < 32; i++) {
    nodeInput[1 + i] = left.charCodeAt(i)
    nodeInput[33 + i] = right.charCodeAt(i)
  }
  return hash("sha256", nodeInput, "binary")
}

/** Returns a hash as 32 letters, one for each byte. */
const packed = (hex: string): string => Buffer.from(hex, "hex").toString("latin1")

const unpacked = (letters: string): string => Buffer.from(letters, "latin1").toString("hex")

const foldPeaks = (peaks: ReadonlyArray<string>): string => {
  if (peaks.length === 0) return hash("sha256", "", "hex")
  let folded = peaks[peaks.length - 1]!
  for (let i = peaks.length - 2; i >= 0; i--) folded = nodeHash(peaks[i]!, folded)
  return folded
}

const bitsSet = (size: number): number => {
  let bits = 0
  // Without shifting: sizes exceed 32 bits.
  for (let rest = size; rest > 0; rest = Math.floor(rest / 2)) bits += rest % 2
  return bits
}
