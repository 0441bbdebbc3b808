/**
 * Decides whether the writer of a lib may still write. The guard stops the writer for good at its first failed step
 * (I6), and closes it. A reader has a guard too, which refuses every write.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { LibClosed, ReadOnly, WriterPoisoned } from "../../domain/format/Errors.ts"
import { Signal } from "../base/Signal.ts"
import type { Root } from "../ports/Storage.ts"

/**
 * Errors that a writing operation may meet at any step. After `WriterPoisoned`, call `lib.reopen`. `LibClosed` means that
 * its scope has closed, `ReadOnly` that it is a reader.
 */
export type WriteError = WriterPoisoned | LibClosed | ReadOnly

/** Permission for a long operation to continue: the guard itself, or `atEnd`. */
export interface Leave {
  /** Fails unless the operation may continue. Run it before each piece of work. */
  readonly check: Effect.Effect<void, WriteError>
  /** Runs an operation until it ends, or until it may not continue. */
  readonly whileOpen: <A, E, R>(operation: Effect.Effect<A, E, R>) => Effect.Effect<A, E | LibClosed, R>
}

export class WriterGuard implements Leave {
  readonly #root: Pick<Root, "location" | "mode" | "checkLock">
  #cause: string | undefined
  #closed = false
  /** Set if the lib closed to be opened again. */
  #why: string | undefined
  /** Message of the error that the last attempt to open the lib again failed with. */
  #reopening: string | undefined
  readonly #news: Signal
  readonly #stopped = Deferred.makeUnsafe<void>()
  /** Operations that closing interrupts. */
  readonly #interruptible = new Set<Fiber.Fiber<unknown, unknown>>()

  /** `news` wakes the fibres that wait for batches: after a stop, none may follow. */
  constructor(root: Pick<Root, "location" | "mode" | "checkLock">, news: Signal = new Signal()) {
    this.#root = root
    this.#news = news
  }

  /** First cause of the stop; `undefined` while the writer runs. */
  get cause(): string | undefined {
    return this.#cause
  }

  get isClosed(): boolean {
    return this.#closed
  }

  /** Waits until the writer has stopped. */
  get stopped(): Effect.Effect<void> {
    return Deferred.await(this.#stopped)
  }

  /** Returns the error of a call that needs the lib open, if it is closed. */
  get closedError(): LibClosed {
    const { location } = this.#root
    return new LibClosed(this.#why === undefined ? { location } : { location, why: this.#why })
  }

  /** Returns why nothing may be written now, or `undefined`. Call it again after every wait (I6). */
  refusal(): WriteError | undefined {
    const { location, mode } = this.#root
    if (this.#cause !== undefined) return this.#poisoned(this.#cause)
    if (this.#closed) return this.closedError
    if (mode === "read") return new ReadOnly({ location })
    return undefined
  }

  /** Fails unless the writer may write. */
  readonly check: Effect.Effect<void, WriteError> = Effect.suspend(() => {
    const refusal = this.refusal()
    return refusal === undefined ? Effect.void : Effect.fail(refusal)
  })

  /** Permission for what the writer does while it closes: only a failure ends it. */
  readonly atEnd: Leave = {
    check: Effect.suspend(() => (this.#cause === undefined ? Effect.void : Effect.fail(this.stop(this.#cause)))),
    whileOpen: (operation) => operation
  }

  /** Fails if the lib is closed. */
  readonly checkOpen: Effect.Effect<void, LibClosed> = Effect.suspend(() =>
    this.#closed ? Effect.fail(this.closedError) : Effect.void
  )

  /** Stops the writer for good. The first cause stays. */
  stop(cause: string): WriterPoisoned {
    this.#cause ??= cause
    Deferred.doneUnsafe(this.#stopped, Exit.void)
    this.#news.wake()
    return this.#poisoned(this.#cause)
  }

  #poisoned(cause: string): WriterPoisoned {
    const { location } = this.#root
    const reopening = this.#reopening
    return new WriterPoisoned(reopening === undefined ? { location, cause } : { location, cause, reopening })
  }

  /**
   * Closes the lib to open it again. What still runs then fails with `LibClosed`. Once an attempt has failed with
   * `failure`, so does every call, until another one succeeds.
   */
  closeToReopen(failure?: string): void {
    this.#reopening = failure
    this.#why =
      failure === undefined
        ? "and is opened again meanwhile. Repeat the call; get a segment from its tape again."
        : `and could not be opened again: ${failure.replace(/\.$/, "")}. Call lib.reopen to try again.`
    this.close()
  }

  /** Closes the lib: refuses all further writes, and interrupts long operations. */
  close(): void {
    this.#closed = true
    for (const fiber of this.#interruptible) fiber.interruptUnsafe()
    this.#news.wake()
  }

  /**
   * Runs one step that writes. A failure stops the writer of the whole lib at that call (I6). The step also fails if
   * another one stopped the writer meanwhile, so that no next step follows.
   */
  step<A, E extends { readonly message: string }>(step: Effect.Effect<A, E>): Effect.Effect<A, WriterPoisoned> {
    return Effect.suspend(() => {
      if (this.#cause !== undefined) return Effect.fail(this.stop(this.#cause))
      return Effect.matchEffect(step, {
        onFailure: (error) => Effect.fail(this.stop(error.message)),
        onSuccess: (value) => (this.#cause === undefined ? Effect.succeed(value) : Effect.fail(this.stop(this.#cause)))
      })
    })
  }

  /** Fails if the lock is lost: an unlinked lock file lets a second writer in, whose files must not be changed. */
  readonly checkLock: Effect.Effect<void, WriterPoisoned> = Effect.suspend(() => this.step(this.#root.checkLock))

  /**
   * Runs an operation that writes files which no meta lists yet. Its failure is its caller's alone, unless the storage can
   * promise nothing more: then the writer stops at once, and not only at its next step (I6).
   */
  aside<A, E, R>(operation: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    return Effect.tapError(operation, () => Effect.ignore(this.checkLock))
  }

  /** Runs a long operation that closing interrupts. Returns after the operation has cleaned up. */
  whileOpen<A, E, R>(operation: Effect.Effect<A, E, R>): Effect.Effect<A, E | LibClosed, R> {
    return Effect.acquireUseRelease(
      Effect.tap(Effect.forkChild(Effect.interruptible(operation)), (fiber) =>
        Effect.sync(() => {
          this.#interruptible.add(fiber)
          if (this.#closed) fiber.interruptUnsafe()
        })
      ),
      (fiber) =>
        Effect.flatMap(Fiber.await(fiber), (exit): Effect.Effect<A, E | LibClosed> => {
          if (!this.#closed || !Exit.hasInterrupts(exit)) return exit
          return Effect.fail(this.closedError)
        }),
      (fiber) => {
        this.#interruptible.delete(fiber)
        return Fiber.interrupt(fiber)
      }
    )
  }
}
