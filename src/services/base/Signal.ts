/** Wakes fibres that wait until something holds. Costs nothing without them. */
import * as Effect from "effect/Effect"

export class Signal {
  readonly #waiting = new Set<() => void>()

  /** Number of fibres that wait. */
  get waiting(): number {
    return this.#waiting.size
  }

  /**
   * Waits until `holds` returns true. It is asked now and at each `wake`, so it must be quick and must not throw. The
   * fibre then continues in a turn of its own, so it does not delay the one that woke it.
   */
  until(holds: () => boolean): Effect.Effect<void> {
    return Effect.callback((resume) => {
      if (holds()) return resume(Effect.void)
      const look = (): void => {
        if (!holds()) return
        this.#waiting.delete(look)
        resume(Effect.yieldNow)
      }
      this.#waiting.add(look)
      return Effect.sync(() => this.#waiting.delete(look))
    })
  }

  /** Lets all waiting fibres look again. */
  wake(): void {
    for (const look of this.#waiting) look()
  }
}
