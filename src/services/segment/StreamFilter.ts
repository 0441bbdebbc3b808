/** What look-ups have learned about the streams, or the terms, of a segment: which it cannot have (decision 0028). */
import type { BloomFilter } from "../../domain/base/BloomFilter.ts"

export class StreamFilter {
  #missed = 0
  #filter: BloomFilter | undefined

  /** Bytes that it takes in memory. */
  get bytes(): number {
    return this.#filter?.bytes ?? 0
  }

  get isKnown(): boolean {
    return this.#filter !== undefined
  }

  /** Whether the segment may have a stream, or a term, with this hash. */
  mayHave(hash: number): boolean {
    return this.#filter?.mayHave(hash) !== false
  }

  /** Counts a look-up that found nothing. Returns whether that was the `limit`th since it last returned true. */
  noteMissed(limit: number): boolean {
    this.#missed += 1
    if (this.#missed < limit) return false
    this.#missed = 0
    return true
  }

  keep(filter: BloomFilter): void {
    this.#filter = filter
  }
}
