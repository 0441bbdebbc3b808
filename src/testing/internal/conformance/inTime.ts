/** A limit of time that holds whatever is limited does: it may wait for ever where nothing can interrupt it. */
import type * as Cause from "effect/Cause"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"

/**
 * What comes of `effect`, or `TimeoutError` as soon as `limit` is over. It is told to stop then, and not waited for: one
 * that cannot be interrupted, or whose finalizers never end, stays behind. Who interrupts this waits for its end, but not
 * longer than `limit` either.
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
