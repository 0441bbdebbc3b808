/** One tape's events by position, some at a time: what a merge over several tapes reads from. */
import * as Effect from "effect/Effect"
import type { RecordedEvent } from "../../domain/event/Event.ts"
import type { ReadError } from "../read/RecordReader.ts"

export abstract class EventCursor {
  readonly #backward: boolean
  #events: ReadonlyArray<RecordedEvent> = []
  #at = 0
  #done = false

  constructor(backward: boolean) {
    this.#backward = backward
  }

  /** Position of the next event; `undefined` if none is in memory. */
  get head(): number | undefined {
    return this.#events[this.#at]?.position
  }

  /** Whether nothing is in memory, but perhaps more on disk. */
  get isDry(): boolean {
    return this.#at >= this.#events.length && !this.#done
  }

  /** Moves up to `max` events that come before position `bound` to `into`. */
  takeUntil(bound: number, max: number, into: Array<RecordedEvent>): void {
    for (let taken = 0; taken < max && this.#at < this.#events.length; taken++) {
      const event = this.#events[this.#at]!
      if (this.#backward ? event.position <= bound : event.position >= bound) return
      into.push(event)
      this.#at++
    }
  }

  /** Reads on until there is a matching event, or no more. */
  readonly fill: Effect.Effect<void, ReadError> = Effect.suspend(() => {
    if (!this.isDry) return Effect.void
    return Effect.andThen(
      this.readNext(),
      Effect.suspend(() => this.fill)
    )
  })

  /** Reads the next piece, and shows its matching events. Called only if nothing is in memory. */
  protected abstract readNext(): Effect.Effect<void, ReadError>

  /** Shows the next events, in the order in which they are wanted. */
  protected show(events: ReadonlyArray<RecordedEvent>): void {
    this.#events = events
    this.#at = 0
  }

  /** Nothing follows what is in memory. */
  protected end(): void {
    this.#done = true
  }
}
