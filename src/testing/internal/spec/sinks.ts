/** What a replay makes of events, in memory. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { SqlClient } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import { category as categoryOf } from "../../../domain/format/Placement.ts"
import { parseJson } from "../../../domain/json/strictDecode.ts"
import type * as Projection from "../../../layers/Projection.ts"
import { handlerOf } from "../../../layers/projections/definition.ts"
import { ProjectionFailed } from "../../../layers/projections/errors.ts"
import { toolsOf } from "../../../layers/projections/run.ts"
import * as SqliteClient from "../../../layers/SqliteClient.ts"
import type { RecordedEvent } from "../../../services/EventStore.ts"
import type { Part } from "../../../services/View.ts"

/** Takes events. */
export interface Sink<R = never> {
  /** Handles an event. */
  readonly handle: (event: RecordedEvent) => Effect.Effect<unknown, unknown, R>
  /** Runs calls of `handle` for events that follow each other, such as in a transaction, which may fail at its end. */
  readonly together: <E, S>(calls: Effect.Effect<void, E, S>) => Effect.Effect<void, E | SqlError, S>
}

const sinkOf = (handle: Sink["handle"]): Sink => ({ handle, together: (calls) => calls })

export const storingRows = (
  options: Required<Projection.Options<string>>
): Effect.Effect<Sink, ProjectionFailed, Scope.Scope> =>
  Effect.gen(function* () {
    const { events, init, name, version } = options
    const services = yield* Effect.orDie(Layer.build(Layer.fresh(SqliteClient.layerMemory)))
    const sql = Context.get(services, SqlClient)
    const tools = toolsOf(sql, version)
    yield* Effect.mapError(
      Effect.suspend(() => init(tools)),
      (error) => new ProjectionFailed({ projection: name, version, step: "init", error })
    )
    return {
      handle: handlerOf(events, tools),
      together: (calls) => sql.withTransaction(calls)
    }
  })

export const storingValues = <Value>(parts: ReadonlyArray<Projection.KeyValuePart<Value>>): Effect.Effect<Sink> =>
  Effect.sync(() => {
    const byCategory = new Map(parts.map((part) => [part.category, part]))
    // As they are stored.
    const texts = new Map<string, string>()
    const change = (key: string, fold: (value: Value | undefined) => Value | undefined) =>
      Effect.sync(() => {
        const text = texts.get(key)
        const value = JSON.stringify(fold(text === undefined ? undefined : (parseJson(text) as Value)))
        if (value === undefined) texts.delete(key)
        else texts.set(key, value)
      })
    return sinkOf((event) => byCategory.get(categoryOf(event.stream))?.handle(event, change) ?? Effect.void)
  })

export const viewing = <State>(initialState: () => State, parts: ReadonlyArray<Part<State>>): Effect.Effect<Sink> =>
  Effect.sync(() => {
    const byCategory = new Map(parts.map((part) => [part.category, part]))
    let state = initialState()
    return sinkOf((event) => {
      const part = byCategory.get(categoryOf(event.stream))
      return part === undefined ? Effect.void : Effect.map(part.fold(state, event), (next) => void (state = next))
    })
  })

export const decoding = (decode: Sink["handle"]): Effect.Effect<Sink> => Effect.succeed(sinkOf(decode))

export const foldingAggregates = <State>(
  decode: Sink["handle"],
  initialState: () => State,
  evolve: (state: State, event: unknown) => State
): Effect.Effect<Sink> =>
  Effect.sync(() => {
    const states = new Map<string, State>()
    return sinkOf((event) =>
      Effect.map(decode(event), (decoded) => {
        const before = states.has(event.stream) ? states.get(event.stream)! : initialState()
        states.set(event.stream, evolve(before, decoded))
      })
    )
  })
