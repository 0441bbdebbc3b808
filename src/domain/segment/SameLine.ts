/**
 * `LiteTape.Same`: the line that a segment may have in the place of a record that stands in it already.
 *
 * ```
 * {"$type":"LiteTape.Same","line":12}
 * ```
 *
 * `line` counts from 0 within the segment, and is that of an earlier line, which is no `LiteTape.Same` itself.
 */
import { newline } from "../format/Format.ts"

const start = Buffer.from(`{"$type":"LiteTape.Same"`)
const startOfNumber = Buffer.from(`{"$type":"LiteTape.Same","line":`)

/** The least bytes that such a line has, its newline included. */
export const sameLineBytesMin = startOfNumber.length + 3

/** The line, with its newline, that stands for the record on `line`. */
export const encodeSame = (line: number): Uint8Array => Buffer.from(`{"$type":"LiteTape.Same","line":${line}}\n`)

/**
 * The number of the line that `bytes[start, end)` stands for; −1 when it tries to, and is not one of these lines;
 * `undefined` when it is a record.
 */
export const decodeSame = (bytes: Uint8Array, from = 0, end = bytes.length): number | undefined => {
  // The byte in which most records differ from it already.
  if (bytes[from + 10] !== start[10] || !hasAt(bytes, from, end, start)) return undefined
  if (!hasAt(bytes, from, end, startOfNumber)) return -1
  return readNumber(bytes, from + startOfNumber.length, end)
}

const digit0 = 0x30
const digit9 = 0x39
const digitsMax = 10

/** The number in canonical digits that fills `bytes[from, end)` but for the brace that ends it; −1 when none does. */
const readNumber = (bytes: Uint8Array, from: number, end: number): number => {
  const digits = end - 1 - from
  if (digits < 1 || digits > digitsMax || bytes[end - 1] !== 0x7d) return -1
  if (bytes[from] === digit0 && digits > 1) return -1
  let number = 0
  for (let at = from; at < end - 1; at++) {
    const byte = bytes[at]!
    if (byte < digit0 || byte > digit9) return -1
    number = number * 10 + byte - digit0
  }
  return number
}

/** Offset of the first line in whole lines that is, or tries to be, a `LiteTape.Same`; −1 when there is none. */
export const findSame = (lines: Uint8Array): number => {
  const buffer = Buffer.from(lines.buffer, lines.byteOffset, lines.length)
  for (let at = buffer.indexOf(start); at !== -1; at = buffer.indexOf(start, at + 1)) {
    if (at === 0 || buffer[at - 1] === newline) return at
  }
  return -1
}

const hasAt = (bytes: Uint8Array, from: number, end: number, wanted: Uint8Array): boolean => {
  if (end - from < wanted.length) return false
  for (let i = 0; i < wanted.length; i++) if (bytes[from + i] !== wanted[i]) return false
  return true
}
