/** Consumers whose handler and checkpoint share a transaction of SQL, and the claims and checkpoints in SQL. */
import { it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Metric from "effect/Metric"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as Reactivity from "effect/reactivity/Reactivity"
import * as SqlClient from "effect/sql/SqlClient"
import * as TestClock from "effect/testing/TestClock"
import * as fc from "fast-check"
import * as CheckpointStore from "litetapes/CheckpointStore"
import * as Consumer from "litetapes/Consumer"
import * as SqliteClient from "litetapes/SqliteClient"
import { StorageError } from "litetapes/Storage"
import { assert, describe } from "vitest"
import { type Checkpoints, type Options, quiet, runConsumer, type Store } from "../support/consumers.ts"
import { openInMemory, settle, tagOf } from "../support/openLib.ts"

type Sql = SqliteClient.SqliteClient["Service"]

const made = (count: number) => Array.from({ length: count }, () => ({ type: "Made" }))

const openStore = Effect.map(openInMemory(), ({ store }) => store)

const openSql = Effect.gen(function* () {
  const sql = yield* Effect.provide(SqliteClient.make(":memory:"), Reactivity.layer)
  yield* sql`CREATE TABLE handled (position INTEGER NOT NULL)`
  return sql
})

const storeIn = (sql: Sql, options?: CheckpointStore.SqlOptions) =>
  Effect.provideService(CheckpointStore.makeSql(options), SqlClient.SqlClient, sql)

const add = (sql: Sql, position: number) => sql`INSERT INTO handled VALUES (${position})`

const handledIn = (sql: Sql) =>
  Effect.map(sql`SELECT position FROM handled ORDER BY rowid`.values, (rows) => rows.map(([position]) => position))

const upTo = (count: number) => Array.from({ length: count }, (_, position) => position)

const start = (store: Store, checkpoints: Checkpoints, handler: Options["handler"], options: Partial<Options> = {}) =>
  runConsumer(store, checkpoints, {
    name: "tested",
    retry: Schedule.spaced(0),
    transaction: { events: 3 },
    ...options,
    handler
  })

/** Lets transactions die at their end, as a crash would; or commits them, and loses the acknowledgement. */
const failingCommits = (checkpoints: Checkpoints, fails: () => boolean, isCommitted = false): Checkpoints => ({
  claim: (consumer, onClaimed) =>
    Effect.map(checkpoints.claim(consumer, onClaimed), (entries) => ({
      ...entries,
      transaction: <A, E, R>(effect: Effect.Effect<A, E, R>) =>
        isCommitted
          ? Effect.tap(entries.transaction!(effect), () => (fails() ? Effect.fail(lostAcknowledgement) : Effect.void))
          : entries.transaction!(Effect.tap(effect, () => (fails() ? Effect.die("power") : Effect.void)))
    }))
})

const lostAcknowledgement = new StorageError({
  operation: "write",
  place: "sql",
  reason: "failed",
  detail: "the connection was closed"
})

describe("a consumer with transactions", () => {
  it.live("handles each event exactly once, whatever fails and wherever a run ends", () =>
    Effect.promise(() =>
      fc.assert(
        fc.asyncProperty(
          fc.array(fc.integer({ min: 0, max: 60 }), { maxLength: 12 }),
          fc.array(fc.record({ commits: fc.integer({ min: 0, max: 12 }), isCommitted: fc.boolean() }), {
            maxLength: 4
          }),
          fc.integer({ min: 1, max: 7 }),
          async (failingCalls, crashes, events) => {
            const program = Effect.gen(function* () {
              const [store, sql] = [yield* openStore, yield* openSql]
              const checkpoints = yield* storeIn(sql)
              const failing = new Set(failingCalls)
              let calls = 0
              // Fails after its row: only a rollback takes it back.
              const handler: Options["handler"] = ({ position }) =>
                Effect.andThen(add(sql, position), () => (failing.delete(calls++) ? Effect.fail("no") : Effect.void))
              const never = { commits: Number.POSITIVE_INFINITY, isCommitted: false }
              for (const { commits, isCommitted } of [...crashes, never]) {
                yield* store.append("order-1", [...made(5), { type: "Other" }])
                let left = commits
                const crashing = failingCommits(checkpoints, () => --left < 0, isCommitted)
                const options = { transaction: { events }, filter: { types: ["Made"] }, maxAttempts: 100 }
                const run = yield* start(store, crashing, handler, options)
                yield* Effect.exit(run.running.whenCaughtUp)
                yield* run.close
              }
              const expected = upTo((crashes.length + 1) * 6).filter((position) => position % 6 !== 5)
              assert.deepStrictEqual(yield* handledIn(sql), expected)
            })
            await Effect.runPromise(Effect.scoped(program).pipe(Effect.provide(quiet)))
          }
        ),
        { numRuns: 40 }
      )
    )
  )

  it.effect("handles as many events in one as the option says", () =>
    Effect.gen(function* () {
      const [store, sql] = [yield* openStore, yield* openSql]
      yield* store.append("order-1", made(10))
      let transactions = 0
      const checkpoints = failingCommits(yield* storeIn(sql), () => {
        transactions++
        return false
      })
      const { running } = yield* start(store, checkpoints, ({ position }) => add(sql, position), {
        transaction: { events: 4 }
      })
      yield* running.whenCaughtUp
      assert.strictEqual(transactions, 3)
      const { inFlight, lag, position } = yield* running.status
      assert.deepStrictEqual([inFlight, lag, position], [0, 0, 10])
    })
  )

  it.effect("writes no older checkpoint after a newer one", () =>
    Effect.gen(function* () {
      const [store, sql] = [yield* openStore, yield* openSql]
      const [begun, release] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
      yield* store.append("order-1", made(3))
      const waits = Effect.andThen(Deferred.succeed(begun, undefined), Deferred.await(release))
      const { running } = yield* start(store, yield* storeIn(sql), ({ position }) =>
        Effect.andThen(add(sql, position), position === 1 ? waits : Effect.void)
      )
      yield* Deferred.await(begun)
      // The time at which it is written comes while the transaction is open.
      yield* TestClock.adjust("3 seconds")
      yield* Deferred.succeed(release, undefined)
      yield* running.whenCaughtUp
      yield* settle
      const [row] = yield* sql<{ content: string }>`SELECT content FROM litetapes_checkpoints`
      assert.deepInclude(JSON.parse(row!.content), { low: 3, done: [], end: 3 })
    })
  )

  it.effect("takes back what a poison event did, and parks it with the checkpoint", () =>
    Effect.gen(function* () {
      const [store, sql] = [yield* openStore, yield* openSql]
      const checkpoints = yield* storeIn(sql)
      yield* store.append("order-1", made(6))
      let isBroken = true
      const handler: Options["handler"] = ({ position }) =>
        Effect.andThen(add(sql, position), () => (isBroken && position === 1 ? Effect.fail("no") : Effect.void))
      const { close, running } = yield* start(store, checkpoints, handler, { onPoison: "park", maxAttempts: 2 })
      yield* running.whenCaughtUp
      assert.deepStrictEqual(yield* handledIn(sql), [0, 2, 3, 4, 5])
      assert.deepInclude((yield* running.parked)[0], { position: 1, attempts: 2 })
      assert.strictEqual(yield* tagOf(running.replay(1)), "HandlerFailed")
      isBroken = false
      yield* running.replay(1)
      assert.deepStrictEqual(yield* handledIn(sql), [0, 2, 3, 4, 5, 1])
      yield* close
      const again = yield* start(store, checkpoints, handler)
      yield* again.running.whenCaughtUp
      assert.strictEqual((yield* handledIn(sql)).length, 6)
      assert.deepStrictEqual(yield* again.running.parked, [])
    }).pipe(Effect.provide(quiet))
  )

  it.effect("counts as handled what is committed, and nothing that was rolled back", () =>
    Effect.gen(function* () {
      const [store, sql] = [yield* openStore, yield* openSql]
      yield* store.append("order-1", made(6))
      const handler: Options["handler"] = ({ position }) =>
        Effect.andThen(add(sql, position), () => (position === 5 ? Effect.fail("no") : Effect.void))
      const options = { name: "counted", transaction: { events: 6 }, maxAttempts: 1, onPoison: "skip" } as const
      const { running } = yield* start(store, yield* storeIn(sql), handler, options)
      yield* running.whenCaughtUp
      const counts = (yield* Metric.snapshot).flatMap(({ attributes, id, state }) =>
        attributes?.["consumer"] === "counted" && "count" in state
          ? [[id.replace("litetapes_consumer_", ""), state.count]]
          : []
      )
      assert.includeDeepMembers(counts, [
        ["processed_total", 5],
        ["failed_attempts_total", 2]
      ])
    }).pipe(Effect.provide(quiet))
  )

  it.effect("stops at a poison event, with everything before it done", () =>
    Effect.gen(function* () {
      const [store, sql] = [yield* openStore, yield* openSql]
      const checkpoints = yield* storeIn(sql)
      yield* store.append("order-1", made(6))
      const handler: Options["handler"] = ({ position }) =>
        Effect.andThen(add(sql, position), () => (position === 4 ? Effect.die(new TypeError("broken")) : Effect.void))
      const { close, running } = yield* start(store, checkpoints, handler, { transaction: { events: 6 } })
      assert.strictEqual(yield* tagOf(running.stopped), "HandlerFailed")
      assert.deepStrictEqual(yield* handledIn(sql), [0, 1, 2, 3])
      yield* close
      const again = yield* start(store, checkpoints, ({ position }) => add(sql, position))
      yield* again.running.whenCaughtUp
      assert.deepStrictEqual(yield* handledIn(sql), upTo(6))
    }).pipe(Effect.provide(quiet))
  )

  it.effect("ends the transaction before it is paused or closed", () =>
    Effect.gen(function* () {
      for (const ending of ["pause", "close"] as const) {
        const [store, sql] = [yield* openStore, yield* openSql]
        yield* store.append("order-1", made(3))
        const [begun, release] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
        const waits = Effect.andThen(Deferred.succeed(begun, undefined), Deferred.await(release))
        const ends: Array<number> = []
        const { close, running } = yield* start(store, yield* storeIn(sql), ({ position }) =>
          Effect.andThen(add(sql, position), position === 1 ? waits : settle).pipe(
            Effect.andThen(Effect.sync(() => ends.push(position)))
          )
        )
        yield* Deferred.await(begun)
        const ended = yield* Effect.forkChild(ending === "pause" ? running.pause : close)
        yield* settle
        assert.isUndefined(ended.pollUnsafe())
        yield* Deferred.succeed(release, undefined)
        yield* Fiber.join(ended)
        assert.deepStrictEqual([[...ends], yield* handledIn(sql)], [upTo(3), upTo(3)])
      }
    })
  )

  it.effect("is paused only after a transaction that waits for its turn", () =>
    Effect.gen(function* () {
      const [store, sql] = [yield* openStore, yield* openSql]
      const release = yield* Deferred.make<void>()
      let isPaused = false
      const handler: Options["handler"] = ({ position }) =>
        isPaused ? Effect.die("it is called while it is paused") : add(sql, position)
      const { running } = yield* start(store, yield* storeIn(sql), handler, { filter: { types: ["Made"] } })
      yield* running.whenCaughtUp
      // Somebody else has the connection. The checkpoint waits for it, and the transaction for the checkpoint.
      const other = yield* Effect.forkChild(sql.withTransaction(Deferred.await(release)))
      yield* settle
      yield* store.append("order-1", [{ type: "Other" }])
      yield* settle
      yield* TestClock.adjust("1 second")
      yield* store.append("order-1", made(1))
      yield* settle
      const paused = yield* Effect.forkChild(Effect.map(running.pause, () => void (isPaused = true)))
      yield* settle
      yield* Deferred.succeed(release, undefined)
      yield* Effect.all([Fiber.join(other), Fiber.join(paused)])
      yield* store.append("order-1", made(1))
      yield* settle
      assert.deepStrictEqual(yield* handledIn(sql), [1])
      assert.isUndefined((yield* running.status).lastError)
    })
  )

  it.effect("needs a store with transactions, and one partition", () =>
    Effect.gen(function* () {
      const store = yield* openStore
      const error = yield* Effect.flip(start(store, yield* CheckpointStore.makeMemory, () => Effect.void))
      assert.match(error.message, /options\.transaction needs a CheckpointStore with transactions/)
      const handler = () => Effect.void
      assert.throws(
        () => Consumer.make({ name: "a", handler, partitions: 2, transaction: {} }),
        /partitions must be 1 with the option transaction/
      )
      assert.throws(() => Consumer.make({ name: "a", handler, transaction: { events: 0 } }), /transaction\.events/)
    })
  )
})

describe("checkpoints in SQL", () => {
  it.effect("are kept by name, and refuse what is not a table or a lease", () =>
    Effect.gen(function* () {
      const sql = yield* openSql
      const one = yield* storeIn(sql, { table: "main.own_checkpoints" })
      const entries = yield* one.claim("first", "refuse")
      yield* entries.set("a", "1")
      yield* entries.set("a", "2")
      yield* entries.set("b", "3")
      yield* (yield* one.claim("second", "refuse")).set("a", "4")
      yield* entries.remove("b")
      yield* entries.remove("c")
      assert.deepStrictEqual(
        [yield* entries.get("a"), yield* entries.get("b"), yield* entries.keys],
        ["2", undefined, ["a"]]
      )
      assert.strictEqual((yield* sql`SELECT * FROM own_checkpoints`).length, 2)
      for (const options of [{ table: 'a"; DROP' }, { lease: 5 }, { tables: "a" }]) {
        assert.strictEqual(yield* tagOf(storeIn(sql, options as object)), "InvalidArgument")
      }
    })
  )

  it.effect("are claimed by one run, until its lease ends, which the other run then notices", () =>
    Effect.gen(function* () {
      const sql = yield* openSql
      // Two stores, as in two processes.
      const [one, two] = [yield* storeIn(sql), yield* storeIn(sql)]
      const scope = yield* Scope.make()
      const first = yield* Effect.provideService(one.claim("tested", "refuse"), Scope.Scope, scope)
      assert.strictEqual(yield* tagOf(Effect.scoped(two.claim("tested", "refuse"))), "ConsumerClaimed")
      const waiting = yield* Effect.forkScoped(two.claim("tested", "wait"))
      // It is renewed as long as it runs.
      yield* TestClock.adjust("60 seconds")
      assert.isUndefined(waiting.pollUnsafe())
      yield* first.set("a", "first")
      // Its process hangs: it renews nothing, and later continues.
      yield* sql`UPDATE litetapes_checkpoints_claims SET expires = 0`
      yield* TestClock.adjust("1 second")
      const second = yield* Fiber.join(waiting)
      yield* second.set("a", "second")
      const late = first.transaction!(Effect.andThen(add(sql, 7), Effect.fail("unreachable")))
      const error = yield* Effect.flip(late)
      assert.deepInclude(error as object, { _tag: "StorageError", reason: "lock-lost" })
      assert.strictEqual(yield* tagOf(first.set("a", "late")), "StorageError")
      assert.deepStrictEqual([yield* second.get("a"), yield* handledIn(sql)], ["second", []])
      // The end of the first run leaves the claim of the second one.
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(yield* tagOf(Effect.scoped(one.claim("tested", "refuse"))), "ConsumerClaimed")
    }).pipe(Effect.scoped)
  )

  it.effect("fail in a transaction as the effect in it does", () =>
    Effect.gen(function* () {
      const sql = yield* openSql
      const entries = yield* (yield* storeIn(sql)).claim("tested", "refuse")
      const wrong = entries.transaction!(Effect.andThen(add(sql, 1), sql`SELEC 1`))
      assert.strictEqual(yield* tagOf(wrong), "SqlError")
      assert.strictEqual(
        yield* Effect.flip(entries.transaction!(Effect.andThen(entries.set("a", "1"), Effect.fail("no")))),
        "no"
      )
      assert.deepStrictEqual([yield* handledIn(sql), yield* entries.keys], [[], []])
    })
  )
})
