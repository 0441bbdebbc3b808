/** Runs effects of an open store as promises and async iterables: one run for each call. */
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { LibClosed } from "../../domain/format/Errors.ts"
import { atCaller, traceCaller, traceIteration } from "./callerStack.ts"
import { Aborted } from "./Aborted.ts"

/** What a call does, which decides how it can be aborted. */
export type Kind =
  /** Changes nothing. */
  | "read"
  /** Appends: rejects immediately when it is aborted, because its batch cannot be withdrawn any more. */
  | "append"
  /** Changes something else: rejects once it has ended. */
  | "change"

export class Runs<Services> {
  readonly #context: Context.Context<Services>
  readonly #scope: Scope.Closeable
  readonly #location: string
  readonly #fork: <A, E>(effect: Effect.Effect<A, E, Services>) => Fiber.Fiber<A, E>
  #closing: Promise<void> | undefined

  /** `scope` holds what is open. */
  constructor(context: Context.Context<Services>, scope: Scope.Closeable, location: string) {
    this.#context = context
    this.#scope = scope
    this.#location = location
    this.#fork = Effect.runForkWith(context)
  }

  /** Runs what `make` returns. A `TypeError` that it throws rejects the promise. */
  run<A, E>(kind: Kind, signal: AbortSignal | undefined, make: () => Effect.Effect<A, E, Services>): Promise<A> {
    return traceCaller(this.#run(kind, signal, make))
  }

  #run<A, E>(kind: Kind, signal: AbortSignal | undefined, make: () => Effect.Effect<A, E, Services>): Promise<A> {
    if (this.#closing !== undefined) return Promise.reject(this.#closed())
    const refusal = signal === undefined ? undefined : refusalOf(signal)
    if (refusal !== undefined) return Promise.reject(refusal)
    // Ends with the store, if it has not ended before.
    const fiber = Fiber.runIn(this.#fork(Effect.suspend(make)), this.#scope)
    return new Promise((resolve, reject) => {
      if (signal !== undefined) abortBy(signal, kind, fiber, reject)
      fiber.addObserver((exit) => (Exit.isSuccess(exit) ? resolve(exit.value) : reject(this.#errorOf(exit.cause))))
    })
  }

  /** An interruption that nobody asked for comes from `close`. */
  #errorOf(cause: Cause.Cause<unknown>): unknown {
    return Cause.hasInterruptsOnly(cause) ? this.#closed() : Cause.squash(cause)
  }

  #closed(): LibClosed {
    return new LibClosed({ location: this.#location })
  }

  /** Iterates over a stream. Each iteration reads it anew. */
  iterate<A, E>(signal: AbortSignal | undefined, make: () => Stream.Stream<A, E, Services>): AsyncIterable<A> {
    const values = traceIteration(Stream.suspend(make), this.#context)
    return signal === undefined ? values : abortable(values, signal)
  }

  /** Runs `end`, then closes everything. Runs once; later calls get the same outcome. Refuses all calls from then on. */
  close(end: Effect.Effect<void, unknown>): Promise<void> {
    this.#closing ??= Effect.runPromise(Effect.ensuring(end, Scope.close(this.#scope, Exit.void)))
    return traceCaller(this.#closing)
  }
}

/** Runs a call that needs no open store. */
export const runOnce = <A, E>(kind: Kind, signal: AbortSignal | undefined, effect: Effect.Effect<A, E>): Promise<A> =>
  traceCaller(fork(kind, signal, effect))

const fork = <A, E>(kind: Kind, signal: AbortSignal | undefined, effect: Effect.Effect<A, E>): Promise<A> => {
  if (signal === undefined) return Effect.runPromise(effect)
  const refusal = refusalOf(signal)
  if (refusal !== undefined) return Promise.reject(refusal)
  const fiber = Effect.runFork(effect)
  return new Promise((resolve, reject) => {
    abortBy(signal, kind, fiber, reject)
    fiber.addObserver((exit) => (Exit.isSuccess(exit) ? resolve(exit.value) : reject(Cause.squash(exit.cause))))
  })
}

/** Returns why a call with this signal must not begin. The signal may come from another realm. */
const refusalOf = (signal: AbortSignal): Aborted | TypeError | undefined => {
  if (typeof signal?.addEventListener !== "function" || typeof signal.aborted !== "boolean")
    return new TypeError("signal must be an AbortSignal")
  return signal.aborted ? new Aborted(false, signal.reason) : undefined
}

/** Interrupts the fibre once the signal aborts. Call it before the fibre has other observers: this one rejects first. */
const abortBy = <A, E>(
  signal: AbortSignal,
  kind: Kind,
  fiber: Fiber.Fiber<A, E>,
  reject: (error: unknown) => void
): void => {
  const abort = () => {
    fiber.interruptUnsafe()
    // A call that waits ends at once, and has changed nothing. An append that does not is being written.
    if (kind === "append" && fiber.pollUnsafe() === undefined) reject(new Aborted(true, signal.reason))
  }
  signal.addEventListener("abort", abort, { once: true })
  fiber.addObserver((exit) => {
    signal.removeEventListener("abort", abort)
    if (signal.aborted && Exit.hasInterrupts(exit)) reject(new Aborted(kind === "change", signal.reason))
  })
}

/** Ends an iteration with `Aborted`, so that what was read until then does not look like all there is. */
const abortable = <A>(values: AsyncIterable<A>, signal: AbortSignal): AsyncIterable<A> => ({
  [Symbol.asyncIterator]() {
    const refusal = refusalOf(signal)
    if (refusal instanceof TypeError) throw refusal
    const iterator = values[Symbol.asyncIterator]()
    const end = async (): Promise<IteratorResult<A>> => iterator.return?.() ?? { done: true, value: undefined }
    const abort = async (): Promise<never> => {
      await end()
      throw new Aborted(false, signal.reason)
    }
    return {
      next: () => (signal.aborted ? abort() : unlessAborted(() => iterator.next(), signal, abort)),
      return: end
    }
  }
})

const unlessAborted = async <A>(
  next: () => Promise<A>,
  signal: AbortSignal,
  abort: () => Promise<never>
): Promise<A> => {
  const { promise: aborted, resolve } = Promise.withResolvers<void>()
  const onAbort = () => resolve()
  signal.addEventListener("abort", onAbort, { once: true })
  try {
    const value = await Promise.race([next(), aborted])
    if (value !== undefined && !signal.aborted) return value
  } catch (error) {
    if (!signal.aborted) throw atCaller(error, unlessAborted)
  } finally {
    signal.removeEventListener("abort", onAbort)
  }
  return abort()
}
