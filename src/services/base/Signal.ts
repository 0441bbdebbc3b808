/** Wakes those who wait until something holds. Costs nothing while nobody waits. */
import * as Effect from "effect/Effect"

export class Signal {
  readonly #waiting = new Set<() => void>()

  /** Number of those who wait. */
  get waiting(): number {
    return this.#waiting.size
  }

  /**
   * Waits until `holds` returns true. It is asked now and at each `wake`, so it must be quick and must not throw. Who
   * waits continues in a turn of its own, and never holds up whoever woke it.
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

  /** Lets everyone who waits look again. */
  wake(): void {
    for (const look of this.#waiting) look()
  }
}
