/**
 * A read model in SQLite, kept by a projection: the balance of each account. Its rows and its checkpoint are changed in one
 * transaction. Then it changes: the new version is built while the old one is read, and takes its place.
 *
 * ```
 * node --conditions=litetapes-source examples/sql-read-model.ts
 * ```
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Category from "litetapes/Category"
import * as EventStore from "litetapes/EventStore"
import * as NodeStorage from "litetapes/NodeStorage"
import * as Projection from "litetapes/Projection"
import * as SqliteClient from "litetapes/SqliteClient"
import * as assert from "node:assert/strict"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

const Account = Category.make("account", {
  Opened: Schema.Struct({ owner: Schema.String }),
  Deposited: Schema.Struct({ cents: Schema.Int }),
  Withdrawn: Schema.Struct({ cents: Schema.Int })
})

const move = ({ sql, table }: Projection.Tools, account: string, cents: number) =>
  sql`UPDATE ${sql(table("balance"))} SET cents = cents + ${cents} WHERE account = ${account}`

const balances = Projection.make({
  name: "balances",
  init: ({ sql, table }) =>
    sql`CREATE TABLE ${sql(table("balance"))} (account TEXT PRIMARY KEY, cents INTEGER NOT NULL)`,
  drop: ({ sql, table }) => sql`DROP TABLE ${sql(table("balance"))}`,
  events: [
    Projection.on(Account, {
      Opened: ({ stream }, { sql, table }) =>
        sql`INSERT INTO ${sql(table("balance"))} ${sql.insert({ account: stream, cents: 0 })}`,
      Deposited: ({ data, stream }, tools) => move(tools, stream, data.cents),
      Withdrawn: ({ data, stream }, tools) => move(tools, stream, -data.cents)
    })
  ]
})

/** Months later: the owners are wanted too. */
const balancesWithOwners = Projection.make({
  ...balances.options,
  version: 2,
  init: ({ sql, table }) =>
    sql`CREATE TABLE ${sql(table("balance"))} (account TEXT PRIMARY KEY, owner TEXT NOT NULL, cents INTEGER NOT NULL)`,
  events: [
    Projection.on(Account, {
      Opened: ({ data, stream }, { sql, table }) =>
        sql`INSERT INTO ${sql(table("balance"))} ${sql.insert({ account: stream, owner: data.owner, cents: 0 })}`,
      Deposited: ({ data, stream }, tools) => move(tools, stream, data.cents),
      Withdrawn: ({ data, stream }, tools) => move(tools, stream, -data.cents)
    })
  ]
})

const total = Effect.gen(function* () {
  const { sql, table, version } = yield* Projection.current(balances)
  const [row] = yield* sql<{ cents: number }>`SELECT sum(cents) AS cents FROM ${sql(table("balance"))}`
  return { cents: row!.cents, version }
})

const owners = ["Ada", "Grace", "Edsger", "Barbara"]

const firstRun = Effect.gen(function* () {
  const running = yield* balances.running
  for (const owner of owners) yield* Account.append(owner.toLowerCase(), [{ type: "Opened", data: { owner } }])
  yield* Effect.forEach(
    Array.from({ length: 2000 }, (_, n) => n),
    (n) => Account.append(owners[n % 4]!.toLowerCase(), [{ type: "Deposited", data: { cents: 5 } }]),
    { concurrency: 100, discard: true }
  )
  const { lastPosition } = yield* Account.append("ada", [{ type: "Withdrawn", data: { cents: 1000 } }])
  // The program reads what became of its own append.
  yield* running.whenProcessed(lastPosition!)
  const { cents } = yield* total
  assert.equal(cents, 9000)
  yield* Console.log(`2000 deposits and a withdrawal: ${cents} cents.`)
})

const secondRun = Effect.gen(function* () {
  const old = yield* balances.running
  const built = yield* balancesWithOwners.running
  yield* Account.append("ada", [{ type: "Deposited", data: { cents: 1 } }])
  yield* Effect.all([old.whenCaughtUp, built.whenCaughtUp])
  const { position, left } = yield* built.progress
  assert.deepEqual([position, left], [2006, 0])
  assert.deepEqual(yield* total, { cents: 9001, version: 2 })
  const { sql, table } = yield* Projection.current(balancesWithOwners)
  const [first] = yield* sql<{
    owner: string
    cents: number
  }>`SELECT owner, cents FROM ${sql(table("balance"))} ORDER BY cents`
  assert.equal(`${first!.owner} ${first!.cents}`, "Ada 1501")
  yield* Console.log("Version 2 has handled all 2006 events, each once, and is read now.")
})

const lastRun = Effect.gen(function* () {
  yield* Projection.drop(balances)
  const sql = yield* SqliteClient.SqliteClient
  const tables = yield* sql<{ name: string }>`SELECT name FROM sqlite_master WHERE name LIKE 'balance%'`
  assert.deepEqual(
    tables.map(({ name }) => name),
    ["balance_v2"]
  )
  yield* Console.log("Version 1 was dropped.")
})

const program = Effect.gen(function* () {
  const folder = yield* scratch
  const database = SqliteClient.layer(join(folder, "read-models.db"), { synchronous: "normal" })
  const services = Layer.mergeAll(EventStore.layer(join(folder, "bank")), database)
  yield* Effect.provide(firstRun, Layer.provideMerge(Projection.layer(balances), services))
  const both = Layer.mergeAll(Projection.layer(balances), Projection.layer(balancesWithOwners))
  yield* Effect.provide(secondRun, Layer.provideMerge(both, services))
  yield* Effect.provide(lastRun, database)
})

const scratch = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "litetapes-sql-read-model-"))),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
)

Effect.scoped(program).pipe(Effect.provide(NodeStorage.layer), NodeRuntime.runMain)
