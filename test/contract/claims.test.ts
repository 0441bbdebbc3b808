/** Claims of consumers as leases: in SQL and in a `KeyValueStore`. */
import { it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as KeyValueStore from "effect/persistence/KeyValueStore"
import * as Reactivity from "effect/reactivity/Reactivity"
import * as SqlClient from "effect/sql/SqlClient"
import type { Connection } from "effect/sql/SqlConnection"
import { ConnectionError, SqlError } from "effect/sql/SqlError"
import * as Statement from "effect/sql/Statement"
import * as TestClock from "effect/testing/TestClock"
import * as CheckpointStore from "litetapes/CheckpointStore"
import * as SqliteClient from "litetapes/SqliteClient"
import { mkdirSync } from "node:fs"
import * as path from "node:path"
import { assert, describe } from "vitest"
import { settle, tagOf } from "../support/openLib.ts"
import { temporaryFolder } from "../support/temporaryFolder.ts"

const unused = temporaryFolder()

const openSql = (file = ":memory:", options?: SqliteClient.Options) =>
  Effect.provide(SqliteClient.make(file, options), Reactivity.layer)

const storeIn = (sql: SqlClient.SqlClient) => Effect.provideService(CheckpointStore.makeSql(), SqlClient.SqlClient, sql)

/** Two stores over the same place, as in two processes, and what another run does that takes the claim. */
const places = {
  SQL: Effect.gen(function* () {
    const sql = yield* openSql()
    const steal = sql`UPDATE litetapes_checkpoints_claims SET owner = 'another', expires = 9e15`
    return { one: yield* storeIn(sql), two: yield* storeIn(sql), steal: Effect.orDie(Effect.asVoid(steal)) }
  }),
  "a KeyValueStore": Effect.gen(function* () {
    const context = yield* Layer.build(KeyValueStore.layerMemory)
    const store = Effect.map(Layer.build(Layer.fresh(CheckpointStore.layerKeyValueStore())), (made) =>
      Context.get(made, CheckpointStore.CheckpointStore)
    ).pipe(Effect.provideContext(context))
    const values = Context.get(context, KeyValueStore.KeyValueStore)
    const steal = Effect.gen(function* () {
      const key = (yield* values.keys).find((one) => one.endsWith("/claim"))
      yield* values.set(key!, "another 9000000000000000")
    })
    return { one: yield* store, two: yield* store, steal: Effect.orDie(steal) }
  })
}

const finalizersOf = ({ state }: Scope.Scope): number => (state._tag === "Open" ? (state.finalizers?.size ?? 1) : 0)

for (const [name, place] of Object.entries(places)) {
  describe(`a claim in ${name}`, () => {
    it.effect("that another run has taken tells its run", () =>
      Effect.gen(function* () {
        const { one, steal } = yield* place
        const entries = yield* one.claim("tested", "refuse")
        const lost = yield* Effect.forkChild(entries.lost!)
        yield* TestClock.adjust("60 seconds")
        assert.isUndefined(lost.pollUnsafe())
        yield* steal
        yield* TestClock.adjust("10 seconds")
        assert.deepInclude(yield* Fiber.join(lost), { _tag: "StorageError", reason: "lock-lost" })
      })
    )

    it.effect("that is waited for leaves nothing of its attempts", () =>
      Effect.gen(function* () {
        const { one, two } = yield* place
        const holding = yield* Scope.make()
        yield* Effect.provideService(one.claim("tested", "refuse"), Scope.Scope, holding)
        const scope = yield* Scope.make()
        const finalizers = () => finalizersOf(scope)
        const waiting = yield* Effect.forkChild(Effect.provideService(two.claim("tested", "wait"), Scope.Scope, scope))
        yield* TestClock.adjust("1 second")
        const before = finalizers()
        yield* TestClock.adjust("60 seconds")
        assert.strictEqual(finalizers(), before)
        yield* Scope.close(holding, Exit.void)
        yield* TestClock.adjust("1 second")
        yield* Fiber.join(waiting)
        yield* Scope.close(scope, Exit.void)
        yield* Effect.scoped(one.claim("tested", "refuse"))
      })
    )
  })
}

describe("a claim within a process", () => {
  it.effect("that is waited for leaves nothing when it is woken in vain", () =>
    Effect.gen(function* () {
      const store = yield* CheckpointStore.makeMemory
      const claim = (scope: Scope.Scope, onClaimed: "refuse" | "wait") =>
        Effect.provideService(store.claim("tested", onClaimed), Scope.Scope, scope)
      let holder = yield* Scope.make()
      yield* claim(holder, "refuse")
      const scope = yield* Scope.make()
      const waiting = yield* Effect.forkChild(claim(scope, "wait"))
      yield* settle
      for (let n = 0; n < 5; n++) {
        const next = yield* Scope.make()
        yield* Scope.close(holder, Exit.void)
        yield* claim(next, "refuse")
        holder = next
        yield* settle
      }
      assert.isUndefined(waiting.pollUnsafe())
      assert.strictEqual(finalizersOf(scope), 0)
      yield* Scope.close(holder, Exit.void)
      yield* Fiber.join(waiting)
    })
  )
})

describe("a claim in SQL", () => {
  it.effect("waits while a transaction elsewhere is longer than busyTimeout", () =>
    Effect.gen(function* () {
      const folder = unused()
      mkdirSync(folder)
      const file = path.join(folder, "claims.db")
      const [first, second] = [yield* openSql(file), yield* openSql(file, { busyTimeout: "300 millis" })]
      const [one, two] = [yield* storeIn(first), yield* storeIn(second)]
      const holding = yield* Scope.make()
      const entries = yield* Effect.provideService(one.claim("tested", "refuse"), Scope.Scope, holding)
      const release = yield* Deferred.make<void>()
      const long = yield* Effect.forkChild(entries.transaction!(Deferred.await(release)))
      yield* settle
      const refused = yield* Effect.forkChild(tagOf(two.claim("other", "refuse")))
      const waiting = yield* Effect.forkChild(two.claim("tested", "wait"))
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(yield* Fiber.join(refused), "StorageError")
      assert.isUndefined(waiting.pollUnsafe())
      yield* Deferred.succeed(release, undefined)
      yield* Fiber.join(long)
      yield* Scope.close(holding, Exit.void)
      yield* TestClock.adjust("2 seconds")
      yield* (yield* Fiber.join(waiting)).set("a", "1")
    })
  )

  it.effect("whose reply is lost does not keep its own consumer out", () =>
    Effect.gen(function* () {
      const inner = yield* (yield* openSql()).reserve
      let losing = false
      const reason = new ConnectionError({ cause: new Error("reset"), message: "reset", operation: "query" })
      const execute: Connection["execute"] = (text, params, transform) =>
        Effect.flatMap(inner.execute(text, params, transform), (rows) => {
          // The row is there, but the connection is not.
          const isLost = losing && text.startsWith("INSERT INTO")
          return losing && (isLost || text.startsWith("DELETE"))
            ? Effect.fail(new SqlError({ reason }))
            : Effect.succeed(rows)
        })
      const acquirer = Effect.succeed({ ...bound(inner), execute })
      const sql = yield* SqlClient.make({
        acquirer,
        compiler: Statement.makeCompilerSqlite(),
        driver: "losing",
        spanAttributes: []
      }).pipe(Effect.provide(Reactivity.layer))
      const store = yield* storeIn(sql)
      losing = true
      assert.strictEqual(yield* tagOf(Effect.scoped(store.claim("tested", "refuse"))), "StorageError")
      losing = false
      assert.deepStrictEqual(yield* sql`SELECT consumer FROM litetapes_checkpoints_claims`, [])
      yield* store.claim("tested", "refuse")
    })
  )
})

const bound = (connection: Connection): Connection => ({
  execute: (...args) => connection.execute(...args),
  executeRaw: (...args) => connection.executeRaw(...args),
  executeStream: (...args) => connection.executeStream(...args),
  executeUnprepared: (...args) => connection.executeUnprepared(...args),
  executeValues: (...args) => connection.executeValues(...args),
  executeValuesUnprepared: (...args) => connection.executeValuesUnprepared(...args)
})
