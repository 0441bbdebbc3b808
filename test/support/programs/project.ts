/** Runs a projection in SQLite or PostgreSQL on a lib that another process writes, says each transaction, and ends with the last event. */
import * as PgClient from "@effect/sql-pg/PgClient"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Category from "litetapes/Category"
import * as EventStore from "litetapes/EventStore"
import * as NodeStorage from "litetapes/NodeStorage"
import * as Projection from "litetapes/Projection"
import * as SqliteClient from "litetapes/SqliteClient"
import { writeSync } from "node:fs"

const [lib = "", database = "", last = "0"] = process.argv.slice(2)

const Account = Category.make("account", { Deposited: Schema.Struct({ cents: Schema.Int }) })

const balances = Projection.make({
  name: "balances",
  init: ({ sql, table }) =>
    Effect.andThen(
      sql`CREATE TABLE ${sql(table("balance"))} (account TEXT PRIMARY KEY, cents INTEGER NOT NULL)`,
      sql`CREATE TABLE ${sql(table("seen"))} (position INTEGER PRIMARY KEY)`
    ),
  drop: ({ sql, table }) =>
    Effect.andThen(sql`DROP TABLE ${sql(table("balance"))}`, sql`DROP TABLE ${sql(table("seen"))}`),
  events: [
    Projection.on(Account, {
      Deposited: ({ data, position, stream }, { sql, table }) =>
        Effect.gen(function* () {
          yield* sql`INSERT INTO ${sql(table("balance"))} AS b VALUES (${stream}, ${data.cents})
            ON CONFLICT (account) DO UPDATE SET cents = b.cents + excluded.cents`
          yield* sql`INSERT INTO ${sql(table("seen"))} VALUES (${position})`
          writeSync(1, `${position}\n`)
          // In the middle of a transaction: here it is killed.
          if (position % 5 === 2) yield* Effect.sleep("50 millis")
        })
    })
  ]
})

const program = Effect.gen(function* () {
  const options = { transactionEvents: 5, lease: "200 millis", onClaimed: "wait" } as const
  const running = yield* Projection.run(balances, options)
  yield* running.whenProcessed(Number(last))
  yield* running.makeCurrent
})

const client = database.startsWith("postgres:")
  ? PgClient.layer({ url: Redacted.make(database) })
  : SqliteClient.layer(database)

await Effect.scoped(program).pipe(
  Effect.provide([EventStore.layer(lib, { mode: "read" }), client]),
  Effect.provide(NodeStorage.layer),
  Effect.runPromise
)
