/**
 * A client of Effect's SQL modules (`effect/sql`) over the `node:sqlite` of the runtime, for read models and checkpoints
 * next to a lib. It needs no package and no compiler.
 *
 * A client has one connection. Transactions and statements take turns, so a transaction sees no statement of another
 * fibre. `sql.withTransaction` begins with `BEGIN IMMEDIATE`, a nested one is a savepoint, and a failure or an interruption
 * rolls back. For reads that must not wait for a long transaction, make a second client with `mode: "read"`.
 *
 * SQLite runs on the event loop: a statement that takes 100 ms blocks everything else for that long. Waiting for the
 * lock of another connection does not block the event loop.
 *
 * @example
 * ```ts
 * const program = Effect.gen(function* () {
 *   const sql = yield* SqlClient.SqlClient
 *   yield* sql`CREATE TABLE IF NOT EXISTS balance (account TEXT PRIMARY KEY, cents INTEGER NOT NULL)`
 *   yield* sql`INSERT INTO balance ${sql.insert({ account: "17", cents: 500 })}`
 * })
 * program.pipe(Effect.provide(SqliteClient.layer("./read-models.db")))
 * ```
 *
 * @see `litetapes/CheckpointStore` for checkpoints in SQL, `litetapes/Projection` for read models
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Semaphore from "effect/Semaphore"
import type * as Scope from "effect/Scope"
import * as Reactivity from "effect/reactivity/Reactivity"
import * as SqlClient from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import * as Statement from "effect/sql/Statement"
import { type Checks, isCount, oneOf, unless } from "../domain/format/checkOptions.ts"
import type { InvalidArgument } from "../domain/format/Errors.ts"
import { aDuration, checkLocation, checkOptions } from "../services/base/checkCall.ts"
import { loadSqlite } from "./node/loadSqlite.ts"
import { openingError } from "./sqlite/sqlErrors.ts"
import { SqliteConnection } from "./sqlite/SqliteConnection.ts"

/** How a database is opened. */
export interface Options {
  /** `write` (the default) creates the file if it is missing. `read` refuses changes, and never waits for a writer. */
  readonly mode?: "write" | "read"
  /**
   * When a commit is durable. `full` (the default): once `COMMIT` has returned, which costs a sync. `normal`: a power
   * loss may undo the last transactions, each as a whole. That is right for a read model: the checkpoint is lost
   * together with its rows, so the events are handled again.
   */
  readonly synchronous?: "full" | "normal"
  /** How long to wait if another connection has the lock, without blocking the event loop. Default: 5 seconds. */
  readonly busyTimeout?: Duration.Input
  /** Prepared statements that are kept. Default: 200. 0 keeps none. */
  readonly statementCacheMax?: number
  /** Attributes of the spans of all statements, in addition to `db.system.name`. Default: none. */
  readonly spanAttributes?: Readonly<Record<string, unknown>>
  /** Changes the names of columns in results, such as from snake_case to camelCase. Default: none. */
  readonly transformResultNames?: (name: string) => string
  /** Changes identifiers in statements, such as from camelCase to snake_case. Default: none. */
  readonly transformQueryNames?: (name: string) => string
}

const isFunction = (value: unknown): boolean => typeof value === "function"

const optionChecks = {
  mode: oneOf("write", "read"),
  synchronous: oneOf("full", "normal"),
  busyTimeout: aDuration,
  statementCacheMax: unless((value) => isCount(value) && value <= 100_000, "a whole number from 0 to 100000"),
  spanAttributes: unless((value) => typeof value === "object" && value !== null, "an object"),
  transformResultNames: unless(isFunction, "a function"),
  transformQueryNames: unless(isFunction, "a function")
} satisfies Checks<Options>

/** A client of one database of SQLite. */
export class SqliteClient extends Context.Service<
  SqliteClient,
  SqlClient.SqlClient & {
    /** Path of the database, or `:memory:`. */
    readonly path: string
    /** Number of prepared statements that are kept now. */
    readonly statements: () => number
  }
>()("litetapes/SqliteClient") {}

/**
 * Opens a database until the scope closes, in WAL mode and with foreign keys. The folder must exist, on a local disk. A
 * transaction that is open when the scope closes is rolled back.
 *
 * Fails with `SqlError`, whose reason is a `ConnectionError` if the file cannot be opened.
 */
