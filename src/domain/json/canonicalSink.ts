/**
 * Gathers canonical bytes in one buffer, which one synchronous walk uses at a time.
 *
 * Every byte is reserved before it is written, so the limit is exact, and a value that would never end (containers that
 * share containers, doubling at each level) ends at the limit.
 */
import { Buffer } from "node:buffer"
import { TaraSONError } from "./TaraSONError.ts"
import { isIllFormed } from "./canonicalText.ts"
import { digitsOf, putDigits } from "../base/digits.ts"

/** Size that the buffer shrinks to after a large record. */
const bytesAtRest = 64 * 1024
const bytesKeptMax = 2 * 1024 * 1024

let bytes = Buffer.allocUnsafeSlow(bytesAtRest)
let position = 0
/** Where writing must call `reserve`: at the end of the buffer or at the limit, whichever comes first. */
let stop = 0
let bytesMax = 0
let isAscii = true

/** Starts a record of at most `recordBytesMax` bytes. */
export const begin = (recordBytesMax: number): void => {
  position = 0
  bytesMax = recordBytesMax
  stop = Math.min(bytes.length, bytesMax)
  isAscii = true
}

/** Returns the text of the record. */
export const text = (): string => bytes.toString(isAscii ? "latin1" : "utf8", 0, position)

/** Returns the number of bytes written so far. */
export const length = (): number => position

/** Copies the bytes written so far. */
export const copyTo = (target: Uint8Array, at: number): void => {
  target.set(bytes.subarray(0, position), at)
}

/** Frees the memory that a large record needed. */
export const end = (): void => {
  if (bytes.length > bytesKeptMax) bytes = Buffer.allocUnsafeSlow(bytesAtRest)
}

/** Makes room for `size` more bytes. Throws `RecordTooLarge`, whose `bytes` is the size known to be needed so far. */
export const reserve = (size: number): void => {
  const needed = position + size
  if (needed > bytesMax) {
    throw new TaraSONError({
      pointer: "",
      reason: { _tag: "RecordTooLarge", bytes: needed, recordBytesMax: bytesMax }
    })
  }
  if (needed > bytes.length) {
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, bytes.length * 2))
    bytes.copy(grown, 0, 0, position)
    bytes = grown
  }
  stop = Math.min(bytes.length, bytesMax)
}

export const putByte = (byte: number): void => {
  if (position + 1 > stop) reserve(1)
  bytes[position++] = byte
}

/** Writes a few bytes of ASCII. Up to about a hundred, a loop beats a native copy. */
export const putBytes = (source: Uint8Array): void => {
  const length = source.length
  if (position + length > stop) reserve(length)
  const target = bytes
  let at = position
  for (let index = 0; index < length; index++) target[at++] = source[index]!
  position = at
}

/** Writes a short ASCII text unchanged. */
export const putAscii = (source: string): void => {
  const length = source.length
  if (position + length > stop) reserve(length)
  const target = bytes
  let at = position
  for (let index = 0; index < length; index++) target[at++] = source.charCodeAt(index)
  position = at
}

/** Writes a finite number: ECMAScript prints it as RFC 8785 section 3.2.2.3 demands, and -0 as 0. */
export const putNumber = (value: number): void => {
  if ((value | 0) !== value || value < 0) return putAscii(String(value))
  const digits = digitsOf(value)
  if (position + digits > stop) reserve(digits)
  position += digits
  putDigits(bytes, position, value)
}

/** Up to this length, a loop over the units beats the native calls. */
const shortLength = 64

/** Writes a string in quotes. Returns `false`, and writes nothing, if it is not well-formed. */
export const putString = (source: string): boolean => {
  const length = source.length
  if (length > shortLength) return putLongString(source)
  if (position + length + 2 > stop) reserve(length + 2)
  const target = bytes
  let at = position
  target[at++] = 0x22
  for (let index = 0; index < length; index++) {
    const unit = source.charCodeAt(index)
    if (unit < 0x20 || unit > 0x7e || unit === 0x22 || unit === 0x5c) return putLongString(source)
    target[at++] = unit
  }
  target[at++] = 0x22
  position = at
  return true
}

/** Anything except printable ASCII that needs no escape between quotes. */
const needsCare = /[^\x20\x21\x23-\x5b\x5d-\x7e]/

const putLongString = (source: string): boolean => {
  // Reserved before anything of the string's size is allocated: every UTF-16 unit takes at least one byte.
  if (position + source.length + 2 > stop) reserve(source.length + 2)
  if (!needsCare.test(source)) {
    bytes[position++] = 0x22
    position += bytes.write(source, position, "latin1")
    bytes[position++] = 0x22
    return true
  }
  if (isIllFormed(source)) return false
  // ECMAScript quotes a well-formed string as RFC 8785 section 3.2.2.2 demands.
  const quoted = JSON.stringify(source)
  const size = Buffer.byteLength(quoted)
  if (position + size > stop) reserve(size)
  if (size !== quoted.length) isAscii = false
  position += bytes.write(quoted, position, "utf8")
  return true
}
