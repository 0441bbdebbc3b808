/**
 * Ranges of bytes as they are asked for.
 */

/** Throws unless `length` bytes at `position` can be meant: a caller that asks for anything else is broken. */
export const checkRange = (position: number, length: number): void => {
  if (!Number.isSafeInteger(position) || position < 0 || !Number.isSafeInteger(length) || length < 0) {
    throw new RangeError(`not a range of bytes: ${length} at ${position}`)
  }
}

/** A copy of `length` bytes of `bytes` at `position`; short only at the end. */
export const copyRange = (bytes: Uint8Array, position: number, length: number): Uint8Array => {
  checkRange(position, length)
  return bytes.slice(position, position + length)
}
