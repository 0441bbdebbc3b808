/**
 * Projections: read models in tables of a SQL database, kept up to date from the events. Rows and checkpoint are changed
 * in one transaction, so each event counts exactly once, whatever is killed at any moment.
 *
 * A projection has a version. A new version gets tables of its own and handles all events, while programs still read
 * the old one. Once it has caught up, it becomes the current version. Handlers get only the database, so handling all
 * events again has no other effect.
 *
 * @example
 * ```ts
 * const balances = Projection.make({
 *   name: "balances",
 *   version: 1,
 *   init: ({ sql, table }) =>
 *     sql`CREATE TABLE ${sql(table("balance"))} (account TEXT PRIMARY KEY, cents INTEGER NOT NULL)`,
 *   drop: ({ sql, table }) => sql`DROP TABLE ${sql(table("balance"))}`,
 *   events: [
 *     Projection.on(Account, {
 *       Opened: "ignore",
 *       Deposited: ({ data, stream }, { sql, table }) =>
 *         sql`INSERT INTO ${sql(table("balance"))} AS b VALUES (${stream}, ${data.cents})
 *           ON CONFLICT (account) DO UPDATE SET cents = b.cents + excluded.cents`
 *     })
 *   ]
 * })
 * const program = Effect.gen(function* () {
 *   const running = yield* balances.running
 *   const { lastPosition } = yield* Account.append("17", [{ type: "Deposited", data: { cents: 500 } }])
 *   yield* running.whenProcessed(lastPosition)
 *   const { sql, table } = yield* Projection.current(balances)
 *   yield* sql`SELECT cents FROM ${sql(table("balance"))} WHERE account = 'account-17'`
 * })
 * program.pipe(
 *   Effect.provide(Projection.layer(balances)),
 *   Effect.provide([EventStore.layer("./bank"), SqliteClient.layer("./read-models.db")]),
 *   Effect.provide(NodeStorage.layer)
 * )
 * ```
 *
 * @see `litetapes/SqliteClient` for SQLite, `litetapes/Consumer` for effects outside a database
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { KeyValueStore, KeyValueStoreError } from "effect/persistence/KeyValueStore"
import { SqlClient } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import type * as Category from "../services/Category.ts"
import type { OpenConsumerError } from "../services/Consumer.ts"
import type { EventStore } from "../services/EventStore.ts"
import type { ConsumerClaimed } from "../services/ports/CheckpointStore.ts"
import type { StorageError } from "../services/ports/Storage.ts"
import {
  checkProjection,
  type Handler,
  type Handlers,
  type Options,
  type Part,
  partOf,
  type RunOptions,
  type Tools
} from "./projections/definition.ts"
import { type DropError, dropProjection, type DropOptions } from "./projections/dropProjection.ts"
import { ProjectionFailed, ProjectionIsCurrent } from "./projections/errors.ts"
import {
  dropKeyValue as dropping,
  keyValueDefinition,
  type KeyValueFold,
  type KeyValueFolds,
  type KeyValueOn,
  type KeyValueOptions,
  type KeyValuePart,
  type KeyValueRunning,
  runKeyValue as running
} from "./projections/keyValue.ts"
import { Registry } from "./projections/Registry.ts"
import { type Progress, registryTable, type RunError, type Running, runProjection, toolsOf } from "./projections/run.ts"

export { ProjectionFailed, ProjectionIsCurrent }
export type { KeyValueFold, KeyValueFolds, KeyValueOn, KeyValueOptions, KeyValuePart, KeyValueRunning }
export type { DropError, DropOptions, Handler, Handlers, Options, Part, Progress, RunError, RunOptions, Running, Tools }

/** A projection, which does nothing until it runs. */
export interface Projection<Name extends string = string> {
  /** Names the projection. */
  readonly name: Name
  /** Its version, from 1. */
  readonly version: number
  /** The options that it was made with, and the default of `version`. */
  readonly options: Required<Options<Name>>
  /** The running projection that `layer` provides, as a service. */
  readonly running: Context.Service<Running<Name>, Running<Name>>
}

/**
 * Makes a projection.
 *
 * @throws InvalidArgument for an option that it does not know, or a value that it cannot take
 */
export const make = <const Name extends string>(options: Options<Name>): Projection<Name> => {
  checkProjection(options)
  const { name, version = 1 } = options
  return {
    name,
    version,
    options: { ...options, version },
    running: Context.Service<Running<Name>>(`litetapes/Projection/${name}/${version}`)
  }
}

/**
 * Returns the handlers of a category for `make`: one for each type, the retired ones included, so that the compiler
 * finds a forgotten type. A handler changes rows by the client that it is given, and must have no other effect. It may
 * be called again for an event whose transaction was rolled back.
 *
 * @throws InvalidArgument if a type has no handler, or a handler no type
 */
