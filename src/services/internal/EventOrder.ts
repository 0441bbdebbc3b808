/** Verify: events, one after the other. */
import type { RecordedEvent } from "../../domain/Event.ts"

/** Positions ascend along a tape, revisions go up by one along a stream. */
export class EventOrder {
  #position = -1
  #revisions = new Map<string, number>()
  #isSure = true

  add({ stream, revision, position }: RecordedEvent): void {
    if (typeof stream !== "string" || !Number.isSafeInteger(revision) || !Number.isSafeInteger(position)) {
      throw new Error("it holds a record that is no event")
    }
    if (position <= this.#position) throw new Error(`position ${position} comes after ${this.#position}`)
    const expected = (this.#revisions.get(stream) ?? -1) + 1
    const known = this.#revisions.has(stream) || this.#isSure
    if (known && revision !== expected)
      throw new Error(`revision ${revision} of a stream stands where ${expected} should`)
    this.#position = position
    this.#revisions.set(stream, revision)
  }

  /** A segment could not be read: where the streams stand is not known any more. */
  lose(): void {
    this.#revisions = new Map()
    this.#isSure = false
  }
}
