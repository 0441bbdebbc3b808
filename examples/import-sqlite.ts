/**
 * Imports the events of SQLite databases: of a table of your own, and of Emmett's event store. The query makes a line of
 * each row, so only the query knows the table. If the program is killed, run it again: the ids say what is there already.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as EventStore from "litetapes/EventStore"
import * as Interchange from "litetapes/Interchange"
import * as NodeStorage from "litetapes/NodeStorage"
import * as assert from "node:assert/strict"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite" // Node 24 has it without a warning
import { makeEventTable } from "./internal/eventTable.ts"

/** A table as you may have one, whose versions begin with 1. */
const fromTable = `
  SELECT json_object(
    '$type', type, 'data', json(data), 'id', event_id, 'metadata', json(metadata),
    'stream', stream_id, 'revision', version - 1, 'time', strftime('%Y-%m-%dT%H:%M:%fZ', created)
  ) AS line
  FROM events ORDER BY global_position`

/** The table of @event-driven-io/emmett-sqlite 0.42.4. Its metadata repeats what is a field of the event here. */
const fromEmmett = `
  SELECT json_object(
    '$type', message_type, 'data', json(message_data), 'id', message_id,
    'metadata', json_remove(message_metadata, '$.streamName', '$.messageId', '$.streamPosition'),
    'stream', stream_id, 'revision', stream_position - 1, 'time', strftime('%Y-%m-%dT%H:%M:%fZ', created)
  ) AS line
  FROM emt_messages
  WHERE message_kind = 'E' AND is_archived = FALSE AND partition = 'emt:default'
  ORDER BY global_position`

/** Streams the lines of a query, which reads rows when they are wanted. */
const linesOf = (database: DatabaseSync, query: string): Stream.Stream<string> =>
  Stream.suspend(() => Stream.map(Stream.fromIterable(database.prepare(query).iterate()), ({ line }) => line as string))

/** Imports, and compares every row with its event. `check` makes a missing or repeated version a bad line. */
const importFrom = Effect.fnUntraced(function* (database: DatabaseSync, query: string) {
  const report = yield* Interchange.importLines(linesOf(database, query), { revisions: "check" })
  const rows = yield* Stream.runCollect(linesOf(database, query))
  const events = yield* Stream.runCollect(Interchange.exportLines())
  assert.equal(events.length, rows.length)
  for (const [n, row] of rows.entries()) {
    const { position, ...event } = JSON.parse(events[n]!) as Record<string, unknown>
    assert.deepEqual([position, event], [n, { tags: [], ...(JSON.parse(row) as object) }])
  }
  return report
})

const moved = (file: string, to: string, query: string) => {
  const opened = Effect.acquireRelease(
    Effect.sync(() => new DatabaseSync(file, { readOnly: true })),
    (database) => Effect.sync(() => database.close())
  )
  return Effect.flatMap(opened, (database) => importFrom(database, query)).pipe(
    Effect.provide(EventStore.layer(to)),
    Effect.scoped
  )
}

const program = (at: (name: string) => string) =>
  Effect.gen(function* () {
    makeEventTable(at("old.db"), 1500)
    const first = yield* moved(at("old.db"), at("orders"), fromTable)
    yield* Console.log(`All ${first.appended} rows are events now, in the same order.`)
    const again = yield* moved(at("old.db"), at("orders"), fromTable)
    yield* Console.log(`Run again: ${again.appended} appended, ${again.repeated} were there.`)
    assert.deepEqual([again.appended, again.repeated], [0, 1500])

    makeEmmett(at("emmett.db"), 300)
    const emmett = yield* moved(at("emmett.db"), at("carts"), fromEmmett)
    yield* Console.log(`Emmett's ${emmett.appended} events came with their ids, versions and times.`)
  })

/** Makes the table as Emmett 0.42.4 does (dist/index.js, `messagesTableSQL`), with rows as it writes them. */
const makeEmmett = (file: string, events: number): void => {
  using database = new DatabaseSync(file)
  database.exec(
    `CREATE TABLE IF NOT EXISTS emt_messages(
      stream_id              TEXT                      NOT NULL,
      stream_position        BIGINT                    NOT NULL,
      partition              TEXT                      NOT NULL DEFAULT 'global',
      message_kind           CHAR(1)                   NOT NULL DEFAULT 'E',
      message_data           JSONB                     NOT NULL,
      message_metadata       JSONB                     NOT NULL,
      message_schema_version TEXT                      NOT NULL,
      message_type           TEXT                      NOT NULL,
      message_id             TEXT                      NOT NULL,
      is_archived            BOOLEAN                   NOT NULL DEFAULT FALSE,
      global_position        INTEGER                   PRIMARY KEY,
      created                DATETIME                  DEFAULT CURRENT_TIMESTAMP,
      UNIQUE (stream_id, stream_position, partition, is_archived)
    ); BEGIN`
  )
  const insert = database.prepare(
    "INSERT INTO emt_messages (stream_id, stream_position, partition, message_data, message_metadata," +
      " message_schema_version, message_type, message_id) VALUES (?, ?, 'emt:default', ?, ?, '0', ?, ?)"
  )
  for (let n = 0; n < events; n++) {
    const [streamName, version, messageId] = [`cart-${n % 5}`, Math.floor(n / 5) + 1, crypto.randomUUID()]
    const metadata = { streamName, messageId, streamPosition: String(version), correlationId: `c-${n % 5}` }
    insert.run(streamName, version, `{"productId":"p-${n}"}`, JSON.stringify(metadata), "ProductAdded", messageId)
  }
  database.exec("COMMIT")
}

const scratch = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "litetapes-import-"))),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
)

Effect.scoped(Effect.flatMap(scratch, (folder) => program((name) => join(folder, name)))).pipe(
  Effect.provide(NodeStorage.layer),
  NodeRuntime.runMain
)
