import * as Effect from "effect/Effect"

/**
 * Runs synchronous code of the domain, which throws its typed errors. What is thrown without a tag is a defect.
 * The caller names `E`: TypeScript does not know what is thrown.
 */
export const attempt = <A, E extends { readonly _tag: string }>(run: () => A): Effect.Effect<A, E> =>
  Effect.suspend(() => {
    try {
      return Effect.succeed(run())
    } catch (error) {
      return thrown<E>(error)
    }
  })

/** What `attempt` makes of what was thrown, for who has caught it already. */
export const thrown = <E extends { readonly _tag: string }>(error: unknown): Effect.Effect<never, E> =>
  error instanceof Error && "_tag" in error ? Effect.fail(error as unknown as E) : Effect.die(error)
