/**
 * Checks and copies of byte ranges.
 */

/**
 * Throws a `RangeError` unless `length` bytes at `position` is a valid range. Only a bug in the caller asks for
 * another.
 */
export const checkRange = (position: number, length: number): void => {
  if (!Number.isSafeInteger(position) || position < 0 || !Number.isSafeInteger(length) || length < 0) {
    throw new RangeError(`cannot use ${length} bytes at byte ${position}: both must be whole numbers, 0 or more`)
  }
}

/** Returns a copy of `length` bytes of `bytes` at `position`: fewer only at the end. */
export const copyRange = (bytes: Uint8Array, position: number, length: number): Uint8Array => {
  checkRange(position, length)
  return bytes.slice(position, position + length)
}
