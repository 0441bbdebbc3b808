/**
 * Checkpoints in tables of a SQL database: one for the texts, one for the claims. The claim is a lease, and its row is
 * locked and looked at in each transaction that writes.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { SqlClient } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import { randomUUID } from "node:crypto"
import { type Checks, unless } from "../../domain/format/checkOptions.ts"
import type { InvalidArgument } from "../../domain/format/Errors.ts"
import { checkOptions } from "../../services/base/checkCall.ts"
import { type ClaimedEntries, ConsumerClaimed, type OutsideLib } from "../../services/ports/CheckpointStore.ts"
import type { StorageError } from "../../services/ports/Storage.ts"
import { whyOf } from "../../services/consumers/ConsumerErrors.ts"
import { storageError } from "../storage/storageErrors.ts"
import { Claims, held, type Lease } from "./claims.ts"
import { Table } from "./Table.ts"

/** How checkpoints are kept in SQL. */
export interface SqlOptions {
  /**
   * Name of the table, with a schema if you like: letters, digits, `_` and `.`. That of the claims gets `_claims` at its
   * end. Default: `litetapes_checkpoints`.
   */
  readonly table?: string
  /** Time after a crash in which the claim of a consumer ends. It is renewed three times as often. Default: 10 seconds. */
  readonly lease?: Duration.Input
}

const leaseMillisMin = 100

const isLease = (value: unknown): boolean => {
  try {
    return Duration.toMillis(Duration.fromInputUnsafe(value as Duration.Input)) >= leaseMillisMin
  } catch {
    return false
  }
}

const checks = {
  table: unless(
    (value) => typeof value === "string" && /^[A-Za-z_]\w{0,47}(\.[A-Za-z_]\w{0,47})?$/.test(value),
    "the name of a table: letters, digits, _, and a dot after a schema"
  ),
  lease: unless(isLease, `a duration of at least ${leaseMillisMin} ms`)
} satisfies Checks<SqlOptions>

export const makeSql = (
  options: SqlOptions = {}
): Effect.Effect<OutsideLib, StorageError | InvalidArgument, SqlClient> =>
  Effect.gen(function* () {
    yield* checkOptions("CheckpointStore.makeSql", options, checks)
    const sql = yield* SqlClient
    const { lease = "10 seconds", table = "litetapes_checkpoints" } = options
    const tables = new Tables(sql, table)
    yield* tables.create
    const claims = new Claims()
    const leaseMillis = Duration.toMillis(Duration.fromInputUnsafe(lease))
    return {
      claim: (consumer, onClaimed) => {
        const claim = new SqlClaim(tables, consumer, leaseMillis)
        const claimed = new ConsumerClaimed({ consumer, place: claim.place })
        return claims.claim(consumer, claim.place, onClaimed).pipe(
          Effect.andThen(held(onClaimed === "wait" ? claim.patient : claim, claimed, onClaimed)),
          Effect.map((lost) => ({ ...entriesOf(tables, claim), lost }))
        )
      }
    }
  })

/** The tables, and the dialects that they are written for. */
class Tables {
  readonly #texts: Table
  readonly #claims: Table

