/**
 * Compares whole processes: each starts, imports its store, opens a place with one event, reads that event, closes and
 * ends. It measures the processor time of each process and the time until it has ended. Only ratios within one run
 * count.
 *
 * `node bench/start.ts [rounds]`. It builds both packages first. Every round runs each program once, in turn.
 */
import { spawnSync } from "node:child_process"
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { buildDeclarations } from "../scripts/build/declarations.ts"
import { buildLibrary } from "../scripts/build/library.ts"
import { buildStandalone } from "../scripts/build/standalone.ts"
import { checkEngine } from "../scripts/engine.ts"
import { median } from "./statistics.ts"
import { markdownTable, show } from "./table.ts"

checkEngine()
const rounds = Number(process.argv[2] ?? 21)
const root = join(import.meta.dirname, "..")
const place = mkdtempSync(join(tmpdir(), "litetapes-start-"))

interface Program {
  readonly name: string
  readonly code: string
}

const report = `
const { user, system } = process.cpuUsage()
process.stdout.write(String((user + system) / 1000))
`

/** The same with promises; \`write\` as an argument appends the event first. */
const byPromises = (name: string): string => `
import * as PromiseStore from "${name}"
const store = await PromiseStore.open("orders")
if (process.argv[2] === "write") await store.append("order-1", [{ type: "OrderPlaced", data: { cents: 3998 } }])
let events = 0
for await (const event of store.read("order-1")) events += event.type === "OrderPlaced" ? 1 : 0
if (events !== 1) throw new Error(events + " events")
await store.close()
${report}`

const byEffect = `
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as EventStore from "litetapes/EventStore"
import * as NodeStorage from "litetapes/NodeStorage"
const program = Effect.gen(function* () {
  const store = yield* EventStore.EventStore
  const events = yield* Stream.runCollect(store.read("order-1"))
  if (events.length !== 1) throw new Error(events.length + " events")
})
await Effect.runPromise(program.pipe(Effect.provide(EventStore.layer("orders")), Effect.provide(NodeStorage.layer)))
${report}`

const byEmmett = `
import { getSQLiteEventStore, sqliteConnection, SQLiteConnectionPool } from "@event-driven-io/emmett-sqlite"
const fileName = "events.db"
const connection = sqliteConnection({ fileName })
await connection.command("PRAGMA synchronous = FULL")
const pool = SQLiteConnectionPool({ fileName, connectionOptions: { singleton: true, connection } })
const store = getSQLiteEventStore({ fileName, pool })
await store.schema.migrate()
if (process.argv[2] === "write") await store.appendToStream("order-1", [{ type: "OrderPlaced", data: { cents: 3998 } }], {})
const { events } = await store.readStream("order-1")
if (events.length !== 1) throw new Error(events.length + " events")
await connection.close()
${report}`

const cached = (file: string): string => `
import { enableCompileCache } from "node:module"
enableCompileCache("cache")
await import("./${file}")
`

const emmett = "Emmett on SQLite"
const programs: ReadonlyArray<Program> = [
  { name: "an empty program", code: report },
  { name: emmett, code: byEmmett },
  { name: "litetapes, with Effect", code: byEffect },
  { name: "litetapes, with promises", code: byPromises("litetapes/PromiseStore") },
  { name: "litetapes-standalone", code: byPromises("litetapes-standalone") },
  { name: "litetapes-standalone, compile cache", code: cached("4.mjs") }
]

const packagesIn = async (folder: string): Promise<void> => {
  const [library, standalone] = [join(folder, "litetapes"), join(folder, "litetapes-standalone")]
  mkdirSync(library, { recursive: true })
  await buildLibrary(root, join(library, "dist"))
  buildDeclarations(root, join(library, "dist"))
  await buildStandalone(root, join(library, "dist"), standalone)
  symlinkSync(join(root, "package.json"), join(library, "package.json"))
  symlinkSync(join(root, "node_modules/effect"), join(folder, "effect"))
  const peer = join(root, "bench/node_modules/@event-driven-io")
  if (existsSync(peer)) symlinkSync(peer, join(folder, "@event-driven-io"))
}

interface Run {
  readonly cpu: number
  readonly wall: number
}

/** Runs a program. Returns `undefined` if what it imports is not installed. */
const run = (index: number, ...args: ReadonlyArray<string>): Run | undefined => {
  const start = performance.now()
  const { status, stderr, stdout } = spawnSync(process.execPath, [`${index}.mjs`, ...args], {
    cwd: place,
    encoding: "utf8"
  })
  const wall = performance.now() - start
  if (status === 0) return { cpu: Number(stdout), wall }
  if (stderr.includes("ERR_MODULE_NOT_FOUND")) return undefined
  throw new Error(stderr)
}

try {
  await packagesIn(join(place, "node_modules"))
  for (const [index, { code }] of programs.entries()) writeFileSync(join(place, `${index}.mjs`), code)
  // Effect's program reads what the promises wrote.
  const installed = [1, 4].map((index) => run(index, "write") !== undefined)
  const runs = programs.map((): Array<Run> => [])
  for (let round = 0; round <= rounds; round++) {
    for (const [index, its] of runs.entries()) {
      const one = run(index)
      // The first round fills the caches.
      if (one !== undefined && round > 0) its.push(one)
    }
  }
  const cpuOf = (its: ReadonlyArray<Run>): number => median(its.map(({ cpu }) => cpu))
  const base = cpuOf(runs[1]!)
  const rows = programs.map(({ name }, index) => {
    const its = runs[index]!
    const wall = median(its.map((one) => one.wall))
    return [name, show(cpuOf(its), " ms"), show(wall, " ms"), show(cpuOf(its) / base), ""]
  })
  if (!installed[0]) process.stdout.write("Emmett is not installed: run `npm ci --prefix bench` first.\n\n")
  process.stdout.write(`${markdownTable(["", "processor", "elapsed", "÷ Emmett", ""], rows)}\n`)
} finally {
  rmSync(place, { recursive: true, force: true })
}
