/** Crashes of a handler: after one of its appends, or after one of its calls. Each of these is a place, counted from 1. */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { EventStore } from "../../../services/EventStore.ts"

export class Crashes {
  /** The place at which it crashes, once. */
  readonly #at: number
  #passed = 0
  #place: string | undefined
  /** Whether the call that runs has crashed. */
  #isCrashing = false

  constructor(at = Number.POSITIVE_INFINITY) {
    this.#at = at
  }

  /** Number of places that were passed. */
  get passed(): number {
    return this.#passed
  }

  /** Describes where it crashed; `undefined` if it has not. */
  get place(): string | undefined {
    return this.#place
  }

  /** Whether the call that follows may crash, or has to be repeated because one did. */
  get mayCrash(): boolean {
    return this.#at !== Number.POSITIVE_INFINITY
  }

  /** Returns a store whose appends crash. */
  store(store: EventStore["Service"]): EventStore["Service"] {
    let appends = 0
    const crashing = <A, E>(append: Effect.Effect<A, E>): Effect.Effect<A, E> =>
      Effect.suspend(() => {
        if (this.#isCrashing) return crash
        return Effect.tap(append, () => this.#pass(`after append ${(appends += 1)}`))
      })
    return {
      ...store,
      append: (stream, events, options) => crashing(store.append(stream, events, options)),
      appendAll: (appends, options) => crashing(store.appendAll(appends, options))
    }
  }

  /** Runs a call of the handler. `onFailure` sees its failures, but no crash. */
  call<E, R>(
    call: Effect.Effect<unknown, E, R>,
    onFailure: (cause: Cause.Cause<E>) => Effect.Effect<unknown>
  ): Effect.Effect<void, E, R> {
    return Effect.suspend(() => {
      this.#isCrashing = false
      return Effect.flatMap(Effect.exit(call), (exit) => {
        // A program that has crashed does nothing more, not even a handler that catches everything.
        if (this.#isCrashing) return crash
        if (Exit.isSuccess(exit)) return this.#pass("after the handler")
        return Effect.andThen(onFailure(exit.cause), Effect.failCause(exit.cause))
      })
    })
  }

  #pass(place: string): Effect.Effect<void> {
    this.#passed += 1
    if (this.#passed !== this.#at) return Effect.void
    this.#place = place
    this.#isCrashing = true
    return crash
  }
}

const crash = Effect.die(new Error("the spec has crashed the handler"))
