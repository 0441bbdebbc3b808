/**
 * Keeps the view of a reader up to date while subscriptions wait for it: looks at the hint whenever the storage says
 * that it changed, and at a fixed interval whatever the storage says.
 */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import type { ReaderBusy } from "../../domain/format/Errors.ts"
import { Signal } from "../base/Signal.ts"
import { advanceReader } from "../lib/advanceReader.ts"
import type { LibHandle } from "../lib/LibHandle.ts"
import type { OpenError } from "../lib/OpenError.ts"
import type { StorageError } from "../ports/Storage.ts"

/** The longest time that a change stays unseen if nothing reports it. */
export const interval = Duration.millis(100)

/** A lib without a hint of this boot is looked at as a whole, which costs more: once in so many intervals. */
const unhintedEvery = 10

/** Looks in a row that a writer may disturb before subscriptions fail. */
const busyMax = 50

const followers = new WeakMap<LibHandle, ReaderFollower>()

/** Returns the one follower of a reader. */
export const followerOf = (handle: LibHandle): ReaderFollower => {
  const known = followers.get(handle)
  if (known !== undefined) return known
  const made = new ReaderFollower(handle)
  followers.set(handle, made)
  return made
}

export class ReaderFollower {
  readonly #handle: LibHandle
  readonly #changes = new Signal()
  #changed = false
  #subscribed = 0
  #work: Fiber.Fiber<void> | undefined
  #isWatched = false
  /** Whether the last look found a hint of this boot. */
  #isHinted = true
  #failure: Cause.Cause<OpenError | ReaderBusy> | undefined

  constructor(handle: LibHandle) {
    this.#handle = handle
  }

  /** Why the last look failed; `undefined` if it succeeded. */
  get failure(): Cause.Cause<OpenError | ReaderBusy> | undefined {
    return this.#failure
  }

  /** Whether changes are reported and mean something: without a hint nothing says what is acknowledged. */
  get isWatched(): boolean {
    return this.#isWatched && this.#isHinted
  }

  /** Looks once, now. */
  readonly look: Effect.Effect<void, OpenError | ReaderBusy> = Effect.suspend(() =>
    Effect.asVoid(advanceReader(this.#handle))
  )

  /** Keeps looking until the scope closes. All subscriptions share the work. */
  readonly looking: Effect.Effect<void, never, Scope.Scope> = Effect.acquireRelease(
    Effect.suspend(() => {
      if (this.#subscribed++ > 0) return Effect.void
      this.#failure = undefined
      return Effect.map(Effect.forkDetach(this.#always), (fiber) => {
        this.#work = fiber
      })
    }),
    () =>
      Effect.suspend(() => {
        if (--this.#subscribed > 0 || this.#work === undefined) return Effect.void
        const ended = this.#work
        this.#work = undefined
        return Effect.asVoid(Fiber.interrupt(ended))
      })
  )

  readonly #always: Effect.Effect<void> = Effect.suspend(() => {
    const scope = Scope.makeUnsafe()
    let looks = 0
    let busy = 0
    const once = Effect.suspend(() => {
      this.#changed = false
      return Effect.matchCauseEffect(advanceReader(this.#handle, looks++ % unhintedEvery === 0), {
        onFailure: (cause) => {
          if (Cause.hasInterrupts(cause)) return Effect.interrupt
          const isBusy = cause.reasons.every((one) => Cause.isFailReason(one) && one.error._tag === "ReaderBusy")
          // A busy writer disturbs some looks, and lets one succeed soon.
          if (!isBusy || ++busy === busyMax) this.#fail(cause)
          return Effect.void
        },
        onSuccess: (isHinted) =>
          Effect.sync(() => {
            busy = 0
            this.#isHinted = isHinted
            this.#failure = undefined
          })
      })
    })
    const pause = Effect.raceFirst(
      Effect.sleep(interval),
      this.#changes.until(() => this.#changed)
    )
    return this.#watch(scope).pipe(
      Effect.andThen(Effect.repeat(Effect.andThen(once, pause), { while: () => !this.#handle.guard.isClosed })),
      Effect.ensuring(Effect.suspend(() => Scope.close(scope, Exit.void)))
    )
  })

  #watch(scope: Scope.Scope): Effect.Effect<void> {
    const { root } = this.#handle
    if (root.hint.watch === undefined) return Effect.void
    const blind = (error: StorageError) =>
      Effect.suspend(() => {
        this.#isWatched = false
        return Effect.logWarning(
          `litetapes: ${root.location}: changes are not reported, so it is looked at every 100 ms: ${error.message}`
        )
      })
    const changed = (error?: StorageError): void => {
      if (error !== undefined) this.#isWatched = false
      this.#changed = true
      this.#changes.wake()
    }
    return Effect.matchEffect(Scope.provide(root.hint.watch(changed), scope), {
      onFailure: blind,
      onSuccess: () =>
        Effect.sync(() => {
          this.#isWatched = true
        })
    })
  }

  #fail(cause: Cause.Cause<OpenError | ReaderBusy>): void {
    this.#failure = cause
    this.#handle.news.wake()
  }
}
