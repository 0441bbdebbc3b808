/**
 * The contents of event lines in columns: the rows of a dynamic segment on their way to another thread, where an object
 * for each would cost more than the work on it. Derived, and never on disk.
 */
import { newline } from "../format/Format.ts"
import { crc32Byte } from "../base/crc32Byte.ts"
import { crc32Combine } from "../base/crc32Combine.ts"
import type { EventKey } from "../segment/SegmentIndex.ts"

/** Numbers kept for each line: its length in bytes without the newline, CRC-32, revision, position, hash of the id. */
export const rowNumbers = 5

export interface EventRows {
  /** `rowNumbers` numbers for each line. */
  readonly numbers: Float64Array<ArrayBuffer>
  /** Stream number of each line. Numbers are given from 0 in the order of `names`; a stream may have several. */
  readonly streams: Int32Array<ArrayBuffer>
  /** Names of the stream numbers that occur first in these rows. */
  readonly names: ReadonlyArray<string>
}

/** Reads rows in their order. */
export class RowsReader {
  readonly #names: Array<string> = []

  /** Returns a function that returns the key of the n-th of these lines. */
  keysOf({ names, numbers, streams }: EventRows): (n: number) => EventKey {
    for (const name of names) this.#names.push(name)
    return (n) => {
      const at = n * rowNumbers
      return {
        stream: this.#names[streams[n]!]!,
        crc: numbers[at + 1]!,
        revision: numbers[at + 2]!,
        position: numbers[at + 3]!,
        idHash: numbers[at + 4]!
      }
    }
  }
}

/** Returns the CRC-32 of the lines, each with its newline, computed from their rows. */
export const crcOfRows = ({ numbers }: EventRows): number => {
  let crc = 0
  for (let at = 0; at < numbers.length; at += rowNumbers) {
    crc = crc32Byte(crc32Combine(crc, numbers[at + 1]!, numbers[at]!), newline)
  }
  return crc
}
