/** Checks of what a caller gives, as effects. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { type Check, shown, unless, withMethod, wrongOptions } from "../../domain/format/checkOptions.ts"
import { InvalidArgument } from "../../domain/format/Errors.ts"

/** Fails unless the options of a call are those of its table. Succeeds without options. */
export const checkOptions = (
  call: string,
  given: unknown,
  checks: Readonly<Record<string, Check>>,
  argument?: string
): Effect.Effect<void, InvalidArgument> =>
  Effect.suspend(() => {
    const error = wrongOptions(call, given, checks, argument)
    return error === undefined ? Effect.void : Effect.fail(error)
  })

/** The option `storage`. */
export const aStorage: Check = withMethod("open", "a Storage service")

/**
 * Fails unless this can be the location of a lib. An empty one is a mistake, such as a variable that is not set: as a
 * path it would be the working directory.
 */
export const checkLocation = (
  call: string,
  location: unknown,
  argument = "location"
): Effect.Effect<void, InvalidArgument> =>
  Effect.suspend(() => {
    if (typeof location === "string" && location !== "" && !location.includes("\0")) return Effect.void
    const why = `must be a text that is not empty and has no NUL, not ${shown(location)}`
    return Effect.fail(new InvalidArgument({ call, argument, why }))
  })

const isDuration = (value: unknown): boolean => {
  try {
    return Duration.toMillis(Duration.fromInputUnsafe(value as Duration.Input)) >= 0
  } catch {
    return false
  }
}

/** A duration that is not negative. */
export const aDuration: Check = unless(isDuration, 'a duration such as "60 seconds"')
