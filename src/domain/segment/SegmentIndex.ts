/**
 * The index of one segment: where its records, streams and event ids are. It is derived, contains the SHA-256 of its
 * segment, and is rebuilt if anything about it is wrong (`IndexDamaged`).
 *
 * Numbers are little-endian. The file is a sequence of pages of 4096 bytes: 4092 of payload, then a CRC-32 of them that
 * continues the CRC-32 of (segment sha256 ‖ page number as u32). So a page of another index, or in another place, is
 * refused like a damaged one. The last page ends with its rows and its CRC-32, so a small index is a few hundred bytes.
 * Sections follow each other without gaps, except that a row never crosses a page.
 *
 * ```
 * header    0 "LTINDEX1"   8 version u32 = 3   12 role u32 (0 records, 1 events)   16 segment sha256, 32 bytes
 *          48 records u32  52 raw bytes u32   56 first position f64   64 last position f64 (−1 without events)
 *          72 bytes of the index u32   76 number of sections u32
 *          80 table of sections, 16 bytes each:
 *             kind u32 · page of the first row u32 · its byte in that page u16 · bytes of a row u16 · rows u32
 * 1 blocks    first record u32 · raw offset u32 · bytes u32 · CRC-32 of these bytes u32 · first position f64
 * 2 streams   hash53(stream) f64 · first entry u32 · count u32 · first revision f64        (events; by hash)
 * 3 entries   raw offset u32 · length u32 (no newline) · CRC-32 of the line u32            (events; by stream, revision)
 * 4 ids       hashId(stream, id) f64 · entry u32                                           (events; by hash, entry)
 * 5 frames    file offset u32 · file bytes u32 · raw offset u32 · raw bytes u32            (compressed segments)
 * 6 terms     hash of a type or tag f64 · first byte of its postings u32 · count u32       (events; by hash)
 * 7 postings  rows of one byte: the events of each term, see indexTerms.ts                 (events)
 * ```
 *
 * The role, the hash, and the numbers of records and raw bytes name all that an index is made from. One that names
 * something else, or another version, is rebuilt. Readers skip sections of kinds that they do not know, so a later
 * release can add some.
 *
 * Lines and offsets are those of the decompressed segment as it is stored, with its `LiteTape.Same`. A block is a run
 * of whole lines of at most 64 KiB within one frame; a longer line is a block of its own. Streams that share a hash
 * have one row each, next to each other, and so do ids. A hash proves nothing (see Hash53.ts): verify every hit against
 * the record.
 *
 * Nothing here reads files. A look-up is a generator that yields page numbers and is given these pages, in order. It
 * checks each page before it uses it. Its first request is usually enough.
 */
import { BloomFilter } from "../base/BloomFilter.ts"
import type { BlockTable } from "./indexBlocks.ts"
import { makeBlockTable } from "./indexBlocks.ts"
import type { FrameTable } from "./indexFrames.ts"
import { makeFrameTable } from "./indexFrames.ts"
import type { Header } from "./indexLayout.ts"
import { check } from "./indexLayout.ts"
import { byteOfRow, firstByteOn, pageOfRow, pagesOf, rowsOn } from "./indexSections.ts"
import { findRows, type Lookup, rangeOf, readPages, readSection } from "./indexLookup.ts"
import { invariant } from "../base/invariant.ts"

export type { BlockTable } from "./indexBlocks.ts"
export type { FrameTable } from "./indexFrames.ts"
export type { EventKey } from "./indexBuilder.ts"
export { blockBytesMax, SegmentIndexBuilder } from "./indexBuilder.ts"
export type { Header, Kind } from "./indexLayout.ts"
export type { Section } from "./indexSections.ts"
export type { Lookup } from "./indexLookup.ts"
export { sameIndex } from "./indexCompare.ts"
export { decodeHeader, hashOfSegment, IndexDamaged } from "./indexLayout.ts"
export { pageBytes } from "./indexSections.ts"

/**
 * A stream that may be the wanted one. Its entries begin at `firstEntry`, in the order of revisions, from
 * `firstRevision`.
 */
export interface StreamRow {
  readonly firstEntry: number
  readonly count: number
  readonly firstRevision: number
}

/** Place of an event's line in the raw segment, in bytes without the newline, and its CRC-32. */
export interface LineSpan {
  readonly offset: number
  readonly length: number
  readonly crc: number
}

/** Reads all blocks of the segment. */
export function* readBlocks(header: Header): Lookup<BlockTable> {
  return makeBlockTable(header, yield* readSection(header, header.blocks))
}

/** Reads all frames of the segment: none if it is not compressed. */
export function* readFrames(header: Header): Lookup<FrameTable> {
  return makeFrameTable(header, yield* readSection(header, header.frames))
}

