/** A clock that a test sets forward and back, and whose timers run by themselves: as a real one after a change of the time. */
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"

export interface JumpingClock {
  readonly clock: Clock.Clock
  /** Sets the time, in milliseconds since 1970. No timer notices. */
  readonly set: (millis: number) => void
  /** Lets this time pass for the timers, and for the time unless it is set to stand still. */
  readonly elapse: (millis: number) => void
  readonly now: () => number
  /** Milliseconds that each timer still runs. */
  readonly timers: () => ReadonlyArray<number>
}

export const makeJumpingClock = (start: number): JumpingClock => {
  let [now, monotonic] = [start, 0]
  const sleeping = new Map<() => void, number>()
  const clock: Clock.Clock = {
    currentTimeMillisUnsafe: () => now,
    currentTimeMillis: Effect.sync(() => now),
    currentTimeNanosUnsafe: () => BigInt(now) * 1_000_000n,
    currentTimeNanos: Effect.sync(() => BigInt(now) * 1_000_000n),
    monotonicTimeNanosUnsafe: () => BigInt(monotonic) * 1_000_000n,
    monotonicTimeNanos: Effect.sync(() => BigInt(monotonic) * 1_000_000n),
    sleep: (duration) =>
      Effect.callback((resume) => {
        const wake = () => resume(Effect.void)
        sleeping.set(wake, monotonic + Duration.toMillis(duration))
        return Effect.sync(() => void sleeping.delete(wake))
      })
  } as Clock.Clock
  const elapse = (millis: number) => {
    now += millis
    monotonic += millis
    for (const [wake, at] of sleeping) {
      if (at > monotonic) continue
      sleeping.delete(wake)
      wake()
    }
  }
  const set = (millis: number) => {
    now = millis
  }
  return { clock, set, elapse, now: () => now, timers: () => Array.from(sleeping.values(), (at) => at - monotonic) }
}
