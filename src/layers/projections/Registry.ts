/** Which versions of a projection a database has, and which of them is read. */
import * as Effect from "effect/Effect"
import type { SqlClient } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import { Table } from "../checkpoints/Table.ts"

export class Registry {
  readonly #table: Table

  constructor(sql: SqlClient, name: string) {
    this.#table = new Table(
      sql,
      name,
      "name TEXT NOT NULL, version BIGINT NOT NULL, is_current INTEGER NOT NULL, PRIMARY KEY (name, version)"
    )
  }

  get create(): Effect.Effect<void, SqlError> {
    return this.#table.create
  }

  /** Whether there is a registry. */
  get exists(): Effect.Effect<boolean, SqlError> {
    return this.#table.exists
  }

  get #sql() {
    return this.#table.sql
  }

  get #rows() {
    return this.#table.id
  }

  /** Adds a version. Returns whether it was not there. In a transaction, another one that adds it waits for this one. */
  add(name: string, version: number): Effect.Effect<boolean, SqlError> {
    const sql = this.#sql
    const added = sql`INSERT INTO ${this.#rows} (name, version, is_current) VALUES (${name}, ${version}, 0) ON CONFLICT (name, version) DO NOTHING RETURNING version`
    return Effect.map(added, (rows) => rows.length === 1)
  }

  /** Returns the version that is read: the last of those that were switched to. `undefined` if none has caught up yet. */
  current(name: string): Effect.Effect<number | undefined, SqlError> {
    const sql = this.#sql
    const found = sql<{
      version: number | bigint | string | null
    }>`SELECT max(version) AS version FROM ${this.#rows} WHERE name = ${name} AND is_current = 1`
    return Effect.map(found, ([row]) => (row === undefined || row.version === null ? undefined : Number(row.version)))
  }

  /**
   * Lets a version be read, unless a later one is, or it is not there. It changes the row of this version alone, so two
   * that switch at the same time need no order.
   */
  switchTo(name: string, version: number): Effect.Effect<void, SqlError> {
    const sql = this.#sql
    return Effect.asVoid(sql`UPDATE ${this.#rows} SET is_current = 1 WHERE name = ${name} AND version = ${version}`)
  }

  /** Removes a version. If it was read, no earlier one is read instead: nobody keeps its rows up to date. */
  remove(name: string, version: number): Effect.Effect<void, SqlError> {
    const sql = this.#sql
    return Effect.gen({ self: this }, function* () {
      if ((yield* this.current(name)) === version) {
        yield* sql`UPDATE ${this.#rows} SET is_current = 0 WHERE name = ${name} AND version < ${version}`
      }
      yield* sql`DELETE FROM ${this.#rows} WHERE name = ${name} AND version = ${version}`
    })
  }
}
