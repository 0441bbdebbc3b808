/** The span of a call that handles commands, if there is a tracer. */
import * as Effect from "effect/Effect"
import { inSpan, type Span } from "./base/spans.ts"

interface Outcome {
  readonly events: ReadonlyArray<unknown>
  readonly revision: number
  readonly position?: number
  readonly repeated: boolean
}

/** Handles commands in a span. */
export const inCommandSpan = <O extends Outcome, E, R>(
  handle: (span: Span | undefined) => Effect.Effect<ReadonlyArray<O>, E, R>
): Effect.Effect<ReadonlyArray<O>, E, R> =>
  inSpan(
    () => ({ operation: "handle" }),
    (span) =>
      span === undefined
        ? handle(undefined)
        : Effect.map(handle(span), (outcomes) => {
            noteOutcomes(span, outcomes)
            return outcomes
          })
  )

/** Notes what is handled, once that is known. */
export const noteCommands = (
  span: Span,
  location: string,
  deciders: ReadonlyArray<{ readonly decider: { readonly name: string } }>,
  streams: ReadonlyArray<string>
): void => {
  span.attribute("db.namespace", location)
  span.attribute("litetapes.decider", [...new Set(deciders.map(({ decider }) => decider.name))].join(","))
  if (streams.length === 1) span.attribute("litetapes.stream", streams[0])
  else span.attribute("litetapes.streams", streams.length)
}

const noteOutcomes = (span: Span, outcomes: ReadonlyArray<Outcome>): void => {
  let events = 0
  let position = -1
  for (const outcome of outcomes) {
    events += outcome.events.length
    position = Math.max(position, outcome.position ?? -1)
  }
  const [only] = outcomes
  span.attribute("litetapes.events", events)
  if (position >= 0) span.attribute("litetapes.position", position)
  if (only === undefined) return
  if (outcomes.length === 1) span.attribute("litetapes.revision", only.revision)
  span.attribute("litetapes.repeated", only.repeated)
}
