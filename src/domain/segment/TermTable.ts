/**
 * Rows by the hash of a term, in columns of numbers: a segment may have a million terms. About 24 bytes for each term and
 * 8 for each row of a term. It grows a little with each term, so no `add` takes long.
 */
import { firstNotBefore } from "../base/binarySearch.ts"
import { PagedNumbers } from "./PagedNumbers.ts"

/** Of each term: the two halves of its hash, its last posting and its number of rows. */
const [low, high, last, count] = [0, 1, 2, 3] as const
/** Of each posting: its row and the posting of the same term before it, or −1. */
const [rowOf, before] = [0, 1] as const

/** One in this many postings of a term is marked, so that no term is walked from its end. */
const markEvery = 64

/** Slots that one new term moves to a larger table. At least four: a table is full again after as many terms as half of its slots. */
const slotsAtOnce = 8

export class TermTable {
  /** Open addressing: the number of a term plus 1, or 0. At most half of the slots are taken. */
  #slots = new Int32Array(64)
  /** The smaller table before, until its slots from `#moved` on are in the new one. */
  #old: Int32Array | undefined
  #moved = 0
  readonly #terms = new PagedNumbers(4)
  readonly #postings = new PagedNumbers(2)
  /** Marked postings of the terms that have any, by the number of the term. */
  readonly #marks = new Map<number, Array<number>>()
  #walked = 0
  #moves = 0

  /** Number of terms. */
  get size(): number {
    return this.#terms.rows
  }

  /** What it has cost so far: postings that look-ups walked over, and entries that growing moved. */
  get cost(): { readonly walked: number; readonly moved: number } {
    return { walked: this.#walked, moved: this.#moves + this.#terms.moved + this.#postings.moved }
  }

  /** Adds a row to a term. Rows must ascend; a term has a row once. */
  add(hash: number, row: number): void {
    const known = this.#find(hash)
    const term = known === -1 ? this.#addTerm(hash) : known
    const latest = this.#terms.at(term, last)
    if (latest !== -1 && this.#postings.at(latest, rowOf) === row) return
    const posting = this.#postings.add()
    this.#postings.set(posting, rowOf, row)
    this.#postings.set(posting, before, latest)
    this.#terms.set(term, last, posting)
    const nth = this.#terms.at(term, count) + 1
    this.#terms.set(term, count, nth)
    if (nth % markEvery === 0) this.#mark(term, posting)
  }

  /** Returns the number of rows of a term. */
  countOf(hash: number): number {
    const term = this.#find(hash)
    return term === -1 ? 0 : this.countAt(term)
  }

  /**
   * Returns the rows of a term from row `from` up to, but not including, `to`, in ascending order. Walks over these and at
   * most 64 more.
   */
  rowsOf(hash: number, from = 0, to = Number.POSITIVE_INFINITY): Array<number> {
    const term = this.#find(hash)
    return term === -1 ? [] : this.rowsAt(term, from, to)
  }

  /** Returns the hash of the term with this number. */
  hashAt(term: number): number {
    return this.#terms.at(term, high) * 2 ** 32 + (this.#terms.at(term, low) >>> 0)
  }

  /** Returns the number of rows of the term with this number. */
  countAt(term: number): number {
    return this.#terms.at(term, count)
  }

  /** Does the same as `rowsOf` for the term with this number. */
  rowsAt(term: number, from = 0, to = Number.POSITIVE_INFINITY): Array<number> {
    const rows: Array<number> = []
    let posting = this.#firstFrom(term, to)
    while (posting !== -1) {
      const row = this.#postings.at(posting, rowOf)
      this.#walked++
      if (row < from) break
      if (row < to) rows.push(row)
      posting = this.#postings.at(posting, before)
    }
    return rows.toReversed()
  }

  /** Returns a posting of a term that is not far after its last one before row `to`. */
  #firstFrom(term: number, to: number): number {
    const marks = this.#marks.get(term)
    if (marks === undefined) return this.#terms.at(term, last)
    const at = firstNotBefore(marks.length, (mark) => this.#postings.at(marks[mark]!, rowOf) < to)
    return marks[at] ?? this.#terms.at(term, last)
  }

  #mark(term: number, posting: number): void {
    const marks = this.#marks.get(term)
    if (marks === undefined) this.#marks.set(term, [posting])
    else marks.push(posting)
  }

  /** Returns the number of a term, or −1. */
  #find(hash: number): number {
    const term = this.#slots[this.#slotOf(this.#slots, hash)]! - 1
    if (term !== -1 || this.#old === undefined) return term
    return this.#old[this.#slotOf(this.#old, hash)]! - 1
  }

  /** Returns the slot of a term, or the free one that it gets. */
  #slotOf(slots: Int32Array, hash: number): number {
    const mask = slots.length - 1
    const upper = Math.floor(hash / 2 ** 32)
    const lower = hash | 0
    // Terms that share the low half of their hash differ in the other, so that they take different ways.
    const step = 2 * upper + 1
    let slot = lower & mask
    for (;;) {
      const term = slots[slot]! - 1
      if (term === -1 || (this.#terms.at(term, low) === lower && this.#terms.at(term, high) === upper)) return slot
      slot = (slot + step) & mask
    }
  }

  #addTerm(hash: number): number {
    if (2 * (this.#terms.rows + 1) > this.#slots.length) this.#growSlots()
    this.#moveSlots(slotsAtOnce)
    const term = this.#terms.add()
    this.#terms.set(term, low, hash | 0)
    this.#terms.set(term, high, Math.floor(hash / 2 ** 32))
    this.#terms.set(term, last, -1)
    this.#terms.set(term, count, 0)
    this.#slots[this.#slotOf(this.#slots, hash)] = term + 1
    return term
  }

  #growSlots(): void {
    // Nothing is left by now: each term has moved more slots than there were for it.
    this.#moveSlots(Number.POSITIVE_INFINITY)
    this.#old = this.#slots
    this.#moved = 0
    this.#slots = new Int32Array(2 * this.#slots.length)
  }

  /** Moves up to `max` slots of the smaller table, which stays whole until all are moved. */
  #moveSlots(max: number): void {
    if (this.#old === undefined) return
    const end = Math.min(this.#old.length, this.#moved + max)
    for (; this.#moved < end; this.#moved++) {
      const slot = this.#old[this.#moved]!
      if (slot === 0) continue
      this.#slots[this.#slotOf(this.#slots, this.hashAt(slot - 1))] = slot
      this.#moves++
    }
    if (end === this.#old.length) this.#old = undefined
  }
}
