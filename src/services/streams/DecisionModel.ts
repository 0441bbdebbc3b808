/** Decision models: several small projections, each with a query of its own, read at once and with one boundary. */
import * as Effect from "effect/Effect"
import { isArray } from "../../domain/base/isArray.ts"
import type { Boundary } from "../../domain/event/Boundary.ts"
import type { RecordedEvent } from "../../domain/event/Event.ts"
import { EventSchemaError } from "../../domain/event/EventErrors.ts"
import { matches, type Query, queryCheck, takeQuery } from "../../domain/event/Query.ts"
import {
  aCallback,
  anything,
  type Checks,
  refuseWrongOptions,
  shown,
  shownName,
  unreadable
} from "../../domain/format/checkOptions.ts"
import { InvalidArgument } from "../../domain/format/Errors.ts"
import { attempt } from "../base/attempt.ts"
import type { LibHandle } from "../lib/LibHandle.ts"
import type { AppendCondition } from "./Conditions.ts"
import { type QueryError, runQuery } from "./QueryReader.ts"

/** One thing that a decision needs to know, made of the events that match a query. `Category.projection` makes typed ones. */
export interface Projection<State> {
  /** Events that `evolve` is called with. */
  readonly query: Query
  /** State before the first event. Is shared by all decisions, so `evolve` must not change it. */
  readonly initialState: State
  /**
   * Returns the state after an event. If it throws an `EventSchemaError`, the decision model fails with that; anything else
   * that it throws is a defect.
   */
  readonly evolve: (state: State, event: RecordedEvent) => State
}

/** Projections by name. */
export type Projections<States> = { readonly [Name in keyof States]: Projection<States[Name]> }

/** What a decision rests on. */
export interface DecisionModel<States> {
  /** State of each projection, by its name. */
  readonly state: { readonly [Name in keyof States]: States[Name] }
  /** Up to where events were taken into account. It was taken before they were read. */
  readonly boundary: Boundary
  /** Condition for the append: no event that matches the query of any projection was appended after the boundary. */
  readonly condition: AppendCondition
}

/** Why a decision model could not be made. `EventSchemaError`: a projection of a category cannot decode an event. */
export type DecisionModelError = QueryError | EventSchemaError

/** Reads the events of all projections at once, and evolves each with those that match its own query. */
export const runDecisionModel = <States>(
  lib: LibHandle,
  projections: Projections<States>
): Effect.Effect<DecisionModel<States>, DecisionModelError> =>
  Effect.gen(function* () {
    const taken = yield* attempt<ReadonlyArray<Taken>, InvalidArgument>(() => takeAll(projections))
    const query = yield* attempt<Query, InvalidArgument>(() => anyOf(taken.map((one) => one.query)))
    const { boundary, events } = yield* runQuery(lib, query)
    const state = yield* evolveAll(taken, events)
    return { state: state as States, boundary, condition: { failIfEventsMatch: query, after: boundary } }
  })

/** A projection that was checked and copied. */
interface Taken extends Projection<unknown> {
  readonly name: string
}

const call = "EventStore.decisionModel"

const projectionChecks = {
  query: anything,
  initialState: anything,
  evolve: aCallback
} satisfies Checks<Projection<unknown>>

/** @throws InvalidArgument */
const takeAll = (projections: unknown): ReadonlyArray<Taken> => {
  const refuse = (why: string) => new InvalidArgument({ call, argument: "projections", why })
  if (typeof projections !== "object" || projections === null || isArray(projections))
    throw refuse(`must be an object with a projection for each name, not ${shown(projections)}`)
  let entries: ReadonlyArray<[string, unknown]>
  try {
    entries = Object.entries(projections)
  } catch {
    throw refuse(unreadable)
  }
  if (entries.length === 0) throw refuse("must not be empty: a decision rests on at least one projection")
  return entries.map(([name, projection]) => takeOne(name, projection))
}

const takeOne = (name: string, projection: unknown): Taken => {
  const argument = `projections.${shownName(name)}`
  const refuse = (why: string, below = "") => new InvalidArgument({ call, argument: `${argument}${below}`, why })
  refuseWrongOptions(call, projection ?? null, projectionChecks, argument)
  let given: Projection<unknown>
  try {
    const { evolve, initialState, query } = projection as Projection<unknown>
    given = { evolve, initialState, query }
  } catch {
    throw refuse(unreadable)
  }
  if (typeof given.evolve !== "function") throw refuse("must be a function", ".evolve")
  return { ...given, name, query: takeQuery(call, `${argument}.query`, given.query) }
}

/**
 * Returns the query for the events that match any of these. An item that several have is there once.
 *
 * @throws InvalidArgument
 */
const anyOf = (queries: ReadonlyArray<Query>): Query => {
  const items = new Map<string, Exclude<Query, "all">[number]>()
  for (const query of queries) {
    if (query === "all") return "all"
    for (const item of query) items.set(JSON.stringify(item), item)
  }
  const query = [...items.values()]
  const wrong = queryCheck(query)
  if (wrong === undefined) return query
  const why = `have queries that are too large together: a query ${wrong.why}`
  throw new InvalidArgument({ call, argument: "projections", why })
}

/** Returns the states by name. */
const evolveAll = (
  projections: ReadonlyArray<Taken>,
  events: ReadonlyArray<RecordedEvent>
): Effect.Effect<object, EventSchemaError> =>
  Effect.suspend(() => {
    try {
      const states = projections.map(({ evolve, initialState, name, query }) => {
        let state = initialState
        for (const event of events) if (matches(query, event)) state = evolve(state, event)
        return [name, state] as const
      })
      return Effect.succeed(Object.fromEntries(states))
    } catch (error) {
      return error instanceof EventSchemaError ? Effect.fail(error) : Effect.die(error)
    }
  })
