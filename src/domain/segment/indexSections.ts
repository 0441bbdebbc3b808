/** Where the rows of a section of an index are: on pages that end with a checksum, one after the other. */

/** A sequence of rows of one size, from byte `firstByte` of page `firstPage` on. No row crosses a page. */
export interface Section {
  readonly firstPage: number
  readonly firstByte: number
  readonly rows: number
  readonly rowBytes: number
}

/** Bytes of a page but the last, its checksum included. */
export const pageBytes = 4096

/** Bytes of the checksum that ends a page. */
export const checksumBytes = 4
/** Bytes of the rows of a page. */
export const payloadBytes = pageBytes - checksumBytes

const perPage = ({ rowBytes }: Section): number => Math.floor(payloadBytes / rowBytes)

/** Returns how many rows the first page of a section has room for. */
const firstRows = ({ firstByte, rowBytes }: Section): number => Math.floor((payloadBytes - firstByte) / rowBytes)

/** Returns the number of pages of a section. */
export const pagesOf = (section: Section): number =>
  section.rows === 0 ? 0 : 1 + Math.ceil(Math.max(0, section.rows - firstRows(section)) / perPage(section))

/** Returns the first row on the `n`th page of a section. */
const firstRowOn = (section: Section, n: number): number =>
  n === 0 ? 0 : firstRows(section) + (n - 1) * perPage(section)

/** Returns the number of rows on the `n`th page of a section. */
export const rowsOn = (section: Section, n: number): number =>
  Math.min(n === 0 ? firstRows(section) : perPage(section), section.rows - firstRowOn(section, n))

/** Returns on which page of its section a row is, counted from 0. */
export const pageOfRow = (section: Section, row: number): number => {
  const first = firstRows(section)
  return row < first ? 0 : 1 + Math.floor((row - first) / perPage(section))
}

/** Returns where on the `n`th page of a section its first row begins. */
export const firstByteOn = (section: Section, n: number): number => (n === 0 ? section.firstByte : 0)

/** Returns where on its page a row begins. */
export const byteOfRow = (section: Section, row: number): number => {
  const n = pageOfRow(section, row)
  return firstByteOn(section, n) + (row - firstRowOn(section, n)) * section.rowBytes
}

/** Returns the offset of a row in the whole index. */
export const offsetOfRow = (section: Section, row: number): number =>
  (section.firstPage + pageOfRow(section, row)) * pageBytes + byteOfRow(section, row)

/** Returns the bytes up to the end of the payload of a section. */
export const endOf = (section: Section): number =>
  section.rows === 0
    ? section.firstPage * pageBytes + section.firstByte
    : offsetOfRow(section, section.rows - 1) + section.rowBytes
