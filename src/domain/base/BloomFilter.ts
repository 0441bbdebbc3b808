/**
 * A Bloom filter over 53-bit hashes, with ten bits for each member. It never denies a hash that was added, and denies
 * 99 of 100 that were not.
 *
 * @see Burton H. Bloom, "Space/time trade-offs in hash coding with allowable errors", 1970
 */
const bitsPerMember = 10
/** ln 2 × bits per member: the number that causes the fewest false positives. */
const probes = 7

export class BloomFilter {
  readonly #words: Uint32Array
  readonly #bits: number

  /** Creates a filter for this many members. */
  constructor(members: number) {
    this.#words = new Uint32Array(wordsFor(members))
    this.#bits = this.#words.length * 32
  }

  /** Returns the size in bytes of a filter for this many members. */
  static bytesFor(members: number): number {
    return wordsFor(members) * 4
  }

  get bytes(): number {
    return this.#words.byteLength
  }

  add(hash: number): void {
    let at = startOf(hash)
    const step = stepOf(hash)
    for (let probe = 0; probe < probes; probe++) {
      const bit = this.#bitOf(at)
      this.#words[bit >>> 5]! |= 1 << (bit & 31)
      at = (at + step) >>> 0
    }
  }

  /** Returns `false` if the hash was never added, and `true` if it may have been. */
  mayHave(hash: number): boolean {
    let at = startOf(hash)
    const step = stepOf(hash)
    for (let probe = 0; probe < probes; probe++) {
      const bit = this.#bitOf(at)
      if ((this.#words[bit >>> 5]! & (1 << (bit & 31))) === 0) return false
      at = (at + step) >>> 0
    }
    return true
  }

  /** Maps 32 bits evenly onto the bits of the filter. */
  #bitOf(at: number): number {
    return Math.floor((at * this.#bits) / 2 ** 32)
  }
}

const wordsFor = (members: number): number => Math.max(1, Math.ceil((members * bitsPerMember) / 32))

/** The low half of the hash mixed with the high half, because many members may share either half. */
const startOf = (hash: number): number => mixed((hash >>> 0) ^ Math.imul(highOf(hash), 0x9e37_79b1))

/** Odd, so that the probes are all different. */
const stepOf = (hash: number): number => mixed(highOf(hash) ^ Math.imul(hash >>> 0, 0x85eb_ca6b)) | 1

const highOf = (hash: number): number => Math.floor(hash / 2 ** 32)

/** The finaliser of MurmurHash3 (Austin Appleby, public domain): every output bit depends on every input bit. */
const mixed = (value: number): number => {
  let mix = value ^ (value >>> 16)
  mix = Math.imul(mix, 0x85eb_ca6b)
  mix ^= mix >>> 13
  mix = Math.imul(mix, 0xc2b2_ae35)
  return (mix ^ (mix >>> 16)) >>> 0
}
