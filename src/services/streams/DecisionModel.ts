/** Decision models: several facts, each with a query of its own, read at once and with one boundary. */
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
import type { StorageError } from "../ports/Storage.ts"
import { prepared } from "./prepared.ts"
import { type QueryError, runQuery } from "./QueryReader.ts"

/** One thing that a decision needs to know, made of the events that match a query. `Category.fact` makes typed ones. */
export interface Fact<State> {
  /** Events that `evolve` is called with. */
  readonly query: Query
  /** Returns the state before the first event. If it throws, that is a defect. */
  readonly initialState: () => State
  /**
   * Returns the state after an event. If it throws an `EventSchemaError`, the decision model fails with that; anything else
   * that it throws is a defect.
   */
  readonly evolve: (state: State, event: RecordedEvent) => State
}

/** Facts by name. */
export type Facts<States> = { readonly [Name in keyof States]: Fact<States[Name]> }

/** The facts of a decision: their states, and the condition for the append. */
export interface DecisionModel<States> {
  /** State of each fact, by its name. */
  readonly state: { readonly [Name in keyof States]: States[Name] }
  /** Up to where events were taken into account. It was taken before they were read. */
  readonly boundary: Boundary
  /** Condition for the append: no event that matches the query of any fact was appended after the boundary. */
  readonly condition: AppendCondition
}

/** Why a decision model could not be made. `EventSchemaError`: a fact of a category cannot decode an event. */
export type DecisionModelError = QueryError | EventSchemaError

/** Reads the events of all facts at once, and evolves each with those that match its own query. */
export const runDecisionModel = <States>(
  lib: LibHandle,
  facts: Facts<States>
): Effect.Effect<DecisionModel<States>, DecisionModelError> =>
  Effect.gen(function* () {
    const taken = yield* attempt<ReadonlyArray<Taken>, InvalidArgument>(() => takeAll(facts))
    const query = yield* attempt<Query, InvalidArgument>(() => anyOf(taken.map((one) => one.query)))
    const { boundary, events } = yield* runQuery(lib, query)
    const state = yield* evolveAll(yield* prepareAll(taken, events), events)
    return { state: state as States, boundary, condition: { failIfEventsMatch: query, after: boundary } }
  })

/** A fact that was checked and copied. */
interface Taken extends Fact<unknown> {
  readonly name: string
}

const call = "EventStore.decisionModel"

const factChecks = {
  query: anything,
  initialState: aCallback,
  evolve: aCallback
} satisfies Checks<Fact<unknown>>

/** @throws InvalidArgument */
const takeAll = (facts: unknown): ReadonlyArray<Taken> => {
  const refuse = (why: string) => new InvalidArgument({ call, argument: "facts", why })
  if (typeof facts !== "object" || facts === null || isArray(facts))
    throw refuse(`must be an object with a fact for each name, not ${shown(facts)}`)
  let entries: ReadonlyArray<[string, unknown]>
  try {
    entries = Object.entries(facts)
  } catch {
    throw refuse(unreadable)
  }
  if (entries.length === 0) throw refuse("must not be empty: a decision rests on at least one fact")
  return entries.map(([name, fact]) => takeOne(name, fact))
}

const takeOne = (name: string, fact: unknown): Taken => {
  const argument = `facts.${shownName(name)}`
  const refuse = (why: string, below = "") => new InvalidArgument({ call, argument: `${argument}${below}`, why })
  refuseWrongOptions(call, fact ?? null, factChecks, argument)
  let given: Fact<unknown>
  try {
    const { evolve, initialState, query } = fact as Fact<unknown>
    given = { evolve, initialState, query }
  } catch {
    throw refuse(unreadable)
  }
  for (const option of ["initialState", "evolve"] as const)
    if (typeof given[option] !== "function") throw refuse("must be a function", `.${option}`)
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
  throw new InvalidArgument({ call, argument: "facts", why })
}

/** Number of events after which others get their turn. */
const eventsAtOnce = 256

/** Lets facts look up what they need for these events. */
const prepareAll = (
  facts: ReadonlyArray<Taken>,
  events: ReadonlyArray<RecordedEvent>
): Effect.Effect<ReadonlyArray<Taken>, StorageError> =>
  Effect.forEach(facts, (fact) => {
    const prepare = prepared.get(fact.evolve)
    return prepare === undefined ? Effect.succeed(fact) : Effect.map(prepare(events), (evolve) => ({ ...fact, evolve }))
  })

/**
 * Returns the states by name. Each event is shown to all facts before the next one, so that those of one category can
 * share what they decode.
 */
const evolveAll = (
  facts: ReadonlyArray<Taken>,
  events: ReadonlyArray<RecordedEvent>
): Effect.Effect<object, EventSchemaError> =>
  Effect.gen(function* () {
    const states = facts.map(({ initialState }) => initialState())
    for (let first = 0; first < events.length; first += eventsAtOnce) {
      if (first > 0) yield* Effect.yieldNow
      yield* evolvePage(facts, events.slice(first, first + eventsAtOnce), states)
    }
    return Object.fromEntries(facts.map(({ name }, at) => [name, states[at]]))
  })

/** Evolves each state with the events that match the query of its fact. */
const evolvePage = (
  facts: ReadonlyArray<Taken>,
  events: ReadonlyArray<RecordedEvent>,
  states: Array<unknown>
): Effect.Effect<void, EventSchemaError> => {
  try {
    for (const event of events) {
      for (let at = 0; at < facts.length; at++) {
        const { evolve, query } = facts[at]!
        if (matches(query, event)) states[at] = evolve(states[at], event)
      }
    }
    return Effect.void
  } catch (error) {
    return error instanceof EventSchemaError ? Effect.fail(error) : Effect.die(error)
  }
}
