/** `npm run bench:concurrency`: what a repack and slow readers cost the writers. See `-- --help`. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { checkEngine } from "../scripts/engine.ts"
import type { ConcurrencyJob, ConcurrencyResult, Phase } from "./concurrencyWorker.ts"
import { onSignal, runScript } from "./processes.ts"
import { median, medianOf } from "./statistics.ts"
import { markdownTable, show } from "./table.ts"

const usage = `usage: npm run bench:concurrency -- [OPTIONS]
  --quick        small and short: shows whether it runs, not what it costs
  --events N     events on the tape that is repacked (default 1000000)
  --readers N    slow readers, a hundred events a second each (default 16)
  --seconds N    how long each of the three phases is measured (default 10)
  --rounds N     number of processes (default 3)
  --json FILE    writes the results of all rounds
  --folder DIR   where the lib is created and removed (default ${tmpdir()})
  --help

256 writers on 256 streams (W2) run alone, then while their tape is repacked repeatedly, then with slow readers.
`

/** Upper bound of p99.9, divided by p99.9 alone. */
const slowerMax = 3
/** Lower bound of the events a second, divided by those alone. */
const speedMin = 0.9
/** Megabytes by which memory may grow more than with the writers alone in the same time. */
const grownMBMax = 16

const options = () =>
  parseArgs({
    options: {
      quick: { type: "boolean", default: false },
      events: { type: "string" },
      readers: { type: "string", default: "16" },
      seconds: { type: "string", default: "10" },
      rounds: { type: "string", default: "3" },
      json: { type: "string" },
      folder: { type: "string", default: tmpdir() },
      help: { type: "boolean", default: false }
    }
  }).values

type PhaseName = "alone" | "repacking" | "reading"

const phases: ReadonlyArray<readonly [name: PhaseName, title: string]> = [
  ["alone", "alone"],
  ["repacking", "during a repack"],
  ["reading", "with slow readers"]
]

const middle = (rounds: ReadonlyArray<ConcurrencyResult>, name: PhaseName, key: keyof Phase): number =>
  medianOf(rounds.map((round) => round[name][key])) ?? Number.NaN

const table = (rounds: ReadonlyArray<ConcurrencyResult>): string =>
  markdownTable(
    ["W2", "events/s", "p50 ms", "p99 ms", "p99.9 ms", "MB grown", "others"],
    phases.map(([name, title]) => [
      title,
      show(middle(rounds, name, "opsPerSec")),
      show(middle(rounds, name, "p50us") / 1000),
      show(middle(rounds, name, "p99us") / 1000),
      show(middle(rounds, name, "p999us") / 1000),
      middle(rounds, name, "grownMB").toFixed(1),
      `${Math.round(middle(rounds, name, "elsewhere") * 100)} %`
    ])
  )

/** Returns the median of the ratios within each round. */
const ratio = (rounds: ReadonlyArray<ConcurrencyResult>, name: PhaseName, key: "opsPerSec" | "p999us"): number =>
  median(rounds.map((round) => round[name][key]! / round.alone[key]!))

const verdicts = (rounds: ReadonlyArray<ConcurrencyResult>): string => {
  const say = (what: string, measured: number, met: boolean): string =>
    `${what}: ${met ? "met" : "missed"}, ${show(measured)}`
  const repacking = ratio(rounds, "repacking", "p999us")
  const reading = ratio(rounds, "reading", "p999us")
  const speed = ratio(rounds, "reading", "opsPerSec")
  const grown = median(rounds.map(({ alone, reading }) => reading.grownMB - alone.grownMB))
  return [
    say(`p99.9 during a repack ≤ ${slowerMax} × alone`, repacking, repacking <= slowerMax),
    say(`p99.9 with slow readers ≤ ${slowerMax} × alone`, reading, reading <= slowerMax),
    say(`events/s with slow readers ≥ ${speedMin} × alone`, speed, speed >= speedMin),
    `memory growth that slow readers add ≤ ${grownMBMax} MB: ${grown <= grownMBMax ? "met" : "missed"}, ${grown.toFixed(1)}`,
    `repacks meanwhile: ${rounds.map(({ repacks }) => repacks).join(", ")}; events read slowly: ${rounds.map(({ read }) => read).join(", ")}`
  ].join("\n")
}

const main = async (values: ReturnType<typeof options>): Promise<number> => {
  const events = Number(values.events ?? (values.quick ? 20_000 : 1_000_000))
  const readers = Number(values.readers)
  const rounds = values.quick ? 1 : Number(values.rounds)
  const seconds = values.quick ? 1 : Number(values.seconds)
  if (![events, readers, rounds, seconds].every((n) => Number.isSafeInteger(n) && n > 0)) {
    process.stderr.write(usage)
    return 2
  }
  const folder = mkdtempSync(join(values.folder, "litetapes-concurrency-"))
  const clean = (): void => rmSync(folder, { recursive: true, force: true })
  onSignal(clean)
  try {
    const results: Array<ConcurrencyResult> = []
    for (let round = 0; round < rounds; round++) {
      const place = join(folder, "lib")
      const job: ConcurrencyJob = { folder: place, events, readers, appendMillis: seconds * 1000 }
      const run = { compiled: join(folder, "compiled"), millisMax: 1_800_000 }
      const result = await runScript<ConcurrencyResult>("concurrencyWorker.ts", job, run)
      rmSync(place, { recursive: true, force: true })
      if ("failed" in result) throw new Error(result.failed)
      results.push(result)
      console.error(`round ${round + 1} of ${rounds}: done`)
    }
    console.log(`${table(results)}\n\n${verdicts(results)}`)
    if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(results, undefined, 2)}\n`)
    return 0
  } finally {
    clean()
  }
}

checkEngine()
const values = options()
if (values.help) process.stdout.write(usage)
process.exitCode = values.help ? 0 : await main(values)
