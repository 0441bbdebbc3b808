/**
 * The sessions of one lib: from opening it to closing it. There is one at a time. After its writer has stopped, the lib
 * can be opened again: the stopped session ends and frees the lock, then the next one takes over. The lib stays the same
 * object for its users meanwhile.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import type { LibClosed } from "../domain/format/Errors.ts"
import type { FlushError } from "./write/flush.ts"
import { inBackground } from "./base/inBackground.ts"
import type { Access, Internals } from "./internals.ts"
import type { OpenError } from "./lib/OpenError.ts"
import type { OpenReport } from "./lib/openWriter.ts"
import type { WriteError } from "./lib/WriterGuard.ts"
import type { LoadError } from "./lib/TapeRegistry.ts"

/** The time between opening a lib and closing it. */
export interface Session extends Internals {
  readonly report: OpenReport
  /** Ends it, before its scope closes. */
  readonly end: Effect.Effect<void, FlushError | LoadError>
}

/** Errors of opening a lib again. */
export type ReopenError = OpenError | LibClosed

/** Waits 100 ms after a failed attempt, then twice as long each time, up to 30 seconds. */
export const defaultSchedule: Schedule.Schedule<unknown> = Schedule.min([
  Schedule.exponential("100 millis"),
  Schedule.spaced("30 seconds")
])

/** A session that lasts this long has shown that the lib can be written to. */
const lastingNanos = 30_000_000_000n

export class Sessions implements Access {
  readonly #openAgain: (scope: Scope.Scope, before: Session) => Effect.Effect<Session, OpenError>
  #current: Session
  /** Scope of the present session. It has no parent, so that it closes only after an attempt has ended. */
  #scope: Scope.Closeable
  #attempt: Deferred.Deferred<void, ReopenError> | undefined
  #isSupervised = false
  /** Set once the lib closes for good. */
  #isOver = false

  constructor(
    first: Session,
    scope: Scope.Closeable,
    openAgain: (scope: Scope.Scope, before: Session) => Effect.Effect<Session, OpenError>
  ) {
    this.#current = first
    this.#scope = scope
    this.#openAgain = openAgain
  }

  get current(): Session {
    return this.#current
  }

  get attempt(): Effect.Effect<void> | undefined {
    return this.#attempt === undefined ? undefined : Effect.exit(Deferred.await(this.#attempt)).pipe(Effect.asVoid)
  }

  get reopensItself(): boolean {
    return this.#isSupervised && !this.#isOver
  }

  /**
   * Opens the lib again if its writer has stopped, else does nothing. All callers share one attempt, which continues if
   * they are interrupted.
   */
  readonly reopen: Effect.Effect<void, ReopenError> = Effect.uninterruptibleMask((restore) =>
    Effect.suspend(() => {
      if (this.#attempt !== undefined) return restore(Deferred.await(this.#attempt))
      const { guard } = this.#current.handle
      if (this.#isOver) return Effect.fail(guard.closedError)
      if (guard.cause === undefined) return Effect.void
      const done = Deferred.makeUnsafe<void, ReopenError>()
      this.#attempt = done
      const replace = Effect.onExit(this.#replace, (exit) =>
        Effect.suspend(() => {
          this.#attempt = undefined
          return Deferred.done(done, exit)
        })
      )
      return Effect.andThen(Effect.forkDetach(Effect.uninterruptible(replace)), restore(Deferred.await(done)))
    })
  )

  readonly #replace: Effect.Effect<void, OpenError> = Effect.suspend(() => {
    const stopped = this.#current
    const { guard } = stopped.handle
    guard.closeToReopen()
    const scope = Scope.makeUnsafe()
    return Effect.ignore(stopped.end).pipe(
      // The lock is free from here on, and nothing of the stopped session can write.
      Effect.andThen(Scope.close(this.#scope, Exit.void)),
      Effect.andThen(this.#openAgain(scope, stopped)),
      Effect.onError((cause) => {
        guard.closeToReopen(messageOf(Cause.squash(cause)))
        return Scope.close(scope, Exit.failCause(cause))
      }),
      Effect.map((next) => {
        this.#current = next
        this.#scope = scope
      })
    )
  })

  /** Opens the lib again whenever its writer has stopped. Tries again by `schedule` after a failure. */
  supervise(schedule: Schedule.Schedule<unknown>): Effect.Effect<void> {
    const lasting = Effect.suspend(() => {
      // The scope is about to close.
      if (this.#isOver) return Effect.never
      const { guard, location } = this.#current.handle
      // A call has opened it meanwhile.
      if (guard.cause === undefined) return this.#remainsOpen
      const log = (what: string) =>
        Effect.logWarning(`litetapes: ${location}: its writer stopped (${guard.cause}), ${what}`)
      return this.reopen.pipe(
        Effect.tapError((error) => log(`and the lib could not be opened again: ${error.message}`)),
        Effect.andThen(log("so the lib was opened again")),
        Effect.andThen(this.#remainsOpen)
      )
    })
    const once = Effect.andThen(
      Effect.suspend(() => this.#current.handle.guard.stopped),
      Effect.retry(lasting, schedule)
    )
    const ended = Effect.sync(() => {
      this.#isSupervised = false
      this.#current.handle.news.wake()
    })
    this.#isSupervised = true
    const always = Effect.ensuring(inBackground(Effect.forever(once)), ended)
    return Effect.catchCause(always, (cause) =>
      Cause.hasInterrupts(cause)
        ? Effect.void
        : Effect.logError(
            `litetapes: ${this.#current.handle.location}: no further attempt to open it again, call lib.reopen to try`,
            cause
          )
    )
  }

  /**
   * Waits until the writer stops again, and fails if that is soon. A disk may allow to open the lib and refuse all that
   * follows: without a pause, the lib would then be opened again and again.
   */
  readonly #remainsOpen: Effect.Effect<void, WriteError> = Effect.suspend(() => {
    const { guard } = this.#current.handle
    return Effect.flatMap(Clock.monotonicTimeNanos, (opened) =>
      Effect.andThen(
        guard.stopped,
        Effect.flatMap(Clock.monotonicTimeNanos, (stopped) =>
          stopped - opened < lastingNanos ? guard.check : Effect.void
        )
      )
    )
  })

  /** Ends the present session for good, after an attempt that is under way. */
  readonly end: Effect.Effect<void, FlushError | LoadError> = Effect.suspend(() => {
    this.#isOver = true
    return Effect.andThen(
      this.attempt ?? Effect.void,
      Effect.suspend(() => this.#current.end)
    )
  })

  /** Closes the scope of the present session. */
  close(exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.#isOver = true
      return Effect.andThen(
        this.attempt ?? Effect.void,
        Effect.suspend(() => Scope.close(this.#scope, exit))
      )
    })
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
