/**
 * `npm run bench:observed`: what being observed costs 256 writers that append at the same time (W2). Each round runs all
 * rows in one process, each in a lib of its own, in another order. "Plain, again" is the noise. On a busy machine, compare
 * processor time instead.
 *
 * `node bench/observed.ts [rounds] [seconds] [folder]`
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Option from "effect/Option"
import * as Tracer from "effect/Tracer"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { checkEngine } from "../scripts/engine.ts"
import { EventStore, NodeStorage, Telemetry } from "./litetapes.ts"
import { watchLoad } from "./load.ts"
import { fibreWriters } from "./peers/fibres.ts"
import { median, medianOf } from "./statistics.ts"
import { markdownTable, show } from "./table.ts"
import { appends } from "./workloads/append.ts"
import type { Measured } from "./workloads/workload.ts"

/** Makes spans and drops them, as an exporter does once it has sent them. */
const tracer = Tracer.make({ span: (options) => new Tracer.NativeSpan(options) })

const unsampled = new Tracer.NativeSpan({
  name: "request",
  parent: Option.none(),
  annotations: Context.empty(),
  links: [],
  startTime: 0n,
  kind: "server",
  sampled: false
})

interface Row {
  readonly title: string
  readonly isObserved?: boolean
  readonly tracer?: Tracer.Tracer
  readonly parent?: Tracer.Span
}

const rows: ReadonlyArray<Row> = [
  { title: "plain" },
  { title: "plain, again" },
  { title: "`Telemetry.layer`", isObserved: true },
  { title: "a tracer, nothing sampled", tracer, parent: unsampled },
  { title: "a tracer, every span", tracer },
  { title: "`Telemetry.layer` and a tracer", isObserved: true, tracer }
]

interface Observed extends Measured {
  /** Microseconds of processor time for each event, those of the warm-up included. */
  readonly processorMicros: number
}

const measure = async (folder: string, row: Row, seconds: number): Promise<Observed> => {
  const lib = EventStore.layer(folder)
  const observed = row.isObserved === true ? Layer.provideMerge(Telemetry.layer, lib) : lib
  const stored = Layer.provide(observed, NodeStorage.layer)
  const runtime = ManagedRuntime.make(
    row.tracer === undefined ? stored : Layer.provideMerge(stored, Layer.succeed(Tracer.Tracer, row.tracer))
  )
  const store = await runtime.runPromise(EventStore.EventStore)
  const { parent } = row
  const writers = fibreWriters(
    ({ event, stream }) => store.append(stream, [event]),
    (effect) => runtime.runPromise(parent === undefined ? effect : Effect.withParentSpan(effect, parent))
  )
  const append = () => Promise.reject(new Error("the writers append through fibres"))
  const size = { appendMillis: seconds * 1000, warmupMillis: seconds * 300 }
  const before = process.cpuUsage()
  const measured = await appends({ append, writers }, size, 256)
  const { system, user } = process.cpuUsage(before)
  const position = await runtime.runPromise(store.position)
  await runtime.dispose()
  rmSync(folder, { recursive: true, force: true })
  return { ...measured, processorMicros: (system + user) / position }
}

const rangeOf = (numbers: ReadonlyArray<number>): string =>
  `${Math.min(...numbers).toFixed(3)} to ${Math.max(...numbers).toFixed(3)}`

const main = async (rounds: number, seconds: number, parent: string): Promise<void> => {
  const place = mkdtempSync(join(parent, "litetapes-observed-"))
  const results = rows.map((): Array<Observed> => [])
  const loadSince = watchLoad()
  try {
    // The first run compiles the code.
    await measure(join(place, "warm"), rows[0]!, seconds / 2)
    for (let round = 0; round < rounds; round++) {
      for (let turn = 0; turn < rows.length; turn++) {
        const n = (turn + round) % rows.length
        results[n]!.push(await measure(join(place, `${round}-${n}`), rows[n]!, seconds))
      }
    }
  } finally {
    rmSync(place, { recursive: true, force: true })
  }
  const others = loadSince()
  const plain = results[0]!
  const table = rows.map(({ title }, n) => {
    const ratios = results[n]!.map(({ opsPerSec }, round) => opsPerSec / plain[round]!.opsPerSec)
    const costs = results[n]!.map(({ processorMicros }, round) => processorMicros / plain[round]!.processorMicros)
    return [
      title,
      show(medianOf(results[n]!.map(({ opsPerSec }) => opsPerSec)) ?? null),
      show(medianOf(results[n]!.map(({ p50us }) => (p50us ?? Number.NaN) / 1000)) ?? null),
      median(ratios).toFixed(3),
      rangeOf(ratios),
      show(medianOf(results[n]!.map(({ processorMicros }) => processorMicros)) ?? null),
      median(costs).toFixed(3),
      rangeOf(costs)
    ]
  })
  process.stdout.write(
    `${markdownTable(["W2", "events/s", "p50 ms", "× plain", "range", "processor µs", "× plain", "range"], table)}\n\n` +
      `${rounds} rounds of ${seconds} s. Others used ${others === undefined ? "?" : Math.round(others * 100)} % of the cores.\n`
  )
}

checkEngine()
const [rounds = "5", seconds = "3", parent = tmpdir()] = process.argv.slice(2)
await main(Number(rounds), Number(seconds), parent)
