/** Measures how far an export or import is, and how fast it is. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"

/** How far an export or import is. */
export interface TransferProgress {
  /** Events and bytes that are done, in this run. */
  readonly done: { readonly events: number; readonly bytes: number }
  /** What is done of this run, from 0 to 1; `undefined` if it is not known how much there is. */
  readonly fraction: number | undefined
  /** Events and bytes a second, since this run began. */
  readonly perSecond: { readonly events: number; readonly bytes: number }
  /** Estimate of the seconds that are left; `undefined` if it cannot be known. */
  readonly secondsLeft: number | undefined
}

export class Meter {
  readonly #began: number
  #events = 0
  #bytes = 0

  private constructor(began: number) {
    this.#began = began
  }

  /** Begins to measure. */
  static readonly make: Effect.Effect<Meter> = Effect.map(Clock.currentTimeMillis, (now) => new Meter(now))

  get events(): number {
    return this.#events
  }

  get bytes(): number {
    return this.#bytes
  }

  add(events: number, bytes: number): void {
    this.#events += events
    this.#bytes += bytes
  }

  /** Returns the progress, if `fraction` of the work is done. */
  progress(fraction: number | undefined): Effect.Effect<TransferProgress> {
    return Effect.map(Clock.currentTimeMillis, (now) => {
      // A clock that stands still, or goes back, must not make a rate infinite.
      const seconds = Math.max(now - this.#began, 1) / 1000
      const known = fraction === undefined ? undefined : Math.min(Math.max(fraction, 0), 1)
      return {
        done: { events: this.#events, bytes: this.#bytes },
        fraction: known,
        perSecond: { events: this.#events / seconds, bytes: this.#bytes / seconds },
        secondsLeft: known === undefined || known === 0 ? undefined : (seconds * (1 - known)) / known
      }
    })
  }
}
