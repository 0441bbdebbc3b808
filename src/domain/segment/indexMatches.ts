/** Finds the events of a segment that may match a query, by the terms of its index. */
import type { Header } from "./indexLayout.ts"
import { check } from "./indexLayout.ts"
import { findRows, type Lookup, rangeOf, readPages } from "./indexLookup.ts"
import { byteOfRow, firstByteOn, pageOfRow, pagesOf, rowsOn } from "./indexSections.ts"
import { numberBytesMax, unlisted } from "./indexTerms.ts"
import {
  inAny,
  inBoth,
  isWorthIt,
  type ItemTerms,
  type Matches,
  noMatches,
  type QueryTerms,
  within
} from "./termMatches.ts"

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
  const all: Array<Matches> = []
  for (const item of query) {
    const found = yield* item.tags === undefined ? findOfTypes(header, item.types ?? []) : findOfItem(header, item)
    if (found === undefined) return undefined
    all.push(within(found, from, to))
  }
  return inAny(all)
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
  const known: Array<TermRow> = []
  for (const type of types ?? []) known.push(...(yield* findTerm(header, type)))
  if (types !== undefined && known.length === 0) return noMatches
  let found: Matches | undefined
  for (const rows of terms) {
    if (found === undefined) found = yield* readRows(header, rows)
    else if (isWorthIt(countOf(rows), found.positions.length)) found = inBoth(found, yield* readRows(header, rows))
  }
  return types !== undefined &&
    found !== undefined &&
    isListed(known) &&
    isWorthIt(countOf(known), found.positions.length)
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
  const found: Array<Matches> = []
  for (const row of rows) found.push(yield* readPostings(header, row))
  return inAny(found)
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
