import * as Effect from "effect/Effect"
import { BadLine } from "../../domain/json/BadLine.ts"
import { describeError } from "../../domain/json/describeError.ts"
import { TaraSONError } from "../../domain/json/TaraSONError.ts"

/**
 * Makes something of lines whose checksums are right. That proves who wrote them, not that they are what they should be:
 * where they are not, it fails with what `corrupt` makes of the reason, which holds nothing of them.
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

/** What a line that was read says against it; anything else that is thrown is a defect. */
export const whyBad = (error: unknown): string => {
  if (error instanceof BadLine || error instanceof TaraSONError) return describeError(error)
  throw error
}
