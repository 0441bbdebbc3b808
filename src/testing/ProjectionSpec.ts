/**
 * Tests of projections and views: given these events, then these rows, values or states. The events are in a store in memory, the
 * rows in SQLite in memory, and the projection runs as it does in production.
 *
 * Each check runs twice, and the second run must have the same result. In SQL, the second run rolls back the first
 * attempt of each handler; in a `KeyValueStore`, it begins without the checkpoint, as after a crash; a view runs again
 * from its initial state. So a handler that keeps state outside of the database fails the check.
 *
 * @example
 * ```ts
 * const spec = ProjectionSpec.given(balances, [
 *   GivenEvents.of(Account, "17", [{ type: "Deposited", data: { cents: 500 } }])
 * ])
 * const test = spec.thenRows(({ sql, table }) => sql`SELECT account, cents FROM ${sql(table("balance"))}`, [
 *   { account: "account-17", cents: 500 }
 * ])
 * ```
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import { layerMemory as keyValuesInMemory, KeyValueStore } from "effect/persistence/KeyValueStore"
import type { SqlClient } from "effect/sql/SqlClient"
import { AssertionError, deepStrictEqual } from "node:assert"
import { inspect, isDeepStrictEqual } from "node:util"
import type { EventSchemaError } from "../domain/event/EventErrors.ts"
import * as Projection from "../layers/Projection.ts"
import { checkpointPrefix } from "../layers/projections/keyValue.ts"
import * as SqliteClient from "../layers/SqliteClient.ts"
import { EventStore, type RecordedEvent } from "../services/EventStore.ts"
import * as View from "../services/View.ts"
import type { GivenEvents } from "./GivenEvents.ts"
import type { CheckFailed } from "./internal/spec/CheckFailed.ts"
import { asserting, checkFailure, type Failure, FirstFailure, unexpected } from "./internal/spec/firstFailure.ts"
import { openSpecStore } from "./internal/spec/SpecStore.ts"

/**
 * A check, which runs when the effect does. Fails with `AssertionError` if it finds something else, and with
 * `EventSchemaError` for given events that do not match their schemas.
 */
export type Check = Effect.Effect<void, CheckFailed | EventSchemaError>

/** The check that a handler fails. */
export interface Failing {
  /** Checks that the handler of an event fails, and that `check` returns true for the error and that event. */
  readonly thenFails: (check?: (error: unknown, event: RecordedEvent) => boolean) => Check
}

/** A projection in SQL, and events for it. */
export interface Given extends Failing {
  /**
   * Checks the rows of a query. Order them in the query: `ORDER BY`. Values are those of SQLite: whole numbers, texts, bytes
   * and `null`.
   */
  readonly thenRows: (
    query: (tools: Projection.Tools) => Effect.Effect<ReadonlyArray<object>, unknown>,
    rows: ReadonlyArray<object>
  ) => Check
}

/** A projection in a `KeyValueStore`, and events for it. */
export interface GivenKeyValue<Value> extends Failing {
  /** Checks the values of these keys; `undefined` for a key without a value. Other keys are not checked. */
  readonly thenValues: (values: { readonly [key: string]: Value | undefined }) => Check
}

/** A view, and events for it. */
export interface GivenView<State> extends Failing {
  /** Checks the state. */
  readonly thenState: (state: State) => Check
}

/** Begins a test of a projection in SQL with the events of the store. */
export const given = <Name extends string>(
  projection: Projection.Projection<Name>,
  events: ReadonlyArray<GivenEvents>
): Given => ({
  thenRows: (query, rows) => {
    const found = Effect.map(Effect.flatMap(Projection.current(projection), query), plainRows)
    return checkTwice(events, rows, (failure, isAgain) => runSql(projection, found, failure, isAgain))
  },
  thenFails: (check) =>
    Effect.flatMap(
      inStore(events, (failure) => runSql(projection, Effect.void, failure, false)),
      (result) => checkFailure(result, check)
    )
})

/** Begins a test of a projection in a `KeyValueStore` with the events of the store. */
export const givenKeyValue = <Name extends string, Value>(
  projection: Projection.KeyValueProjection<Name, Value>,
  events: ReadonlyArray<GivenEvents>
): GivenKeyValue<Value> => ({
  thenValues: (values) =>
    checkTwice(events, values, (failure, isAgain) => runKeyValue(projection, Object.keys(values), failure, isAgain)),
  thenFails: (check) =>
    Effect.flatMap(
      inStore(events, (failure) => runKeyValue(projection, [], failure, false)),
      (result) => checkFailure(result, check)
    )
})

