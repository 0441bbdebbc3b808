/** A table of events in SQLite, for the examples that move one. */
import { DatabaseSync } from "node:sqlite"

/** Makes a database as you may have one. */
export const makeEventTable = (file: string, events: number): void => {
  using database = new DatabaseSync(file)
  database.exec(
    "CREATE TABLE events (global_position INTEGER PRIMARY KEY, stream_id TEXT NOT NULL, version INTEGER NOT NULL," +
      " event_id TEXT NOT NULL, type TEXT NOT NULL, data TEXT NOT NULL, metadata TEXT NOT NULL, created TEXT NOT NULL," +
      " UNIQUE (stream_id, version)); BEGIN"
  )
  const insert = database.prepare("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?)")
  for (let n = 0; n < events; n++) {
    // Positions with gaps, as rows that were rolled back leave them.
    const [stream, version] = [`order-${n % 7}`, Math.floor(n / 7) + 1]
    const created = new Date(Date.UTC(2025, 0, 1) + n * 1000).toISOString()
    insert.run(3 * n + 1, stream, version, crypto.randomUUID(), "Placed", `{"cents":${n}}`, '{"user":"ada"}', created)
  }
  database.exec("COMMIT")
}
