/** Places that a command is given besides the lib. */
import * as Effect from "effect/Effect"
import { LibInvalid } from "../domain/format/Errors.ts"
import { Usage } from "./errors.ts"

/** Turns what is wrong with the other place into a wrong argument: it says nothing of the lib. */
export const otherPlace = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E | Usage, R> =>
  Effect.mapError(effect, (error) =>
    error instanceof LibInvalid
      ? new Usage({ message: `${error.location} cannot be used for this: ${error.why}` })
      : error
  )
