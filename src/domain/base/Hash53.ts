/**
 * A fast 53-bit string hash, which a JavaScript number holds exactly. Indexes are sorted by it.
 *
 * It is not cryptographic: it is easy to make two strings with the same hash. So a hit in an index is only a candidate:
 * **verify every hit against the record** that it points to.
 *
 * The construction is cyrb53 (public domain, by bryc): two 32-bit multiply-xor lanes over the UTF-16 code units,
 * finished with the mixer of MurmurHash3. Indexes on disk depend on it: a change needs a new index version.
 */

/** Returns the hash of `text`: an integer in [0, 2^53). */
export const hash53 = (text: string): number => hashFrom(seedA, seedB, text)

/**
 * Returns the hash of an event id within its stream: an integer in [0, 2^53). It hashes the pair, not the
 * concatenation.
 */
export const hashId = (stream: string, id: string): number => {
  const seed = hash53(stream)
  return hashFrom(seed | 0, Math.floor(seed / 0x1_0000_0000), id)
}

/**
 * Returns the hash of `bytes[start, end)`: an integer in [0, 2^53). Under another `seed`, an integer of 32 bits, the same
 * bytes have another hash.
 */
export const hashBytes = (seed: number, bytes: Uint8Array, start: number, end: number): number => {
  let a = seedA ^ seed
  let b = seedB ^ seed
  for (let i = start; i < end; i++) {
    a = Math.imul(a ^ bytes[i]!, 2654435761)
    b = Math.imul(b ^ bytes[i]!, 1597334677)
  }
  return mixed(a, b)
}

const seedA = 0xdeadbeef | 0
const seedB = 0x41c6ce57

const hashFrom = (first: number, second: number, text: string): number => {
  let a = first
  let b = second
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    a = Math.imul(a ^ unit, 2654435761)
    b = Math.imul(b ^ unit, 1597334677)
  }
  return mixed(a, b)
}

const mixed = (first: number, second: number): number => {
  let a = first
  let b = second
  a = Math.imul(a ^ (a >>> 16), 2246822507) ^ Math.imul(b ^ (b >>> 13), 3266489909)
  b = Math.imul(b ^ (b >>> 16), 2246822507) ^ Math.imul(a ^ (a >>> 13), 3266489909)
  return 0x1_0000_0000 * (b & 0x1f_ffff) + (a >>> 0)
}
