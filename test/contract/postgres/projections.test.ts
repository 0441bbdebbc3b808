/** Checkpoints, consumers with transactions and projections in PostgreSQL, over several connections at once. */
import * as PgClient from "@effect/sql-pg/PgClient"
import { it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Reactivity from "effect/reactivity/Reactivity"
import * as SqlClient from "effect/sql/SqlClient"
import * as Category from "litetapes/Category"
import * as CheckpointStore from "litetapes/CheckpointStore"
import * as Consumer from "litetapes/Consumer"
import * as EventStore from "litetapes/EventStore"
import * as KeyStore from "litetapes/KeyStore"
import * as MemoryStorage from "litetapes/MemoryStorage"
import * as Projection from "litetapes/Projection"
import { afterAll, assert, beforeAll, describe } from "vitest"
import { leftOut } from "../../servers/find.ts"
import { type PostgresServer, startPostgres } from "../../servers/postgres.ts"
import { openStore as openLib, tagOf } from "../../support/openLib.ts"

type Store = EventStore.EventStore["Service"]

const quiet = Logger.layer([])

const Account = Category.make("account", { Deposited: Schema.Struct({ cents: Schema.Int }) })

const balancesOf = (version: number) =>
  Projection.make({
    name: "balances",
    version,
    init: ({ sql, table }) =>
      sql`CREATE TABLE ${sql(table("balance"))} (account TEXT PRIMARY KEY, cents INTEGER NOT NULL CHECK (cents >= 0))`,
    drop: ({ sql, table }) => sql`DROP TABLE ${sql(table("balance"))}`,
    events: [
      Projection.on(Account, {
        Deposited: ({ data, stream }, { sql, table }) =>
          sql`INSERT INTO ${sql(table("balance"))} AS b VALUES (${stream}, ${data.cents * version})
            ON CONFLICT (account) DO UPDATE SET cents = b.cents + excluded.cents`
      })
    ]
  })

const openStore = Effect.flatMap(MemoryStorage.make, (storage) => Effect.map(openLib(storage), ({ store }) => store))

const deposit = (store: Store, id: string, cents: number) =>
  store.append(`account-${id}`, [{ type: "Deposited", data: { cents } }])

describe.skipIf(leftOut)("in PostgreSQL", () => {
  let server: PostgresServer
  beforeAll(async () => {
    server = await startPostgres()
  }, 300_000)
  afterAll(() => server?.stop())

  const openAs = (user: string) =>
    Effect.suspend(() => {
      const url = Redacted.make(server.url.replace("postgres@", `${user}@`))
      return Effect.provide(PgClient.make({ url }), Reactivity.layer)
    })
  const open = openAs("postgres")

  const using =
    (store: Store, sql: SqlClient.SqlClient) =>
    <A, E, R>(effect: Effect.Effect<A, E, R>) =>
      effect.pipe(Effect.provideService(EventStore.EventStore, store), Effect.provideService(SqlClient.SqlClient, sql))

  it.live("keys of subjects are made once, over two connections, and destroyed for both", () =>
    Effect.gen(function* () {
      const [one, other] = yield* Effect.all([open, open])
      const keysIn = (sql: SqlClient.SqlClient) =>
        Effect.provideService(KeyStore.makeSql({ table: "subject_keys" }), SqlClient.SqlClient, sql)
      const [first, second] = yield* Effect.all([keysIn(one), keysIn(other)], { concurrency: 2 })
      const subjects = Array.from({ length: 20 }, (_, n) => `subject-${n}`)
      const made = yield* Effect.all([first.acquire(subjects), second.acquire(subjects.toReversed())], {
        concurrency: 2
      })
      assert.deepStrictEqual(new Map([...made[0]].toSorted()), new Map([...made[1]].toSorted()))
      yield* Effect.all([first.rotate("subject-1"), second.forget("subject-1")], { concurrency: 2 }).pipe(Effect.ignore)
      assert.deepStrictEqual(
        (yield* second.forgotten).map(({ subject }) => subject),
        ["subject-1"]
      )
      assert.deepStrictEqual((yield* first.acquire(["subject-1"])).get("subject-1")!.keys, [])
    }).pipe(Effect.scoped)
  )

  it.live("a projection counts each event once, in two versions, and continues", () =>
    Effect.gen(function* () {
      const [store, sql] = [yield* openStore, yield* open]
      for (let n = 0; n < 50; n++) yield* deposit(store, `${n % 3}`, n)
      const rowsOf = (version: number) =>
        sql.unsafe(`SELECT account, cents FROM balance_v${version} ORDER BY account`).values
      const run = (version: number) =>
        Effect.gen(function* () {
          const running = yield* Projection.run(balancesOf(version), { transactionEvents: 7 })
          yield* running.whenCaughtUp
          return running
        }).pipe(using(store, sql))
      const current = Effect.map(using(store, sql)(Projection.current(balancesOf(9))), ({ version }) => version)
      yield* Effect.scoped(run(1))
      for (let n = 0; n < 10; n++) yield* deposit(store, "0", 1)
      const sums = [418, 425, 392]
      yield* Effect.scoped(
        Effect.gen(function* () {
          assert.strictEqual(yield* tagOf(Effect.as(Effect.all([run(1), run(1)]), "both")), "ConsumerClaimed")
        })
      )
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* Effect.all([run(1), run(2)], { concurrency: 2 })
          assert.deepStrictEqual(
            yield* rowsOf(1),
            sums.map((cents, n) => [`account-${n}`, cents])
          )
          assert.deepStrictEqual(
            yield* rowsOf(2),
            sums.map((cents, n) => [`account-${n}`, 2 * cents])
          )
        })
      )
      assert.strictEqual(yield* current, 2)
      yield* using(store, sql)(Projection.drop(balancesOf(1)))
      assert.strictEqual(yield* tagOf(using(store, sql)(Projection.drop(balancesOf(2)))), "ProjectionIsCurrent")
      assert.strictEqual(yield* tagOf(rowsOf(1)), "SqlError")
    }).pipe(Effect.scoped)
  )

  it.live("the version that is read never goes back, although an earlier one switches while a later one does", () =>
    Effect.gen(function* () {
      const [store, sql] = [yield* openStore, yield* open]
      const named = (version: number) => Projection.make({ ...balancesOf(version).options, name: "switching", version })
      const ready = (version: number) => using(store, sql)(Projection.run(named(version), { switch: "by-hand" }))
      const [one, two, three] = [yield* ready(11), yield* ready(12), yield* ready(13)]
      yield* one.makeCurrent
      const [begun, release] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
      const waits = Effect.andThen(Deferred.succeed(begun, undefined), Deferred.await(release))
      const later = yield* Effect.forkChild(sql.withTransaction(Effect.andThen(three.makeCurrent, waits)))
      yield* Deferred.await(begun)
      const earlier = yield* Effect.forkChild(two.makeCurrent)
      yield* Effect.sleep("100 millis")
      yield* Deferred.succeed(release, undefined)
      yield* Fiber.joinAll([later, earlier])
      assert.strictEqual((yield* using(store, sql)(Projection.current(named(11)))).version, 13)
    }).pipe(Effect.scoped)
  )

  it.live("a role that may not create tables uses those that are there", () =>
    Effect.gen(function* () {
      const [store, sql] = [yield* openStore, yield* open]
      const granted = Projection.make({ ...balancesOf(21).options, name: "granted" })
      yield* deposit(store, "1", 5)
      yield* Effect.scoped(using(store, sql)(Projection.run(granted)))
      yield* sql`CREATE SCHEMA kept`
      const table = "kept.checkpoints"
      yield* Effect.provideService(CheckpointStore.makeSql({ table }), SqlClient.SqlClient, sql)
      yield* sql`CREATE ROLE app LOGIN`
      // Before PostgreSQL 15, everybody could.
      yield* sql`REVOKE CREATE ON SCHEMA public FROM PUBLIC`
      yield* sql`GRANT USAGE ON SCHEMA kept TO app`
      for (const schema of ["public", "kept"]) {
        yield* sql`GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ${sql(schema)} TO app`
      }
      const app = yield* openAs("app")
      assert.match((yield* Effect.flip(app`CREATE TABLE refused (n INTEGER)`)).reason.message, /failed/)
      yield* Effect.provideService(CheckpointStore.makeSql({ table }), SqlClient.SqlClient, app)
      const running = yield* using(store, app)(Projection.run(granted))
      yield* running.whenCaughtUp
      assert.strictEqual((yield* using(store, app)(Projection.current(granted))).version, 21)
      assert.deepStrictEqual(yield* app`SELECT cents FROM balance_v21`.values, [[5 * 21]])
    }).pipe(Effect.scoped)
  )

  it.live("a run that lost its claim cannot commit, also if it began its transaction before", () =>
    Effect.gen(function* () {
      const sql = yield* open
      yield* sql`CREATE TABLE handled (position INTEGER)`
      const makeStore = Effect.provideService(CheckpointStore.makeSql(), SqlClient.SqlClient, sql)
      const [one, two] = yield* Effect.all([makeStore, makeStore], { concurrency: 2 })
      const first = yield* one.claim("tested", "refuse")
      assert.strictEqual(yield* tagOf(Effect.scoped(two.claim("tested", "refuse"))), "ConsumerClaimed")
      // It hangs in a transaction, and its lease is over: another run waits for its row, and then has the claim.
      yield* sql`UPDATE litetapes_checkpoints_claims SET expires = 0`
      const [begun, release] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
      const steps = Effect.gen(function* () {
        yield* sql`INSERT INTO handled VALUES (1)`
        yield* Deferred.succeed(begun, undefined)
        yield* Deferred.await(release)
        yield* first.set("checkpoint", "1")
      })
      const hanging = yield* Effect.forkChild(first.transaction!(steps))
      yield* Deferred.await(begun)
      const taking = yield* Effect.forkChild(Effect.exit(Effect.scoped(two.claim("tested", "refuse"))))
      yield* Effect.sleep("100 millis")
      assert.isUndefined(taking.pollUnsafe())
      yield* Deferred.succeed(release, undefined)
      yield* Fiber.join(hanging)
      // It committed and so renewed its lease: the other one was refused.
      assert.isTrue(Exit.isFailure(yield* Fiber.join(taking)))
      yield* sql`UPDATE litetapes_checkpoints_claims SET expires = 0`
      const second = yield* two.claim("tested", "refuse")
      assert.strictEqual(yield* second.get("checkpoint"), "1")
      const late = first.transaction!(sql`INSERT INTO handled VALUES (2)`)
      assert.deepInclude(yield* Effect.flip(late), { _tag: "StorageError", reason: "lock-lost" })
      assert.deepStrictEqual(yield* sql`SELECT position FROM handled`.values, [[1]])
    }).pipe(Effect.scoped)
  )

  it.live(
    "a refused statement leaves nothing, and its event is parked with the reason, caught or late as it may be",
    () =>
      Effect.gen(function* () {
        const [store, sql] = [yield* openStore, yield* open]
        yield* sql`CREATE TABLE allowed (n INTEGER PRIMARY KEY)`
        yield* sql`INSERT INTO allowed VALUES (0), (1), (2), (4), (5)`
        yield* sql`CREATE TABLE kept (way TEXT, position INTEGER, n INTEGER CHECK (n <> 3), PRIMARY KEY (way, position))`
        yield* sql`CREATE TABLE later (way TEXT, position INTEGER, n INTEGER REFERENCES allowed DEFERRABLE INITIALLY DEFERRED)`
        for (let n = 0; n < 6; n++) yield* deposit(store, "1", n)
        const ways: ReadonlyArray<[name: string, table: string, why?: RegExp]> = [
          ["nested", "kept"],
          ["fails", "kept", /Query failed: .*violates check constraint/],
          ["caught", "kept", /transaction is aborted.* must not catch/],
          ["late", "later", /violates foreign key constraint/]
        ]
        const checkpoints = yield* Effect.provideService(CheckpointStore.makeSql(), SqlClient.SqlClient, sql)
        for (const [name, table, why] of ways) {
          const consumer = Consumer.make({
            name,
            transaction: { events: 4 },
            retry: Schedule.spaced(0),
            maxAttempts: 2,
            onPoison: "park",
            handler: ({ data, position }) => {
              const added = sql`INSERT INTO ${sql(table)} VALUES (${name}, ${position}, ${(data as { readonly cents: number }).cents})`
              if (name === "nested") return Effect.ignore(sql.withTransaction(added))
              return name === "caught" ? Effect.ignore(added) : added
            }
          })
          for (let n = 0; n < 2; n++) {
            const run = Effect.gen(function* () {
              const running = yield* Consumer.run(consumer)
              yield* running.whenCaughtUp
              const [parked, ...more] = yield* running.parked
              if (why === undefined) return assert.isUndefined(parked)
              assert.deepStrictEqual([parked!.position, parked!.attempts, more.length], [3, 2, 0])
              assert.match(parked!.why, why)
            })
            yield* Effect.scoped(
              Effect.provideService(using(store, sql)(run), CheckpointStore.CheckpointStore, checkpoints)
            )
          }
          const rows = yield* sql`SELECT position FROM ${sql(table)} WHERE way = ${name} ORDER BY position`.values
          assert.deepStrictEqual(rows, [[0], [1], [2], [4], [5]])
        }
      }).pipe(Effect.scoped, Effect.provide(quiet))
  )
})
