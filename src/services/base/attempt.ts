import * as Effect from "effect/Effect"

/**
 * Runs synchronous domain code, which throws its typed errors. An error without a tag is a defect. The caller names
 * `E`, because TypeScript does not know what is thrown.
 */
export const attempt = <A, E extends { readonly _tag: string }>(run: () => A): Effect.Effect<A, E> =>
  Effect.suspend(() => {
    try {
      return Effect.succeed(run())
    } catch (error) {
      return thrown<E>(error)
    }
  })

/** Turns a caught error into what `attempt` would return for it. */
export const thrown = <E extends { readonly _tag: string }>(error: unknown): Effect.Effect<never, E> =>
  error instanceof Error && "_tag" in error ? Effect.fail(error as unknown as E) : Effect.die(error)
