/**
 * The smoke suite: what an application does with the installed package, in the runtime that runs this file. `main.ts`
 * starts it in a folder with the package. It prints a line for each check, and ends with status 0 if all passed.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Category from "litetapes/Category"
import * as EventStore from "litetapes/EventStore"
import * as Lib from "litetapes/Lib"
import * as MemoryStorage from "litetapes/MemoryStorage"
import * as NodeStorage from "litetapes/NodeStorage"
import * as Projection from "litetapes/Projection"
import * as PromiseStore from "litetapes/PromiseStore"
import * as SqliteClient from "litetapes/SqliteClient"
import type { Storage } from "litetapes/Storage"
import * as Tape from "litetapes/Tape"
import * as assert from "node:assert/strict"
import * as fs from "node:fs"
import * as vm from "node:vm"
import { holder, tryToOpen } from "./holder.ts"

/** Commands that run a file: in this runtime, and in Node 24, which must respect each other's locks. */
const [own, other] = JSON.parse(process.argv[2]!) as [ReadonlyArray<string>, ReadonlyArray<string>]

let checks = 0
const check = async (what: string, run: () => Promise<void>): Promise<void> => {
  const began = performance.now()
  await run()
  checks++
  process.stdout.write(`ok ${what} (${Math.round(performance.now() - began)} ms)\n`)
}

const rejection = (promise: Promise<unknown>): Promise<{ readonly _tag: string; readonly message: string }> =>
  promise.then(
    () => assert.fail("it did not fail"),
    (error) => error
  )

const collect = async <A>(all: AsyncIterable<A>): Promise<Array<A>> => {
  const found: Array<A> = []
  for await (const one of all) found.push(one)
  return found
}

const onDisk = <A, E>(effect: Effect.Effect<A, E, Storage | Scope.Scope>) =>
  Effect.runPromise(Effect.provide(Effect.scoped(effect), NodeStorage.layer))

const placed = { type: "OrderPlaced", id: "placed", data: { customer: "Ada", cents: 3998, note: "Grüße, 世界 😀" } }
const paid = { type: "OrderPaid", data: { cents: 3998 }, tags: ["web"], metadata: { user: "ada" } }

await check("promises: create, append, conflict, repeat, read", async () => {
  const store = await PromiseStore.open("./orders")
  const first = await store.append("order-17", [placed], { expected: "no-stream" })
  assert.equal(first.repeated, false)
  const again = await store.append("order-17", [placed], { expected: "no-stream" })
  assert.deepEqual({ ...again, repeated: false }, first)
  assert.equal(again.repeated, true)
  const conflict = await rejection(store.append("order-17", [paid], { expected: "no-stream" }))
  assert.equal(conflict._tag, "WrongExpectedRevision")
  const other = await rejection(store.append("order-17", [{ ...placed, data: null }]))
  assert.equal(other._tag, "EventIdConflict")
  await store.append("order-17", [paid], { expected: 0 })
  await store.appendAll([
    { stream: "order-18", events: [placed] },
    { stream: "invoice-1", events: [paid], expected: "no-stream" }
  ])
  const read = await collect(store.read("order-17"))
  assert.deepEqual(
    read.map(({ data, revision, type }) => ({ data, revision, type })),
    [
      { data: placed.data, revision: 0, type: "OrderPlaced" },
      { data: paid.data, revision: 1, type: "OrderPaid" }
    ]
  )
  const all = await collect(store.readAll({ direction: "backward" }))
  assert.deepEqual(
    all.map(({ position }) => position),
    [3, 2, 1, 0]
  )
  const tagged = await collect(store.readAll({ filter: { tags: ["web"], categories: ["invoice"] } }))
  assert.equal(tagged.length, 1)
  await store.close()
  const second = await PromiseStore.open("./orders")
  assert.equal(await second.revision("order-17"), 1)
  assert.equal(await second.position(), 4)
  assert.equal((await second.append("order-17", [placed])).repeated, true)
  assert.deepEqual(await collect(second.read("order-17")), read)
  await second.close()
})

