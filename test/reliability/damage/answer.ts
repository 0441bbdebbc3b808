/** The answer of a lib to a read: what was returned, and the error at the end, if any. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"

/** The error of an operation; a defect has no `error`. */
export interface Failure {
  readonly error: { readonly _tag: string; readonly message: string } | undefined
  readonly text: string
}

/** One answer: what was returned, as canonical text, and the error that ended it, if any. */
export interface Answer {
  /** How it was read, for messages. */
  readonly way: string
  /** The kind of answer that an undamaged lib gives. */
  readonly expected: "records" | "segment" | "stream" | "all" | "revision" | "repeat" | "append"
  readonly tape?: string
  readonly segment?: number
  readonly stream?: string
  readonly reverse?: boolean
  readonly got: ReadonlyArray<string>
  readonly failure: Failure | undefined
}

export const failureOf = (cause: Cause.Cause<unknown>): Failure => {
  for (const reason of cause.reasons) {
    if (Cause.isFailReason(reason)) {
      const error = reason.error as { readonly _tag: string; readonly message: string }
      return { error, text: `${error._tag}: ${error.message}` }
    }
  }
  return { error: undefined, text: Cause.pretty(cause) }
}

type Tag = Omit<Answer, "got" | "failure">

/** Reads a stream to its end or to an error. */
export const collect = <A, E>(stream: Stream.Stream<A, E>, tag: Tag): Effect.Effect<Answer> =>
  Effect.suspend(() => {
    const got: Array<string> = []
    const take = (items: ReadonlyArray<A>) =>
      Effect.sync(() => {
        for (const item of items) got.push(JSON.stringify(item))
      })
    return Effect.map(Effect.exit(Stream.runForEachArray(stream, take)), (exit) => ({
      ...tag,
      got,
      failure: Exit.isFailure(exit) ? failureOf(exit.cause) : undefined
    }))
  })
