/** Claims of names: within this process, and as leases that are renewed. */
import * as Deferred from "effect/Deferred"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { Signal } from "../../services/base/Signal.ts"
import { ConsumerClaimed } from "../../services/ports/CheckpointStore.ts"
import type { StorageError } from "../../services/ports/Storage.ts"

/** Takes something until the scope closes. Returns whether it was free. Only one that was leaves a finalizer in the scope. */
const takeScoped = <E>(take: Effect.Effect<boolean, E>, free: Effect.Effect<void>) =>
  Effect.uninterruptible(Effect.tap(take, (isTaken) => (isTaken ? Effect.addFinalizer(() => free) : Effect.void)))

/** A claim that ends by itself unless it is renewed. */
export interface Lease {
  /** Takes the lease. Returns whether it was free. If it fails, it must have let go what it may have taken. */
  readonly take: Effect.Effect<boolean, StorageError>
  /** Fails with `lock-lost` if another run has it. */
  readonly renew: Effect.Effect<void, StorageError>
  readonly free: Effect.Effect<void>
  readonly renewEvery: Duration.Input
  readonly retryEvery: Duration.Input
}

/**
 * Takes a lease until the scope closes, and renews it meanwhile. Returns an effect that completes once another run has it.
 * Any other failure of a renewal shows at the next write.
 */
export const held = (
  { free, renew, renewEvery, retryEvery, take }: Lease,
  claimed: ConsumerClaimed,
  onClaimed: "refuse" | "wait"
): Effect.Effect<Effect.Effect<StorageError>, ConsumerClaimed | StorageError, Scope.Scope> =>
  Effect.gen(function* () {
    while (!(yield* takeScoped(take, free))) {
      if (onClaimed === "refuse") return yield* claimed
      yield* Effect.sleep(retryEvery)
    }
    const lost = yield* Deferred.make<StorageError>()
    const renewing = Effect.andThen(Effect.sleep(renewEvery), renew).pipe(
      Effect.catch((error) => (error.reason === "lock-lost" ? Effect.fail(error) : Effect.void)),
      Effect.forever,
      Effect.catch((error) => Deferred.succeed(lost, error))
    )
    yield* Effect.forkScoped(renewing)
    return Deferred.await(lost)
  })

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
    return Effect.gen({ self: this }, function* () {
      while (!(yield* takeScoped(take, free))) {
        if (onClaimed === "refuse") return yield* new ConsumerClaimed({ consumer, place })
        yield* this.#freed.until(() => !this.#taken.has(consumer))
      }
    })
  }
}
