/**
 * Internals of an open lib, for the services of this package but not for its users. They change when the lib is opened
 * again, so a service looks them up in each call and keeps none.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { invariant } from "../domain/base/invariant.ts"
import type { LibHandle } from "./lib/LibHandle.ts"
import type { Writer } from "./write/Writer.ts"

export interface Internals {
  readonly handle: LibHandle
  /** `undefined` in a reader. */
  readonly writer: Writer | undefined
}

/** Looks up the internals of a lib. */
export interface Access {
  /** Those of the present session, or of the last one if the lib is closed. */
  readonly current: Internals
  /** Waits for an attempt to open the lib again; `undefined` if there is no such attempt under way. */
  readonly attempt: Effect.Effect<void> | undefined
  /** Whether a stopped writer is opened again without a call of `reopen`. */
  readonly reopensItself: boolean
}

const known = new WeakMap<object, Access>()

export const register = (lib: object, access: Access): void => {
  known.set(lib, access)
}

/** Returns access to the internals of a lib. */
export const accessOf = (lib: object): Access => {
  const access = known.get(lib)
  invariant(access !== undefined, "a Lib comes from Lib.open")
  return access
}

export const internalsOf = (lib: object): Internals => accessOf(lib).current

/** Runs `use` on the present session. Waits first for an attempt to open the lib again. */
export const withSession = <S extends Internals, A, E, R>(
  access: Access & { readonly current: S },
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
export const streamOfSession = <A, E>(
  access: Access,
  use: (session: Internals) => Stream.Stream<A, E>
): Stream.Stream<A, E> =>
  Stream.suspend(() =>
    access.attempt === undefined
      ? use(access.current)
      : Stream.unwrap(Effect.map(access.attempt, () => use(access.current)))
  )
