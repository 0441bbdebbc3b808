/**
 * Stack traces of rejected promises. An error is made in the fibre that met it, whose stack ends in the loop of Effect. It
 * says nothing about the caller, which has returned long ago.
 *
 * Nothing is captured while calls succeed. When one fails, the promise is rejected from a function that was awaiting, or in
 * a handler of the promise that its caller awaits; from there V8 finds the functions that wait for it.
 */

import type * as Context from "effect/Context"
import * as Stream from "effect/Stream"

/** Errors that have the stack of one caller. */
const traced = new WeakSet<Error>()

/** Returns the error with the stack of those who await the promise that `rejecting`, the function on the stack, rejects. */
export const atCaller = (error: unknown, rejecting: (...given: Array<never>) => unknown): unknown => {
  if (!(error instanceof Error)) return error
  const isOurs = identifierOf(error)?.startsWith("litetapes/") === true
  // An error of the caller, which may be frozen, or be thrown again and again.
  if (!isOurs && (traced.has(error) || !Object.isExtensible(error))) return error
  // Callers who wait for one attempt to reopen fail with the same error, and each of them waits in another place.
  const own = isOurs && traced.has(error) ? copyOf(error) : error
  const inside = own.stack
  Error.captureStackTrace(own, rejecting)
  const frames = framesOf(own.stack)
  // The message of one of our errors says it all. For any other, the place that threw it matters.
  if (frames.length === 0) own.stack = inside ?? ""
  else if (!isOurs) own.stack = [inside, ...frames].join("\n")
  if (frames.length > 0) traced.add(own)
  return own
}

/** Classes of errors, which take the fields of an error to make one. */
interface ErrorClass {
  new (fields: Error): Error
  readonly identifier?: string
}

const identifierOf = ({ constructor }: Error): string | undefined => (constructor as unknown as ErrorClass).identifier

const copyOf = (error: Error): Error => new (error.constructor as unknown as ErrorClass)(error)

const framesOf = (stack = ""): ReadonlyArray<string> => stack.split("\n").filter((line) => line.startsWith("    at "))

/** Rejects as `promise` does, with the stack of the caller. */
export const traceCaller = async <A>(promise: Promise<A>): Promise<A> => {
  try {
    return await promise
  } catch (error) {
    throw atCaller(error, traceCaller)
  }
}

/**
 * Iterates over a stream, and rejects each step with the stack of the caller. It takes a chunk of the stream at a time, so
 * that an event costs no more than the promise of its step.
 */
export const traceIteration = <A, E, R>(
  stream: Stream.Stream<A, E, R>,
  context: Context.Context<R>
): AsyncIterable<A> => {
  const chunks = Stream.toAsyncIterableWith(
    Stream.mapArray(stream, (chunk) => [chunk] as const),
    context
  )
  return { [Symbol.asyncIterator]: () => new Steps(chunks[Symbol.asyncIterator]()) }
}

class Steps<A> implements AsyncIterator<A> {
  readonly #chunks: AsyncIterator<ReadonlyArray<A>>
  #chunk: ReadonlyArray<A> = []
  #at = 0

  constructor(chunks: AsyncIterator<ReadonlyArray<A>>) {
    this.#chunks = chunks
  }

  next(): Promise<IteratorResult<A>> {
    return this.#at < this.#chunk.length
      ? Promise.resolve({ done: false, value: this.#chunk[this.#at++]! })
      : this.#chunks.next().then(this.#first, rejectAtCaller)
  }

  /** Returns the first value of a chunk, which is never empty. */
  readonly #first = (step: IteratorResult<ReadonlyArray<A>>): IteratorResult<A> => {
    if (step.done === true) return { done: true, value: undefined }
    this.#chunk = step.value
    this.#at = 1
    return { done: false, value: step.value[0]! }
  }

  return(): Promise<IteratorResult<A>> {
    this.#chunk = []
    return this.#chunks.return!().then(this.#first, rejectAtCaller)
  }
}

const rejectAtCaller = (error: unknown): never => {
  throw atCaller(error, rejectAtCaller)
}