await check("values: canonical text, clones, responses and other realms, refusals", async () => {
  const store = await PromiseStore.open("memory", { storage: MemoryStorage.layer })
  const numbers = [0, -0, 1e21, 1e-7, 5e-324, 1.7976931348623157e308, 123456789.125, -1.5, 2 ** 53 - 1]
  const value = { numbers, z: null, é: '\u2028\u0007\\"/', a: { b: [] } }
  const foreign = vm.runInNewContext(`JSON.parse(${JSON.stringify(JSON.stringify(value))})`) as unknown
  for (const data of [value, structuredClone(value), await Response.json(value).json(), foreign]) {
    assert.equal((await store.append("v-1", [{ type: "V", id: "1", data }])).lastRevision, 0)
  }
  const cyclic: Record<string, unknown> = {}
  cyclic.self = cyclic
  const bad: ReadonlyArray<unknown> = [
    NaN,
    1n,
    "\ud800",
    new Date(0),
    new Map(),
    new Proxy({}, {}),
    cyclic,
    Object.assign([1], { length: 2 }),
    Object.defineProperty({}, "a", { enumerable: true, get: () => 1 }),
    { [Symbol("s")]: 1 },
    JSON.parse('{"__proto__":1}')
  ]
  for (const inner of bad) {
    const error = await rejection(store.append("v-1", [{ type: "V", data: { inner } }]))
    assert.equal(error._tag, "TaraSONError")
    assert.match(error.message, /\/inner/)
  }
  await store.close()
})

await check("folders: modes, and what is in a segment", async () => {
  assert.equal(fs.statSync("./orders").mode & 0o777, 0o700)
  assert.equal(fs.statSync("./orders/litelib.meta.jsonl").mode & 0o777, 0o600)
  const lines = fs.readFileSync("./orders/order/seg-000001.jsonl", "utf8").split("\n")
  assert.equal((JSON.parse(lines[0]!) as { data: { note: string } }).data.note, placed.data.note)
  assert.equal(lines[0]!.startsWith('{"$type":"OrderPlaced","data":{"cents":3998,"customer":"Ada"'), true)
})

const Order = Category.make("order", {
  OrderPlaced: Schema.Struct({ customer: Schema.String, cents: Schema.Int, note: Schema.String }),
  OrderPaid: Schema.Struct({ cents: Schema.Int })
})

await check("Effect: categories, verify, heads, backup, restore", () =>
  onDisk(
    Effect.gen(function* () {
      const store = yield* EventStore.open("./orders")
      assert.deepEqual(store.lib.report.warnings, [])
      const program = Effect.gen(function* () {
        yield* Order.append("19", [{ type: "OrderPaid", data: { cents: 5 } }], { expected: "no-stream" })
        const wrong = { type: "OrderPaid" as const, data: { cents: 0.5 } }
        assert.equal((yield* Effect.flip(Order.append("19", [wrong])))._tag, "EventSchemaError")
        return yield* Stream.runCollect(Order.readAll())
      })
      assert.equal((yield* Effect.provideService(program, EventStore.EventStore, store)).length, 4)
      const tape = yield* Effect.provideService(Tape.make("order"), Lib.Lib, store.lib)
      const head = yield* tape.head
      yield* tape.checkHead(head)
      assert.equal((yield* store.lib.verify()).ok, true)
      const backup = yield* store.lib.backup("./backup")
      assert.equal(backup.place.position, 5)
      yield* store.append("order-20", [paid])
      yield* store.lib.backup("./backup")
      yield* Lib.restore("./backup", "./restored", { upTo: 5 })
      const restored = yield* EventStore.open("./restored")
      assert.equal(yield* restored.position, 5)
      assert.equal((yield* restored.lib.verify()).ok, true)
    })
  )
)

/** Events of the large stream: together more than 8 MiB, from which on a segment is hashed in a thread. */
const large = 1500

const filler = (from: number, count: number) =>
  Array.from({ length: count }, (_, n) => ({
    type: "Filled",
    data: { n: from + n, text: String((from + n) * 7919).repeat(1200) }
  }))