/** Finds the streams with this hash: none, the wanted one, or others too that share the hash. */
export function* findStream(header: Header, hash: number): Lookup<Array<StreamRow>> {
  const rows = yield* findRows(header, header.streams, hash)
  return rows.map(({ page, offset }) => streamRow(header, page, offset))
}

const streamRow = (header: Header, page: DataView, offset: number): StreamRow => {
  const firstEntry = page.getUint32(offset + 8, true)
  const count = page.getUint32(offset + 12, true)
  const firstRevision = page.getFloat64(offset + 16, true)
  check(count > 0, "a stream has no entries")
  check(firstEntry + count <= header.entries.rows, "a stream has entries that do not exist")
  check(Number.isSafeInteger(firstRevision) && firstRevision >= 0, "the first revision of a stream is not a count")
  return { firstEntry, count, firstRevision }
}

/** Pages that are read together in a long read. */
const pagesAtOnce = 64

/** Sections that are sorted by hash, and often searched in vain. */
export type Filtered = "streams" | "terms"

/** Returns how many pages `readFilter` reads. */
export const filterPages = (header: Header, of: Filtered): number => pagesOf(header[of])

/** Reads the hashes of all streams, or terms, into a filter, which keeps a few bits of each. */
export function* readFilter(header: Header, of: Filtered): Lookup<BloomFilter> {
  const section = header[of]
  const filter = new BloomFilter(section.rows)
  for (let first = 0; first < pagesOf(section); first += pagesAtOnce) {
    const last = Math.min(pagesOf(section), first + pagesAtOnce) - 1
    for (const [index, page] of (yield* readPages(header, section, rangeOf(first, last))).entries()) {
      const start = firstByteOn(section, first + index)
      const rows = rowsOn(section, first + index)
      for (let row = 0; row < rows; row++) filter.add(page.getFloat64(start + row * section.rowBytes, true))
    }
  }
  return filter
}

/** Reads the rows of all streams, each with the hash of its stream. */
export function* readStreams(header: Header): Lookup<Array<StreamRow & { readonly hash: number }>> {
  const { streams } = header
  const rows: Array<StreamRow & { readonly hash: number }> = []
  for (const [number, page] of (yield* readSection(header, streams)).entries()) {
    const start = firstByteOn(streams, number)
    for (let row = 0; row < rowsOn(streams, number); row++) {
      const at = start + row * streams.rowBytes
      rows.push({ hash: page.getFloat64(at, true), ...streamRow(header, page, at) })
    }
  }
  return rows
}

/** Reads these entries, which must exist. */
export function* readEntriesAt(header: Header, numbers: ReadonlyArray<number>): Lookup<Array<LineSpan>> {
  const { entries } = header
  const wanted = [...new Set(numbers.map((row) => pageOfRow(entries, row)))].toSorted((a, b) => a - b)
  const pages = yield* readPages(header, entries, wanted)
  const pageAt = new Map(wanted.map((number, at) => [number, pages[at]!]))
  return numbers.map((row) => entryAt(header, pageAt.get(pageOfRow(entries, row))!, row))
}

const entryAt = ({ entries, rawBytes }: Header, page: DataView, row: number): LineSpan => {
  const at = byteOfRow(entries, row)
  const entry = {
    offset: page.getUint32(at, true),
    length: page.getUint32(at + 4, true),
    crc: page.getUint32(at + 8, true)
  }
  check(entry.offset + entry.length < rawBytes, "an entry points past the end of the segment")
  return entry
}

/** Reads the entries `from` to `from + count - 1`, which must exist. */
export function* readEntries(header: Header, from: number, count: number): Lookup<Array<LineSpan>> {
  const { entries } = header
  invariant(from >= 0 && count >= 0 && from + count <= entries.rows, "only entries that exist are read")
  if (count === 0) return []
  const firstPage = pageOfRow(entries, from)
  const pages = yield* readPages(header, entries, rangeOf(firstPage, pageOfRow(entries, from + count - 1)))
  const read: Array<LineSpan> = []
  for (let row = from; row < from + count; row++) {
    read.push(entryAt(header, pages[pageOfRow(entries, row) - firstPage]!, row))
  }
  return read
}

/** Finds the entries of the events whose id has this hash, in ascending order. */
export function* findId(header: Header, idHash: number): Lookup<Array<number>> {
  const rows = yield* findRows(header, header.ids, idHash)
  return rows.map(({ page, offset }) => {
    const entry = page.getUint32(offset + 8, true)
    check(entry < header.entries.rows, "an id has an entry that does not exist")
    return entry
  })
}
