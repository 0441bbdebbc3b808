/** The states of the aggregates that a decider handled last, in one session of a writer. */

/** What is known of an aggregate: its state after some of its events. */
export interface Known<State> {
  readonly state: State
  /** Revision of the last event in it; −1 without events. */
  readonly revision: number
  /** Position of that event; −1 without events. */
  readonly position: number
  /** Generation of the tape when the state was known to be current; `undefined` if that was not found out. */
  readonly generation: number | undefined
  /** Revision of the newest snapshot; −1 if nothing was written. */
  readonly snapshot: number
}

/**
 * States by stream, up to a number of them; drops those that were not used for the longest time.
 *
 * A command takes a state out, and returns it at its end. So a state that `evolve` changed halfway, because reading or
 * folding failed, is never used again.
 */
export class StateCache<State> {
  readonly #statesMax: number
  /** In the order of their last use. */
  readonly #states = new Map<string, Known<State>>()

  constructor(statesMax: number) {
    this.#statesMax = statesMax
  }

  /** Removes the state of a stream, and returns it. */
  take(stream: string): Known<State> | undefined {
    const known = this.#states.get(stream)
    if (known !== undefined) this.#states.delete(stream)
    return known
  }

  put(stream: string, known: Known<State>): void {
    if (this.#statesMax === 0) return
    this.#states.delete(stream)
    this.#states.set(stream, known)
    if (this.#states.size <= this.#statesMax) return
    for (const oldest of this.#states.keys()) {
      this.#states.delete(oldest)
      return
    }
  }
}
