/** The time of what a lib stores. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { isStorableTime, nearestStorableTime } from "../../domain/base/storableTime.ts"
import { ClockOutOfRange } from "../../domain/format/Errors.ts"

/** Returns the time in whole milliseconds. Fails if a lib cannot store it. */
export const storableNow: Effect.Effect<number, ClockOutOfRange> = Effect.flatMap(Clock.currentTimeMillis, (millis) =>
  isStorableTime(millis) ? Effect.succeed(Math.floor(millis)) : Effect.fail(new ClockOutOfRange({ millis }))
)

/**
 * Returns the time in whole milliseconds, or the nearest one that a lib can store: for steps that must not fail because
 * the clock is wrong, such as a recovery.
 */
export const nearestNow: Effect.Effect<number> = Effect.map(Clock.currentTimeMillis, nearestStorableTime)
