/** `npm run bench:shared`: what it costs to append through the writer's process. See `-- --help`. */
import * as Effect from "effect/Effect"
import { mkdirSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { checkEngine } from "../scripts/engine.ts"
import { NodeStorage, SharedStore } from "./litetapes.ts"
import { onSignal, runScript } from "./processes.ts"
import type { SharedJob, SharedResult } from "./sharedWorker.ts"
import { median } from "./statistics.ts"
import { markdownTable, show } from "./table.ts"

const usage = `usage: npm run bench:shared -- [OPTIONS]
  --quick        one short round: shows whether it runs, not what it costs
  --rounds N     rounds of each measurement, in turns with the others (default 5)
  --millis N     length of one measurement (default 2000)
  --folder DIR   where the libs are created and removed (default ${tmpdir()})
  --help

Appends a second, each awaited, by 1 and by 64 callers in each process. And the processor time of one append, in all processes
together, which a busy machine changes less.
`

/** How long processes may take to start. */
const startMillis = 2500

const ways = [
  { title: "in the writer's process", processes: 1, isForwarded: false },
  { title: "in one other process", processes: 1, isForwarded: true },
  { title: "in four other processes, in all", processes: 4, isForwarded: true }
]
const callersOf = [1, 64]

const { values } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    rounds: { type: "string", default: "5" },
    millis: { type: "string", default: "2000" },
    folder: { type: "string", default: tmpdir() },
    help: { type: "boolean", default: false }
  }
})
const rounds = values.quick ? 1 : Number(values.rounds)
const millis = values.quick ? 300 : Number(values.millis)

interface Measured {
  /** Appends a second of all processes together. */
  readonly perSec: number
  /** Microseconds of processor time that one append took, in all processes together. */
  readonly micros: number
}

const measure = async (
  place: string,
  { isForwarded, processes }: (typeof ways)[number],
  callers: number
): Promise<Measured> => {
  const folder = mkdtempSync(join(place, "lib-"))
  const jobs = (startAt: number): ReadonlyArray<SharedJob> =>
    Array.from({ length: processes }, (_, name) => ({ folder, name, callers, startAt, millis }))
  const compiled = join(place, "compiled")
  const runAll = async (): Promise<ReadonlyArray<SharedResult>> => {
    const startAt = Date.now() + startMillis
    const run = (job: SharedJob) => runScript<SharedResult>("sharedWorker.ts", job, { millisMax: 60_000, compiled })
    const results = await Promise.all(jobs(startAt).map(run))
    return results.map((result) => {
      if ("failed" in result) throw new Error(result.failed)
      return result
    })
  }
  const all = Effect.promise(runAll)
  const before = process.cpuUsage()
  const results = await Effect.runPromise(
    isForwarded
      ? Effect.flatMap(SharedStore.open(folder), () => all).pipe(Effect.scoped, Effect.provide(NodeStorage.layer))
      : all
  )
  // The writer, which does nothing else.
  const { system, user } = isForwarded ? process.cpuUsage(before) : { system: 0, user: 0 }
  rmSync(folder, { recursive: true, force: true })
  const mode = isForwarded ? "read" : "write"
  if (results.some((one) => one.mode !== mode)) throw new Error(`not all of the processes had the role ${mode}`)
  const sumOf = (key: "cpuMicros" | "made" | "perSec") => results.reduce((sum, one) => sum + one[key], 0)
  return { perSec: sumOf("perSec"), micros: (sumOf("cpuMicros") + system + user) / sumOf("made") }
}

const main = async (): Promise<void> => {
  mkdirSync(values.folder, { recursive: true })
  const place = mkdtempSync(join(values.folder, "litetapes-shared-"))
  const clean = (): void => rmSync(place, { recursive: true, force: true })
  onSignal(clean)
  const measured = new Map<string, Array<Measured>>()
  try {
    for (let round = 0; round < rounds; round++) {
      for (const callers of callersOf) {
        for (const way of ways) {
          const key = `${way.title} ${callers}`
          measured.set(key, [...(measured.get(key) ?? []), await measure(place, way, callers)])
        }
      }
    }
  } finally {
    clean()
  }
  const middle = (title: string, callers: number, key: keyof Measured): number =>
    median(measured.get(`${title} ${callers}`)!.map((one) => one[key]))
  const table = (head: string, key: keyof Measured): string =>
    markdownTable(
      [head, ...callersOf.map((n) => (n === 1 ? "1 caller" : `${n} callers`))],
      ways.map(({ title }) => [title, ...callersOf.map((callers) => show(middle(title, callers, key)))])
    )
  console.log(`${table("appends/s", "perSec")}\n\n${table("µs of processor time for one append", "micros")}`)
}

if (values.help) console.log(usage)
else {
  checkEngine()
  await main()
}
