/**
 * Spans of operations. They exist only where a program has installed a tracer: else an operation costs one look at its
 * fibre, and nothing is created (decision 0065).
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as LogLevel from "effect/LogLevel"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as Tracer from "effect/Tracer"

export type { AnySpan, Span } from "effect/Tracer"

type Attributes = Readonly<Record<string, unknown>>

/** What a span is about. */
interface Spanned {
  /** Names the span, after `litetapes.`. */
  readonly operation: string
  /** Location of the lib; left out if it becomes known only later. */
  readonly location?: string
  readonly attributes?: Attributes
  /** For what no caller waits for: the span that was open when its fibre began may have ended long ago. */
  readonly root?: boolean
  readonly kind?: Tracer.SpanKind
}

/**
 * Returns whether the fibre, by default the one that runs, has a tracer that may want a span. A span that is not sampled has
 * no children.
 */
export const isTraced = (fiber: Fiber.Fiber<unknown, unknown> | undefined = Fiber.getCurrent()): boolean => {
  if (fiber === undefined) return false
  const { span, tracer, tracerEnabled } = fiber.cache
  if (tracer === undefined || !tracerEnabled || tracer === Tracer.nativeTracer) return false
  return span === undefined || span.sampled
}

/** Runs `body` in a span if there is a tracer, and gives it the span. */
export const inSpan = <A, E, R>(
  spanned: () => Spanned,
  body: (span: Tracer.Span | undefined) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.withFiber((fiber) => (isTraced(fiber) ? inNewSpan(spanned(), body) : body(undefined)))

/** Does the same where it is known that there is a tracer. */
export const inNewSpan = <A, E, R>(
  spanned: Spanned,
  body: (span: Tracer.Span) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.useSpan(`litetapes.${spanned.operation}`, optionsOf(spanned), (span) =>
    body(span).pipe(
      Effect.onError((cause) => Effect.sync(() => noteFailure(span, cause))),
      Effect.provideService(Tracer.ParentSpan, span)
    )
  ) as Effect.Effect<A, E, R>

/** Streams in a span, which lasts until the stream ends or nobody reads on. Counts the elements. */
export const streamInSpan = <A, E, R>(spanned: Spanned, stream: Stream.Stream<A, E, R>): Stream.Stream<A, E, R> =>
  Stream.unwrap(
    Effect.map(Effect.makeSpanScoped(`litetapes.${spanned.operation}`, optionsOf(spanned)), (span) => {
      let count = 0
      span.attribute("litetapes.events", count)
      return stream.pipe(
        Stream.mapArray((events) => {
          count += events.length
          span.attribute("litetapes.events", count)
          return events
        }),
        Stream.tapCause((cause) => Effect.sync(() => noteFailure(span, cause))),
        Stream.provideService(Tracer.ParentSpan, span)
      )
    })
  ) as Stream.Stream<A, E, R>

/**
 * Begins a span of a fibre that runs for long, such as one of a batch. `links` are the spans of the calls that it works for.
 * Returns what ends it; `undefined` if there is no tracer, or if it is not sampled.
 */
export const beginSpan = (
  fiber: Fiber.Fiber<unknown, unknown>,
  spanned: Spanned,
  links: ReadonlyArray<Tracer.AnySpan>
): ((exit: Exit.Exit<unknown, unknown>) => void) | undefined => {
  if (!isTraced(fiber)) return undefined
  if (LogLevel.isGreaterThan(fiber.getRef(Tracer.MinimumTraceLevel), fiber.getRef(Tracer.CurrentTraceLevel)))
    return undefined
  const { attributes, kind } = optionsOf(spanned)
  const clock = fiber.getRef(Clock.Clock)
  const span = fiber.cache.tracer!.span({
    name: `litetapes.${spanned.operation}`,
    parent: Option.none(),
    annotations: Context.empty(),
    links: links.map((linked) => ({ span: linked, attributes: {} })),
    startTime: clock.currentTimeNanosUnsafe(),
    kind,
    root: true,
    sampled: true
  })
  for (const [key, value] of Object.entries(attributes)) span.attribute(key, value)
  return (exit) => {
    if (Exit.isFailure(exit)) noteFailure(span, exit.cause)
    span.end(clock.currentTimeNanosUnsafe(), exit)
  }
}

/** Runs `effect` without the span in which its fibre was started. */
export const withoutParent = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.updateContext(effect, (context: Context.Context<R>) => dropParent(context))

/**
 * Returns what gives the tracer of this fibre to effects whose fibre has no tracer: a scope may be closed by a program that has not
 * got the layers in it.
 */
export const keepTracer: Effect.Effect<<A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>> =
  Effect.withFiber((opening) => {
    const { tracer } = opening.cache
    return Effect.succeed(<A, E, R>(effect: Effect.Effect<A, E, R>) =>
      tracer === undefined
        ? effect
        : Effect.withFiber<A, E, R>((fiber) =>
            fiber.cache.tracer === undefined ? Effect.withTracer(effect, tracer) : effect
          )
    )
  })

/** Returns a context without the span that it has. */
export const dropParent = <R>(context: Context.Context<R>): Context.Context<R> =>
  Context.omit(Tracer.ParentSpan)(context as Context.Context<R | Tracer.ParentSpan>) as Context.Context<R>

const optionsOf = ({ attributes, kind = "internal", location, operation, root = false }: Spanned) => ({
  kind,
  root,
  attributes: {
    "db.system.name": "litetapes",
    "db.operation.name": operation,
    ...(location === undefined ? {} : { "db.namespace": location }),
    ...attributes
  }
})

const noteFailure = (span: Tracer.Span, cause: Cause.Cause<unknown>): void => {
  span.attribute("error.type", Cause.hasInterruptsOnly(cause) ? "interrupted" : tagOf(Cause.squash(cause)))
}

const tagOf = (error: unknown): string => {
  const tag: unknown = Reflect.get(Object(error), "_tag")
  if (typeof tag === "string") return tag
  return error instanceof Error ? error.name : "unknown"
}
