import * as Effect from "effect/Effect"
import { BadLine } from "../../domain/json/BadLine.ts"
import { describeError } from "../../domain/json/describeError.ts"
import { TaraSONError } from "../../domain/json/TaraSONError.ts"

/**
 * Decodes lines whose checksums match. A checksum shows that the bytes are unchanged, not that they are valid. If they
 * are not, fails with the error that `corrupt` returns for the reason; the reason quotes none of the bytes.
 */
export const decodeUntrusted = <A, E>(run: () => A, corrupt: (why: string) => E): Effect.Effect<A, E> =>
  Effect.suspend(() => {
    try {
      return Effect.succeed(run())
    } catch (error) {
      return Effect.fail(corrupt(whyBad(error)))
    }
  })

/** As `decodeUntrusted`, where it is an effect that looks at the lines. */
export const orBadLine = <A, E, R, E2>(
  effect: Effect.Effect<A, E, R>,
  corrupt: (why: string) => E2
): Effect.Effect<A, E | E2, R> =>
  Effect.catchDefect(effect, (defect) =>
    Effect.flatMap(
      decodeUntrusted(() => whyBad(defect), corrupt),
      (why) => Effect.fail(corrupt(why))
    )
  )

/** Returns why a line that was read is invalid. Rethrows any other error, which is a defect. */
export const whyBad = (error: unknown): string => {
  if (error instanceof BadLine || error instanceof TaraSONError) return describeError(error)
  throw error
}
