/** How far a long operation has come. */
import * as Effect from "effect/Effect"

/** Records and bytes, done and in all. `total` may grow while an operation runs beside appends; it never shrinks. */
export interface Progress {
  readonly done: { readonly records: number; readonly bytes: number }
  readonly total: { readonly records: number; readonly bytes: number }
}

/** Is told of progress, some times a second at most a chunk. */
export type OnProgress = (progress: Progress) => Effect.Effect<void>

/** Counts, and tells. */
export class Counter {
  readonly #total: Progress["total"]
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
    return this.#tell({ done: { records: this.#records, bytes: this.#bytes }, total: this.#total })
  }
}
