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
      if (error instanceof Error && "_tag" in error) return Effect.fail(error as unknown as E)
      return Effect.die(error)
    }
  })
