/**
 * Measures how fast a projection handles all events of a lib into a table of SQLite, with a checkpoint in each transaction:
 * a counter for each stream, and a row for each event. `npm run bench:rebuild -- --quick`.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { checkEngine } from "../scripts/engine.ts"
import { Category, EventStore, NodeStorage, Projection, SqliteClient } from "./litetapes.ts"
import { byStream } from "./peers/byStream.ts"
import { bulkEvents } from "./workloads/events.ts"

checkEngine()
const { values } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    events: { type: "string" },
    transactions: { type: "string", default: "500" },
    folder: { type: "string", default: tmpdir() }
  }
})
const events = Number(values.events ?? (values.quick ? 50_000 : 1_000_000))
const transactionEvents = Number(values.transactions)
const root = mkdtempSync(join(values.folder, "litetapes-bench-"))

const Order = Category.make("order", { OrderPlaced: Schema.Unknown })

const fill = Effect.scoped(
  Effect.gen(function* () {
    const store = yield* EventStore.open(join(root, "lib"))
    for (let n = 0; n < events / 1000; n++) {
      const batch = byStream(bulkEvents(n * 1000, (n + 1) * 1000, 10_000, true))
      yield* store.appendAll(Array.from(batch, ([stream, added]) => ({ stream, events: added })))
    }
  })
)

const counts = Projection.make({
  name: "counts",
  init: ({ sql, table }) => sql`CREATE TABLE ${sql(table("counts"))} (stream TEXT PRIMARY KEY, n INTEGER NOT NULL)`,
  drop: ({ sql, table }) => sql`DROP TABLE ${sql(table("counts"))}`,
  events: [
    Projection.on(Order, {
      OrderPlaced: ({ stream }, { sql, table }) =>
        sql`INSERT INTO ${sql(table("counts"))} AS c VALUES (${stream}, 1) ON CONFLICT (stream) DO UPDATE SET n = c.n + 1`
    })
  ]
})

const rows = Projection.make({
  name: "rows",
  init: ({ sql, table }) =>
    sql`CREATE TABLE ${sql(table("rows"))} (position INTEGER PRIMARY KEY, stream TEXT NOT NULL, time TEXT NOT NULL)`,
  drop: ({ sql, table }) => sql`DROP TABLE ${sql(table("rows"))}`,
  events: [
    Projection.on(Order, {
      OrderPlaced: ({ position, stream, time }, { sql, table }) =>
        sql`INSERT INTO ${sql(table("rows"))} VALUES (${position}, ${stream}, ${time})`
    })
  ]
})

const measure = <Name extends string>(what: string, projection: Projection.Projection<Name>) =>
  Effect.gen(function* () {
    const start = performance.now()
    yield* Effect.scoped(
      Effect.gen(function* () {
        const running = yield* Projection.run(projection, { transactionEvents })
        yield* running.whenCaughtUp
        const { left, position } = yield* running.progress
        if (position !== events || left !== 0) throw new Error(`${position} of ${events} events, ${String(left)} left`)
      })
    )
    const seconds = (performance.now() - start) / 1000
    const rate = Math.round(events / seconds).toLocaleString("en")
    console.log(`${what}: ${events.toLocaleString("en")} events in ${seconds.toFixed(1)} s, ${rate} a second`)
  })

const measuring = Effect.andThen(measure("an upsert for each event", counts), measure("a row for each event", rows))

try {
  const services = Layer.mergeAll(
    EventStore.layer(join(root, "lib"), { mode: "read" }),
    SqliteClient.layer(join(root, "read-models.db"), { synchronous: "normal" })
  )
  const program = Effect.andThen(fill, Effect.provide(measuring, services))
  await Effect.runPromise(Effect.provide(program, NodeStorage.layer))
} finally {
  rmSync(root, { recursive: true, force: true })
}
