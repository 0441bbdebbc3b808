/** Claims of names within this process. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { Signal } from "../../services/base/Signal.ts"
import { ConsumerClaimed } from "../../services/ports/CheckpointStore.ts"

export class Claims {
  readonly #taken = new Set<string>()
  readonly #freed = new Signal()

  /** Claims a name until the scope closes. If it is taken, fails or waits. */
  claim(
    consumer: string,
    place: string,
    onClaimed: "refuse" | "wait"
  ): Effect.Effect<void, ConsumerClaimed, Scope.Scope> {
    const take = Effect.sync(() => {
      if (this.#taken.has(consumer)) return false
      this.#taken.add(consumer)
      return true
    })
    const free = Effect.sync(() => {
      this.#taken.delete(consumer)
      this.#freed.wake()
    })
    const taken = Effect.acquireRelease(take, (isTaken) => (isTaken ? free : Effect.void))
    return Effect.flatMap(taken, (isTaken): Effect.Effect<void, ConsumerClaimed, Scope.Scope> => {
      if (isTaken) return Effect.void
      if (onClaimed === "refuse") return Effect.fail(new ConsumerClaimed({ consumer, place }))
      const isFree = this.#freed.until(() => !this.#taken.has(consumer))
      return Effect.andThen(
        isFree,
        Effect.suspend(() => this.claim(consumer, place, onClaimed))
      )
    })
  }
}
