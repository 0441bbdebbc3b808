/** Projections in SQL: their versions, what they handle, and what is left after a cancelled or failed rebuild. */
import { it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as KeyValueStore from "effect/persistence/KeyValueStore"
import * as Reactivity from "effect/reactivity/Reactivity"
import * as SqlClient from "effect/sql/SqlClient"
import * as TestClock from "effect/testing/TestClock"
import * as Category from "litetapes/Category"
import * as EventStore from "litetapes/EventStore"
import * as Lib from "litetapes/Lib"
import * as MemoryStorage from "litetapes/MemoryStorage"
import * as Projection from "litetapes/Projection"
import * as SqliteClient from "litetapes/SqliteClient"
import { Storage } from "litetapes/Storage"
import { assert, describe } from "vitest"
import { openInMemory, openSession, settle, storeOf, tagOf } from "../support/openLib.ts"

type Store = EventStore.EventStore["Service"]
type Sql = SqliteClient.SqliteClient["Service"]

const quiet = Logger.layer([])

const Account = Category.make(
  "account",
  { Opened: Schema.Struct({}), Deposited: Schema.Struct({ cents: Schema.Int }) },
  { retired: { Audited: Schema.Struct({ by: Schema.String }) }, renamed: { MoneyAdded: "Deposited" } }
)
const Order = Category.make("order", { Paid: Schema.Struct({ cents: Schema.Int }) })

const tables = {
  init: ({ sql, table }: Projection.Tools) =>
    sql`CREATE TABLE ${sql(table("balance"))} (account TEXT PRIMARY KEY, cents INTEGER NOT NULL CHECK (cents >= 0))`,
  drop: ({ sql, table }: Projection.Tools) => sql`DROP TABLE ${sql(table("balance"))}`
}

const adding = ({ sql, table }: Projection.Tools, account: string, cents: number) =>
  sql`INSERT INTO ${sql(table("balance"))} AS b VALUES (${account}, ${cents})
    ON CONFLICT (account) DO UPDATE SET cents = b.cents + excluded.cents`

/** The balances of accounts; a version counts each deposit so many times. */
const balancesOf = (version: number) =>
  Projection.make({
    name: "balances",
    version,
    ...tables,
    events: [
      Projection.on(Account, {
        Opened: ({ stream }, tools) => adding(tools, stream, 0),
        Deposited: ({ data, stream }, tools) => adding(tools, stream, data.cents * version),
        Audited: "ignore"
      }),
      Projection.on(Order, { Paid: ({ data }, tools) => adding(tools, "sales", data.cents) })
    ]
  })

const openStore = openInMemory()

const openSql = Effect.provide(SqliteClient.make(":memory:"), Reactivity.layer)

const using =
  (store: Store, sql: Sql) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    effect.pipe(Effect.provideService(EventStore.EventStore, store), Effect.provideService(SqlClient.SqlClient, sql))

const start = (store: Store, sql: Sql, version = 1, options?: Projection.RunOptions) =>
  Effect.gen(function* () {
    const scope = yield* Scope.make()
    const close = Scope.close(scope, Exit.void)
    yield* Effect.addFinalizer(() => close)
    const running = yield* Projection.run(balancesOf(version), options).pipe(
      Effect.provideService(Scope.Scope, scope),
      Effect.onError(() => close),
      using(store, sql)
    )
    return { running, close }
  })

const rowsIn = (sql: Sql, table: string) => sql.unsafe(`SELECT account, cents FROM ${table} ORDER BY account`).values

const tablesIn = (sql: Sql) =>
  Effect.map(
    sql`SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'balance%' ORDER BY name`.values,
    (rows) => rows.map(([name]) => name)
  )

const currentOf = (store: Store, sql: Sql) =>
  Effect.map(using(store, sql)(Projection.current(balancesOf(9))), ({ version }) => version)

const deposit = (store: Store, id: string, cents: number, type = "Deposited") =>
  store.append(`account-${id}`, [{ type, data: { cents } }])

describe("a projection", () => {
  it.effect("handles the events of its categories, retired and renamed ones too, and answers for its own appends", () =>
    Effect.gen(function* () {
      const [{ store }, sql] = [yield* openStore, yield* openSql]
      yield* store.append("account-1", [
        { type: "Opened", data: {} },
        { type: "MoneyAdded", data: { cents: 5 } },
        { type: "Audited", data: { by: "Ada" } }
      ])
      yield* store.append("invoice-1", [{ type: "Deposited", data: "not of this category" }])
      const { running } = yield* start(store, sql)
      yield* running.whenCaughtUp
      assert.deepStrictEqual(yield* rowsIn(sql, "balance_v1"), [["account-1", 5]])
      yield* deposit(store, "2", 7)
      const { lastPosition } = yield* store.append("order-1", [{ type: "Paid", data: { cents: 30 } }])
      yield* running.whenProcessed(lastPosition!)
      assert.deepStrictEqual(yield* rowsIn(sql, "balance_v1"), [
        ["account-1", 5],
        ["account-2", 7],
        ["sales", 30]
      ])
    })
  )

  it.effect("continues where it was, and runs once at a time", () =>
    Effect.gen(function* () {
      const [{ store }, sql] = [yield* openStore, yield* openSql]
      yield* deposit(store, "1", 5)
      const first = yield* start(store, sql)
      yield* first.running.whenCaughtUp
      const refusal = yield* Effect.flip(start(store, sql))
      assert.strictEqual(refusal._tag, "ConsumerClaimed")
      // After a crash there is no other run that could be stopped.
      assert.match(refusal.message, /wait with onClaimed: "wait": if that run was killed, its claim ends by itself/)
      yield* first.close
      yield* deposit(store, "1", 6)
      const second = yield* start(store, sql)
      yield* second.running.whenCaughtUp
      assert.deepStrictEqual(yield* rowsIn(sql, "balance_v1"), [["account-1", 11]])
    })
  )

  it.effect(
    "builds a new version while the old one is read, and switches to it once it has caught up, never back",
    () =>
      Effect.gen(function* () {
        const [{ store }, sql] = [yield* openStore, yield* openSql]
        yield* deposit(store, "1", 5)
        assert.strictEqual(yield* currentOf(store, sql), 9)
        const one = yield* start(store, sql)
        yield* one.running.whenCaughtUp
        yield* settle
        assert.strictEqual(yield* currentOf(store, sql), 1)
        const two = yield* start(store, sql, 2, { switch: "by-hand" })
        yield* two.running.whenCaughtUp
        yield* settle
        assert.strictEqual(yield* currentOf(store, sql), 1)
        yield* deposit(store, "1", 1)
        yield* Effect.all([one.running.whenCaughtUp, two.running.whenCaughtUp])
        assert.deepStrictEqual(yield* rowsIn(sql, "balance_v1"), [["account-1", 6]])
        assert.deepStrictEqual(yield* rowsIn(sql, "balance_v2"), [["account-1", 12]])
        yield* two.running.makeCurrent
        yield* one.running.makeCurrent
        assert.strictEqual(yield* currentOf(store, sql), 2)
        const dropping = (version: number, options?: Projection.DropOptions) =>
          using(store, sql)(Projection.drop(balancesOf(version), options))
        assert.strictEqual(yield* tagOf(dropping(1)), "ConsumerClaimed")
        yield* one.close
        yield* dropping(1)
        assert.deepStrictEqual(yield* tablesIn(sql), ["balance_v2"])
        yield* two.close
        assert.strictEqual(yield* tagOf(dropping(2)), "ProjectionIsCurrent")
        assert.deepStrictEqual(yield* rowsIn(sql, "balance_v2"), [["account-1", 12]])
        yield* dropping(2, { evenIfCurrent: true })
        // None, not one that was read earlier: nobody may keep its rows up to date.
        assert.strictEqual(yield* currentOf(store, sql), 9)
        const again = yield* start(store, sql, 2)
        yield* again.running.whenCaughtUp
        assert.deepStrictEqual(yield* rowsIn(sql, "balance_v2"), [["account-1", 12]])
      })
  )

  it.effect("creates its tables once it has the claim, so a drop before that leaves it nothing to miss", () =>
    Effect.gen(function* () {
      const [{ store }, sql] = [yield* openStore, yield* openSql]
      yield* deposit(store, "1", 5)
      const one = yield* start(store, sql)
      yield* one.running.whenCaughtUp
      const standby = yield* Effect.forkChild(start(store, sql, 1, { onClaimed: "wait" }))
      yield* settle
      yield* one.close
      yield* using(store, sql)(Projection.drop(balancesOf(1), { evenIfCurrent: true }))
      yield* TestClock.adjust("1 second")
      yield* (yield* Fiber.join(standby)).running.whenCaughtUp
      assert.deepStrictEqual(yield* rowsIn(sql, "balance_v1"), [["account-1", 5]])
    })
  )

  it.effect("that has stopped does not wait any more for the end of the store", () =>
    Effect.gen(function* () {
      const [{ store }, sql] = [yield* openStore, yield* openSql]
      yield* deposit(store, "1", -5)
      let looks = 0
      const position = Effect.andThen(
        Effect.sync(() => looks++),
        store.position
      )
      const { running } = yield* start({ ...store, position }, sql)
      const stopped = yield* Effect.forkChild(tagOf(running.stopped))
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(yield* Fiber.join(stopped), "HandlerFailed")
      const before = looks
      yield* TestClock.adjust("60 seconds")
      assert.strictEqual(looks, before)
    }).pipe(Effect.provide(quiet))
  )

  it.effect("is read as before if a version switches that is not there any more", () =>
    Effect.gen(function* () {
      const [{ store }, sql] = [yield* openStore, yield* openSql]
      const one = yield* start(store, sql)
      yield* one.running.whenCaughtUp
      const two = yield* start(store, sql, 2, { switch: "by-hand" })
      yield* sql`DELETE FROM litetapes_projections WHERE version = 2`
      yield* two.running.makeCurrent
      assert.strictEqual(yield* currentOf(store, sql), 1)
    })
  )

  it.effect("leaves the old version as it is if the rebuild is cancelled, fails, or cannot begin", () =>
    Effect.gen(function* () {
      const [{ store }, sql] = [yield* openStore, yield* openSql]
      for (let n = 0; n < 20; n++) yield* deposit(store, "1", 1)
      const one = yield* start(store, sql)
      yield* one.running.whenCaughtUp
      yield* one.close
      // Cancelled while it works.
      const two = yield* start(store, sql, 2, { transactionEvents: 2 })
      yield* two.close
      assert.isBelow((yield* two.running.status).position, 20)
      assert.strictEqual(yield* currentOf(store, sql), 1)
      // It continues, and then it is the one that is read.
      const resumed = yield* start(store, sql, 2)
      yield* resumed.running.whenCaughtUp
      yield* settle
      assert.strictEqual(yield* currentOf(store, sql), 2)
      // A handler fails at some event: that transaction leaves nothing.
      yield* deposit(store, "1", -100)
      const stopped = yield* Effect.forkChild(tagOf(resumed.running.stopped))
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(yield* Fiber.join(stopped), "HandlerFailed")
      assert.deepStrictEqual(yield* rowsIn(sql, "balance_v2"), [["account-1", 40]])
      const broken = Projection.make({
        ...balancesOf(3).options,
        init: (tools) => Effect.andThen(tables.init(tools), Effect.fail(new Error("broken.")))
      })
      const error = yield* Effect.flip(using(store, sql)(Effect.scoped(Projection.run(broken))))
      assert.match(error.message, /projection balances: init of version 3 failed: broken\. Correct it/)
      assert.deepStrictEqual(yield* tablesIn(sql), ["balance_v1", "balance_v2"])
      assert.strictEqual(yield* currentOf(store, sql), 2)
    }).pipe(Effect.provide(quiet))
  )

  it.live("is not continued with another lib, or with another history of its own", () =>
    Effect.gen(function* () {
      const [{ lib, storage, store }, sql] = [yield* openStore, yield* openSql]
      yield* deposit(store, "1", 5)
      yield* Effect.provideService(lib.backup("backup"), Storage, storage)
      yield* deposit(store, "1", 6)
      const { close, running } = yield* start(store, sql)
      yield* running.whenCaughtUp
      yield* close
      yield* Effect.provideService(Lib.restore("backup", "restored"), Storage, storage)
      for (const place of ["restored", "other"]) {
        const session = yield* openSession(storage, place)
        const other = yield* storeOf(session.lib)
        yield* deposit(other, "1", 100)
        yield* deposit(other, "1", 100)
        assert.strictEqual(yield* tagOf(start(other, sql)), "NotInHistory")
        yield* session.close
      }
      assert.deepStrictEqual(yield* rowsIn(sql, "balance_v1"), [["account-1", 11]])
    })
  )

  it.effect("says how fast it is and how long it takes", () =>
    Effect.gen(function* () {
      const [{ store }, sql] = [yield* openStore, yield* openSql]
      for (let n = 0; n < 30; n++) yield* deposit(store, "1", 1)
      const { running } = yield* start(store, sql)
      yield* running.whenProcessed(29)
      yield* running.pause
      for (let n = 0; n < 15; n++) yield* deposit(store, "1", 1)
      yield* TestClock.adjust("3 seconds")
      assert.deepStrictEqual(yield* running.progress, {
        position: 30,
        left: 15,
        eventsPerSecond: 10,
        secondsLeft: 1.5
      })
      yield* running.resume
      yield* running.whenCaughtUp
      assert.deepInclude(yield* running.progress, { left: 0, secondsLeft: 0 })
    })
  )

  it.live("is provided by its layer", () =>
    Effect.gen(function* () {
      const balances = balancesOf(1)
      const running = yield* balances.running
      yield* Account.append("1", [{ type: "Deposited", data: { cents: 5 } }])
      yield* running.whenCaughtUp
      const { sql, table } = yield* Projection.current(balances)
      assert.deepStrictEqual(yield* sql`SELECT cents FROM ${sql(table("balance"))}`.values, [[5]])
    }).pipe(
      Effect.provide(
        Projection.layer(balancesOf(1)).pipe(
          Layer.provideMerge([EventStore.layer("lib"), SqliteClient.layerMemory]),
          Layer.provide(MemoryStorage.layer)
        )
      )
    )
  )

  it.effect("is made only with options that it knows and a handler for each type", () =>
    Effect.gen(function* () {
      const [{ store }, sql] = [yield* openStore, yield* openSql]
      const right = balancesOf(1).options
      const wrong: ReadonlyArray<[object, RegExp]> = [
        [{ ...right, name: "A" }, /options\.name/],
        [{ ...right, version: 0 }, /options\.version/],
        [{ ...right, events: [] }, /options\.events/],
        [{ ...right, events: [right.events[0], right.events[0]] }, /category "account" twice/],
        [{ ...right, evnts: [] }, /did you mean events/],
        [{ name: "a", init: right.init, drop: right.drop }, /options\.events is missing/]
      ]
      for (const [options, message] of wrong) assert.throws(() => Projection.make(options as typeof right), message)
      const handlers = { Opened: "ignore", Deposited: "ignore", Audited: "ignore" } as const
      assert.throws(
        // @ts-expect-error a retired type is missing
        () => Projection.on(Account, { Opened: "ignore", Deposited: "ignore" }),
        /handlers\.Audited must be/
      )
      // @ts-expect-error the category has no such type
      assert.throws(() => Projection.on(Account, { ...handlers, Closed: "ignore" }), /handlers\.Closed is not a type/)
      for (const options of [{ transactionEvents: 0 }, { switch: "later" }, { lease: 3 }, { leases: 3 }]) {
        assert.strictEqual(yield* tagOf(start(store, sql, 1, options as object)), "InvalidArgument")
      }
      assert.strictEqual(
        yield* tagOf(using(store, sql)(Projection.drop(balancesOf(1), { force: true } as object))),
        "InvalidArgument"
      )
    })
  )
})

describe("a projection in a KeyValueStore", () => {
  const byStream = (version = 1) =>
    Projection.makeKeyValue<"balances", number>({
      name: "balances",
      version,
      events: (on) => [
        on(Account, ({ stream }) => stream, {
          Opened: () => 0,
          Deposited: (cents = 0, { data }) => (data.cents === 0 ? undefined : cents + data.cents * version),
          Audited: "ignore"
        })
      ]
    })

  const run = (store: Store, values: KeyValueStore.KeyValueStore, version = 1) =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const running = yield* Projection.runKeyValue(byStream(version)).pipe(
        Effect.provideService(Scope.Scope, scope),
        Effect.provideService(EventStore.EventStore, store),
        Effect.provideService(KeyValueStore.KeyValueStore, values)
      )
      return { running, close: Scope.close(scope, Exit.void) }
    })

  const makeValues = Effect.map(Layer.build(KeyValueStore.layerMemory), (context) =>
    Context.get(context, KeyValueStore.KeyValueStore)
  )

  it.effect("counts each event once, whenever its checkpoint is lost", () =>
    Effect.gen(function* () {
      const [{ store }, values] = [yield* openStore, yield* makeValues]
      for (let n = 1; n <= 3; n++) yield* deposit(store, "1", n)
      for (const cents of [7, 0]) yield* deposit(store, "2", cents)
      const checkpoint = "litetapes-projection/checkpoints/balances-v1/entry-checkpoint"
      for (let n = 0; n < 3; n++) {
        const { close, running } = yield* run(store, values)
        yield* running.whenCaughtUp
        assert.deepStrictEqual(
          [yield* running.get("account-1"), yield* running.get("account-2"), yield* running.get("account-3")],
          [6, undefined, undefined]
        )
        yield* close
        assert.isTrue(yield* values.has(checkpoint))
        // As if the process was killed before it wrote one.
        yield* values.remove(checkpoint)
      }
    })
  )

  it.effect("has the values of its store after a drop that was cut off anywhere, also for another history", () =>
    Effect.gen(function* () {
      const [{ store }, { store: other }] = [yield* openStore, yield* openStore]
      for (const id of ["1", "2", "3"]) {
        yield* deposit(store, id, 5)
        yield* deposit(other, id, 7)
      }
      for (let steps = 0; steps < 8; steps++) {
        for (const [next, cents] of [
          [store, 5],
          [other, 7]
        ] as const) {
          const values = yield* Effect.provide(makeValues, Layer.fresh(KeyValueStore.layerMemory))
          const first = yield* run(store, values)
          yield* first.running.whenCaughtUp
          yield* first.close
          let left = steps
          const step = <A, E>(effect: Effect.Effect<A, E>) =>
            Effect.suspend(() => (left-- > 0 ? effect : Effect.die("killed")))
          const dying = { ...values, remove: (key: string) => step(values.remove(key)) }
          const dropping = Projection.dropKeyValue(byStream())
          yield* Effect.exit(Effect.provideService(dropping, KeyValueStore.KeyValueStore, dying))
          // Its lease has ended.
          yield* values.remove("litetapes-projection/checkpoints/balances-v1/claim")
          const again = yield* Effect.exit(run(next, values))
          // Nothing was dropped, and the checkpoint is that of the other history.
          if (Exit.isFailure(again)) {
            assert.strictEqual(next, other)
            continue
          }
          yield* again.value.running.whenCaughtUp
          const kept = yield* Effect.forEach(["1", "2", "3"], (id) => again.value.running.get(`account-${id}`))
          assert.deepStrictEqual(kept, [cents, cents, cents], `after ${steps} steps`)
          yield* again.value.close
        }
      }
    })
  )

  it.effect("has values of its own for each version, which are dropped alone", () =>
    Effect.gen(function* () {
      const [{ store }, values] = [yield* openStore, yield* makeValues]
      yield* deposit(store, "1", 5)
      const [one, two] = [yield* run(store, values), yield* run(store, values, 2)]
      yield* Effect.all([one.running.whenCaughtUp, two.running.whenCaughtUp])
      const dropping = Effect.provideService(Projection.dropKeyValue(byStream()), KeyValueStore.KeyValueStore, values)
      assert.strictEqual(yield* tagOf(dropping), "ConsumerClaimed")
      yield* one.close
      yield* dropping
      assert.deepStrictEqual(
        [yield* one.running.get("account-1"), yield* two.running.get("account-1")],
        [undefined, 10]
      )
      yield* two.close
      const again = yield* run(store, values)
      yield* again.running.whenCaughtUp
      assert.strictEqual(yield* again.running.get("account-1"), 5)
      yield* again.close
    })
  )
})
