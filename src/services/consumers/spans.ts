/** Spans of a consumer: one for each call of its handler, or for each transaction of calls. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type { RecordedEvent } from "../../domain/event/Event.ts"
import { inNewSpan, isTraced } from "../base/spans.ts"
import type { ConsumerState, EventSource } from "./ConsumerState.ts"
import type { Definition } from "./definition.ts"

/** What its spans are called: a projection runs as a consumer. */
export const Operation = Context.Reference<"consume" | "project">("litetapes/ConsumerOperation", {
  defaultValue: () => "consume"
})

interface Of {
  readonly definition: Pick<Definition<unknown, never>, "name" | "operation">
  readonly source: Pick<EventSource, "location">
  readonly state: Pick<ConsumerState, "end">
}

/** Runs a call of the handler in a span, where it is known that there is a tracer. */
export const inCallSpan = <A, E, R>(
  of: Of,
  { position, revision, stream, type }: RecordedEvent,
  call: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  inNewSpan(
    spanned(of, position, 1, {
      "litetapes.stream": stream,
      "litetapes.revision": revision,
      "litetapes.type": type
    }),
    () => call
  )

/** Runs a transaction in a span, if there is a tracer. The span fails if the transaction, or a call in it, does. */
export const inTransactionSpan = <A, E>(
  of: Of,
  positions: ReadonlyArray<number>,
  transaction: Effect.Effect<Exit.Exit<A, unknown>, E>
): Effect.Effect<Exit.Exit<A, unknown>, E> =>
  Effect.suspend(() => {
    if (!isTraced()) return transaction
    let called: Exit.Exit<A, unknown> | undefined
    const run = Effect.flatMap(transaction, (exit): Effect.Effect<A, unknown> => {
      called = exit
      return exit
    })
    const inIts = inNewSpan(spanned(of, positions.at(-1)!, positions.length, {}), () => run)
    // Without calls, the transaction itself failed.
    return Effect.flatMap(Effect.exit(inIts), (exit) =>
      called === undefined ? (exit as Exit.Exit<never, E>) : Effect.succeed(called)
    )
  })

const spanned = ({ definition, source, state }: Of, position: number, events: number, attributes: object) => ({
  operation: definition.operation,
  location: source.location,
  root: true,
  kind: "consumer" as const,
  attributes: {
    "litetapes.consumer": definition.name,
    "litetapes.events": events,
    "litetapes.position": position,
    "litetapes.lag": Math.max(0, state.end - 1 - position),
    ...attributes
  }
})
