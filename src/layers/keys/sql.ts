/** Keys in a table of a SQL database: one row for each subject. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { SqlClient } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import { type Checks, unless } from "../../domain/format/checkOptions.ts"
import type { InvalidArgument } from "../../domain/format/Errors.ts"
import { checkOptions } from "../../services/base/checkCall.ts"
import { whyOf } from "../../services/consumers/ConsumerErrors.ts"
import type { KeyStore } from "../../services/ports/KeyStore.ts"
import type { StorageError } from "../../services/ports/Storage.ts"
import { Table } from "../checkpoints/Table.ts"
import { storageError } from "../storage/storageErrors.ts"
import { keyStoreOver, type Texts } from "./keyStoreOver.ts"

/** How keys are kept in SQL. */
export interface SqlOptions {
  /** Name of the table, with a schema if you like: letters, digits, `_` and `.`. Default: `litetapes_keys`. */
  readonly table?: string
}

const checks = {
  table: unless(
    (value) => typeof value === "string" && /^[A-Za-z_]\w{0,47}(\.[A-Za-z_]\w{0,47})?$/.test(value),
    "the name of a table: letters, digits, _, and a dot after a schema"
  )
} satisfies Checks<SqlOptions>

export const makeSql = (
  options: SqlOptions = {}
): Effect.Effect<KeyStore["Service"], StorageError | InvalidArgument, SqlClient> =>
  Effect.gen(function* () {
    yield* checkOptions("KeyStore.makeSql", options, checks)
    const { table: name = "litetapes_keys" } = options
    const table = new Table(yield* SqlClient, name, "subject TEXT NOT NULL PRIMARY KEY, content TEXT NOT NULL")
    const isKnown = table.sql.onDialectOrElse({ sqlite: () => true, pg: () => true, orElse: () => false })
    if (!isKnown) {
      return yield* storageError("open", name, "unsupported", "keys can be in SQLite or PostgreSQL")
    }
    yield* told("open", name, table.create)
    return keyStoreOver(textsIn(table))
  })

const textsIn = (table: Table): Texts => {
  const { id, name, sql } = table
  const placeOf = (subject: string): string => `subject ${JSON.stringify(subject)} in table ${name}`
  interface Row {
    readonly subject: string
    readonly content: string
  }
  return {
    placeOf,
    settle: Effect.void,
    read: (subjects) =>
      subjects.length === 0
        ? Effect.succeed(new Map())
        : Effect.map(
            Effect.forEach(pagesOf(subjects), (page) =>
              told("read", name, sql<Row>`SELECT subject, content FROM ${id} WHERE ${sql.in("subject", page)}`)
            ),
            (rows) => new Map(rows.flat().map(({ content, subject }) => [subject, content]))
          ),
    replace: (subject, before, text) =>
      outsideTransaction(
        table,
        placeOf(subject),
        Effect.map(
          told(
            "write",
            placeOf(subject),
            before === undefined
              ? sql`INSERT INTO ${id} (subject, content) VALUES (${subject}, ${text}) ON CONFLICT (subject) DO NOTHING RETURNING subject`
              : sql`UPDATE ${id} SET content = ${text} WHERE subject = ${subject} AND content = ${before} RETURNING subject`
          ),
          (rows) => rows.length === 1
        )
      ),
    all: Effect.map(told("list", name, sql<Row>`SELECT subject, content FROM ${id}`), (rows) =>
      rows.map(({ content, subject }) => [placeOf(subject), content])
    )
  }
}

/** A rollback of the caller's transaction would remove a key whose event is stored, or restore a forgotten one. */
const outsideTransaction = <A>(
  { sql }: Table,
  place: string,
  write: Effect.Effect<A, StorageError>
): Effect.Effect<A, StorageError> =>
  Effect.flatMap(Effect.serviceOption(sql.transactionService), (transaction) =>
    Option.isNone(transaction)
      ? write
      : Effect.fail(
          storageError(
            "write",
            place,
            "failed",
            "a transaction of the same client is open, whose rollback would undo it: give the KeyStore a client of its own"
          )
        )
  )

/** Databases limit the number of parameters. */
const pageSubjects = 500

const pagesOf = (subjects: ReadonlyArray<string>): ReadonlyArray<ReadonlyArray<string>> =>
  Array.from({ length: Math.ceil(subjects.length / pageSubjects) }, (_, page) =>
    subjects.slice(page * pageSubjects, (page + 1) * pageSubjects)
  )

const told = <A>(
  operation: string,
  place: string,
  effect: Effect.Effect<A, SqlError>
): Effect.Effect<A, StorageError> =>
  Effect.mapError(effect, (error) => storageError(operation, place, "failed", whyOf(error)))
