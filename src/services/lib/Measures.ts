/**
 * What the writer of a lib measures while somebody observes it (`litetapes/Telemetry`): plain numbers, in all sessions of the
 * lib. Without an observer no clock is read and nothing is counted.
 */
import type * as Clock from "effect/Clock"
import { doubling, Histogram } from "../base/Histogram.ts"

/** From 62.5 microseconds to 8 seconds, in milliseconds. */
const durations = doubling(0.0625, 18)

/** Of the appends that are queued while others wait, one in so many is measured. */
const oneIn = 16

export class Measures {
  /** Milliseconds from the call of an append to its acknowledgement. */
  readonly appends = new Histogram(durations)
  /** Milliseconds for the write and the sync of a batch. */
  readonly syncs = new Histogram(durations)
  /** Milliseconds for the flush of a tape. */
  readonly flushes = new Histogram(durations)
  /** Records of a batch. */
  readonly batchRecords = new Histogram(doubling(1, 15))
  /** Bytes of a batch. */
  readonly batchBytes = new Histogram(doubling(256, 18))
  #revisionConflicts = 0
  #conditionConflicts = 0
  #queued = 0
  readonly #clocks: Array<Clock.Clock> = []

  /** Begins to measure, until the function that it returns is called. */
  observe(clock: Clock.Clock): () => void {
    this.#clocks.push(clock)
    return () => void this.#clocks.splice(this.#clocks.indexOf(clock), 1)
  }

  /** Returns the time in milliseconds, of no certain origin; `NaN` without an observer. */
  now(): number {
    const [clock] = this.#clocks
    return clock === undefined ? Number.NaN : Number(clock.monotonicTimeNanosUnsafe()) / 1e6
  }

  /** Returns the time at which an append was queued, if it is one of those that are measured. */
  queuedAt(isFirst: boolean): number | undefined {
    if (this.#clocks.length === 0) return undefined
    this.#queued++
    return isFirst || this.#queued % oneIn === 0 ? this.now() : undefined
  }

  /** Counts a refusal of an append, if it is a conflict. */
  noteRefusal({ _tag }: { readonly _tag: string }): void {
    if (this.#clocks.length === 0) return
    if (_tag === "WrongExpectedRevision") this.#revisionConflicts++
    if (_tag === "ConditionFailed") this.#conditionConflicts++
  }

  /** Appends that were refused because of the revision, or of the condition, that they gave. */
  get conflicts(): { readonly revision: number; readonly condition: number } {
    return { revision: this.#revisionConflicts, condition: this.#conditionConflicts }
  }
}
