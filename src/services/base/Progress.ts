/** Progress of long operations. */
import * as Effect from "effect/Effect"

/** Records and bytes, done and in total. `total` may grow if the tape grows meanwhile; it never shrinks. */
export interface Progress {
  /** Records and bytes that are done. */
  readonly done: { readonly records: number; readonly bytes: number }
  /** Records and bytes in total. Bytes may be an estimate. */
  readonly total: { readonly records: number; readonly bytes: number }
}

/** Receives the progress after each chunk or file. The operation waits for it, and is interrupted with it. */
export type OnProgress = (progress: Progress) => Effect.Effect<void>

/** Counts progress and reports it. */
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
    // The number of bytes may be an estimate: for references to repeated records, and for a part of a segment.
    const done = this.#records === total.records ? total.bytes : Math.min(this.#bytes, total.bytes)
    return this.#tell({ done: { records: this.#records, bytes: done }, total })
  }

  /** Adds work that turned up later. */
  grow(records: number, bytes: number): void {
    this.#total = { records: this.#total.records + records, bytes: this.#total.bytes + bytes }
  }
}
