/** How far a long operation has come. */
import * as Effect from "effect/Effect"

/** Records and bytes, done and in all. `total` may grow while an operation runs beside appends; it never shrinks. */
export interface Progress {
  readonly done: { readonly records: number; readonly bytes: number }
  readonly total: { readonly records: number; readonly bytes: number }
}

/** Is told of progress, after each chunk or file. What it does holds the operation up, and what interrupts it ends it. */
export type OnProgress = (progress: Progress) => Effect.Effect<void>

/** Counts, and tells. */
export class Counter {
  #total: Progress["total"]
  readonly #tell: OnProgress | undefined
  #records = 0
  #bytes = 0

  constructor(total: Progress["total"], tell: OnProgress | undefined) {
    this.#total = total
    this.#tell = tell
  }

  add(records: number, bytes: number): Effect.Effect<void> {
    this.#records += records
    this.#bytes += bytes
    if (this.#tell === undefined) return Effect.void
    const total = this.#total
    // How many bytes there are to do may be an estimate: repeats that are stored as references, a part of a segment.
    const done = this.#records === total.records ? total.bytes : Math.min(this.#bytes, total.bytes)
    return this.#tell({ done: { records: this.#records, bytes: done }, total })
  }

  /** There is more to do than it seemed. */
  grow(records: number, bytes: number): void {
    this.#total = { records: this.#total.records + records, bytes: this.#total.bytes + bytes }
  }
}
