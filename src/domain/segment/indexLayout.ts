/**
 * What the builder and the reader of a segment's index share: pages, sections, header. SegmentIndex.ts shows the
 * layout.
 */
import { crc32 } from "node:zlib"
import { invariant } from "../base/invariant.ts"

/** What a segment holds: any records, or events. */
export type Kind = "records" | "events"

/** A sequence of rows of one size, from the start of page `firstPage` on. */
export interface Section {
  readonly firstPage: number
  readonly rows: number
  readonly rowBytes: number
}

/** The contents of page 0. Positions are −1 if there are no events. */
export interface Header {
  readonly segmentSha256: string
  readonly kind: Kind
  readonly records: number
  /** Bytes of the segment before compression. */
  readonly rawBytes: number
  readonly firstPosition: number
  readonly lastPosition: number
  /** Number of pages of the whole index. */
  readonly pages: number
  readonly blocks: Section
  readonly streams: Section
  readonly entries: Section
  readonly ids: Section
  /** Without rows if the segment is not compressed. */
  readonly frames: Section
}

/** The contents of a header before its sections are placed. */
export type Contents = Pick<
  Header,
  "segmentSha256" | "kind" | "records" | "rawBytes" | "firstPosition" | "lastPosition"
> & { readonly rows: { readonly [S in SectionName]: number } }

/** An index does not belong to its segment, or is not what was written. It must be rebuilt. */
export class IndexDamaged extends Error {
  override readonly name = "IndexDamaged"
  readonly why: string

  constructor(why: string) {
    super(`the index is damaged and must be rebuilt: ${why}`)
    this.why = why
  }
}

/** Bytes of a page, its checksum included. */
export const pageBytes = 4096

const payloadBytes = pageBytes - 4

const magic = "LTINDEX1"
const version = 2
const sectionNames = ["blocks", "streams", "entries", "ids", "frames"] as const
type SectionName = (typeof sectionNames)[number]
const rowBytes: { readonly [S in SectionName]: number } = {
  blocks: 24,
  streams: 24,
  entries: 12,
  ids: 12,
  frames: 16
}

/** Returns the number of rows on each page of a section but the last. */
export const rowsPerPage = (section: Section): number => Math.floor(payloadBytes / section.rowBytes)

/** Returns the number of pages of a section. */
export const pagesOf = (section: Section): number => Math.ceil(section.rows / rowsPerPage(section))

/** Places the sections one after the other, from page 1 on, in the order of `sectionNames`. */
export const place = ({ rows, ...contents }: Contents): Header => {
  let pages = 1
  const section = (name: SectionName): Section => {
    const placed = { firstPage: pages, rows: rows[name], rowBytes: rowBytes[name] }
    pages += pagesOf(placed)
    return placed
  }
  const sections = {
    blocks: section("blocks"),
    streams: section("streams"),
    entries: section("entries"),
    ids: section("ids"),
    frames: section("frames")
  }
  return { ...contents, ...sections, pages }
}

/** Returns the offset of a row in the whole index. */
export const offsetOfRow = (section: Section, row: number): number => {
  const perPage = rowsPerPage(section)
  const page = Math.floor(row / perPage)
  return (section.firstPage + page) * pageBytes + (row - page * perPage) * section.rowBytes
}

export const encodeHeader = (header: Header, page: DataView): void => {
  for (let i = 0; i < magic.length; i++) page.setUint8(i, magic.charCodeAt(i))
  page.setUint32(8, version, true)
  page.setUint32(12, header.kind === "events" ? 1 : 0, true)
  const sha256 = sha256Bytes(header.segmentSha256)
  for (let i = 0; i < 32; i++) page.setUint8(16 + i, sha256[i]!)
  page.setUint32(48, header.records, true)
  page.setUint32(52, header.rawBytes, true)
  page.setFloat64(56, header.firstPosition, true)
  page.setFloat64(64, header.lastPosition, true)
  sectionNames.forEach((name, i) => {
    page.setUint32(72 + 8 * i, header[name].firstPage, true)
    page.setUint32(76 + 8 * i, header[name].rows, true)
  })
}

