import { lastNotAfter } from "../base/binarySearch.ts"
import type { Header } from "./indexLayout.ts"
import { check } from "./indexLayout.ts"
import { byteOfRow, pageOfRow } from "./indexSections.ts"

/** The blocks of a segment as columns: block `i` has `bytes[i]` raw bytes at `offset[i]`. */
export interface BlockTable {
  readonly count: number
  /** First record of the block, counted within the segment. */
  readonly firstRecord: Uint32Array
  readonly offset: Uint32Array
  readonly bytes: Uint32Array
  /** CRC-32 of the block's raw bytes. */
  readonly crc: Uint32Array
  /** Position of the block's first event; −1 if the segment holds other records. */
  readonly firstPosition: Float64Array
  /** Returns the block that holds this record of the segment, or −1 if there is no such record. */
  readonly blockOfRecord: (record: number) => number
  /**
   * Returns the block from which to read the events from this position on: the last one that begins at or before it, or
   * the first one if all begin after it; −1 if the segment has no event from there on.
   */
  readonly blockOfPosition: (position: number) => number
}

/**
 * Reads the blocks of a segment from their pages.
 *
 * @throws IndexDamaged if the blocks do not make up the segment
 */
export const makeBlockTable = (header: Header, pages: ReadonlyArray<DataView>): BlockTable => {
  const { blocks, firstPosition: segmentPosition, lastPosition, rawBytes, records } = header
  const count = blocks.rows
  const firstRecord = new Uint32Array(count)
  const offset = new Uint32Array(count)
  const bytes = new Uint32Array(count)
  const crc = new Uint32Array(count)
  const firstPosition = new Float64Array(count)
  let end = 0
  for (let block = 0; block < count; block++) {
    const page = pages[pageOfRow(blocks, block)]!
    const row = byteOfRow(blocks, block)
    firstRecord[block] = page.getUint32(row, true)
    offset[block] = page.getUint32(row + 4, true)
    bytes[block] = page.getUint32(row + 8, true)
    crc[block] = page.getUint32(row + 12, true)
    firstPosition[block] = page.getFloat64(row + 16, true)
    check(offset[block] === end && bytes[block]! > 0, "its blocks have gaps")
    check(
      block === 0 ? firstRecord[0] === 0 : firstRecord[block]! > firstRecord[block - 1]!,
      "its blocks are not in order"
    )
    end += bytes[block]!
  }
  check(end === rawBytes, "its blocks do not cover the segment")
  check(count === 0 || firstPosition[0] === segmentPosition, "its first block begins at the wrong position")
  return {
    count,
    firstRecord,
    offset,
    bytes,
    crc,
    firstPosition,
    blockOfRecord: (record) => (record >= 0 && record < records ? lastNotAfter(firstRecord, record) : -1),
    blockOfPosition: (position) =>
      lastPosition >= 0 && position <= lastPosition ? Math.max(0, lastNotAfter(firstPosition, position)) : -1
  }
}
