/** Transactions that the database has rolled back in the middle, by itself. */
import { it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Logger from "effect/Logger"
import * as Schedule from "effect/Schedule"
import * as Reactivity from "effect/reactivity/Reactivity"
import * as SqlClient from "effect/sql/SqlClient"
import * as CheckpointStore from "litetapes/CheckpointStore"
import * as Consumer from "litetapes/Consumer"
import * as EventStore from "litetapes/EventStore"
import * as SqliteClient from "litetapes/SqliteClient"
import { assert, describe } from "vitest"
import { openInMemory } from "../support/openLib.ts"

type Sql = SqliteClient.SqliteClient["Service"]

const open = Effect.gen(function* () {
  const sql = yield* Effect.provide(SqliteClient.make(":memory:"), Reactivity.layer)
  yield* sql`CREATE TABLE handled (position INTEGER NOT NULL)`
  yield* sql`CREATE TABLE taken (n INTEGER PRIMARY KEY)`
  yield* sql`INSERT INTO taken VALUES (1)`
  yield* sql.unsafe(
    "CREATE TRIGGER refuse BEFORE INSERT ON handled WHEN new.position < 0 BEGIN SELECT RAISE(ROLLBACK, 'below zero'); END"
  )
  return sql
})

const add = (sql: Sql, position: number) => sql`INSERT INTO handled VALUES (${position})`

const countOf = (sql: Sql) => Effect.map(sql`SELECT count(*) FROM handled`.values, ([row]) => row![0])

/** What ends a transaction, although the program continues. */
const endings: Record<string, (sql: Sql) => Effect.Effect<unknown, unknown>> = {
  conflict: (sql) => sql`INSERT OR ROLLBACK INTO taken VALUES (1)`,
  trigger: (sql) => add(sql, -1),
  "in a nested one": (sql) => sql.withTransaction(add(sql, -1)),
  statement: (sql) => sql.unsafe("ROLLBACK")
}

/** What a program may do next. */
const statements: Record<string, (sql: Sql) => Effect.Effect<unknown, unknown>> = {
  insert: (sql) => add(sql, 2),
  unprepared: (sql) => add(sql, 2).unprepared,
  raw: (sql) => add(sql, 2).raw,
  values: (sql) => sql`INSERT INTO handled VALUES (2) RETURNING position`.values,
  stream: (sql) => Stream.runDrain(sql`INSERT INTO handled VALUES (2) RETURNING position`.stream),
  nested: (sql) => sql.withTransaction(add(sql, 2)),
  begin: (sql) => sql.unsafe("BEGIN"),
  savepoint: (sql) => sql.unsafe("SAVEPOINT mine")
}

describe("a consumer whose handler catches the error that rolled its transaction back", () => {
  it.effect("parks that event with the reason, and handles the others once", () =>
    Effect.gen(function* () {
      const sql = yield* open
      const { store } = yield* openInMemory()
      yield* store.append(
        "order-1",
        Array.from({ length: 6 }, () => ({ type: "Made" }))
      )
      const consumer = Consumer.make({
        name: "tested",
        transaction: { events: 4 },
        retry: Schedule.spaced(0),
        maxAttempts: 2,
        onPoison: "park",
        handler: ({ position }) =>
          Effect.andThen(add(sql, position), position === 3 ? Effect.ignore(add(sql, -1)) : Effect.void)
      })
      const checkpoints = yield* Effect.provideService(CheckpointStore.makeSql(), SqlClient.SqlClient, sql)
      for (let n = 0; n < 2; n++) {
        const run = Effect.gen(function* () {
          const running = yield* Consumer.run(consumer)
          yield* running.whenCaughtUp
          const [parked, ...more] = yield* running.parked
          assert.deepStrictEqual([parked!.position, parked!.attempts, more.length], [3, 2, 0])
          assert.match(parked!.why, /"below zero".*must not catch/)
        })
        yield* Effect.scoped(run).pipe(
          Effect.provideService(EventStore.EventStore, store),
          Effect.provideService(CheckpointStore.CheckpointStore, checkpoints)
        )
        assert.deepStrictEqual(
          (yield* sql`SELECT position FROM handled ORDER BY rowid`.values).map(([position]) => position),
          [0, 1, 2, 4, 5]
        )
      }
    }).pipe(Effect.provide(Logger.layer([])))
  )

  it.effect("fails with the reason if its rows are refused at the commit", () =>
    Effect.gen(function* () {
      const sql = yield* open
      yield* sql`CREATE TABLE later (n INTEGER REFERENCES taken DEFERRABLE INITIALLY DEFERRED)`
      const entries = yield* (yield* Effect.provideService(CheckpointStore.makeSql(), SqlClient.SqlClient, sql)).claim(
        "tested",
        "refuse"
      )
      const refused = yield* Effect.flip(entries.transaction!(sql`INSERT INTO later VALUES (7)`))
      assert.deepInclude(refused, { _tag: "StorageError", reason: "rolled-back" })
      assert.match(refused.message, /FOREIGN KEY/)
    })
  )
})

describe("a transaction that SQLite has rolled back", () => {
  it.effect("runs no statement any more and fails, whatever ended it and whatever comes next", () =>
    Effect.gen(function* () {
      const sql = yield* open
      for (const [ended, end] of Object.entries(endings)) {
        for (const [next, statement] of Object.entries(statements)) {
          let failed = false
          const steps = Effect.gen(function* () {
            yield* add(sql, 1)
            yield* Effect.ignore(end(sql))
            failed = (yield* Effect.exit(statement(sql)))._tag === "Failure"
          })
          const error = yield* Effect.flip(sql.withTransaction(steps))
          assert.isTrue(failed, `${next} after ${ended}`)
          assert.match(error.message, /transaction is over/)
          assert.strictEqual(yield* countOf(sql), 0, `${next} after ${ended}`)
        }
      }
      // The client can be used again.
      yield* sql.withTransaction(Effect.andThen(add(sql, 1), sql.withTransaction(add(sql, 2))))
      assert.strictEqual(yield* countOf(sql), 2)
    })
  )

  it.effect("says why it was rolled back, and a stream of it ends with an error", () =>
    Effect.gen(function* () {
      const sql = yield* open
      yield* sql`INSERT INTO handled WITH RECURSIVE n(x) AS (SELECT 0 UNION ALL SELECT x + 1 FROM n WHERE x < 999) SELECT x FROM n`
      let rows = 0
      const reading = Stream.runForEach(sql`SELECT position FROM handled`.stream, () =>
        rows++ === 0 ? Effect.ignore(add(sql, -1)) : Effect.void
      )
      const error = yield* Effect.flip(sql.withTransaction(reading))
      assert.match(error.message, /rolled it back because of "below zero"/)
      assert.isBelow(rows, 1000)
    })
  )
})
