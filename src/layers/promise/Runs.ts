/** Runs effects of an open store as promises and async iterables: one run for each call. */
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { naming } from "../../domain/format/checkOptions.ts"
import { InvalidArgument, LibClosed } from "../../domain/format/Errors.ts"
import { Aborted } from "./Aborted.ts"
import { signalOf, type Table } from "./callChecks.ts"
import type { CallOptions } from "./CallOptions.ts"
import { atCaller, traceCaller, traceIteration } from "./callerStack.ts"

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

  /**
   * Runs what `make` returns; what it throws rejects the promise. `call` names the call in errors about its options. A call
   * whose service does not check them passes its table.
   */
  run<A, E>(
    kind: Kind,
    call: string,
    options: CallOptions | undefined,
    make: () => Effect.Effect<A, E, Services>,
    table?: Table
  ): Promise<A> {
    return traceCaller(this.#run(kind, call, options, make, table))
  }

  #run<A, E>(
    kind: Kind,
    call: string,
    options: CallOptions | undefined,
    make: () => Effect.Effect<A, E, Services>,
    table: Table | undefined
  ): Promise<A> {
    if (this.#closing !== undefined) return Promise.reject(this.#closed())
    let signal: AbortSignal | undefined
    if (options !== undefined) {
      try {
        signal = signalOf(call, options, table)
      } catch (refusal) {
        return Promise.reject(refusal)
      }
    }
    // Ends with the store, if it has not ended before.
    const fiber = Fiber.runIn(this.#fork(Effect.suspend(make)), this.#scope)
    return new Promise((resolve, reject) => {
      if (signal !== undefined) abortBy(signal, kind, fiber, reject)
      fiber.addObserver((exit) => (Exit.isSuccess(exit) ? resolve(exit.value) : reject(this.#errorOf(exit.cause))))
    })
  }

  /** An interruption that nobody asked for comes from `close`. */
  #errorOf(cause: Cause.Cause<unknown>): unknown {
    return Cause.hasInterruptsOnly(cause) ? this.#closed() : namingSignal(Cause.squash(cause))
  }

  #closed(): LibClosed {
    return new LibClosed({ location: this.#location })
  }

  /** Iterates over a stream. Each iteration reads it anew, and its first step is rejected if the options are wrong. */
  iterate<A, E>(
    call: string,
    options: CallOptions | undefined,
    make: () => Stream.Stream<A, E, Services>,
    table?: Table
  ): AsyncIterable<A> {
    if (options === undefined) return traceIteration(Stream.suspend(make), this.#context)
    let signal: AbortSignal | undefined
    try {
      signal = signalOf(call, options, table)
    } catch (refusal) {
      return traceIteration(Stream.fail(refusal), this.#context)
    }
    const values = traceIteration(Stream.mapError(Stream.suspend(make), namingSignal), this.#context)
    return signal === undefined ? values : abortable(values, signal)
  }

  /** Runs an effect that returns at once. */
  now<A, E>(effect: Effect.Effect<A, E, Services>): A {
    return Effect.runSyncWith(this.#context)(effect)
  }

  /** Runs `end`, then closes everything. Runs once; later calls get the same outcome. Refuses all calls from then on. */
  close(end: Effect.Effect<void, unknown>): Promise<void> {
    this.#closing ??= Effect.runPromise(Effect.ensuring(end, Scope.close(this.#scope, Exit.void)))
    return traceCaller(this.#closing)
  }
}

/** Runs a call that needs no open store. */
export const runOnce = <A, E>(
  kind: Kind,
  call: string,
  options: CallOptions | undefined,
  make: () => Effect.Effect<A, E>,
  table: Table
): Promise<A> => traceCaller(runNow(kind, call, options, make, table))

const runNow = async <A, E>(
  kind: Kind,
  call: string,
  options: CallOptions | undefined,
  make: () => Effect.Effect<A, E>,
  table: Table
): Promise<A> => {
  const signal = signalOf(call, options, table)
  if (signal === undefined) return Effect.runPromise(Effect.suspend(make))
  const fiber = Effect.runFork(Effect.suspend(make))
  return new Promise((resolve, reject) => {
    abortBy(signal, kind, fiber, reject)
    fiber.addObserver((exit) => (Exit.isSuccess(exit) ? resolve(exit.value) : reject(Cause.squash(exit.cause))))
  })
}

/** A service does not know that its call takes a signal here. */
const namingSignal = <E>(error: E): E | InvalidArgument =>
  error instanceof InvalidArgument ? naming(error, "signal") : error

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
    const iterator = values[Symbol.asyncIterator]()
    const end = async (): Promise<IteratorResult<A>> => {
      signal.removeEventListener("abort", endNow)
      return (await iterator.return?.()) ?? { done: true, value: undefined }
    }
    // Also between two steps: a subscription that nobody asks for more must not keep the process alive.
    const endNow = (): void => void end().catch(() => undefined)
    signal.addEventListener("abort", endNow, { once: true })
    const abort = async (): Promise<never> => {
      await end()
      throw new Aborted(false, signal.reason)
    }
    return {
      next: async () => {
        const step = await (signal.aborted ? abort() : unlessAborted(() => iterator.next(), signal, abort))
        if (step.done === true) signal.removeEventListener("abort", endNow)
        return step
      },
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
