/**
 * Bytes that grow at their end, at a constant cost for each byte.
 */
import { copyRange } from "../../domain/base/byteRanges.ts"

export interface GrowableBuffer {
  readonly length: () => number
  readonly append: (bytes: Uint8Array) => void
  /** Returns a copy: shorter than `length` only at the end. */
  readonly read: (offset: number, length: number) => Uint8Array
}

export const make = (bytes: Uint8Array): GrowableBuffer => {
  let held = bytes.slice()
  let end = held.length
  return {
    length: () => end,
    append: (more) => {
      if (end + more.length > held.length) {
        const grown = new Uint8Array(Math.max(2 * held.length, end + more.length))
        grown.set(held.subarray(0, end))
        held = grown
      }
      held.set(more, end)
      end += more.length
    },
    read: (offset, length) => copyRange(held.subarray(0, end), offset, length)
  }
}
