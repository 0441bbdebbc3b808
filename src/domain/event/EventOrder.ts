/** Checks the order of events, for verify. */
import type { RecordedEvent } from "./Event.ts"
import type { EventsSummary } from "./EventRun.ts"
import { explaining } from "../meta/Losses.ts"
import type { Lost } from "../meta/SystemRecord.ts"

/**
 * Checks that positions ascend along a tape, and that revisions increase by one along a stream, except where events are
 * known to be lost.
 */
export class EventOrder {
  readonly #lost: ReadonlyArray<Lost>
  #position = -1
  #revisions = new Map<string, number>()
  #isSure = true

  constructor(lost: ReadonlyArray<Lost> = []) {
    this.#lost = lost
  }

  add({ stream, revision, position }: RecordedEvent): void {
    if (typeof stream !== "string" || !Number.isSafeInteger(revision) || !Number.isSafeInteger(position)) {
      throw new Error("it has a record that is not an event")
    }
    if (position <= this.#position) throw new Error(`position ${position} comes after position ${this.#position}`)
    const expected = (this.#revisions.get(stream) ?? -1) + 1
    const known = this.#revisions.has(stream) || this.#isSure
    if (known && !this.#follows(stream, expected, revision))
      throw new Error(`a stream has revision ${revision} where ${expected} belongs`)
    this.#position = position
    this.#revisions.set(stream, revision)
  }

  /**
   * Adds events that are in order among themselves. Returns `false`, and adds nothing, if they do not follow the events
   * that were added before.
   */
  addRun(run: EventsSummary): boolean {
    if (run.firstPosition === -1) return true
    if (run.firstPosition <= this.#position) return false
    for (const { firstRevision, stream } of run.streams) {
      const last = this.#revisions.get(stream)
      if ((last !== undefined || this.#isSure) && !this.#follows(stream, (last ?? -1) + 1, firstRevision)) return false
    }
    for (const { lastRevision, stream } of run.streams) this.#revisions.set(stream, lastRevision)
    this.#position = run.lastPosition
    return true
  }

  #follows(stream: string, expected: number, revision: number): boolean {
    return (
      revision === expected || (revision > expected && explaining(this.#lost, stream, expected, revision).length > 0)
    )
  }

  /** Forgets the revisions of all streams, because a segment could not be read. */
  lose(): void {
    this.#revisions = new Map()
    this.#isSure = false
  }
}
