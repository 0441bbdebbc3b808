/** One connection to a database of SQLite, as Effect's SQL modules use it. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { SafeIntegers, type TransactionConnection } from "effect/sql/SqlClient"
import type { Connection } from "effect/sql/SqlConnection"
import { SqlError } from "effect/sql/SqlError"
import * as Stream from "effect/Stream"
import type { DatabaseSync } from "node:sqlite"
import { boundValues } from "./parameters.ts"
import { endedEarly, isBusy, sqlErrorOf } from "./sqlErrors.ts"
import { type Prepared, StatementCache } from "./StatementCache.ts"

type Row = Readonly<Record<string, unknown>>
type Values = ReadonlyArray<unknown>
type Level = Context.Key<TransactionConnection, TransactionConnection.Service>
type Transform = (<A extends object>(rows: ReadonlyArray<A>) => ReadonlyArray<A>) | undefined

/** Rows that a stream reads together. */
const rowsTogether = 128

/** Pauses while another connection has the lock: short ones first, since most transactions are short. */
const pauseMillisMax = 50

export class SqliteConnection implements Connection {
  readonly #database: DatabaseSync
  readonly #statements: StatementCache
  readonly #busyMillis: number
  readonly #level: Level
  /** Why the last transaction that SQLite ended by itself was ended. */
  #endedBy: unknown

  /** `level` is the service that a fibre has within a transaction of the client. */
  constructor(database: DatabaseSync, statementsMax: number, busyMillis: number, level: Level) {
    this.#database = database
    this.#statements = new StatementCache(database, statementsMax)
    this.#busyMillis = busyMillis
    this.#level = level
  }

  /** Number of prepared statements that are kept. */
  get statements(): number {
    return this.#statements.size
  }

  get isTransaction(): boolean {
    return this.#database.isOpen && this.#database.isTransaction
  }

  /** Leaves out what a transaction has done that is still open, and closes the database. */
  close(): void {
    if (!this.#database.isOpen) return
    if (this.#database.isTransaction) this.#database.exec("ROLLBACK")
    this.#database.close()
  }

  execute(sql: string, params: Values, transform: Transform) {
    return this.#run("execute", (asBigints) => {
      const rows = this.#all(this.#statements.get(sql), params, false, asBigints)
      return transform === undefined ? rows : transform(rows as ReadonlyArray<Row>)
    })
  }

  executeUnprepared(sql: string, params: Values, transform: Transform) {
    return this.#run("executeUnprepared", (asBigints) => {
      const rows = this.#all(this.#statements.prepare(sql), params, false, asBigints)
      return transform === undefined ? rows : transform(rows as ReadonlyArray<Row>)
    })
  }

  executeValues(sql: string, params: Values) {
    return this.#run("executeValues", (asBigints) => this.#arrays(this.#statements.get(sql), params, asBigints))
  }

  executeValuesUnprepared(sql: string, params: Values) {
    return this.#run("executeValuesUnprepared", (asBigints) =>
      this.#arrays(this.#statements.prepare(sql), params, asBigints)
    )
  }

  /** Returns the rows; of a statement without rows, how many it changed and the last id. */
  executeRaw(sql: string, params: Values): Effect.Effect<unknown, SqlError> {
    return this.#run("executeRaw", (asBigints) => {
      const prepared = this.#statements.get(sql)
      if (prepared.hasRows) return this.#all(prepared, params, false, asBigints)
      setResults(prepared, false, asBigints)
      return prepared.statement.run(...boundValues(params))
    })
  }

  /** Streams rows by a statement of its own, so that the same text can be run meanwhile. */
  executeStream(sql: string, params: Values, transform: Transform): Stream.Stream<Row, SqlError> {
    const begun = this.#run("executeStream", (asBigints) => {
      const prepared = this.#statements.prepare(sql)
      setResults(prepared, false, asBigints)
      return prepared.statement.iterate(...boundValues(params))
    })
    const opened = Effect.acquireRelease(begun, (rows) => Effect.sync(() => rows.return?.()))
    return Stream.unwrap(
      Effect.map(opened, (rows) => {
        const next = this.#run("executeStream", () => nextRows(rows))
        return Stream.paginate(undefined, () => Effect.map(next, (page) => pageOf(page, transform)))
      })
    )
  }

  #all(prepared: Prepared, params: Values, asArrays: boolean, asBigints: boolean) {
    setResults(prepared, asArrays, asBigints)
    return prepared.statement.all(...boundValues(params)) as ReadonlyArray<unknown>
  }

  #arrays(prepared: Prepared, params: Values, asBigints: boolean): ReadonlyArray<ReadonlyArray<unknown>> {
    return this.#all(prepared, params, true, asBigints) as ReadonlyArray<ReadonlyArray<unknown>>
  }

  #run<A>(operation: string, run: (asBigints: boolean) => A): Effect.Effect<A, SqlError> {
    return Effect.withFiber((fiber) => {
      const isInLevel = Context.getOrUndefined(fiber.context, this.#level) !== undefined
      return this.#attempt(operation, run, fiber.getRef(SafeIntegers), isInLevel, 0)
    })
  }

  /**
   * Whether a statement of a transaction comes after its end: `INSERT OR ROLLBACK`, `RAISE(ROLLBACK)` or a full disk end it
   * in the middle. Run now, the statement would be committed alone.
   */
  get #isOver(): boolean {
    return this.#database.isOpen && !this.#database.isTransaction
  }

  /**
   * Runs it; if another connection has the lock, again after a pause, as long as `busyTimeout`. SQLite would wait too, but
   * it would hold up the event loop, and with it a transaction of this process that it waits for.
   */
  #attempt<A>(
    operation: string,
    run: (asBigints: boolean) => A,
    asBigints: boolean,
    isInLevel: boolean,
    waited: number
  ): Effect.Effect<A, SqlError> {
    if (isInLevel && this.#isOver) return Effect.fail(endedEarly(operation, this.#endedBy))
    try {
      return Effect.succeed(run(asBigints))
    } catch (cause) {
      if (isInLevel && this.#isOver) this.#endedBy = cause
      if (cause instanceof SqlError) return Effect.fail(cause)
      if (waited >= this.#busyMillis || !isBusy(cause)) return Effect.fail(sqlErrorOf(cause, operation))
      const pause = Math.min(pauseMillisMax, 1 + waited / 4, this.#busyMillis - waited)
      const paused = Effect.sleep(pause)
      return Effect.andThen(
        // Nothing is open yet, so a fibre that waits for its transaction to begin may be interrupted.
        this.isTransaction ? paused : Effect.interruptible(paused),
        Effect.suspend(() => this.#attempt(operation, run, asBigints, isInLevel, waited + pause))
      )
    }
  }
}

const nextRows = (rows: Iterator<Row>): ReadonlyArray<Row> => {
  const page: Array<Row> = []
  while (page.length < rowsTogether) {
    const { done, value } = rows.next()
    if (done === true) break
    page.push(value)
  }
  return page
}

const pageOf = (page: ReadonlyArray<Row>, transform: Transform) =>
  [
    transform === undefined ? page : transform(page),
    page.length < rowsTogether ? Option.none<undefined>() : Option.some(undefined)
  ] as const

/** Sets how a statement returns rows, unless it is set so. */
const setResults = (prepared: Prepared, asArrays: boolean, asBigints: boolean): void => {
  if (prepared.asArrays !== asArrays) {
    prepared.statement.setReturnArrays(asArrays)
    prepared.asArrays = asArrays
  }
  if (prepared.asBigints !== asBigints) {
    prepared.statement.setReadBigInts(asBigints)
    prepared.asBigints = asBigints
  }
}
