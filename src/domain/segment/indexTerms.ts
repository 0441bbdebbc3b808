/**
 * The terms of an index: for each type and each tag of a segment's events, which events have it.
 *
 * The postings of a term are pairs of numbers, one for each event, by position: how much larger its position is than that
 * of the pair before, or than the first position of the segment; and its entry, as the difference to the entry of the pair
 * before, or to 0. Each number is written in groups of seven bits, the lowest first; a byte of 128 or more is not the last
 * one. A difference `d` is written as `2d`, or `−2d − 1` if it is negative.
 *
 * A type that more than one event in 64 has is listed without postings, as if it began at byte 2^32 − 1: events with it
 * are in every block, so the segment is read instead. So an index takes hardly more bytes if events have no tags.
 */
import type { Header } from "./indexLayout.ts"
import { check } from "./indexLayout.ts"
import { byteOfRow, firstByteOn, offsetOfRow, pageOfRow, pagesOf, rowsOn } from "./indexSections.ts"
import { findRows, type Lookup, rangeOf, readPages } from "./indexLookup.ts"
import { sortedOrder } from "./indexSort.ts"
import type { EventTerms } from "./terms.ts"
import type { TermTable } from "./TermTable.ts"
import {
  inBoth,
  inEither,
  isWorthIt,
  type ItemTerms,
  type Matches,
  noMatches,
  type QueryTerms,
  within
} from "./termMatches.ts"

/** A type of more events than one in this many has no postings. */
const commonShare = 64

/** What stands for the first byte of the postings of a term without any. */
const unlisted = 2 ** 32 - 1

/** The rows of both sections before they are placed. */
export interface EncodedTerms {
  readonly hashes: Float64Array
  readonly firsts: Uint32Array
  readonly counts: Uint32Array
  readonly postings: Uint8Array
}

/** Encodes the terms of the events of a segment, whose positions and entries are given by row. */
export const encodeTerms = (
  { count, tags, types }: EventTerms,
  positions: Float64Array,
  entries: Uint32Array
): EncodedTerms => {
  const all = new Float64Array(types.size + tags.size)
  all.set(types.hashes)
  all.set(tags.hashes, types.size)
  const hashes = new Float64Array(all.length)
  const firsts = new Uint32Array(all.length)
  const counts = new Uint32Array(all.length)
  const writer = new PostingsWriter()
  sortedOrder(all).forEach((term, at) => {
    const isType = term < types.size
    const table = isType ? types : tags
    const number = isType ? term : term - types.size
    hashes[at] = all[term]!
    counts[at] = table.countAt(number)
    const isCommon = isType && counts[at] * commonShare > count
    firsts[at] = isCommon ? unlisted : writer.length
    if (!isCommon) writer.add(table, number, positions, entries)
  })
  return { hashes, firsts, counts, postings: writer.bytes() }
}

class PostingsWriter {
  #bytes = new Uint8Array(1024)
  length = 0

  bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.length)
  }

  add(table: TermTable, term: number, positions: Float64Array, entries: Uint32Array): void {
    let position = positions[0]!
    let entry = 0
    for (const row of table.rowsAt(term)) {
      if (this.length + 2 * numberBytesMax > this.#bytes.length) this.#grow()
      this.#put(positions[row]! - position)
      const difference = entries[row]! - entry
      this.#put(difference < 0 ? -2 * difference - 1 : 2 * difference)
      position = positions[row]!
      entry = entries[row]!
    }
  }

  #put(number: number): void {
    let rest = number
    // Positions are larger than what bit operations can handle.
    for (; rest >= 128; rest = Math.floor(rest / 128)) this.#bytes[this.length++] = 128 + (rest % 128)
    this.#bytes[this.length++] = rest
  }

  #grow(): void {
    const grown = new Uint8Array(2 * this.#bytes.length)
    grown.set(this.#bytes)
    this.#bytes = grown
  }
}

/** Bytes of the largest number, at most. */
const numberBytesMax = 8

/** Writes the rows of both sections into an index. */
export const writeTerms = (
  { postings, terms }: Header,
  view: DataView,
  { counts, firsts, hashes, postings: bytes }: EncodedTerms
): void => {
  for (let term = 0; term < terms.rows; term++) {
    const row = offsetOfRow(terms, term)
    view.setFloat64(row, hashes[term]!, true)
    view.setUint32(row + 8, firsts[term]!, true)
    view.setUint32(row + 12, counts[term]!, true)
  }
  for (let number = 0, done = 0; number < pagesOf(postings); number++) {
    const rows = rowsOn(postings, number)
    const index = new Uint8Array(view.buffer, view.byteOffset, view.byteLength)
    index.set(bytes.subarray(done, done + rows), offsetOfRow(postings, done))
    done += rows
  }
}

/** A type or tag that some events of the segment have. */
interface TermRow {
  readonly first: number
  readonly count: number
}

/** Finds the rows of the terms with this hash: more than one if a type and a tag share it. */
function* findTerm(header: Header, hash: number): Lookup<Array<TermRow>> {
  const rows = yield* findRows(header, header.terms, hash)
  return rows.map(({ offset, page }) => {
    const first = page.getUint32(offset + 8, true)
    const count = page.getUint32(offset + 12, true)
    check(count > 0 && count <= header.records, "a term has no events, or more than there are")
    check(first === unlisted || first < header.postings.rows, "a term has postings that do not exist")
    return { first, count }
  })
}

