/** `npm run bench:growth`: what appends, memory, opening and reads cost as a lib grows. See `-- --help`. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { checkEngine } from "../scripts/engine.ts"
import { type LinePanel, lineChart } from "./chart.ts"
import type { Filled, Grown, GrowthJob } from "./growthWorker.ts"
import { onSignal, runScript } from "./processes.ts"
import { median, medianOf } from "./statistics.ts"
import { markdownTable, show } from "./table.ts"

const usage = `usage: npm run bench:growth -- [OPTIONS]
  --quick          a hundredth of everything: shows whether it runs, not what it costs
  --events LIST    sizes of libs (default 100000,1000000,10000000)
  --streams LIST   numbers of streams (default 1000,100000,1000000); numbers above the number of events are skipped
  --rounds N       number of processes that measure each lib (default 3)
  --json FILE      writes the rows
  --svg FILE       writes a chart
  --folder DIR     where the libs are created and removed, one at a time (default ${tmpdir()}); 4 GB for 10 million events
  --help
`

interface Row extends Grown {
  readonly events: number
  readonly streams: number
  readonly fill: Filled
  /** `appendMB` in a process with a small heap. */
  readonly smallHeapMB: number
}

/** The flags of a process with a small heap. Without them V8 collects garbage late, because it may use gigabytes. */
const smallHeap = ["--max-old-space-size=128", "--max-semi-space-size=8"]

const openMillisMax = 25
const appendMBMax = 300
const flat = 1.1

const options = () =>
  parseArgs({
    options: {
      quick: { type: "boolean", default: false },
      events: { type: "string" },
      streams: { type: "string" },
      rounds: { type: "string", default: "3" },
      json: { type: "string" },
      svg: { type: "string" },
      folder: { type: "string", default: tmpdir() },
      help: { type: "boolean", default: false }
    }
  }).values

const numbers = (list: string): ReadonlyArray<number> => list.split(",").map(Number)

const must = <A extends object>(result: A | { readonly failed: string }): A => {
  if ("failed" in result) throw new Error(result.failed)
  return result
}

const measureLib = async (job: Omit<GrowthJob, "step">, rounds: number, compiled: string): Promise<Row> => {
  const run = { compiled, millisMax: 3_600_000 }
  const fill = must(await runScript<Filled>("growthWorker.ts", { ...job, step: "fill" }, run))
  const all: Array<Grown> = []
  for (let round = 0; round < rounds; round++) {
    all.push(must(await runScript<Grown>("growthWorker.ts", { ...job, step: "measure" }, run)))
  }
  const small = must(
    await runScript<Grown>("growthWorker.ts", { ...job, step: "measure" }, { ...run, flags: smallHeap })
  )
  const middle = (key: Exclude<keyof Grown, "elsewhere">): number => median(all.map((one) => one[key]))
  const elsewhere = medianOf(all.map((one) => one.elsewhere))
  return {
    events: job.events,
    streams: job.streams,
    fill,
    openMillis: middle("openMillis"),
    openMB: middle("openMB"),
    appendMicros: middle("appendMicros"),
    oneWriterMicros: middle("oneWriterMicros"),
    appendMB: middle("appendMB"),
    smallHeapMB: small.appendMB,
    readMicros: middle("readMicros"),
    ...(elsewhere === undefined ? {} : { elsewhere })
  }
}

const table = (rows: ReadonlyArray<Row>): string =>
  markdownTable(
    [
      "events",
      "streams",
      "load events/s",
      "B/event",
      "open ms",
      "MB then",
      "µs/append",
      "one writer µs",
      "peak MB",
      "peak MB, small heap",
      "read µs",
      "others"
    ],
    rows.map((row) => [
      row.events.toLocaleString("en-US"),
      row.streams.toLocaleString("en-US"),
      show(row.fill.eventsPerSec),
      show(row.fill.bytesPerEvent),
      show(row.openMillis),
      show(row.openMB),
      show(row.appendMicros),
      show(row.oneWriterMicros),
      show(row.appendMB),
      show(row.smallHeapMB),
      show(row.readMicros),
      row.elsewhere === undefined ? "" : `${Math.round(row.elsewhere * 100)} %`
    ])
  )

