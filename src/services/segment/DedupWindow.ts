/**
 * Finds records that a segment has already. It remembers the last records by their full SHA-256: equal hashes mean
 * equal records. A repeat that it has forgotten is stored once more, which costs bytes and nothing else.
 *
 * Memory: at most two generations of 2^17 records, at 72 bytes for each when half full: 19 MB. When the younger one is
 * full, the older one is dropped. A record that is found in the older one moves to the younger.
 */
import { invariant } from "../../domain/base/invariant.ts"

/** Number of records in one generation. */
export const generationMax = 2 ** 17

const slotsMin = 1024
const words = 8

export class DedupWindow {
  readonly #generationMax: number
  #young = new Generation(slotsMin)
  #old = new Generation(slotsMin)
  readonly #hash = new Uint32Array(words)
  readonly #bytes = Buffer.from(this.#hash.buffer)

  constructor(max: number = generationMax) {
    this.#generationMax = max
  }

  /** Returns the line of the record with this hash (64 hexadecimal digits), or `undefined` if it is not known. */
  find(hash: string): number | undefined {
    this.#bytes.write(hash, "hex")
    const young = this.#young.find(this.#hash)
    if (young !== undefined) return young
    const old = this.#old.find(this.#hash)
    if (old !== undefined) this.#add(old)
    return old
  }

  /** Adds a record, which must not be known, with its hash and line. */
  add(hash: string, line: number): void {
    this.#bytes.write(hash, "hex")
    this.#add(line)
  }

  #add(line: number): void {
    if (this.#young.size >= this.#generationMax) {
      this.#old = this.#young
      this.#young = new Generation(slotsMin)
    }
    if (this.#young.isCrowded) this.#young = this.#young.grown()
    this.#young.add(this.#hash, line)
  }
}

/** A hash table with open addressing, without removal, at most half full. */
class Generation {
  readonly #slots: number
  readonly #hashes: Uint32Array
  /** Line + 1; 0 for an empty slot. */
  readonly #lines: Uint32Array
  #size = 0

  constructor(slots: number) {
    this.#slots = slots
    this.#hashes = new Uint32Array(slots * words)
    this.#lines = new Uint32Array(slots)
  }

  get size(): number {
    return this.#size
  }

  get isCrowded(): boolean {
    return this.#size * 2 >= this.#slots
  }

  grown(): Generation {
    const larger = new Generation(this.#slots * 2)
    for (let slot = 0; slot < this.#slots; slot++) {
      const line = this.#lines[slot]!
      if (line !== 0) larger.add(this.#hashes.subarray(slot * words, (slot + 1) * words), line - 1)
    }
    return larger
  }

  find(hash: Uint32Array): number | undefined {
    const line = this.#lines[this.#slotOf(hash)]!
    return line === 0 ? undefined : line - 1
  }

  add(hash: Uint32Array, line: number): void {
    const slot = this.#slotOf(hash)
    invariant(this.#lines[slot] === 0, "only unknown records are added")
    this.#hashes.set(hash, slot * words)
    this.#lines[slot] = line + 1
    this.#size++
  }

  /** Returns the slot of this hash, or the one into which it would go. */
  #slotOf(hash: Uint32Array): number {
    const mask = this.#slots - 1
    let slot = hash[0]! & mask
    while (this.#lines[slot] !== 0 && !this.#has(slot, hash)) slot = (slot + 1) & mask
    return slot
  }

  #has(slot: number, hash: Uint32Array): boolean {
    for (let word = 0; word < words; word++) if (this.#hashes[slot * words + word] !== hash[word]) return false
    return true
  }
}
