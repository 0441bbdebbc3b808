/** Rows of 32-bit numbers on pages, so that a large table grows without moving what it has. */

const pageBits = 12
const pageRows = 1 << pageBits
const firstRows = 32

export class PagedNumbers {
  readonly #width: number
  /** The first page grows by doubling: many tables are small. */
  readonly #pages: Array<Int32Array>
  #capacity = firstRows
  #rows = 0
  #moved = 0

  /** Each row has this many numbers. */
  constructor(width: number) {
    this.#width = width
    this.#pages = [new Int32Array(firstRows * width)]
  }

  get rows(): number {
    return this.#rows
  }

  /** Number of rows that were moved so far, because the first page grew. */
  get moved(): number {
    return this.#moved
  }

  /** Adds a row of zeros. Returns its number. */
  add(): number {
    if (this.#rows === this.#capacity) this.#grow()
    return this.#rows++
  }

  /** Returns the number in a column of a row. */
  at(row: number, column: number): number {
    return this.#pages[row >>> pageBits]![(row & (pageRows - 1)) * this.#width + column]!
  }

  set(row: number, column: number, value: number): void {
    this.#pages[row >>> pageBits]![(row & (pageRows - 1)) * this.#width + column] = value
  }

  #grow(): void {
    if (this.#capacity >= pageRows) {
      this.#pages.push(new Int32Array(pageRows * this.#width))
      this.#capacity += pageRows
      return
    }
    const grown = new Int32Array(2 * this.#pages[0]!.length)
    grown.set(this.#pages[0]!)
    this.#pages[0] = grown
    this.#moved += this.#rows
    this.#capacity *= 2
  }
}