/** Begins a test of a view with the events of the store. */
export const givenView = <Name extends string, State>(
  view: View.View<Name, State>,
  events: ReadonlyArray<GivenEvents>
): GivenView<State> => ({
  thenState: (state) => checkTwice(events, state, (failure) => readView(view, failure)),
  thenFails: (check) =>
    Effect.flatMap(
      inStore(events, (failure) => readView(view, failure)),
      (result) => checkFailure(result, check)
    )
})

/** Runs something over a store with events, up to the first failure. */
const inStore = <A>(
  events: ReadonlyArray<GivenEvents>,
  run: (failure: FirstFailure) => Effect.Effect<A, unknown, EventStore | Scope.Scope>
): Effect.Effect<Result.Result<A, Failure>, EventSchemaError> =>
  Effect.scoped(
    Effect.gen(function* () {
      const { store } = yield* openSpecStore(events)
      const failure = new FirstFailure()
      return yield* Effect.provideService(failure.orDone(run(failure)), EventStore, store)
    })
  )

const checkTwice = <A>(
  events: ReadonlyArray<GivenEvents>,
  expected: A,
  run: (failure: FirstFailure, isAgain: boolean) => Effect.Effect<unknown, unknown, EventStore | Scope.Scope>
): Check =>
  Effect.gen(function* () {
    for (const isAgain of [false, true]) {
      const result = yield* inStore(events, (failure) => run(failure, isAgain))
      const when = isAgain ? ", when events were handled again" : ""
      if (Result.isFailure(result)) return yield* Effect.fail(unexpected(result.failure, when))
      yield* asserting(() => assertEqual(result.success, expected, isAgain))
    }
  })

const assertEqual = (actual: unknown, expected: unknown, isAgain: boolean): void => {
  if (!isAgain || isDeepStrictEqual(actual, expected)) return deepStrictEqual(actual, expected)
  const message = `it is another result when events are handled again, so something is kept elsewhere than in the projection: ${inspect(actual)}`
  throw new AssertionError({ message, actual, expected, operator: "deepStrictEqual" })
}

/** Rows of SQLite have no prototype. */
const plainRows = (rows: ReadonlyArray<object>): ReadonlyArray<object> => rows.map((row) => ({ ...row }))

const runSql = <Name extends string, A>(
  projection: Projection.Projection<Name>,
  found: Effect.Effect<A, unknown, SqlClient>,
  failure: FirstFailure,
  isAgain: boolean
) => {
  const events = projection.options.events.map((part): Projection.Part => ({
    ...part,
    handle: (event, tools) => {
      const handle = Effect.suspend(() => part.handle(event, tools))
      return failure.of(event, isAgain ? Effect.andThen(rolledBack(tools, handle), handle) : handle)
    }
  }))
  return Effect.gen(function* () {
    const running = yield* Projection.run({ ...projection, options: { ...projection.options, events } })
    yield* running.whenCaughtUp
    return yield* found
  }).pipe(Effect.provide(Layer.fresh(SqliteClient.layerMemory)))
}

/** Runs a handler as in a transaction that is lost. */
const rolledBack = ({ sql }: Projection.Tools, handle: Effect.Effect<unknown, unknown>) =>
  Effect.exit(sql.withTransaction(Effect.andThen(handle, Effect.fail("rolled back"))))

const runKeyValue = <Name extends string, Value>(
  projection: Projection.KeyValueProjection<Name, Value>,
  keys: ReadonlyArray<string>,
  failure: FirstFailure,
  isAgain: boolean
) => {
  const parts = projection.parts.map((part): Projection.KeyValuePart<Value> => ({
    ...part,
    handle: (event, change) => failure.of(event, part.handle(event, change))
  }))
  const ran = Effect.gen(function* () {
    const running = yield* Projection.runKeyValue({ ...projection, parts })
    yield* running.whenCaughtUp
    const values = yield* Effect.forEach(keys, (key) => Effect.map(running.get(key), (value) => [key, value] as const))
    return Object.fromEntries(values)
  })
  const again = Effect.gen(function* () {
    yield* Effect.scoped(ran)
    const store = yield* KeyValueStore
    for (const key of yield* store.keys) if (key.startsWith(checkpointPrefix)) yield* store.remove(key)
    return yield* ran
  })
  return Effect.provide(isAgain ? again : ran, Layer.fresh(keyValuesInMemory))
}

const readView = <Name extends string, State>(view: View.View<Name, State>, failure: FirstFailure) => {
  const parts = view.parts.map((part): View.Part<State> => ({
    ...part,
    // A view that stops writes to the log.
    fold: (state, event) =>
      Effect.catchCause(
        failure.of(
          event,
          Effect.suspend(() => part.fold(state, event))
        ),
        () => Effect.never
      )
  }))
  return Effect.flatMap(View.run({ ...view, parts }), ({ read }) => read)
}
