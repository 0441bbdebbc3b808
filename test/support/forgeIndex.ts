/** Forges indexes: changes them in place, and corrects the checksums of their pages. */
import { checksumPage, type sectionNames } from "../../src/domain/segment/indexLayout.ts"
import { offsetOfRow, pageBytes } from "../../src/domain/segment/indexSections.ts"
import { decodeHeader } from "../../src/domain/segment/SegmentIndex.ts"

/** Changes an index from this byte on, and corrects the checksum of the page that the byte is on. */
export const forgeAt = (index: Uint8Array, offset: number, change: (bytes: Buffer) => void): void => {
  const file = Buffer.from(index.buffer, index.byteOffset, index.length)
  change(file.subarray(offset))
  const page = Math.floor(offset / pageBytes)
  checksumPage(file.toString("hex", 16, 48), page, index.subarray(page * pageBytes, (page + 1) * pageBytes))
}

/** Returns where a row of an intact index begins. */
export const rowAt = (index: Uint8Array, section: (typeof sectionNames)[number], row: number): number => {
  const sha256 = Buffer.from(index.buffer, index.byteOffset, index.length).toString("hex", 16, 48)
  return offsetOfRow(decodeHeader(index.subarray(0, pageBytes), sha256)[section], row)
}

/** Changes a row of an intact index. */
export const forgeRow = (
  index: Uint8Array,
  section: (typeof sectionNames)[number],
  row: number,
  change: (bytes: Buffer) => void
): void => forgeAt(index, rowAt(index, section, row), change)
