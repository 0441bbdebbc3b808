/**
 * Timers of work for which nobody waits: closing by age, and the pauses between attempts to open a lib again. They must
 * not keep a process alive that has nothing else to do (decision 0046).
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"

/**
 * Runs `effect` so that its sleeps do not keep the process alive. Only the clock of the system is replaced: the clock of
 * a test, or one of the caller's own, stays.
 */
export const inBackground = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.clockWith((clock) => (clock === system ? Effect.provideService(effect, Clock.Clock, backgroundClock) : effect))

const system = Context.get(Context.empty(), Clock.Clock)

/** The longest delay that `setTimeout` takes. */
const delayMillisMax = 2 ** 31 - 1

const sleep = (millis: number): Effect.Effect<void> => {
  if (millis <= 0) return Effect.yieldNow
  // Nothing waits for it, so unlike a timer it holds nothing.
  if (!Number.isFinite(millis)) return Effect.never
  return Effect.callback((resume) => {
    const rest = millis > delayMillisMax ? sleep(millis - delayMillisMax) : Effect.void
    const timer = setTimeout(() => resume(rest), Math.min(millis, delayMillisMax))
    // Some runtimes, and some fake timers, give a number.
    if (typeof timer === "object") timer.unref()
    return Effect.sync(() => clearTimeout(timer))
  })
}

const backgroundClock: Clock.Clock = {
  currentTimeMillisUnsafe: () => system.currentTimeMillisUnsafe(),
  currentTimeMillis: system.currentTimeMillis,
  currentTimeNanosUnsafe: () => system.currentTimeNanosUnsafe(),
  currentTimeNanos: system.currentTimeNanos,
  monotonicTimeNanosUnsafe: () => system.monotonicTimeNanosUnsafe(),
  monotonicTimeNanos: system.monotonicTimeNanos,
  sleep: (duration) => sleep(Duration.toMillis(duration))
}
