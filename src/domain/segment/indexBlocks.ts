import { lastNotAfter } from "../base/binarySearch.ts"
import type { Header } from "./indexLayout.ts"
import { check, rowsPerPage } from "./indexLayout.ts"

/** The blocks of a segment, as columns: block `i` is `bytes[i]` raw bytes at `offset[i]`. */
export interface BlockTable {
  readonly count: number
  /** Record that the block begins with, counted within the segment. */
  readonly firstRecord: Uint32Array
  readonly offset: Uint32Array
  readonly bytes: Uint32Array
  /** CRC-32 of the block's raw bytes. */
  readonly crc: Uint32Array
  /** Position of the block's first event; −1 where the segment holds other records. */
  readonly firstPosition: Float64Array
  /** The block that holds this record of the segment; −1 when there is no such record. */
  readonly blockOfRecord: (record: number) => number
  /**
   * The block to read from for the events from this position on: the last that begins at or before it, the first when
   * all begin behind it; −1 when the segment has no event from there on.
   */
  readonly blockOfPosition: (position: number) => number
}

/** @throws IndexDamaged when the blocks do not make up the segment */
export const makeBlockTable = (header: Header, pages: ReadonlyArray<DataView>): BlockTable => {
  const { blocks, firstPosition: segmentPosition, lastPosition, rawBytes, records } = header
  const count = blocks.rows
  const perPage = rowsPerPage(blocks)
  const firstRecord = new Uint32Array(count)
  const offset = new Uint32Array(count)
  const bytes = new Uint32Array(count)
  const crc = new Uint32Array(count)
  const firstPosition = new Float64Array(count)
  let end = 0
  for (let block = 0; block < count; block++) {
    const page = pages[Math.floor(block / perPage)]!
    const row = (block % perPage) * blocks.rowBytes
    firstRecord[block] = page.getUint32(row, true)
    offset[block] = page.getUint32(row + 4, true)
    bytes[block] = page.getUint32(row + 8, true)
    crc[block] = page.getUint32(row + 12, true)
    firstPosition[block] = page.getFloat64(row + 16, true)
    check(offset[block] === end && bytes[block]! > 0, "its blocks have gaps")
    check(
      block === 0 ? firstRecord[0] === 0 : firstRecord[block]! > firstRecord[block - 1]!,
      "its blocks are unordered"
    )
    end += bytes[block]!
  }
  check(end === rawBytes, "its blocks are not the whole segment")
  check(count === 0 || firstPosition[0] === segmentPosition, "its blocks begin at another position")
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
