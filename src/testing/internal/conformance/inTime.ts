/** A time limit that holds whatever the limited effect does: it may wait for ever where nothing can interrupt it. */
import type * as Cause from "effect/Cause"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"

/**
 * Returns what `effect` returns, or fails with `TimeoutError` once `limit` is over. The effect is then interrupted, and
 * nothing waits for it: if it cannot be interrupted, or its finalizers never end, it stays. Interrupting this waits for
 * the end of the effect, but no longer than `limit` either.
 */
export const inTime = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  limit: Duration.Input
): Effect.Effect<A, E | Cause.TimeoutError, R> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(Effect.forkDetach(effect), (fiber) =>
      restore(Effect.timeout(Fiber.join(fiber), limit)).pipe(
        Effect.onInterrupt(() => Effect.timeoutOption(Fiber.interrupt(fiber), limit)),
        Effect.onError(() => Effect.sync(() => fiber.interruptUnsafe()))
      )
    )
  )
