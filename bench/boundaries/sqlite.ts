/** What a user would write on SQLite: a table of events, and one of tags with an index. */
import { randomUUID } from "node:crypto"
import { join } from "node:path"
import type { Database } from "../peers/sqlite.ts"
import type { BoundaryPeer, BoundaryStore, TaggedEvent, Wanted } from "./store.ts"

const schema = `
CREATE TABLE IF NOT EXISTS events (position INTEGER PRIMARY KEY, stream TEXT NOT NULL, type TEXT NOT NULL,
  id TEXT NOT NULL, time TEXT NOT NULL, data TEXT NOT NULL, tags TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS streams ON events (stream);
CREATE TABLE IF NOT EXISTS tags (tag TEXT NOT NULL, position INTEGER NOT NULL, PRIMARY KEY (tag, position)) WITHOUT ROWID;`

/** The first tag is looked up in the index; the other ones, for each of its events. */
const matching = (tags: number): string =>
  `FROM tags t0 JOIN events e ON e.position = t0.position WHERE t0.tag = ?${" AND EXISTS (SELECT 1 FROM tags t WHERE t.tag = ? AND t.position = t0.position)".repeat(tags - 1)} AND e.type = ?`

const openWith = (database: Database): BoundaryStore => {
  database.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; ${schema}`)
  const insert = database.prepare("INSERT INTO events VALUES (NULL, ?, ?, ?, ?, ?, ?)")
  const insertTag = database.prepare("INSERT OR IGNORE INTO tags SELECT ?, max(position) FROM events")
  const end = database.prepare("SELECT coalesce(max(position), 0) AS last FROM events")
  const ofStream = database.prepare("SELECT * FROM events WHERE stream = ? ORDER BY position")
  const put = ({ data, stream, tags, type }: TaggedEvent): void => {
    const time = new Date().toISOString()
    insert.run(stream, type, randomUUID(), time, JSON.stringify(data), JSON.stringify(tags))
    for (const tag of tags) insertTag.run(tag)
  }
  const commit = (write: () => void): void => {
    database.exec("BEGIN IMMEDIATE")
    try {
      write()
      database.exec("COMMIT")
    } catch (error) {
      database.exec("ROLLBACK")
      throw error
    }
  }
  const parsed = (rows: ReadonlyArray<unknown>): number =>
    rows.map((row) => JSON.parse((row as { readonly data: string }).data) as unknown).length
  const statements = new Map<string, ReturnType<Database["prepare"]>>()
  const prepared = (sql: string) => {
    const known = statements.get(sql) ?? database.prepare(sql)
    statements.set(sql, known)
    return known
  }
  return {
    load: (events) => commit(() => events.forEach(put)),
    append: (event) => commit(() => put(event)),
    appendIf: (event, { tags, type }: Wanted, after) =>
      commit(() => {
        const found = prepared(`SELECT 1 ${matching(tags.length)} AND t0.position > ? LIMIT 1`)
        if (found.get(...tags, type, after as number) !== undefined) throw new Error("an event matches")
        put(event)
      }),
    query: ({ tags, type }) => {
      const { last } = end.get() as { readonly last: number }
      const rows = prepared(`SELECT e.* ${matching(tags.length)} ORDER BY t0.position`).all(...tags, type)
      return { count: parsed(rows), after: last }
    },
    readStream: (stream) => parsed(ofStream.all(stream)),
    close: () => void database.close()
  }
}

const label = "WAL, synchronous=FULL, a table of tags, one transaction per append"

export const nodeSqlite: BoundaryPeer = {
  name: "node:sqlite",
  label,
  open: async (folder) => openWith(new (await import("node:sqlite")).DatabaseSync(join(folder, "events.db")))
}

export const betterSqlite3: BoundaryPeer = {
  name: "better-sqlite3",
  label,
  open: async (folder) => openWith(new (await import("better-sqlite3")).default(join(folder, "events.db")))
}
