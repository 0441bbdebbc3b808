/** Compares whole indexes by what they say, because a later release may have added sections to one of them. */
import type { Header } from "./indexLayout.ts"
import { checkPage, decodeHeader, IndexDamaged, sectionNames } from "./indexLayout.ts"
import { offsetOfRow, pageBytes } from "./indexSections.ts"

/**
 * Returns whether a stored index of this segment is intact and says what `built` says. It may have sections that this
 * version does not know; without any, it must have the same bytes.
 */
export const sameIndex = (segmentSha256: string, stored: Uint8Array, built: Uint8Array): boolean => {
  if (Buffer.compare(stored, built) === 0) return true
  try {
    const header = decodeHeader(stored.subarray(0, pageBytes), segmentSha256)
    if (header.unknown === 0 || stored.length !== header.bytes) return false
    for (let page = 0; page < header.pages; page++) {
      checkPage(header, page, stored.subarray(page * pageBytes, (page + 1) * pageBytes))
    }
    return saysSame(header, stored, decodeHeader(built.subarray(0, pageBytes), segmentSha256), built)
  } catch (error) {
    if (error instanceof IndexDamaged) return false
    throw error
  }
}

const saysSame = (a: Header, bytesA: Uint8Array, b: Header, bytesB: Uint8Array): boolean => {
  const isSameSegment =
    a.kind === b.kind &&
    a.records === b.records &&
    a.rawBytes === b.rawBytes &&
    a.firstPosition === b.firstPosition &&
    a.lastPosition === b.lastPosition
  return isSameSegment && sectionNames.every((name) => hasSameRows(a[name], bytesA, b[name], bytesB))
}

type Section = Header["blocks"]

const hasSameRows = (a: Section, bytesA: Uint8Array, b: Section, bytesB: Uint8Array): boolean => {
  if (a.rows !== b.rows) return false
  for (let row = 0; row < a.rows; row++) {
    const atA = offsetOfRow(a, row)
    const atB = offsetOfRow(b, row)
    if (Buffer.compare(bytesA.subarray(atA, atA + a.rowBytes), bytesB.subarray(atB, atB + b.rowBytes)) !== 0)
      return false
  }
  return true
}
