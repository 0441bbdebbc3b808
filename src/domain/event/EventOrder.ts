/** Verify: events, one after the other. */
import type { RecordedEvent } from "./Event.ts"
import type { EventsSummary } from "./EventRun.ts"

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

  /**
   * Adds events that are in order among themselves; `false`, and nothing is added, where they do not follow what was
   * added before.
   */
  addRun(run: EventsSummary): boolean {
    if (run.firstPosition === -1) return true
    if (run.firstPosition <= this.#position) return false
    for (const { firstRevision, stream } of run.streams) {
      const last = this.#revisions.get(stream)
      if ((last !== undefined || this.#isSure) && firstRevision !== (last ?? -1) + 1) return false
    }
    for (const { lastRevision, stream } of run.streams) this.#revisions.set(stream, lastRevision)
    this.#position = run.lastPosition
    return true
  }

  /** A segment could not be read: where the streams stand is not known any more. */
  lose(): void {
    this.#revisions = new Map()
    this.#isSure = false
  }
}
