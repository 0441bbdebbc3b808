/** What programs without types may return by mistake where an effect is needed. */
import * as Effect from "effect/Effect"
import { shown } from "../../domain/format/checkOptions.ts"
import { InvalidArgument } from "../../domain/format/Errors.ts"

/** Returns the effect that a handler has returned. Otherwise throws `InvalidArgument`, which says what to return. */
export const anEffect = <A, E, R>(call: string, returned: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> => {
  if (Effect.isEffect(returned)) return returned
  const found: unknown = returned
  const what = found instanceof Promise ? "a Promise: wrap what it does in Effect.tryPromise" : shown(found)
  throw new InvalidArgument({ call, argument: "the result of the handler", why: `must be an Effect, not ${what}` })
}