/**
 * Reads page 0 of the index of the segment with this hash.
 *
 * @throws IndexDamaged
 */
export const decodeHeader = (page0: Uint8Array, expectedSegmentSha256: string): Header => {
  const page = checkPage(expectedSegmentSha256, 0, page0)
  const sha256 = Buffer.from(page0.buffer, page0.byteOffset + 16, 32).toString("hex")
  check(Buffer.from(page0.buffer, page0.byteOffset, 8).toString("latin1") === magic, "it is not an index")
  check(page.getUint32(8, true) === version, "it has an unknown version")
  check(sha256 === expectedSegmentSha256, "it belongs to another segment")
  check(page.getUint32(12, true) <= 1, "its kind is unknown")
  const rows = (i: number): number => page.getUint32(76 + 8 * i, true)
  const header = place({
    segmentSha256: sha256,
    kind: page.getUint32(12, true) === 1 ? "events" : "records",
    records: page.getUint32(48, true),
    rawBytes: page.getUint32(52, true),
    firstPosition: page.getFloat64(56, true),
    lastPosition: page.getFloat64(64, true),
    rows: { blocks: rows(0), streams: rows(1), entries: rows(2), ids: rows(3), frames: rows(4) }
  })
  sectionNames.forEach((name, i) =>
    check(page.getUint32(72 + 8 * i, true) === header[name].firstPage, `its ${name} are not where they belong`)
  )
  const { blocks, entries, frames, ids, kind, records, streams } = header
  const events = kind === "events" ? records : 0
  check(entries.rows === events && ids.rows === events && streams.rows <= events, "its counts do not agree")
  check(blocks.rows <= records && blocks.rows > 0 === records > 0, "its counts do not agree")
  check(frames.rows <= blocks.rows, "its counts do not agree")
  return header
}

/** Returns the hash of the segment that this page 0 names, or `undefined` if it is damaged or not a page 0. */
export const hashOfSegment = (page0: Uint8Array): string | undefined => {
  if (page0.length !== pageBytes) return undefined
  const page = Buffer.from(page0.buffer, page0.byteOffset, pageBytes)
  const sha256 = page.toString("hex", 16, 48)
  const isIntact = page.readUInt32LE(payloadBytes) === checksum(sha256, 0, page0)
  return isIntact && page.toString("latin1", 0, 8) === magic ? sha256 : undefined
}

/** Writes a page's checksum. It depends on the segment and on the page number, so the page is valid nowhere else. */
export const checksumPage = (segmentSha256: string, number: number, page: Uint8Array): void => {
  const view = new DataView(page.buffer, page.byteOffset, pageBytes)
  view.setUint32(payloadBytes, checksum(segmentSha256, number, page), true)
}

/**
 * Returns the page if it is page `number` of the index of this segment.
 *
 * @throws IndexDamaged
 */
export const checkPage = (segmentSha256: string, number: number, page: Uint8Array): DataView => {
  check(page.length === pageBytes, `page ${number} is cut off`)
  const view = new DataView(page.buffer, page.byteOffset, pageBytes)
  const intact = view.getUint32(payloadBytes, true) === checksum(segmentSha256, number, page)
  check(intact, `page ${number} does not match its checksum for this segment`)
  return view
}

/**
 * Throws unless `holds`.
 *
 * @throws IndexDamaged
 */
export function check(holds: boolean, otherwise: string): asserts holds {
  if (!holds) throw new IndexDamaged(otherwise)
}

const seedInput = Buffer.alloc(36)

const checksum = (segmentSha256: string, number: number, page: Uint8Array): number => {
  seedInput.write(segmentSha256, 0, 32, "hex")
  seedInput.writeUInt32LE(number, 32)
  return crc32(page.subarray(0, payloadBytes), crc32(seedInput))
}

const sha256Bytes = (hex: string): Uint8Array => {
  invariant(/^[0-9a-f]{64}$/.test(hex), "a segment's sha256 has 64 lower-case hexadecimal digits")
  return Buffer.from(hex, "hex")
}
