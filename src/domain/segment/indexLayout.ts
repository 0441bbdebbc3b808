/**
 * What the builder and the reader of a segment's index share: pages, sections, header. SegmentIndex.ts shows the
 * layout.
 */
import { crc32 } from "node:zlib"
import { invariant } from "../base/invariant.ts"
import { checksumBytes, endOf, pageBytes, payloadBytes, type Section } from "./indexSections.ts"

/** What a segment holds: any records, or events. */
export type Kind = "records" | "events"

/** The header of an index. Positions are −1 if there are no events. */
export interface Header {
  readonly segmentSha256: string
  /** Role of the tape that the index was made for. */
  readonly kind: Kind
  readonly records: number
  /** Bytes of the segment before compression. */
  readonly rawBytes: number
  readonly firstPosition: number
  readonly lastPosition: number
  /** Bytes of the whole index. */
  readonly bytes: number
  /** Number of its pages, the last of which may be shorter. */
  readonly pages: number
  /** Number of sections that this version does not know. */
  readonly unknown: number
  readonly blocks: Section
  readonly streams: Section
  readonly entries: Section
  readonly ids: Section
  /** Without rows if the segment is not compressed. */
  readonly frames: Section
  readonly terms: Section
  readonly postings: Section
  /** Whether it has the last two. Indexes of earlier releases and of segments of records do not. */
  readonly hasTerms: boolean
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

const magic = "LTINDEX1"
const version = 3

/** Sections by the number of their kind, from 1 on, in the order in which they are written. */
export const sectionNames = ["blocks", "streams", "entries", "ids", "frames", "terms", "postings"] as const
type SectionName = (typeof sectionNames)[number]
const rowBytes: { readonly [S in SectionName]: number } = {
  blocks: 24,
  streams: 24,
  entries: 12,
  ids: 12,
  frames: 16,
  terms: 16,
  postings: 1
}

/** Returns the sections that the index of such a segment has: one of records has no terms. */
const sectionsOf = (kind: Kind): ReadonlyArray<SectionName> => (kind === "events" ? sectionNames : namesOfRecords)
const namesOfRecords = sectionNames.slice(0, 5)

/** Where the table of sections begins, and the bytes of each entry. */
const tableAt = 80
const tableRowBytes = 16
const sectionsMax = Math.floor((payloadBytes - tableAt) / tableRowBytes)

/** Returns the bytes of page `number`. The last one ends with the rows. */
const bytesOfPage = ({ bytes }: Pick<Header, "bytes">, number: number): number =>
  Math.min(pageBytes, bytes - number * pageBytes)

/** Places the sections one after the other, after the table of sections, in the order of `sectionNames`. */
export const place = ({ rows, ...contents }: Contents): Header => {
  let end = tableAt + tableRowBytes * sectionsOf(contents.kind).length
  const section = (name: SectionName): Section => {
    const page = Math.floor(end / pageBytes)
    const byte = end - page * pageBytes
    const fits = byte + rowBytes[name] <= payloadBytes
    const placed = {
      firstPage: fits ? page : page + 1,
      firstByte: fits ? byte : 0,
      rows: rows[name],
      rowBytes: rowBytes[name]
    }
    if (placed.rows > 0) end = endOf(placed)
    return placed
  }
  const sections = {
    blocks: section("blocks"),
    streams: section("streams"),
    entries: section("entries"),
    ids: section("ids"),
    frames: section("frames"),
    terms: section("terms"),
    postings: section("postings"),
    hasTerms: contents.kind === "events"
  }
  const bytes = end + checksumBytes
  return { ...contents, ...sections, bytes, pages: Math.ceil(bytes / pageBytes), unknown: 0 }
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
  page.setUint32(72, header.bytes, true)
  const names = sectionsOf(header.kind)
  page.setUint32(76, names.length, true)
  names.forEach((name, i) => {
    const { firstByte, firstPage, rowBytes, rows } = header[name]
    const at = tableAt + tableRowBytes * i
    page.setUint32(at, i + 1, true)
    page.setUint32(at + 4, firstPage, true)
    page.setUint16(at + 8, firstByte, true)
    page.setUint16(at + 10, rowBytes, true)
    page.setUint32(at + 12, rows, true)
  })
}

/**
 * Reads the header from page 0 of the index of the segment with this hash.
 *
 * @throws IndexDamaged
 */
export const decodeHeader = (page0: Uint8Array, expectedSegmentSha256: string): Header => {
  const page = checkPage({ segmentSha256: expectedSegmentSha256, bytes: page0.length }, 0, page0)
  check(page0.length >= tableAt + checksumBytes, "page 0 is cut off")
  const sha256 = Buffer.from(page0.buffer, page0.byteOffset + 16, 32).toString("hex")
  check(Buffer.from(page0.buffer, page0.byteOffset, 8).toString("latin1") === magic, "it is not an index")
  check(page.getUint32(8, true) === version, "it has another version")
  check(sha256 === expectedSegmentSha256, "it belongs to another segment")
  check(page.getUint32(12, true) <= 1, "its kind is unknown")
  const bytes = page.getUint32(72, true)
  check(page0.length === bytesOfPage({ bytes }, 0), "page 0 is cut off")
  const header: Header = {
    segmentSha256: sha256,
    kind: page.getUint32(12, true) === 1 ? "events" : "records",
    records: page.getUint32(48, true),
    rawBytes: page.getUint32(52, true),
    firstPosition: page.getFloat64(56, true),
    lastPosition: page.getFloat64(64, true),
    bytes,
    pages: Math.ceil(bytes / pageBytes),
    ...decodeTable(page, bytes)
  }
  const { blocks, entries, frames, ids, kind, postings, records, streams, terms } = header
  const events = kind === "events" ? records : 0
  check(entries.rows === events && ids.rows === events && streams.rows <= events, "its counts do not agree")
  check(blocks.rows <= records && blocks.rows > 0 === records > 0, "its counts do not agree")
  check(frames.rows <= blocks.rows, "its counts do not agree")
  check(kind === "events" || terms.rows + postings.rows === 0, "its counts do not agree")
  return header
}

/** Reads the table of sections. Skips kinds that a later release may have added. A kind that is not there has no rows. */
const decodeTable = (page: DataView, bytes: number): Pick<Header, SectionName | "unknown" | "hasTerms"> => {
  const count = page.getUint32(76, true)
  const headerEnd = tableAt + tableRowBytes * count
  check(count <= sectionsMax && headerEnd + checksumBytes <= page.byteLength, "its table of sections is cut off")
  const found = new Map<SectionName, Section>()
  let unknown = 0
  for (let at = tableAt; at < headerEnd; at += tableRowBytes) {
    const name = sectionNames[page.getUint32(at, true) - 1]
    if (name === undefined) {
      unknown++
      continue
    }
    const section: Section = {
      firstPage: page.getUint32(at + 4, true),
      firstByte: page.getUint16(at + 8, true),
      rowBytes: page.getUint16(at + 10, true),
      rows: page.getUint32(at + 12, true)
    }
    check(!found.has(name), `its ${name} are listed twice`)
    check(section.rowBytes === rowBytes[name], `the rows of its ${name} have another size`)
    const isPlaced = section.rows === 0 || isWithin(section, headerEnd, bytes)
    check(isPlaced, `its ${name} are not where they belong`)
    found.set(name, section)
  }
  const none = (name: SectionName): Section => ({ firstPage: 0, firstByte: 0, rows: 0, rowBytes: rowBytes[name] })
  const section = (name: SectionName): Section => found.get(name) ?? none(name)
  return {
    blocks: section("blocks"),
    streams: section("streams"),
    entries: section("entries"),
    ids: section("ids"),
    frames: section("frames"),
    terms: section("terms"),
    postings: section("postings"),
    hasTerms: found.has("terms") && found.has("postings"),
    unknown
  }
}

const isWithin = (section: Section, headerEnd: number, bytes: number): boolean =>
  (section.firstPage > 0 || section.firstByte >= headerEnd) &&
  section.firstByte + section.rowBytes <= payloadBytes &&
  endOf(section) + checksumBytes <= bytes

/**
 * Returns the hash of the segment that this page 0 names, or `undefined` if it is damaged or not a page 0. The page may
 * be of an earlier version.
 */
export const hashOfSegment = (page0: Uint8Array): string | undefined => {
  if (page0.length < tableAt + checksumBytes) return undefined
  const page = Buffer.from(page0.buffer, page0.byteOffset, page0.length)
  const sha256 = page.toString("hex", 16, 48)
  const isIntact = page.readUInt32LE(page.length - checksumBytes) === checksum(sha256, 0, page0)
  return isIntact && page.toString("latin1", 0, 8) === magic ? sha256 : undefined
}

/** Writes a page's checksum. It depends on the segment and on the page number, so the page is valid nowhere else. */
export const checksumPage = (segmentSha256: string, number: number, page: Uint8Array): void => {
  const view = new DataView(page.buffer, page.byteOffset, page.length)
  view.setUint32(page.length - checksumBytes, checksum(segmentSha256, number, page), true)
}

/**
 * Returns the page if it is page `number` of the index with this header.
 *
 * @throws IndexDamaged
 */
export const checkPage = (
  header: Pick<Header, "segmentSha256" | "bytes">,
  number: number,
  page: Uint8Array
): DataView => {
  check(page.length > checksumBytes && page.length === bytesOfPage(header, number), `page ${number} is cut off`)
  const view = new DataView(page.buffer, page.byteOffset, page.length)
  const intact = view.getUint32(page.length - checksumBytes, true) === checksum(header.segmentSha256, number, page)
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
  return crc32(page.subarray(0, page.length - checksumBytes), crc32(seedInput))
}

const sha256Bytes = (hex: string): Uint8Array => {
  invariant(/^[0-9a-f]{64}$/.test(hex), "a segment's sha256 has 64 lower-case hexadecimal digits")
  return Buffer.from(hex, "hex")
}
