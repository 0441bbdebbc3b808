/** Tables of ours in a database of the application: with its names, and without rights to create tables. */
import { it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Reactivity from "effect/reactivity/Reactivity"
import * as SqlClient from "effect/sql/SqlClient"
import * as Category from "litetapes/Category"
import * as CheckpointStore from "litetapes/CheckpointStore"
import * as Consumer from "litetapes/Consumer"
import * as EventStore from "litetapes/EventStore"
import * as Projection from "litetapes/Projection"
import * as SqliteClient from "litetapes/SqliteClient"
import { mkdirSync } from "node:fs"
import * as path from "node:path"
import { assert, describe } from "vitest"
import { openInMemory, settle } from "../support/openLib.ts"
import { temporaryFolder } from "../support/temporaryFolder.ts"

const unused = temporaryFolder()

const newFile = (): string => {
  const folder = unused()
  mkdirSync(folder)
  return path.join(folder, "rows.db")
}

const open = (file: string, options?: SqliteClient.Options) =>
  Effect.provide(SqliteClient.make(file, options), Reactivity.layer)

const openStore = Effect.map(openInMemory(), ({ store }) => store)

const Account = Category.make("account", { Opened: Schema.Struct({}) })

const accounts = (version: number) =>
  Projection.make({
    name: "accounts",
    version,
    init: ({ sql, table }) => sql`CREATE TABLE ${sql(table("account"))} (stream TEXT)`,
    drop: ({ sql, table }) => sql`DROP TABLE ${sql(table("account"))}`,
    events: [
      Projection.on(Account, {
        Opened: ({ stream }, { sql, table }) => sql`INSERT INTO ${sql(table("account"))} VALUES (${stream})`
      })
    ]
  })

describe("tables of checkpoints and projections", () => {
  it.effect("do not depend on how the client changes names", () =>
    Effect.gen(function* () {
      const store = yield* openStore
      const upper = (name: string) => name.toUpperCase()
      const clients = [
        { transformResultNames: upper },
        { transformQueryNames: upper },
        { transformResultNames: upper, transformQueryNames: upper }
      ]
      yield* store.append(
        "account-1",
        Array.from({ length: 4 }, () => ({ type: "Opened", data: {} }))
      )
      for (const options of clients) {
        const sql = yield* open(":memory:", options)
        const using = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
          effect.pipe(
            Effect.provideService(EventStore.EventStore, store),
            Effect.provideService(SqlClient.SqlClient, sql)
          )
        const checkpoints = yield* using(CheckpointStore.makeSql())
        let handled = 0
        let first = 0
        const consumer = Consumer.make({
          name: "tested",
          transaction: {},
          maxAttempts: 1,
          onPoison: "park",
          handler: ({ position }) => (handled++, position === 2 ? Effect.fail("no") : Effect.void)
        })
        for (let n = 0; n < 3; n++) {
          const run = Effect.gen(function* () {
            const running = yield* Consumer.run(consumer)
            yield* running.whenCaughtUp
            assert.strictEqual((yield* running.parked).length, 1)
          })
          yield* Effect.scoped(using(run)).pipe(Effect.provideService(CheckpointStore.CheckpointStore, checkpoints))
          // A later run continues.
          if (n === 0) first = handled
          assert.strictEqual(handled, first)
        }
        for (let n = 0; n < 2; n++) {
          const run = Effect.flatMap(Projection.run(accounts(2)), ({ whenCaughtUp }) => whenCaughtUp)
          yield* using(Effect.scoped(run))
          assert.deepStrictEqual(yield* sql`SELECT count(*) FROM account_v2`.values, [[4]])
        }
        assert.strictEqual((yield* using(Projection.current(accounts(3)))).version, 2)
      }
    })
  )

  it.effect("are found by a client that only reads, there or not", () =>
    Effect.gen(function* () {
      const store = yield* openStore
      const file = newFile()
      const writing = yield* open(file)
      const reading = yield* open(file, { mode: "read" })
      const current = Effect.map(
        Effect.provideService(Projection.current(accounts(7)), SqlClient.SqlClient, reading),
        ({ version }) => version
      )
      assert.strictEqual(yield* current, 7)
      const running = yield* Projection.run(accounts(3)).pipe(
        Effect.provideService(EventStore.EventStore, store),
        Effect.provideService(SqlClient.SqlClient, writing)
      )
      yield* running.whenCaughtUp
      yield* settle
      assert.strictEqual(yield* current, 3)
      // Its checkpoints are there: nothing is created, so a file that is read only does.
      for (const table of ["litetapes_checkpoints", "main.litetapes_checkpoints"]) {
        yield* Effect.provideService(CheckpointStore.makeSql({ table }), SqlClient.SqlClient, reading)
      }
    })
  )
})
