/** A table of ours in a database of the application. */
import * as Effect from "effect/Effect"
import type { SqlClient } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"

export class Table {
  /** The client without its changes of names: the columns are ours. */
  readonly sql: SqlClient
  readonly name: string
  readonly #columns: string

  constructor(sql: SqlClient, name: string, columns: string) {
    this.sql = sql.withoutTransforms()
    this.name = name
    this.#columns = columns
  }

  /** The table in a statement. */
  get id() {
    return this.sql(this.name)
  }

  /** Creates the table unless it is there: then this needs no right to create one, and no lock. */
  get create(): Effect.Effect<void, SqlError> {
    const { id, sql } = this
    const created = sql`CREATE TABLE IF NOT EXISTS ${id} (${sql.literal(this.#columns)})`
    // In PostgreSQL, two that create the same table at the same time may collide.
    return Effect.flatMap(this.exists, (exists) =>
      exists ? Effect.void : Effect.asVoid(Effect.retry(created, { times: 2 }))
    )
  }

  /** Whether the table is there. No statement fails meanwhile: in PostgreSQL that would end a transaction. */
  get exists(): Effect.Effect<boolean, SqlError> {
    const { id, name, sql } = this
    const [, schema = "", table = name] = /^(?:(.*)\.)?(.*)$/.exec(name) ?? []
    return sql.onDialectOrElse({
      // As the statement has it, quoted: that is what it is looked up by.
      pg: () => Effect.map(sql`SELECT to_regclass(${sql`${id}`.compile()[0]}) IS NOT NULL AS found`.values, isFound),
      orElse: () => {
        const schemas = schema === "" ? sql`sqlite_master` : sql`${sql(`${schema}.sqlite_master`)}`
        return Effect.map(
          sql`SELECT count(*) FROM ${schemas} WHERE type IN ('table', 'view') AND lower(name) = ${table.toLowerCase()}`
            .values,
          isFound
        )
      }
    })
  }
}

const isFound = ([row]: ReadonlyArray<ReadonlyArray<unknown>>): boolean => row !== undefined && Boolean(row[0])
