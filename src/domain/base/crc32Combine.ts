/**
 * Combines the CRC-32s (ISO-HDLC, as in zlib) of parts into that of their concatenation: many short lines then need one
 * call into zlib instead of one each. A part that differs is detected as surely as by its own CRC.
 *
 * The method is that of zlib's `crc32_combine`: polynomials over GF(2), modulo that of the CRC, highest power in the
 * lowest bit.
 */

/** Returns the CRC-32 of A ‖ B from that of A, that of B, and the length of B in bytes. The CRC-32 of no bytes is 0. */
export const crc32Combine = (first: number, second: number, secondBytes: number): number =>
  first === 0 ? second : (multiply(shiftBy(secondBytes), first) ^ second) >>> 0

const polynomial = 0xedb88320

/** Returns a · b. */
const multiply = (a: number, b: number): number => {
  let product = 0
  let shifted = b
  for (let rest = a; rest !== 0; rest <<= 1) {
    if (rest < 0) product ^= shifted
    shifted = (shifted & 1) === 1 ? (shifted >>> 1) ^ polynomial : shifted >>> 1
  }
  return product
}

/** x to the power of 8 · 2^n, for each bit n of a length in bytes. */
const powers: Array<number> = []

const powerOf = (bit: number): number => {
  // x^8; each power is the square of the one before.
  if (powers.length === 0) powers.push(0x0080_0000)
  while (powers.length <= bit) powers.push(multiply(powers.at(-1)!, powers.at(-1)!))
  return powers[bit]!
}

/** Cached shifts of short lengths, because lines are short. 0: not computed yet. */
const known = new Int32Array(4096)

/** Returns the factor that a CRC is multiplied by when this many bytes follow. */
const shiftBy = (bytes: number): number => {
  if (bytes < known.length && known[bytes] !== 0) return known[bytes]!
  let shift = 0x8000_0000 | 0
  for (let rest = bytes, bit = 0; rest > 0; rest = Math.floor(rest / 2), bit++) {
    if (rest % 2 === 1) shift = multiply(powerOf(bit), shift)
  }
  if (bytes < known.length) known[bytes] = shift
  return shift
}
