/**
 * The terms of an index: for each type and each tag of a segment's events, which events have it.
 *
 * The postings of a term are pairs of numbers, one for each event, by position: how much larger its position is than that
 * of the pair before, or than the first position of the segment; and its entry, as the difference to the entry of the pair
 * before, or to 0. Each number is written in groups of seven bits, the lowest first; a byte of 128 or more is not the last
 * one. A difference `d` is written as `2d`, or `−2d − 1` if it is negative.
 *
 * A term of many events has several rows, with up to 1,024 pairs each, whose postings follow each other. The pairs of each
 * row begin anew, so a search for a position needs the first pair of a few of them. All but the last have 1,024 pairs.
 *
 * A type that more than one event in 64 has is listed without postings, as if it began at byte 2^32 − 1: events with it
 * are in every block, so the segment is read instead. So an index takes hardly more bytes if events have no tags.
 */
import type { Header } from "./indexLayout.ts"
import { offsetOfRow, pagesOf, rowsOn } from "./indexSections.ts"
import { sortedOrder } from "./indexSort.ts"
import type { EventTerms } from "./terms.ts"
import type { TermTable } from "./TermTable.ts"

/** A type of more events than one in this many has no postings. */
const commonShare = 64

/** Number of postings of a row of a term that has more of them. */
export const rowPostings = 1024

/** What stands for the first byte of the postings of a term without any. */
export const unlisted = 2 ** 32 - 1

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
  for (let term = 0; term < types.size; term++) all[term] = types.hashAt(term)
  for (let term = 0; term < tags.size; term++) all[types.size + term] = tags.hashAt(term)
  const rows: Array<number> = []
  const writer = new PostingsWriter()
  const order = sortedOrder(all)
  for (const term of order) {
    const isType = term < types.size
    const table = isType ? types : tags
    const number = isType ? term : term - types.size
    const events = table.countAt(number)
    if (isType && events * commonShare > count) rows.push(all[term]!, unlisted, events)
    else writer.addTerm(table, number, positions, entries, rows, all[term]!)
  }
  const length = rows.length / 3
  return {
    hashes: Float64Array.from({ length }, (_, row) => rows[3 * row]!),
    firsts: Uint32Array.from({ length }, (_, row) => rows[3 * row + 1]!),
    counts: Uint32Array.from({ length }, (_, row) => rows[3 * row + 2]!),
    postings: writer.bytes()
  }
}

class PostingsWriter {
  #bytes = new Uint8Array(1024)
  length = 0

  bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.length)
  }

  /** Adds the postings of a term, and the hash, the first byte and the count of each of its rows to `into`. */
  addTerm(
    table: TermTable,
    term: number,
    positions: Float64Array,
    entries: Uint32Array,
    into: Array<number>,
    hash: number
  ): void {
    const events = table.rowsAt(term)
    for (let first = 0; first < events.length;) {
      const left = events.length - first
      // So that every term ends with a smaller row.
      const count = left === rowPostings ? left - 1 : Math.min(left, rowPostings)
      into.push(hash, this.length, count)
      this.#add(events, first, first + count, positions, entries)
      first += count
    }
  }

  #add(events: ReadonlyArray<number>, first: number, end: number, positions: Float64Array, entries: Uint32Array): void {
    let position = positions[0]!
    let entry = 0
    for (let at = first; at < end; at++) {
      const row = events[at]!
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
export const numberBytesMax = 8

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
