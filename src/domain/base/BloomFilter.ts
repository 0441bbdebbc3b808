/**
 * A Bloom filter over hashes of 53 bits: whether a set may have one, in ten bits a member. What it says is not there is
 * not there; of what is not there it says so in 99 of 100 cases.
 *
 * @see Burton H. Bloom, "Space/time trade-offs in hash coding with allowable errors", 1970
 */
const bitsPerMember = 10
/** ln 2 × bits a member, which makes the fewest mistakes. */
const probes = 7

export class BloomFilter {
  readonly #words: Uint32Array
  readonly #bits: number

  /** For so many members. */
  constructor(members: number) {
    this.#words = new Uint32Array(wordsFor(members))
    this.#bits = this.#words.length * 32
  }

  /** Size of a filter for so many members. */
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

  /** `false`: it was never added. */
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

  /** Spreads 32 bits over as many as there are. */
  #bitOf(at: number): number {
    return Math.floor((at * this.#bits) / 2 ** 32)
  }
}

const wordsFor = (members: number): number => Math.max(1, Math.ceil((members * bitsPerMember) / 32))

/** The low half of the hash, mixed with the high one: either alone may be the same for many members. */
const startOf = (hash: number): number => mixed((hash >>> 0) ^ Math.imul(highOf(hash), 0x9e37_79b1))

/** Odd, so that no two probes are the same. */
const stepOf = (hash: number): number => mixed(highOf(hash) ^ Math.imul(hash >>> 0, 0x85eb_ca6b)) | 1

const highOf = (hash: number): number => Math.floor(hash / 2 ** 32)

/** The finaliser of MurmurHash3 (Austin Appleby, public domain): every bit depends on every one. */
const mixed = (value: number): number => {
  let mix = value ^ (value >>> 16)
  mix = Math.imul(mix, 0x85eb_ca6b)
  mix ^= mix >>> 13
  mix = Math.imul(mix, 0xc2b2_ae35)
  return (mix ^ (mix >>> 16)) >>> 0
}
