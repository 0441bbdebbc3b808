/**
 * A tape that a user holds. The lib may be opened again meanwhile; the tape is then loaded from the present session when it
 * is used.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { LibClosed } from "../domain/format/Errors.ts"
import type { Access, Internals } from "./internals.ts"
import { withSession } from "./lib/Access.ts"
import type { LibHandle } from "./lib/LibHandle.ts"
import type { OpenTape } from "./lib/OpenTape.ts"
import type { LoadError } from "./lib/TapeRegistry.ts"

/** Errors of loading a tape again in another session. */
export type ReloadError = LoadError | LibClosed

/** A tape as one session has it. */
interface Held {
  readonly session: Internals
  readonly opened: OpenTape
}

export class HeldTape {
  readonly name: string
  readonly access: Access
  #held: Held

  constructor(access: Access, held: Held) {
    this.name = held.opened.name
    this.access = access
    this.#held = held
  }

  /** Its view in the last session that used it. A refreshed reader, or a recovery, may have a newer one. */
  get last(): OpenTape {
    return lastOf(this.#held)
  }

  /** Runs `use` in the present session. `current` returns the newest view, `opened` is the one that was loaded. */
  use<A, E>(
    use: (handle: LibHandle, opened: OpenTape, current: () => OpenTape) => Effect.Effect<A, E>
  ): Effect.Effect<A, E | ReloadError> {
    return this.#withHeld((held) => use(held.session.handle, held.opened, () => lastOf(held)))
  }

  /** Streams from the present session. */
  stream<A, E>(
    use: (handle: LibHandle, current: () => OpenTape) => Stream.Stream<A, E>
  ): Stream.Stream<A, E | ReloadError> {
    return Stream.suspend(() => {
      const held = this.#held
      if (this.#isPresent(held)) return use(held.session.handle, () => lastOf(held))
      return Stream.unwrap(this.use((handle, _, current) => Effect.succeed(use(handle, current))))
    })
  }

  /** Returns what `read` finds in memory. */
  look<A>(read: (handle: LibHandle, current: OpenTape, view: () => OpenTape) => A): Effect.Effect<A, ReloadError> {
    return this.use((handle, _, current) => Effect.sync(() => read(handle, current(), current)))
  }

  #isPresent({ session }: Held): boolean {
    return this.access.attempt === undefined && this.access.current === session
  }

  #withHeld<A, E>(use: (held: Held) => Effect.Effect<A, E>): Effect.Effect<A, E | ReloadError> {
    return Effect.suspend(() => (this.#isPresent(this.#held) ? use(this.#held) : Effect.flatMap(this.#load, use)))
  }

  readonly #load: Effect.Effect<Held, ReloadError> = Effect.suspend(() =>
    withSession(this.access, (session) => {
      if (session === this.#held.session) return Effect.succeed(this.#held)
      const opened = Effect.andThen(session.handle.guard.checkOpen, session.handle.tapes.get(this.name))
      return Effect.map(opened, (tape) => {
        this.#held = { session, opened: tape }
        return this.#held
      })
    })
  )
}

const lastOf = ({ opened, session }: Held): OpenTape => session.handle.tapes.known(opened.name) ?? opened
