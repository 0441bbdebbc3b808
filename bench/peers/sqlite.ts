/** The event store that a user would write on SQLite: one table with a unique key over stream and revision. */
import { randomUUID } from "node:crypto"
import { batched } from "./batcher.ts"
import type { NewEvent, Store, StoredEvent } from "./peer.ts"

/** The part of the API that both drivers share. */
export interface Database {
  readonly exec: (sql: string) => unknown
  readonly prepare: (sql: string) => Statement
  readonly close: () => unknown
}

interface Statement {
  readonly run: (...parameters: ReadonlyArray<string | number>) => { readonly changes: number | bigint }
  readonly get: (...parameters: ReadonlyArray<string | number>) => unknown
  readonly all: (...parameters: ReadonlyArray<string | number>) => ReadonlyArray<unknown>
  readonly iterate: (...parameters: ReadonlyArray<string | number>) => Iterable<unknown>
}

interface Row {
  readonly position: number
  readonly stream: string
  readonly revision: number
  readonly type: string
  readonly id: string
  readonly time: string
  readonly data: string
  readonly metadata: string
  readonly tags: string
}

const schema = `CREATE TABLE IF NOT EXISTS events (
  position INTEGER PRIMARY KEY, stream TEXT NOT NULL, revision INTEGER NOT NULL, type TEXT NOT NULL, id TEXT NOT NULL,
  time TEXT NOT NULL, data TEXT NOT NULL, metadata TEXT NOT NULL, tags TEXT NOT NULL, UNIQUE (stream, revision))`

const last = "(SELECT coalesce(max(revision), -1) FROM events WHERE stream = ?)"
const insertAny = `INSERT INTO events SELECT NULL, ?, ${last} + 1, ?, ?, ?, ?, ?, ?`
const insertExpected = `${insertAny} WHERE ${last} = ?`

/**
 * Opens the store. With the setting `NORMAL` commits are not synced; with `batched` a group commit wraps the appends.
 */
export const openSqlite = (database: Database, setting: string | undefined): Store => {
  database.exec(
    `PRAGMA journal_mode = WAL; PRAGMA synchronous = ${setting === "NORMAL" ? "NORMAL" : "FULL"}; ${schema}`
  )
  const any = database.prepare(insertAny)
  const expecting = database.prepare(insertExpected)
  const ofStream = database.prepare("SELECT * FROM events WHERE stream = ? ORDER BY revision")
  const lastOfStream = database.prepare("SELECT * FROM events WHERE stream = ? ORDER BY revision DESC LIMIT 1")
  const all = database.prepare("SELECT * FROM events ORDER BY position")
  const appendOne = (stream: string, event: NewEvent): void => {
    any.run(stream, stream, ...columnsOf(event, new Date().toISOString()))
  }
  const appendBatch: Store["appendBatch"] = (batch) => {
    const time = new Date().toISOString()
    database.exec("BEGIN IMMEDIATE")
    for (const { stream, event } of batch) any.run(stream, stream, ...columnsOf(event, time))
    database.exec("COMMIT")
  }
  return {
    append: setting === "batched" ? batched(appendBatch) : appendOne,
    appendBatch,
    appendExpected: (stream, event, expected) => {
      const { changes } = expecting.run(stream, stream, ...columnsOf(event, new Date().toISOString()), stream, expected)
      if (Number(changes) !== 1) throw new Error("the stream is at another revision")
    },
    readStream: (stream) => ofStream.all(stream).map((row) => parse(row as Row)),
    readLast: (stream) => {
      const row = lastOfStream.get(stream) as Row | undefined
      return row === undefined ? undefined : parse(row)
    },
    replay: (visit) => {
      for (const row of all.iterate()) visit(parse(row as Row))
    },
    verify: () => {
      const result = database.prepare("PRAGMA integrity_check").get()
      if (!JSON.stringify(result).includes("ok")) throw new Error("PRAGMA integrity_check found damage")
    },
    repack: () => {
      database.exec("VACUUM; PRAGMA wal_checkpoint(TRUNCATE)")
    },
    close: () => {
      database.close()
    }
  }
}

const columnsOf = ({ type, data, metadata }: NewEvent, time: string) =>
  [type, randomUUID(), time, JSON.stringify(data), JSON.stringify(metadata), "[]"] as const

const parse = (row: Row): StoredEvent & Record<string, unknown> => ({
  type: row.type,
  data: JSON.parse(row.data) as unknown,
  id: row.id,
  metadata: JSON.parse(row.metadata) as unknown,
  tags: JSON.parse(row.tags) as unknown,
  stream: row.stream,
  revision: row.revision,
  position: row.position,
  time: row.time
})