  constructor(sql: SqlClient, name: string) {
    this.#texts = new Table(
      sql,
      name,
      "consumer TEXT NOT NULL, entry TEXT NOT NULL, content TEXT NOT NULL, PRIMARY KEY (consumer, entry)"
    )
    this.#claims = new Table(
      sql,
      `${name}_claims`,
      "consumer TEXT NOT NULL PRIMARY KEY, owner TEXT NOT NULL, expires BIGINT NOT NULL"
    )
  }

  get sql() {
    return this.#texts.sql
  }

  get name() {
    return this.#texts.name
  }

  get texts() {
    return this.#texts.id
  }

  get claims() {
    return this.#claims.id
  }

  get create(): Effect.Effect<void, StorageError> {
    const { name, sql } = this
    const isKnown = sql.onDialectOrElse({ sqlite: () => true, pg: () => true, orElse: () => false })
    if (!isKnown) {
      return Effect.fail(storageError("open", name, "unsupported", "checkpoints can be in SQLite or PostgreSQL"))
    }
    return told("open", name, Effect.andThen(this.#texts.create, this.#claims.create))
  }
}

/** Whether a transaction elsewhere was in the way: nothing has happened, and later it may succeed. */
const isBusy = ({ isRetryable, reason }: SqlError): boolean => isRetryable && reason._tag !== "ConnectionError"

class SqlClaim implements Lease {
  readonly consumer: string
  readonly place: string
  readonly #tables: Tables
  readonly #leaseMillis: number
  readonly #owner: string = randomUUID()
  readonly renewEvery: number
  readonly retryEvery: number

  constructor(tables: Tables, consumer: string, leaseMillis: number) {
    this.consumer = consumer
    this.place = `consumer ${consumer} in table ${tables.name}`
    this.#tables = tables
    this.#leaseMillis = leaseMillis
    this.renewEvery = leaseMillis / 3
    this.retryEvery = Math.min(1000, leaseMillis / 4)
  }

  /** Renews the claim, and locks its row until the transaction ends. Fails if another run has it. */
  readonly renew: Effect.Effect<void, StorageError> = Effect.suspend(() => {
    const { claims, sql } = this.#tables
    const renewed = Effect.flatMap(
      this.#expires,
      (expires) =>
        sql`UPDATE ${claims} SET expires = ${expires} WHERE consumer = ${this.consumer} AND owner = ${this.#owner} RETURNING consumer`
    )
    return Effect.flatMap(told("write", this.place, renewed), (rows) =>
      rows.length === 1
        ? Effect.void
        : Effect.fail(
            storageError("write", this.place, "lock-lost", "another run has claimed the consumer; stop one of them")
          )
    )
  })

  get #expires(): Effect.Effect<number> {
    return Effect.map(Clock.currentTimeMillis, (now) => now + this.#leaseMillis)
  }

  /**
   * Takes the claim unless another run has it and has renewed it lately: in one statement, so only one of them can. If the
   * reply is lost, the row may be there: it is removed, or it would keep the next attempt out until its lease ends.
   */
  readonly #take: Effect.Effect<boolean, SqlError> = Effect.suspend(() => {
    const { claims, sql } = this.#tables
    const taken = Effect.flatMap(this.#expires, (expires) => {
      const now = expires - this.#leaseMillis
      return sql`INSERT INTO ${claims} AS held (consumer, owner, expires)
        VALUES (${this.consumer}, ${this.#owner}, ${expires})
        ON CONFLICT (consumer) DO UPDATE SET owner = excluded.owner, expires = excluded.expires
        WHERE held.expires <= ${now}
        RETURNING consumer`
    })
    return Effect.map(
      Effect.tapError(taken, (error) => (isBusy(error) ? Effect.void : this.free)),
      (rows) => rows.length === 1
    )
  })

  readonly take: Effect.Effect<boolean, StorageError> = Effect.suspend(() => told("lock", this.place, this.#take))

  /** This claim for one that waits: a transaction that has locked the database, perhaps of the claiming run, will end. */
  get patient(): Lease {
    const { free, renew, renewEvery, retryEvery } = this
    const take = Effect.catchIf(this.#take, isBusy, () => Effect.succeed(false))
    return { free, renew, renewEvery, retryEvery, take: told("lock", this.place, take) }
  }

  readonly free: Effect.Effect<void> = Effect.suspend(() => {
    const { claims, sql } = this.#tables
    return Effect.ignore(sql`DELETE FROM ${claims} WHERE consumer = ${this.consumer} AND owner = ${this.#owner}`)
  })
}

const entriesOf = ({ name, sql, texts }: Tables, claim: SqlClaim): ClaimedEntries => {
  const { consumer, place } = claim
  const transaction = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E | StorageError, R> =>
    inTransaction(sql, place, Effect.andThen(claim.renew, effect))
  const write = (statement: Effect.Effect<unknown, SqlError>) =>
    transaction(Effect.asVoid(told("write", place, statement)))
  return {
    place,
    get: (key) =>
      Effect.map(
        told(
          "read",
          place,
          sql<{ content: string }>`SELECT content FROM ${texts} WHERE consumer = ${consumer} AND entry = ${key}`
        ),
        ([row]) => row?.content
      ),
    set: (key, text) =>
      write(
        sql`INSERT INTO ${texts} (consumer, entry, content) VALUES (${consumer}, ${key}, ${text})
          ON CONFLICT (consumer, entry) DO UPDATE SET content = excluded.content`
      ),
    remove: (key) => write(sql`DELETE FROM ${texts} WHERE consumer = ${consumer} AND entry = ${key}`),
    keys: Effect.map(
      told("list", name, sql<{ entry: string }>`SELECT entry FROM ${texts} WHERE consumer = ${consumer}`),
      (rows) => rows.map(({ entry }) => entry)
    ),
    transaction: (effect) => transaction(effect)
  }
}

/** An error of the effect, which may be a `SqlError` too, told from those of the transaction around it. */
class Inner<E> {
  readonly error: E

  constructor(error: E) {
    this.error = error
  }
}

const inTransaction = <A, E, R>(
  sql: SqlClient,
  place: string,
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, E | StorageError, R> =>
  Effect.mapError(sql.withTransaction(Effect.mapError(effect, (error) => new Inner(error))), (error) =>
    error instanceof Inner ? error.error : fromSql("write", place, error)
  )

const fromSql = (operation: string, place: string, error: SqlError): StorageError => {
  const { isEnded, isRefused } = endOf(error)
  const why = isEnded ? `${whyOf(error)}. A handler must not catch the error of a statement` : whyOf(error)
  return storageError(operation, place, isEnded || isRefused ? "rolled-back" : "failed", why)
}

/** Whether a transaction was over before this statement, or the database refuses to commit what was done in it. */
const endOf = ({ reason }: SqlError): { readonly isEnded: boolean; readonly isRefused: boolean } => ({
  isEnded: Object(reason.cause).code === abortedTransaction,
  isRefused: ["ConstraintError", "UniqueViolation", "DeadlockError", "SerializationError"].includes(reason._tag)
})

/** PostgreSQL ignores all statements of a transaction after one that failed. `SqliteClient` gives the same code. */
const abortedTransaction = "25P02"

const told = <A>(
  operation: string,
  place: string,
  effect: Effect.Effect<A, SqlError>
): Effect.Effect<A, StorageError> => Effect.mapError(effect, (error) => fromSql(operation, place, error))
