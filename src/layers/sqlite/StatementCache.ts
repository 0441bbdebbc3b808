/** Prepared statements by their text: the least recently used one is dropped when there are too many. */
import type { DatabaseSync, StatementSync } from "node:sqlite"
import { refused } from "./sqlErrors.ts"

/** A prepared statement, and how it is set to return rows. */
export interface Prepared {
  readonly statement: StatementSync
  /** Whether it returns rows. Else it only says how many it changed. */
  readonly hasRows: boolean
  asArrays: boolean
  asBigints: boolean
}

export class StatementCache {
  readonly #database: DatabaseSync
  readonly #max: number
  /** From the least to the most recently used. */
  readonly #prepared = new Map<string, Prepared>()

  constructor(database: DatabaseSync, max: number) {
    this.#database = database
    this.#max = max
  }

  /** Number of statements that are kept. */
  get size(): number {
    return this.#prepared.size
  }

  /** Returns the prepared statement of a text, and prepares it if necessary. */
  get(sql: string): Prepared {
    const found = this.#prepared.get(sql)
    if (found !== undefined) {
      this.#prepared.delete(sql)
      this.#prepared.set(sql, found)
      return found
    }
    const made = this.prepare(sql)
    if (this.#max === 0) return made
    if (this.#prepared.size >= this.#max) this.#prepared.delete(this.#prepared.keys().next().value!)
    this.#prepared.set(sql, made)
    return made
  }

  /** Prepares a statement that nobody else uses. */
  prepare(sql: string): Prepared {
    const statement = this.#database.prepare(sql)
    const { sourceSQL } = statement
    // SQLite would run the first statement and ignore the others without a word.
    if (sql.startsWith(sourceSQL) && hasStatement(sql.slice(sourceSQL.length))) {
      throw refused(
        "prepare",
        "the text has more than one SQL statement, and only the first would run; run them one by one"
      )
    }
    return { statement, hasRows: statement.columns().length > 0, asArrays: false, asBigints: false }
  }
}

/** Whether anything but comments, spaces and semicolons is left. */
const hasStatement = (rest: string): boolean => /[^\s;]/.test(rest.replaceAll(/--[^\n]*|\/\*[^]*?\*\//g, ""))