await check("SQLite: values, errors, transactions, and a projection", () => {
  const Account = Category.make("account", { Deposited: Schema.Struct({ cents: Schema.Int }) })
  const balances = Projection.make({
    name: "balances",
    init: ({ sql, table }) =>
      sql`CREATE TABLE ${sql(table("balance"))} (account TEXT PRIMARY KEY, cents INTEGER CHECK (cents < 99))`,
    drop: ({ sql, table }) => sql`DROP TABLE ${sql(table("balance"))}`,
    events: [
      Projection.on(Account, {
        Deposited: ({ data, stream }, { sql, table }) =>
          sql`INSERT INTO ${sql(table("balance"))} AS b VALUES (${stream}, ${data.cents})
            ON CONFLICT (account) DO UPDATE SET cents = b.cents + excluded.cents`
      })
    ]
  })
  const program = Effect.gen(function* () {
    const running = yield* Projection.run(balances)
    for (let n = 0; n < 10; n++) yield* Account.append("1", [{ type: "Deposited", data: { cents: 5 } }])
    yield* running.whenCaughtUp
    const sql = yield* SqliteClient.SqliteClient
    const rows = sql`SELECT account, cents, typeof(cents) FROM balance_v1`.values
    assert.deepEqual(yield* rows, [["account-1", 50, "integer"]])
    const reason = (statement: string) => Effect.map(Effect.flip(sql.unsafe(statement)), (error) => error.reason._tag)
    assert.equal(yield* reason("INSERT INTO balance_v1 VALUES ('account-1', 1)"), "UniqueViolation")
    assert.equal(yield* reason("INSERT INTO balance_v1 VALUES ('account-2', 99)"), "ConstraintError")
    assert.equal(yield* reason("SELEC 1"), "SqlSyntaxError")
    assert.equal(yield* reason("SELECT 1; SELECT 2"), "SqlSyntaxError")
    const failing = sql.withTransaction(Effect.andThen(sql`DELETE FROM balance_v1`, Effect.fail("no")))
    assert.equal(yield* Effect.flip(failing), "no")
    assert.equal((yield* rows).length, 1)
    const numbers = sql`WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 300) SELECT n FROM t`
    assert.equal((yield* Stream.runCollect(numbers.stream)).length, 300)
    // Another connection of this process: it waits without holding up the transaction that it waits for.
    const path = "./read-models.db"
    yield* Effect.scoped(
      Effect.gen(function* () {
        const other = Context.get(yield* Layer.build(SqliteClient.layer(path)), SqliteClient.SqliteClient)
        const slow = sql.withTransaction(Effect.andThen(sql`DELETE FROM balance_v1`, Effect.sleep("20 millis")))
        yield* Effect.all([slow, other`INSERT INTO balance_v1 VALUES ('account-3', 1)`], { concurrency: 2 })
      })
    )
    assert.equal((yield* rows).length, 1)
  })
  return onDisk(Effect.provide(program, [EventStore.layer("./bank"), SqliteClient.layer("./read-models.db")]))
})

await check("large segments: hashed in a thread", async () => {
  const store = await PromiseStore.open("./large", {
    closeBytes: 9 * 1024 * 1024,
    storage: NodeStorage.layerWith({ sealing: "thread" })
  })
  const before = threads()
  let started = false
  for (let from = 0; from < large; from += 100) {
    await store.append("large-1", filler(from, 100))
    started ||= isSealing(before, threads())
  }
  for (let turn = 0; turn < 1000 && !started; turn++) {
    await new Promise((resolve) => setTimeout(resolve, 5))
    started = isSealing(before, threads())
  }
  assert.equal(started, true)
  let revision = 0
  for await (const event of store.read("large-1")) assert.equal(event.revision, revision++)
  assert.equal(revision, large)
  await store.close()
})

