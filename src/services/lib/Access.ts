/**
 * Access to the present session of a lib. It changes when the lib is opened again, so whoever uses it looks it up in each
 * call and keeps none.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { LibHandle } from "./LibHandle.ts"

/** What every session has. */
export interface HasHandle {
  readonly handle: LibHandle
}

/** Looks up the present session of a lib. */
export interface Access<S extends HasHandle = HasHandle> {
  /** The present session, or the last one if the lib is closed. */
  readonly current: S
  /** Waits for an attempt to open the lib again; `undefined` if there is no such attempt under way. */
  readonly attempt: Effect.Effect<void> | undefined
  /** Whether a stopped writer is opened again without a call of `reopen`. */
  readonly reopensItself: boolean
  /** Whether a reader may become the writer, and a writer a reader. Default: false. */
  readonly changesRole?: boolean
}

/** Runs `use` on the present session. Waits first for an attempt to open the lib again. */
export const withSession = <S extends HasHandle, A, E, R>(
  access: Access<S>,
  use: (session: S) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.suspend(() =>
    access.attempt === undefined
      ? use(access.current)
      : Effect.andThen(
          access.attempt,
          Effect.suspend(() => use(access.current))
        )
  )

/** Does the same for a stream. */
export const streamOfSession = <S extends HasHandle, A, E>(
  access: Access<S>,
  use: (session: S) => Stream.Stream<A, E>
): Stream.Stream<A, E> =>
  Stream.suspend(() =>
    access.attempt === undefined
      ? use(access.current)
      : Stream.unwrap(Effect.map(access.attempt, () => use(access.current)))
  )
