/**
 * Rows by the hash of a term, in columns of numbers: a segment may have a million terms. About 20 bytes for each term and
 * 8 for each row of a term.
 */
export class TermTable {
  /** Open addressing: the number of a term plus 1, or 0. At most half of the slots are taken. */
  #slots = new Int32Array(64)
  #hashes = new Float64Array(32)
  /** Of each term, its last posting and its number of rows. */
  #lasts = new Int32Array(32)
  #counts = new Int32Array(32)
  #terms = 0
  /** Of each posting, its row and the posting of the same term before it, or −1. */
  #rows = new Int32Array(64)
  #befores = new Int32Array(64)
  #postings = 0

  /** Number of terms. */
  get size(): number {
    return this.#terms
  }

  /** Hashes of the terms, by their number. */
  get hashes(): Float64Array {
    return this.#hashes.subarray(0, this.#terms)
  }

  /** Adds a row to a term. Rows must ascend; a term has a row once. */
  add(hash: number, row: number): void {
    const slot = this.#slotOf(hash)
    const known = this.#slots[slot]! - 1
    const term = known === -1 ? this.#addTerm(hash, slot) : known
    const last = this.#lasts[term]!
    if (last !== -1 && this.#rows[last] === row) return
    const posting = this.#postings++
    if (posting === this.#rows.length) this.#growPostings()
    this.#rows[posting] = row
    this.#befores[posting] = last
    this.#lasts[term] = posting
    this.#counts[term]!++
  }

  /** Returns the number of rows of a term. */
  countOf(hash: number): number {
    const term = this.#slots[this.#slotOf(hash)]! - 1
    return term === -1 ? 0 : this.#counts[term]!
  }

  /** Returns the rows of a term in ascending order. */
  rowsOf(hash: number): Array<number> {
    const term = this.#slots[this.#slotOf(hash)]! - 1
    return term === -1 ? [] : this.rowsAt(term)
  }

  /** Returns the number of rows of the term with this number. */
  countAt(term: number): number {
    return this.#counts[term]!
  }

  /** Returns the rows of the term with this number, in ascending order. */
  rowsAt(term: number): Array<number> {
    const rows = Array.from<number>({ length: this.#counts[term]! })
    for (let at = rows.length - 1, posting = this.#lasts[term]!; at >= 0; at--) {
      rows[at] = this.#rows[posting]!
      posting = this.#befores[posting]!
    }
    return rows
  }

  /** Returns the slot of a term, or the free one that it gets. */
  #slotOf(hash: number): number {
    const mask = this.#slots.length - 1
    // Terms that share the low half of their hash differ in the other, so that they take different ways.
    const step = 2 * Math.floor(hash / 2 ** 32) + 1
    let slot = (hash >>> 0) & mask
    for (;;) {
      const term = this.#slots[slot]! - 1
      if (term === -1 || this.#hashes[term] === hash) return slot
      slot = (slot + step) & mask
    }
  }

  #addTerm(hash: number, slot: number): number {
    const term = this.#terms++
    if (term === this.#hashes.length) this.#growTerms()
    this.#hashes[term] = hash
    this.#lasts[term] = -1
    this.#counts[term] = 0
    this.#slots[slot] = term + 1
    if (2 * this.#terms > this.#slots.length) this.#growSlots()
    return term
  }

  #growTerms(): void {
    const hashes = new Float64Array(2 * this.#hashes.length)
    hashes.set(this.#hashes)
    this.#hashes = hashes
    this.#lasts = twice(this.#lasts)
    this.#counts = twice(this.#counts)
  }

  #growPostings(): void {
    this.#rows = twice(this.#rows)
    this.#befores = twice(this.#befores)
  }

  #growSlots(): void {
    this.#slots = new Int32Array(2 * this.#slots.length)
    for (let term = 0; term < this.#terms; term++) this.#slots[this.#slotOf(this.#hashes[term]!)] = term + 1
  }
}

const twice = (column: Int32Array): Int32Array<ArrayBuffer> => {
  const grown = new Int32Array(2 * column.length)
  grown.set(column)
  return grown
}
