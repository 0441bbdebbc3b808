/**
 * `LiteTape.Same`: the line that a segment may have in place of a record that it already holds.
 *
 * ```
 * {"$type":"LiteTape.Same","line":12}
 * ```
 *
 * `line` counts from 0 within the segment. It is that of an earlier line, which is not a `LiteTape.Same` itself.
 */
import { newline } from "../format/Format.ts"

const start = Buffer.from(`{"$type":"LiteTape.Same"`)
const startOfNumber = Buffer.from(`{"$type":"LiteTape.Same","line":`)

/** Bytes of the shortest such line, its newline included. */
export const sameLineBytesMin = startOfNumber.length + 3

/** Returns the line, with its newline, that stands for the record on `line`. */
export const encodeSame = (line: number): Uint8Array => Buffer.from(`{"$type":"LiteTape.Same","line":${line}}\n`)

/**
 * Returns the number of the line that `bytes[from, end)` stands for; −1 if it begins like such a line but is not valid;
 * `undefined` if it is a record.
 */
export const decodeSame = (bytes: Uint8Array, from = 0, end = bytes.length): number | undefined => {
  // Most records differ from such a line in this byte.
  if (bytes[from + 10] !== start[10] || !hasAt(bytes, from, end, start)) return undefined
  if (!hasAt(bytes, from, end, startOfNumber)) return -1
  return readNumber(bytes, from + startOfNumber.length, end)
}

const digit0 = 0x30
const digit9 = 0x39
const digitsMax = 10

/** Returns the number whose canonical digits fill `bytes[from, end)` up to the closing brace, or −1. */
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

/** Returns the offset of the first line, among whole lines, that begins like a `LiteTape.Same`; −1 if no line does. */
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