/** Names of the threads of this process, with how many have it. */
function threads(): Map<string, number> {
  const counts = new Map<string, number>()
  for (const task of fs.readdirSync("/proc/self/task")) {
    try {
      const name = fs.readFileSync(`/proc/self/task/${task}/comm`, "utf8").trim()
      counts.set(name, (counts.get(name) ?? 0) + 1)
    } catch {
      // It has ended meanwhile.
    }
  }
  return counts
}

/** Node 26 and Bun name the thread as we ask, Deno numbers it, and in Node 22 and 24 it has the name of the process. */
function isSealing(before: Map<string, number>, now: Map<string, number>): boolean {
  return [...now].some(
    ([name, count]) => /^(?:litetapes|worker-\d+|node)$/.test(name) && count > (before.get(name) ?? 0)
  )
}

await check("repack with gzip and zstd: the same root and records, and damage is found", () =>
  onDisk(
    Effect.gen(function* () {
      const store = yield* EventStore.open("./large")
      const tape = yield* Effect.provideService(Tape.make("large"), Lib.Lib, store.lib)
      const head = yield* tape.head
      for (const compression of ["gzip", "zstd"] as const) {
        const { bytesAfter, bytesBefore } = yield* tape.repack({ compression, targetBytes: 4 * 1024 * 1024 })
        if (compression === "gzip") assert.ok(bytesAfter < bytesBefore)
        assert.deepEqual(yield* tape.head, head)
        yield* tape.checkHead(head)
        assert.equal(yield* Stream.runCount(store.read("large-1", { direction: "backward" })), large)
        assert.equal((yield* store.lib.verify()).ok, true)
        const segment = (yield* tape.segments)[0]!
        const file = `./large/large/${segment.name}`
        const bytes = fs.readFileSync(file)
        for (const at of [40, bytes.length >> 1, bytes.length - 3]) {
          const damaged = Uint8Array.from(bytes)
          damaged[at]! ^= 0x10
          fs.writeFileSync(file, damaged)
          const error = yield* Effect.flip(tape.verifySegment(segment.number))
          assert.match(error._tag, /^(?:SegmentCorrupt|DecompressionLimit)$/)
          assert.ok(error.message.includes(segment.name))
        }
        fs.writeFileSync(file, bytes)
        yield* tape.verifySegment(segment.number)
      }
      fs.rmSync("./large/large/index", { recursive: true })
      const [last] = yield* Stream.runCollect(store.read("large-1", { from: large - 1 }))
      assert.equal((last!.data as { n: number }).n, large - 1)
    })
  )
)

for (const [who, command] of [
  ["this runtime", own],
  ["Node 24", other]
] as const) {
  await check(`a writer in another process (${who}): readers, the lock, kill -9, takeover`, async () => {
    const location = `./beside-${command === own ? "own" : "other"}`
    const writer = await holder(command, location)
    await writer.append(3)
    await onDisk(
      Effect.gen(function* () {
        const reader = yield* EventStore.open(location, { mode: "read" })
        assert.equal(yield* reader.position, 3)
        yield* Effect.promise(() => writer.append(2))
        assert.equal(yield* reader.position, 3)
        yield* reader.lib.refresh
        assert.equal(yield* reader.position, 5)
        assert.equal(yield* Stream.runCount(reader.readAll()), 5)
        assert.equal((yield* Effect.flip(reader.append("a-1", [paid])))._tag, "ReadOnly")
      })
    )
    assert.equal((await rejection(PromiseStore.open(location)))._tag, "LibLocked")
    await writer.append(1)
    await writer.kill()
    const store = await PromiseStore.open(location)
    assert.equal(await store.position(), 6)
    assert.equal((await rejection(PromiseStore.open(location)))._tag, "LibLocked")
    assert.equal(await tryToOpen(command, location), "LibLocked")
    await store.append("a-1", [paid], { expected: 5 })
    await store.close()
    assert.equal(await tryToOpen(command, location), "opened")
    // The lib is known, whichever runtime used it last: it was not copied here.
    assert.deepEqual(await onDisk(Effect.map(Lib.open(location), (lib) => lib.report.warnings)), [])
  })
}

process.stdout.write(`${checks} checks passed\n`)
