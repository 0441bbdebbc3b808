/** Reads the postings of a term in an index: the positions and entries of its events. */
import { check, type Header } from "./indexLayout.ts"
import { type Lookup, rangeOf, readPages } from "./indexLookup.ts"
import { byteOfRow, firstByteOn, pageOfRow, pagesOf, rowsOn } from "./indexSections.ts"
import { numberBytesMax, rowPostings } from "./indexTerms.ts"
import { inAny, type Matches } from "./termMatches.ts"

/** A row of a type or tag that some events of the segment have. */
export interface TermRow {
  /** The byte of the postings at which its own begin. */
  readonly first: number
  readonly count: number
}

/** Pages that are read together. */
const pagesAtOnce = 64

/** Returns the events from position `from` up to, but not including, `to` that have one of these terms. */
export function* readRows(header: Header, rows: ReadonlyArray<TermRow>, from: number, to: number): Lookup<Matches> {
  const found: Array<Matches> = []
  for (const term of termsOfRows(rows)) {
    const wanted = yield* rowsIn(header, term, from, to)
    if (wanted.length > 0) found.push(yield* readPostings(header, wanted, from, to))
  }
  return inAny(found)
}

/** Groups the rows of terms that share a hash: all rows of a term but its last have the same number of postings. */
const termsOfRows = (rows: ReadonlyArray<TermRow>): Array<Array<TermRow>> => {
  const terms: Array<Array<TermRow>> = []
  let before: TermRow | undefined
  for (const row of rows) {
    if (before?.count === rowPostings) terms.at(-1)!.push(row)
    else terms.push([row])
    before = row
  }
  return terms
}

/** Returns the rows of a term that may have events from position `from` up to, but not including, `to`. */
function* rowsIn(
  header: Header,
  rows: ReadonlyArray<TermRow>,
  from: number,
  to: number
): Lookup<ReadonlyArray<TermRow>> {
  if (rows.length === 1) return rows
  // The first row that begins at or after a position.
  function* firstAt(position: number, least: number): Lookup<number> {
    let low = least
    let high = rows.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((yield* positionOf(header, rows[middle]!)) < position) low = middle + 1
      else high = middle
    }
    return low
  }
  const first = from <= header.firstPosition ? 0 : Math.max(0, (yield* firstAt(from, 0)) - 1)
  const end = to > header.lastPosition ? rows.length : yield* firstAt(to, first)
  return rows.slice(first, end)
}

/** Returns the position of the first event of a row. */
function* positionOf(header: Header, { first }: TermRow): Lookup<number> {
  const { positions } = yield* readPostings(header, [{ first, count: 1 }], 0, Number.POSITIVE_INFINITY)
  return positions[0]!
}

/** Reads the postings of rows of one term that follow each other. */
function* readPostings(header: Header, rows: ReadonlyArray<TermRow>, from: number, to: number): Lookup<Matches> {
  const { postings } = header
  const { first } = rows[0]!
  const count = rows.reduce((sum, row) => sum + row.count, 0)
  const decoder = new PostingsDecoder(header, rows, from, to)
  const start = pageOfRow(postings, first)
  // No posting has fewer than two bytes, so at least these pages are needed, unless the range ends before.
  const least = pageOfRow(postings, Math.min(postings.rows, first + 2 * count) - 1)
  for (let number = start; !decoder.isDone;) {
    check(number < pagesOf(postings), "the postings of a term are cut off")
    const numbers = rangeOf(number, Math.max(number, Math.min(least, number + pagesAtOnce - 1)))
    for (const page of yield* readPages(header, postings, numbers)) {
      const end = firstByteOn(postings, number) + rowsOn(postings, number)
      decoder.take(page, number === start ? byteOfRow(postings, first) : firstByteOn(postings, number), end)
      number++
    }
  }
  return decoder
}

class PostingsDecoder implements Matches {
  readonly positions: Array<number> = []
  readonly places: Array<number> = []
  readonly #header: Header
  readonly #rows: ReadonlyArray<TermRow>
  readonly #from: number
  readonly #to: number
  /** The row that is being read, how many of its postings are left, and the byte of the postings. */
  #row = 0
  #left: number
  #byte: number
  #position: number
  #entry = 0
  /** The number that is being read, and what the next seven bits count. */
  #number = 0
  #factor = 1
  #isEntry = false
  #isFirst = true
  #isDone = false

  constructor(header: Header, rows: ReadonlyArray<TermRow>, from: number, to: number) {
    this.#header = header
    this.#rows = rows
    this.#from = from
    this.#to = to
    this.#left = rows[0]!.count
    this.#byte = rows[0]!.first
    this.#position = header.firstPosition
  }

  get isDone(): boolean {
    return this.#isDone
  }

  /** Reads the bytes of a page from `from` up to `end`, or to the last posting that is wanted. */
  take(page: DataView, from: number, end: number): void {
    for (let at = from; at < end && !this.#isDone; at++) {
      const byte = page.getUint8(at)
      this.#byte++
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
    check(difference > 0 || this.#isFirst, "the postings of a term do not ascend")
    const before = this.positions.at(-1) ?? -1
    this.#isFirst = false
    this.#position += difference
    check(this.#position > before, "the postings of a term do not ascend")
    check(this.#position <= this.#header.lastPosition, "a posting is after the last event")
    // Positions ascend, so nothing that follows is wanted.
    if (this.#position >= this.#to) this.#isDone = true
    else if (this.#position >= this.#from) this.positions.push(this.#position)
  }

  #addEntry(difference: number): void {
    this.#entry += difference % 2 === 0 ? difference / 2 : -(difference + 1) / 2
    check(this.#entry >= 0 && this.#entry < this.#header.entries.rows, "a posting has an entry that does not exist")
    if (this.#position >= this.#from) this.places.push(this.#entry)
    if (--this.#left > 0) return
    this.#row++
    const next = this.#rows[this.#row]
    if (next === undefined) {
      this.#isDone = true
      return
    }
    check(next.first === this.#byte, "the postings of a term do not follow each other")
    this.#left = next.count
    this.#position = this.#header.firstPosition
    this.#entry = 0
    this.#isFirst = true
  }
}