export const make = (
  path: string,
  options: Options = {}
): Effect.Effect<SqliteClient["Service"], SqlError | InvalidArgument, Scope.Scope | Reactivity.Reactivity> =>
  Effect.gen(function* () {
    yield* checkLocation("SqliteClient.make", path, "path")
    yield* checkOptions("SqliteClient.make", options, optionChecks)
    const transactionService = Context.Service<
      SqlClient.TransactionConnection,
      SqlClient.TransactionConnection.Service
    >(`litetapes/SqliteClient/transaction/${clients++}`)
    const opening = open(path, options, transactionService)
    const connection = yield* Effect.acquireRelease(opening, (opened) => Effect.sync(() => opened.close()))
    const acquirers = SqlClient.makeSqliteAcquirers({
      connection: Effect.succeed(connection),
      semaphore: Semaphore.makeUnsafe(1),
      isTransaction: (conn) => conn.isTransaction
    })
    const { spanAttributes = {}, transformQueryNames, transformResultNames } = options
    const transformRows =
      transformResultNames === undefined ? undefined : Statement.defaultTransforms(transformResultNames).array
    const client = yield* SqlClient.make({
      ...acquirers,
      transactionService,
      compiler: Statement.makeCompilerSqlite(transformQueryNames),
      driver: "litetapes-sqlite",
      spanAttributes: [...Object.entries(spanAttributes), ["db.system.name", "sqlite"]],
      // Takes the write lock now: if it were taken later, another connection could have changed what was read
      // before.
      beginTransaction: options.mode === "read" ? "BEGIN" : "BEGIN IMMEDIATE",
      prepareTransactionControls: true,
      releaseSavepoint: (name) => `RELEASE SAVEPOINT ${name}`,
      ...(transformRows === undefined ? {} : { transformRows })
    })
    return Object.assign(client, { path, statements: () => connection.statements })
  })

/** Opens a database and provides it as `SqliteClient` and as the `SqlClient` of Effect. */
export const layer = (
  path: string,
  options?: Options
): Layer.Layer<SqliteClient | SqlClient.SqlClient, SqlError | InvalidArgument> =>
  Layer.effectContext(
    Effect.map(make(path, options), (client) =>
      Context.make(SqliteClient, client).pipe(Context.add(SqlClient.SqlClient, client))
    )
  ).pipe(Layer.provide(Reactivity.layer))

/** Opens a database in memory, for tests: it ends with the scope. */
export const makeMemory = (
  options?: Omit<Options, "mode" | "synchronous">
): Effect.Effect<SqliteClient["Service"], SqlError | InvalidArgument, Scope.Scope | Reactivity.Reactivity> =>
  make(inMemory, options)

/** Opens a database in memory and provides it, for tests. */
export const layerMemory: Layer.Layer<SqliteClient | SqlClient.SqlClient, SqlError | InvalidArgument> =
  layer(":memory:")

const inMemory = ":memory:"

/** Number of clients so far: each has transactions of its own. */
let clients = 0

const open = (
  path: string,
  options: Options,
  level: ConstructorParameters<typeof SqliteConnection>[3]
): Effect.Effect<SqliteConnection, SqlError> => {
  const { busyTimeout = "5 seconds", mode = "write", statementCacheMax = 200, synchronous = "full" } = options
  const opening = Effect.try({
    try: () => {
      const { DatabaseSync } = loadSqlite()
      // The connection waits, and lets other fibres run meanwhile.
      return new DatabaseSync(path, { readOnly: mode === "read", timeout: 0 })
    },
    catch: (cause) => openingError(cause, path, mode)
  })
  return Effect.flatMap(opening, (database) => {
    const busyMillis = Duration.toMillis(Duration.fromInputUnsafe(busyTimeout))
    const connection = new SqliteConnection(database, statementCacheMax, busyMillis, level)
    const settings = ["foreign_keys = ON"]
    if (mode === "write") settings.push(`synchronous = ${synchronous}`)
    if (mode === "write" && path !== inMemory) settings.push("journal_mode = WAL")
    const set = Effect.forEach(settings, (one) => connection.executeUnprepared(`PRAGMA ${one}`, [], undefined), {
      discard: true
    })
    return Effect.as(set, connection).pipe(Effect.onError(() => Effect.sync(() => connection.close())))
  })
}