export const on = <S extends Category.Schemas, R extends Category.Schemas, M>(
  category: Category.Category<S, R, M>,
  handlers: Handlers<S, R, M>
): Part => partOf(category, handlers)

/**
 * Runs a projection until the scope closes, which waits for the running transaction. Creates the tables of a version
 * that is new to the database. Returns once the projection runs. If it stops by itself, it logs an error, its `status`
 * says why, and `stopped` fails.
 *
 * Fails with `ConsumerClaimed` if this version runs already, and with `NotInHistory` if its rows come from other events
 * than those of the store: drop it and run it again. Interrupting a run that has not caught up does not affect other
 * versions.
 */
export const run = <Name extends string>(
  projection: Projection<Name>,
  options?: RunOptions
): Effect.Effect<Running<Name>, RunError, EventStore | SqlClient | Scope.Scope> =>
  runProjection(projection.options, options)

/** Runs a projection as long as the layer is used, and provides it as `projection.running`. */
export const layer = <Name extends string>(
  projection: Projection<Name>,
  options?: RunOptions
): Layer.Layer<Running<Name>, RunError, EventStore | SqlClient> =>
  Layer.effect(projection.running, run(projection, options))

/**
 * Returns the client and the tables with which to read a projection: those of its current version, the last one that
 * has caught up. After you increase the version it stays the earlier one until the new one has caught up. If no version
 * has, it is the version of `projection`, whose tables lack events and may not exist yet.
 */
export const current = <Name extends string>(projection: Projection<Name>): Effect.Effect<Tools, SqlError, SqlClient> =>
  Effect.gen(function* () {
    const sql = yield* SqlClient
    const registry = new Registry(sql, registryTable)
    // It creates nothing: a client that only reads can ask too.
    const version = (yield* registry.exists) ? yield* registry.current(projection.name) : undefined
    return toolsOf(sql, version ?? projection.version)
  })

/**
 * Drops a version of a projection: its tables and its checkpoint, in one transaction. Fails with `ConsumerClaimed` if
 * it runs, and with `ProjectionIsCurrent` if it is the current version, unless `evenIfCurrent` is set.
 */
export const drop = <Name extends string>(
  projection: Projection<Name>,
  options?: DropOptions
): Effect.Effect<void, DropError, SqlClient> => dropProjection(projection.options, options)

/** A projection in a `KeyValueStore`, which does nothing until it runs. */
export interface KeyValueProjection<Name extends string, Value> {
  /** Names the projection. */
  readonly name: Name
  /** Its version, from 1. */
  readonly version: number
  /** The folds of its categories. */
  readonly parts: ReadonlyArray<KeyValuePart<Value>>
  /** The running projection that `layerKeyValue` provides, as a service. */
  readonly running: Context.Service<KeyValueRunning<Name, Value>, KeyValueRunning<Name, Value>>
}

/**
 * Makes a projection whose values are in a `KeyValueStore` of Effect, by keys. A value is stored with the position of its last
 * event, so an event that is handled again after a crash changes nothing. It costs a read and a write for each event.
 *
 * @example
 * ```ts
 * const balances = Projection.makeKeyValue<"balances", number>({
 *   name: "balances",
 *   events: (on) => [
 *     on(Account, ({ stream }) => stream, { Opened: () => 0, Deposited: (cents = 0, { data }) => cents + data.cents })
 *   ]
 * })
 * ```
 *
 * @throws InvalidArgument for an option that it does not know, or a value that it cannot take
 */
export const makeKeyValue = <const Name extends string, Value>(
  options: KeyValueOptions<Name, Value>
): KeyValueProjection<Name, Value> => {
  const definition = keyValueDefinition(options)
  const { name, version } = definition
  return { ...definition, running: Context.Service(`litetapes/Projection/keyValue/${name}/${version}`) }
}

/** Runs a projection in a `KeyValueStore` until the scope closes. It stops and fails as `run` does. */
export const runKeyValue = <Name extends string, Value>(
  projection: KeyValueProjection<Name, Value>
): Effect.Effect<KeyValueRunning<Name, Value>, OpenConsumerError, EventStore | KeyValueStore | Scope.Scope> =>
  running(projection)

/** Runs a projection in a `KeyValueStore` as long as the layer is used, and provides it as `projection.running`. */
export const layerKeyValue = <Name extends string, Value>(
  projection: KeyValueProjection<Name, Value>
): Layer.Layer<KeyValueRunning<Name, Value>, OpenConsumerError, EventStore | KeyValueStore> =>
  Layer.effect(projection.running, runKeyValue(projection))

/** Removes the values and the checkpoint of a version. Fails with `ConsumerClaimed` if it runs. */
export const dropKeyValue = <Name extends string, Value>({
  name,
  version
}: KeyValueProjection<Name, Value>): Effect.Effect<
  void,
  ConsumerClaimed | StorageError | KeyValueStoreError,
  KeyValueStore
> => dropping({ name, version, parts: [] })