const byStreams = (rows: ReadonlyArray<Row>): Map<number, Array<Row>> => Map.groupBy(rows, ({ streams }) => streams)

/** Returns the largest ratio of the largest lib to the smallest lib with the same number of streams. */
const growth = (rows: ReadonlyArray<Row>, key: "appendMicros" | "appendMB" | "openMillis"): number => {
  const ratios = Array.from(byStreams(rows), ([, its]) => its.at(-1)![key] / its[0]![key])
  return Math.max(1, ...ratios)
}

const verdicts = (rows: ReadonlyArray<Row>): string => {
  const first = rows.toSorted((a, b) => b.events - a.events || b.streams - a.streams)[0]!
  const say = (what: string, measured: number, most: number): string =>
    `${what}: ${measured <= most ? "met" : "missed"}, ${show(measured)}`
  const largest = `${first.events.toLocaleString("en-US")} events, ${first.streams.toLocaleString("en-US")} streams`
  return [
    say(`time per append, largest ÷ smallest lib ≤ ${flat}`, growth(rows, "appendMicros"), flat),
    say(`memory, largest ÷ smallest lib ≤ ${flat}`, growth(rows, "appendMB"), flat),
    say(`time to open, largest ÷ smallest lib ≤ ${flat}`, growth(rows, "openMillis"), flat),
    say(`${largest}: opens in ≤ ${openMillisMax} ms`, first.openMillis, openMillisMax),
    say(`${largest}: appends with ≤ ${appendMBMax} MB`, first.appendMB, appendMBMax),
    say(`${largest}: the same, node ${smallHeap.join(" ")}`, first.smallHeapMB, appendMBMax)
  ].join("\n")
}

const plot = (rows: ReadonlyArray<Row>): string => {
  const panel = (title: string, unit: string, of: (row: Row) => number, bound?: number): LinePanel => ({
    title,
    unit,
    series: Array.from(byStreams(rows), ([streams, its]) => ({
      name: streams.toLocaleString("en-US"),
      points: its.map((row) => [row.events, of(row)] as const)
    })),
    ...(bound === undefined ? {} : { bound })
  })
  return lineChart("What a growing lib costs", "events in the lib; one line for each number of streams", [
    panel("Append, 256 writers", "µs each", (row) => row.appendMicros),
    panel("Memory while appending", "MB at the peak", (row) => row.appendMB, appendMBMax),
    panel("Open", "ms", (row) => row.openMillis, openMillisMax),
    panel("Read up to 100 events of a stream", "µs, median", (row) => row.readMicros)
  ])
}

const main = async (values: ReturnType<typeof options>): Promise<number> => {
  const scale = values.quick ? 100 : 1
  const sizes = values.events === undefined ? [1e5, 1e6, 1e7].map((n) => n / scale) : numbers(values.events)
  const counts = values.streams === undefined ? [1e3, 1e5, 1e6].map((n) => n / scale) : numbers(values.streams)
  const rounds = Number(values.rounds)
  if (![...sizes, ...counts, rounds].every((n) => Number.isSafeInteger(n) && n > 0)) {
    process.stderr.write(usage)
    return 2
  }
  const folder = mkdtempSync(join(values.folder, "litetapes-growth-"))
  const clean = (): void => rmSync(folder, { recursive: true, force: true })
  onSignal(clean)
  try {
    const rows: Array<Row> = []
    for (const events of sizes) {
      for (const streams of counts.filter((count) => count <= events)) {
        const place = join(folder, "lib")
        const job = {
          folder: place,
          events,
          streams,
          appendMillis: values.quick ? 300 : 5000,
          reads: values.quick ? 100 : 1000
        }
        rows.push(await measureLib(job, rounds, join(folder, "compiled")))
        rmSync(place, { recursive: true, force: true })
        console.error(`${events} events, ${streams} streams: done`)
      }
    }
    console.log(`${table(rows)}\n\n${verdicts(rows)}`)
    if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(rows, undefined, 2)}\n`)
    if (values.svg !== undefined) writeFileSync(values.svg, plot(rows))
    return 0
  } finally {
    clean()
  }
}

checkEngine()
const values = options()
if (values.help) process.stdout.write(usage)
process.exitCode = values.help ? 0 : await main(values)
