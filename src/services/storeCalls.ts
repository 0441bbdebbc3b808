/** Calls of an event store: each in the present session of its lib, and in a span if there is a tracer. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type * as Stream from "effect/Stream"
import { ReadOnly } from "../domain/format/Errors.ts"
import { appenderOf } from "./appenders.ts"
import { type AnySpan, inNewSpan, inSpan, isTraced, type Span, streamInSpan } from "./base/spans.ts"
import * as EventContext from "./EventContext.ts"
import type { Access, Internals } from "./internals.ts"
import { streamOfSession, withSession } from "./lib/Access.ts"
import type { AppendResult, EventAppender, EventAppendError } from "./streams/EventAppender.ts"

/** Appends with the appender of the present session. */
type Append<A> = (
  appender: EventAppender,
  clock: Clock.Clock,
  context: EventContext.Values | undefined,
  span: AnySpan | undefined
) => Effect.Effect<A, EventAppendError>

type Appended = AppendResult | ReadonlyArray<AppendResult>

export interface StoreCalls {
  /** Runs an append: of one stream, or of several if there is no `stream`. */
  readonly append: <A extends Appended>(
    stream: string | undefined,
    append: Append<A>
  ) => Effect.Effect<A, EventAppendError>
  /** Runs a read of one stream, or of all if there is no `stream`. */
  readonly read: <A, E>(
    stream: string | undefined,
    use: (session: Internals) => Stream.Stream<A, E>
  ) => Stream.Stream<A, E>
  readonly query: <A, E>(use: (session: Internals) => Effect.Effect<A, E>) => Effect.Effect<A, E>
}

/** Returns the calls of the event stores of a lib. */
export const storeCalls = (access: Access, location: string): StoreCalls => {
  const appendNow = <A>(
    fiber: Fiber.Fiber<unknown, unknown>,
    append: Append<A>,
    span: AnySpan | undefined
  ): Effect.Effect<A, EventAppendError> => {
    // The usual case of `withSession`, in the same step as the clock: an append is the hot path.
    if (access.attempt !== undefined) {
      return Effect.andThen(
        access.attempt,
        Effect.suspend(() => appendNow(fiber, append, span))
      )
    }
    const appender = appenderOf(access.current)
    if (appender === undefined) return Effect.fail(new ReadOnly({ location }))
    return append(appender, fiber.getRef(Clock.Clock), fiber.getRef(EventContext.EventContext), span)
  }
  return {
    append: (stream, append) =>
      Effect.withFiber((fiber) =>
        isTraced(fiber)
          ? inNewSpan({ operation: "append", location, attributes: streamOf(stream) }, (span) =>
              Effect.map(appendNow(fiber, append, span), (result) => {
                noteResult(span, result)
                return result
              })
            )
          : appendNow(fiber, append, undefined)
      ),
    read: (stream, use) =>
      streamOfSession(access, (session) =>
        isTraced()
          ? streamInSpan({ operation: "read", location, attributes: streamOf(stream) }, use(session))
          : use(session)
      ),
    query: (use) =>
      inSpan(
        () => ({ operation: "query", location }),
        () => withSession(access, use)
      )
  }
}

/** What a caller gives may be anything. */
export const streamOf = (stream: unknown) => (typeof stream === "string" ? { "litetapes.stream": stream } : {})

/** Notes in the span of an append what was appended. */
export const noteResult = (span: Span, result: Appended): void => {
  const results = "stream" in result ? [result] : result
  let events = 0
  let position = -1
  for (const { firstRevision, lastPosition, lastRevision } of results) {
    if (lastPosition >= 0) events += lastRevision - firstRevision + 1
    position = Math.max(position, lastPosition)
  }
  const [only] = results
  span.attribute("litetapes.events", events)
  if (position >= 0) span.attribute("litetapes.position", position)
  if ("stream" in result) span.attribute("litetapes.revision", result.lastRevision)
  else span.attribute("litetapes.streams", results.length)
  if (only !== undefined) span.attribute("litetapes.repeated", only.repeated)
}
