/** The client of `node:sqlite` for Effect's SQL modules: values, transactions, errors, other connections, streams. */
import { it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Reactivity from "effect/reactivity/Reactivity"
import * as SqlClient from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import * as TestClock from "effect/testing/TestClock"
import * as fc from "fast-check"
import * as SqliteClient from "litetapes/SqliteClient"
import { mkdirSync } from "node:fs"
import * as path from "node:path"
import { assert, describe } from "vitest"
import { settle, tagOf } from "../support/openLib.ts"
import { runs } from "../support/runs.ts"
import { temporaryFolder } from "../support/temporaryFolder.ts"

type Sql = SqliteClient.SqliteClient["Service"]

const unused = temporaryFolder()

const newFolder = (): string => {
  const folder = unused()
  mkdirSync(folder)
  return folder
}

const open = (file: string, options?: SqliteClient.Options) =>
  Effect.provide(SqliteClient.make(file, options), Reactivity.layer)

const inMemory = (options?: SqliteClient.Options) => open(":memory:", options)

const reasonOf = <A, R>(effect: Effect.Effect<A, SqlError, R>) =>
  Effect.map(Effect.flip(effect), ({ reason }) => reason._tag)

/** A table with a counter. */
const counting = Effect.gen(function* () {
  const sql = yield* inMemory()
  yield* sql`CREATE TABLE counter (n INTEGER NOT NULL CHECK (n < 1000))`
  yield* sql`INSERT INTO counter VALUES (0)`
  return sql
})

const countOf = (sql: Sql) => Effect.map(sql<{ n: number }>`SELECT n FROM counter`, ([row]) => row!.n)

const increment = (sql: Sql) =>
  Effect.gen(function* () {
    const n = yield* countOf(sql)
    yield* Effect.yieldNow
    yield* sql`UPDATE counter SET n = ${n + 1}`
  })

describe("values", () => {
  it.effect("are read as they were written", () =>
    Effect.gen(function* () {
      const sql = yield* inMemory()
      yield* sql`CREATE TABLE kept (value)`
      const written = fc.oneof(
        fc.string({ unit: "binary" }).filter((text) => text.isWellFormed()),
        fc.maxSafeInteger(),
        fc.double({ noNaN: true }).filter((value) => !Object.is(value, -0)),
        fc.uint8Array(),
        fc.constant(null)
      )
      for (const value of fc.sample(written, { numRuns: 2 * runs })) {
        yield* sql`DELETE FROM kept`
        yield* sql`INSERT INTO kept ${sql.insert({ value })}`
        const [row] = yield* sql<{ value: unknown; kind: string }>`SELECT value, typeof(value) AS kind FROM kept`
        assert.deepStrictEqual(row!.value, value)
        if (typeof value === "number") assert.strictEqual(row!.kind, Number.isSafeInteger(value) ? "integer" : "real")
      }
    })
  )

  it.effect("that SQLite lacks become the nearest ones, or are refused if they would be others", () =>
    Effect.gen(function* () {
      const sql = yield* inMemory()
      const day = new Date("2026-11-30T20:15:00.000Z")
      assert.deepStrictEqual(
        yield* sql`SELECT ${true} AS yes, ${false} AS no, ${undefined} AS none, ${day} AS day`.values,
        [[1, 0, null, "2026-11-30T20:15:00.000Z"]]
      )
      // A column of texts shows a whole number without a fraction.
      yield* sql`CREATE TABLE texts (value TEXT)`
      yield* sql`INSERT INTO texts VALUES (${17})`
      assert.deepStrictEqual(yield* sql`SELECT value FROM texts`.values, [["17"]])
      for (const value of [Number.NaN, "\ud800", {}, [1], Symbol("no"), 2n ** 64n]) {
        assert.strictEqual(yield* reasonOf(sql.unsafe("SELECT ?", [value])), "UnknownError")
      }
    })
  )

  it.effect("beyond the safe integers are refused, or read as bigints", () =>
    Effect.gen(function* () {
      const sql = yield* inMemory()
      const large = sql<{ n: bigint }>`SELECT ${2n ** 62n} AS n`
      const error = yield* Effect.flip(large)
      assert.match(error.message, /SafeIntegers/)
      const asBigints = yield* Effect.provideService(large, SqlClient.SafeIntegers, true)
      assert.strictEqual(asBigints[0]!.n, 2n ** 62n)
      // The same prepared statement returns numbers again.
      assert.strictEqual(yield* reasonOf(large), "UnknownError")
    })
  )

  it.effect("have the names of columns that the options give them", () =>
    Effect.gen(function* () {
      const sql = yield* inMemory({
        transformResultNames: (name) => name.toUpperCase(),
        transformQueryNames: (name) => name.toLowerCase()
      })
      yield* sql`CREATE TABLE ${sql("NAMES")} (first TEXT)`
      yield* sql`INSERT INTO names ${sql.insert({ FIRST: "Ada" })}`
      assert.deepStrictEqual(
        (yield* sql<{ FIRST: string }>`SELECT * FROM names`).map(({ FIRST }) => FIRST),
        ["Ada"]
      )
    })
  )
})

describe("a transaction", () => {
  it.effect("takes turns with those of other fibres and with their statements", () =>
    Effect.gen(function* () {
      const sql = yield* counting
      const seen: Array<number> = []
      yield* Effect.all(
        [
          ...Array.from({ length: 30 }, () => sql.withTransaction(Effect.andThen(increment(sql), increment(sql)))),
          ...Array.from({ length: 10 }, () => Effect.map(countOf(sql), (n) => seen.push(n)))
        ],
        { concurrency: "unbounded" }
      )
      assert.strictEqual(yield* countOf(sql), 60)
      assert.deepStrictEqual(
        seen.filter((n) => n % 2 === 1),
        []
      )
    })
  )

  it.effect("leaves nothing if it fails, dies or is interrupted, at whatever step", () =>
    Effect.gen(function* () {
      const sql = yield* counting
      const endings = [Effect.fail("no"), Effect.die("broken"), Effect.interrupt]
      for (const ending of endings) yield* Effect.exit(sql.withTransaction(Effect.andThen(increment(sql), ending)))
      for (let turns = 0; turns < 40; turns++) {
        const fiber = yield* Effect.forkChild(
          sql.withTransaction(Effect.andThen(Effect.andThen(increment(sql), increment(sql)), Effect.never))
        )
        for (let turn = 0; turn < turns; turn++) yield* Effect.yieldNow
        yield* Fiber.interrupt(fiber)
      }
      assert.strictEqual(yield* countOf(sql), 0)
      yield* sql.withTransaction(increment(sql))
      assert.strictEqual(yield* countOf(sql), 1)
    })
  )

  it.effect("that is nested leaves the outer one as it was if it fails", () =>
    Effect.gen(function* () {
      const sql = yield* counting
      const inner = sql.withTransaction(Effect.andThen(increment(sql), Effect.fail("no")))
      const outer = Effect.gen(function* () {
        yield* increment(sql)
        yield* Effect.ignore(inner)
        yield* sql.withTransaction(increment(sql))
        yield* Effect.ignore(sql.withTransaction(inner))
      })
      yield* sql.withTransaction(outer)
      assert.strictEqual(yield* countOf(sql), 2)
      yield* Effect.exit(sql.withTransaction(Effect.andThen(outer, Effect.fail("no"))))
      assert.strictEqual(yield* countOf(sql), 2)
    })
  )

  it.effect("that cannot be committed leaves nothing, and the client usable", () =>
    Effect.gen(function* () {
      const sql = yield* inMemory()
      yield* sql`CREATE TABLE parent (id INTEGER PRIMARY KEY)`
      yield* sql`CREATE TABLE child (parent INTEGER REFERENCES parent DEFERRABLE INITIALLY DEFERRED)`
      const orphan = sql.withTransaction(sql`INSERT INTO child VALUES (7)`)
      assert.strictEqual(yield* reasonOf(orphan), "ConstraintError")
      yield* sql.withTransaction(Effect.andThen(sql`INSERT INTO parent VALUES (7)`, sql`INSERT INTO child VALUES (7)`))
      assert.deepStrictEqual(yield* sql`SELECT count(*) FROM child`.values, [[1]])
    })
  )

  it.effect("that is open when the scope closes is rolled back, and the client is closed", () =>
    Effect.gen(function* () {
      const file = path.join(newFolder(), "closed.db")
      const scope = yield* Scope.make()
      const sql = yield* Effect.provideService(open(file), Scope.Scope, scope)
      yield* sql`CREATE TABLE counter (n INTEGER)`
      const begun = yield* Deferred.make<void>()
      const release = yield* Deferred.make<void>()
      const steps = Effect.gen(function* () {
        yield* sql`INSERT INTO counter VALUES (1)`
        yield* Deferred.succeed(begun, undefined)
        yield* Deferred.await(release)
        yield* sql`INSERT INTO counter VALUES (2)`
      })
      const running = yield* Effect.forkChild(sql.withTransaction(steps))
      yield* Deferred.await(begun)
      yield* Scope.close(scope, Exit.void)
      yield* Deferred.succeed(release, undefined)
      assert.strictEqual(yield* reasonOf(Fiber.join(running)), "ConnectionError")
      assert.strictEqual(yield* reasonOf(sql`SELECT 1`), "ConnectionError")
      const again = yield* open(file)
      assert.deepStrictEqual(yield* again`SELECT n FROM counter`, [])
    })
  )
})

describe("an error", () => {
  it.effect("says what kind it is", () =>
    Effect.gen(function* () {
      const sql = yield* inMemory()
      yield* sql`CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT UNIQUE, n INTEGER NOT NULL CHECK (n > 0), t INTEGER REFERENCES t)`
      yield* sql`INSERT INTO t VALUES (1, 'a', 1, NULL)`
      const expected: ReadonlyArray<readonly [statement: string, reason: string]> = [
        ["INSERT INTO t VALUES (1, 'b', 1, NULL)", "UniqueViolation"],
        ["INSERT INTO t VALUES (2, 'a', 1, NULL)", "UniqueViolation"],
        ["INSERT INTO t VALUES (2, 'b', 0, NULL)", "ConstraintError"],
        ["INSERT INTO t VALUES (2, 'b', NULL, NULL)", "ConstraintError"],
        ["INSERT INTO t VALUES (2, 'b', 1, 9)", "ConstraintError"],
        ["SELEC 1", "SqlSyntaxError"],
        ["SELECT * FROM", "SqlSyntaxError"],
        ["SELECT * FROM missing", "SqlSyntaxError"],
        ["SELECT missing FROM t", "SqlSyntaxError"],
        ["SELECT missing(1)", "SqlSyntaxError"],
        ["SELECT 1; DELETE FROM t", "SqlSyntaxError"],
        ["SELECT '\u0000", "SqlSyntaxError"]
      ]
      for (const [statement, reason] of expected) {
        assert.strictEqual(yield* reasonOf(sql.unsafe(statement)), reason, statement)
      }
      assert.strictEqual(yield* reasonOf(sql.unsafe("SELECT ?", [1, 2])), "UnknownError")
      assert.strictEqual(yield* reasonOf(sql.unsafe("")), "UnknownError")
      assert.deepStrictEqual(yield* sql.unsafe("SELECT count(*) FROM t -- those; all\n; /* no more; */ ;").values, [
        [1]
      ])
      const taken = yield* Effect.flip(sql`INSERT INTO t VALUES (2, 'a', 1, NULL)`)
      assert.deepInclude(taken.reason, { _tag: "UniqueViolation", constraint: "t.name" })
    })
  )

  it.effect("says that a database cannot be opened", () =>
    Effect.gen(function* () {
      const folder = newFolder()
      assert.strictEqual(yield* tagOf(open("")), "InvalidArgument")
      assert.strictEqual(yield* tagOf(open(path.join(folder, "x.db"), { timeout: 3 } as object)), "InvalidArgument")
      for (const [file, options, needed] of [
        [path.join(folder, "missing", "x.db"), {}, "Its folder must exist"],
        [path.join(folder, "x.db"), { mode: "read" }, "It must exist"]
      ] as const) {
        const error = yield* Effect.flip(open(file, options))
        assert(error._tag === "SqlError")
        assert.strictEqual(error.reason._tag, "ConnectionError")
        // The file, and what to do: SQLite says neither.
        assert.include(error.message, file)
        assert.include(error.message, needed)
      }
    })
  )
})

describe("two connections to a file", () => {
  const two = (options?: SqliteClient.Options) =>
    Effect.gen(function* () {
      const file = path.join(newFolder(), "two.db")
      const one = yield* open(file)
      yield* one`CREATE TABLE counter (n INTEGER NOT NULL)`
      yield* one`INSERT INTO counter VALUES (0)`
      const other = yield* open(file, options)
      const begun = yield* Deferred.make<void>()
      const release = yield* Deferred.make<void>()
      const steps = Effect.andThen(
        increment(one),
        Effect.andThen(Deferred.succeed(begun, undefined), Deferred.await(release))
      )
      const holding = yield* Effect.forkChild(one.withTransaction(steps))
      yield* Deferred.await(begun)
      return { one, other, commit: Effect.andThen(Deferred.succeed(release, undefined), Fiber.join(holding)) }
    })

  it.effect("wait for each other, while other fibres run", () =>
    Effect.gen(function* () {
      const { commit, one, other } = yield* two()
      const waiting = yield* Effect.forkChild(other.withTransaction(increment(other)))
      yield* TestClock.adjust("4 seconds")
      assert.isUndefined(waiting.pollUnsafe())
      yield* commit
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(waiting)
      assert.strictEqual(yield* countOf(one), 2)
    })
  )

  it.effect("give up after busyTimeout, or when they are interrupted", () =>
    Effect.gen(function* () {
      const { commit, other } = yield* two({ busyTimeout: "300 millis" })
      const waiting = yield* Effect.forkChild(reasonOf(other`UPDATE counter SET n = 7`))
      yield* TestClock.adjust("300 millis")
      assert.strictEqual(yield* Fiber.join(waiting), "LockTimeoutError")
      const interrupted = yield* Effect.forkChild(other.withTransaction(increment(other)))
      yield* settle
      yield* Fiber.interrupt(interrupted)
      assert.strictEqual(yield* countOf(other), 0)
      yield* commit
      yield* other.withTransaction(increment(other))
      assert.strictEqual(yield* countOf(other), 2)
    })
  )

  it.effect("do not wait to read, and one that only reads changes nothing", () =>
    Effect.gen(function* () {
      const { commit, other } = yield* two({ mode: "read", busyTimeout: 0 })
      assert.strictEqual(yield* other.withTransaction(countOf(other)), 0)
      yield* commit
      assert.strictEqual(yield* countOf(other), 1)
      assert.match((yield* Effect.flip(other`UPDATE counter SET n = 7`)).message, /readonly/)
    })
  )

  it.effect("keep the settings of the options", () =>
    Effect.gen(function* () {
      const file = path.join(newFolder(), "settings.db")
      for (const [options, level] of [
        [{}, 2],
        [{ synchronous: "normal" }, 1]
      ] as const) {
        const sql = yield* open(file, options)
        const setting = (name: string) => Effect.map(sql.unsafe(`PRAGMA ${name}`).values, ([row]) => row![0])
        assert.deepStrictEqual(
          [yield* setting("journal_mode"), yield* setting("foreign_keys"), yield* setting("synchronous")],
          ["wal", 1, level]
        )
      }
    })
  )
})

describe("statements", () => {
  it.effect("are prepared once, as many as the option says", () =>
    Effect.gen(function* () {
      const sql = yield* inMemory({ statementCacheMax: 5 })
      for (let n = 0; n < 20; n++) {
        yield* sql.unsafe(`SELECT ${n}`)
        yield* sql`SELECT 'often'`
      }
      assert.strictEqual(sql.statements(), 5)
      const none = yield* inMemory({ statementCacheMax: 0 })
      yield* none`SELECT 1`
      assert.strictEqual(none.statements(), 0)
    })
  )

  it.effect("do not keep the values of an earlier call", () =>
    Effect.gen(function* () {
      const sql = yield* inMemory()
      const both = (...values: ReadonlyArray<unknown>) => sql.unsafe("SELECT ? AS a, ? AS b", values).values
      assert.deepStrictEqual([yield* both(1, 2), yield* both(3)], [[[1, 2]], [[3, null]]])
    })
  )

  it.effect("return values, rows with duplicate names, and what they changed", () =>
    Effect.gen(function* () {
      const sql = yield* inMemory()
      yield* sql`CREATE TABLE t (id INTEGER PRIMARY KEY)`
      assert.deepStrictEqual(yield* sql`SELECT 1 AS a, 2 AS a`.values, [[1, 2]])
      assert.deepInclude((yield* sql`INSERT INTO t VALUES (41), (42)`.raw) as object, {
        changes: 2,
        lastInsertRowid: 42
      })
      assert.strictEqual((yield* sql`DELETE FROM t WHERE id = 41 RETURNING id`).length, 1)
      assert.strictEqual(((yield* sql`SELECT * FROM t`.raw) as Array<unknown>).length, 1)
    })
  )

  it.effect("stream their rows, also while the same text runs, and end when the reader does", () =>
    Effect.gen(function* () {
      const sql = yield* inMemory()
      const numbers = (count: number) =>
        sql<{
          n: number
        }>`WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < ${count}) SELECT n FROM t`
      for (const count of [1, 128, 129, 1000]) {
        const rows = yield* Stream.runCollect(numbers(count).stream)
        assert.deepStrictEqual(
          rows.map(({ n }) => n),
          Array.from({ length: count }, (_, index) => index + 1)
        )
      }
      const both = Stream.runForEach(Stream.take(numbers(300).stream, 150), () => numbers(300))
      yield* sql.withTransaction(both)
      const failing = sql`SELECT abs(CASE WHEN n > 200 THEN -9223372036854775808 ELSE n END) FROM (SELECT n FROM (WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 400) SELECT n FROM t))`
      assert.strictEqual(yield* reasonOf(Stream.runDrain(failing.stream)), "UnknownError")
      // Nothing holds the connection any more.
      assert.strictEqual((yield* sql.withTransaction(sql`SELECT 1`)).length, 1)
    })
  )
})