/**
 * Finds the events from position `from` up to, but not including, `to` that may match. Returns `undefined` if the index
 * does not say: then every event of the segment may.
 */
export function* findMatches(header: Header, query: QueryTerms, from: number, to: number): Lookup<Matches | undefined> {
  let all = noMatches
  for (const item of query) {
    const found = yield* item.tags === undefined ? findOfTypes(header, item.types ?? []) : findOfItem(header, item)
    if (found === undefined) return undefined
    all = inEither(all, found)
  }
  return within(all, from, to)
}

function* findOfItem(header: Header, { tags = [], types }: ItemTerms): Lookup<Matches | undefined> {
  const terms: Array<Array<TermRow>> = []
  for (const tag of tags) {
    const rows = yield* findTerm(header, tag)
    if (rows.length === 0) return noMatches
    // A type that shares the hash may be too common to be listed.
    if (isListed(rows)) terms.push(rows)
  }
  terms.sort((a, b) => countOf(a) - countOf(b))
  let found: Matches | undefined
  for (const rows of terms) {
    if (found === undefined) found = yield* readRows(header, rows)
    else if (isWorthIt(countOf(rows), found.positions.length)) found = inBoth(found, yield* readRows(header, rows))
  }
  if (types === undefined || found === undefined || found.positions.length === 0) return found
  const known: Array<TermRow> = []
  for (const type of types) known.push(...(yield* findTerm(header, type)))
  if (known.length === 0) return noMatches
  return isListed(known) && isWorthIt(countOf(known), found.positions.length)
    ? inBoth(found, yield* readRows(header, known))
    : found
}

function* findOfTypes(header: Header, types: ReadonlyArray<number>): Lookup<Matches | undefined> {
  const rows: Array<TermRow> = []
  for (const type of types) rows.push(...(yield* findTerm(header, type)))
  return isListed(rows) ? yield* readRows(header, rows) : undefined
}

const isListed = (rows: ReadonlyArray<TermRow>): boolean => rows.every(({ first }) => first !== unlisted)

const countOf = (rows: ReadonlyArray<TermRow>): number => rows.reduce((sum, { count }) => sum + count, 0)

/** Returns the events that have one of these terms. */
function* readRows(header: Header, rows: ReadonlyArray<TermRow>): Lookup<Matches> {
  let found = noMatches
  for (const row of rows) found = inEither(found, yield* readPostings(header, row))
  return found
}

/** Pages that are read together. */
const pagesAtOnce = 64

function* readPostings(header: Header, { count, first }: TermRow): Lookup<Matches> {
  const { postings } = header
  const decoder = new PostingsDecoder(header, count)
  const from = pageOfRow(postings, first)
  // No posting has fewer than two bytes, so at least these pages are needed.
  const least = pageOfRow(postings, Math.min(postings.rows, first + 2 * count) - 1)
  for (let number = from; !decoder.isDone;) {
    check(number < pagesOf(postings), "the postings of a term are cut off")
    const numbers = rangeOf(number, Math.max(number, Math.min(least, number + pagesAtOnce - 1)))
    for (const page of yield* readPages(header, postings, numbers)) {
      const end = firstByteOn(postings, number) + rowsOn(postings, number)
      decoder.take(page, number === from ? byteOfRow(postings, first) : firstByteOn(postings, number), end)
      number++
    }
  }
  return decoder
}

class PostingsDecoder implements Matches {
  readonly positions: Array<number> = []
  readonly places: Array<number> = []
  readonly #header: Header
  readonly #count: number
  #position: number
  #entry = 0
  /** The number that is being read, and what the next seven bits count. */
  #number = 0
  #factor = 1
  #isEntry = false

  constructor(header: Header, count: number) {
    this.#header = header
    this.#count = count
    this.#position = header.firstPosition
  }

  get isDone(): boolean {
    return this.places.length === this.#count
  }

  /** Reads the bytes of a page from `from` up to `end`, or to the last posting. */
  take(page: DataView, from: number, end: number): void {
    for (let at = from; at < end && !this.isDone; at++) {
      const byte = page.getUint8(at)
      this.#number += (byte % 128) * this.#factor
      this.#factor *= 128
      check(this.#factor <= 2 ** (7 * numberBytesMax), "a posting has a number that is too large")
      if (byte >= 128) continue
      if (this.#isEntry) this.#addEntry(this.#number)
      else this.#addPosition(this.#number)
      this.#isEntry = !this.#isEntry
      this.#number = 0
      this.#factor = 1
    }
  }

  #addPosition(difference: number): void {
    check(difference > 0 || this.positions.length === 0, "the postings of a term do not ascend")
    this.#position += difference
    check(this.#position <= this.#header.lastPosition, "a posting is after the last event")
    this.positions.push(this.#position)
  }

  #addEntry(difference: number): void {
    this.#entry += difference % 2 === 0 ? difference / 2 : -(difference + 1) / 2
    check(this.#entry >= 0 && this.#entry < this.#header.entries.rows, "a posting has an entry that does not exist")
    this.places.push(this.#entry)
  }
}
