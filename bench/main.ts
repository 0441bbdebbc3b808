/** `npm run bench`: the workloads on litetapes, on its peers and on the bare machine. See `npm run bench -- --help`. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { availableParallelism, cpus, loadavg, release, tmpdir, totalmem } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { checkEngine } from "../scripts/engine.ts"
import { verdicts } from "./budget.ts"
import { barChart } from "./chart.ts"
import { peers } from "./peers/peers.ts"
import { findMissing, onSignal } from "./processes.ts"
import { figureOf, rowsOf } from "./report.ts"
import { runAll, type Sample } from "./schedule.ts"
import { select } from "./selection.ts"
import { medianOf } from "./statistics.ts"
import { show, tables } from "./table.ts"
import { fullSize, quickSize, type Size, workload } from "./workloads/workload.ts"

const usage = `usage: npm run bench -- [OPTIONS]
  --quick          small sizes, one round, under two minutes: shows whether everything runs, not how fast it is
  --only LIST      workloads and peers whose names begin with one of these: --only W1,W2,litetapes,lmdb
  --rounds N       rounds of all jobs, each starting with a different peer (default 3, with --quick 1)
  --events N       events of W3, 100 in each stream (default ${fullSize.events}, with --quick ${quickSize.events})
  --bulk-seconds N time limit of a bulk load; the load stops there (default ${fullSize.bulkMillisMax / 1000}, with --quick ${quickSize.bulkMillisMax / 1000})
  --cold           runs W6 also with an empty page cache: needs Linux and root, and slows down the whole machine
  --json FILE      writes the rows
  --svg FILE       writes a chart
  --folder DIR     where the stores are created and removed (default ${tmpdir()}); about 6 GB for a million events
  --help

Peers need their packages: npm ci --prefix bench. Peers that are not installed are skipped.
`

const options = () =>
  parseArgs({
    options: {
      quick: { type: "boolean", default: false },
      only: { type: "string" },
      rounds: { type: "string" },
      events: { type: "string" },
      "bulk-seconds": { type: "string" },
      cold: { type: "boolean", default: false },
      json: { type: "string" },
      svg: { type: "string" },
      folder: { type: "string", default: tmpdir() },
      help: { type: "boolean", default: false }
    }
  }).values

type Options = ReturnType<typeof options>

const sizeOf = ({ quick, events, "bulk-seconds": bulkSeconds }: Options): Size => {
  const usual = quick ? quickSize : fullSize
  const size = bulkSeconds === undefined ? usual : { ...usual, bulkMillisMax: Number(bulkSeconds) * 1000 }
  if (events === undefined) return size
  const count = Math.max(1000, Math.round(Number(events) / 1000) * 1000)
  return { ...size, events: count, streams: count / 100 }
}

const tell = ({ workload: id, peer, round, outcome }: Sample): void => {
  const head = `round ${round + 1}  ${id.padEnd(12)}${peer.padEnd(26)}`
  if ("failed" in outcome) return console.error(`${head}${outcome.failed}`)
  const { figure, unit } = workload(id)
  const speed =
    figure === "mbPerSec" ? `${show(outcome.mbPerSec ?? null)} MB/s` : `${show(outcome.opsPerSec)} ${unit}/s`
  const { elsewhere } = outcome
  const others = elsewhere === undefined ? "" : `   others used ${Math.round(elsewhere * 100)} % of the cores`
  console.error(`${head}${speed}${others}`)
}

const machine = (): string => {
  const cpu = cpus()[0]?.model.trim() ?? "unknown processor"
  const memory = Math.round(totalmem() / 1024 ** 3)
  return `${availableParallelism()} cores of ${cpu}, ${memory} GiB, ${process.platform} ${release()}, Node ${process.version}`
}

const loadNote = (samples: ReadonlyArray<Sample>, round: number): string => {
  const shares = samples.flatMap((one) =>
    one.round === round && !("failed" in one.outcome) ? (one.outcome.elsewhere ?? []) : []
  )
  const percent = (share: number | undefined) => (share === undefined ? "unknown" : `${Math.round(share * 100)} %`)
  const most = shares.length === 0 ? undefined : Math.max(...shares)
  return `Round ${round + 1}: others used ${percent(medianOf(shares))} of the cores during the median job, ${percent(most)} at most.`
}

const main = async (values: Options): Promise<number> => {
  const size = sizeOf(values)
  const rounds = Number(values.rounds ?? (values.quick ? 1 : 3))
  if (!Number.isSafeInteger(rounds) || rounds < 1 || !Number.isSafeInteger(size.events) || !(size.bulkMillisMax > 0)) {
    process.stderr.write(usage)
    return 2
  }
  const folder = mkdtempSync(join(values.folder, "litetapes-bench-"))
  const clean = (): void => rmSync(folder, { recursive: true, force: true })
  onSignal(clean)
  try {
    const missing = await findMissing(join(folder, "compiled"))
    const selected = select(values, missing)
    if (typeof selected === "string") {
      process.stderr.write(`${selected}\n${usage}`)
      return 2
    }
    const { wanted, runners, plan } = selected
    const began = performance.now()
    const samples = await runAll({ ...plan, size, rounds, folder }, tell)
    const asked = samples.filter(({ workload: id, peer }) => {
      return wanted.some((one) => one.id === id) && runners.some(({ name }) => name === peer)
    })
    const rows = rowsOf(asked, wanted, peers)
    const minutes = ((performance.now() - began) / 60_000).toFixed(1)
    console.log(`${machine()}.\n${show(size.events)} events over ${show(size.streams)} streams in W3; medians of`)
    console.log(
      `${rounds} round${rounds === 1 ? "" : "s"}, ${minutes} minutes. Load average now: ${loadavg()[0]!.toFixed(1)}.\n`
    )
    console.log(tables(rows))
    for (let round = 0; round < rounds; round++) console.log(loadNote(samples, round))
    if (missing.length > 0) console.log(`Not installed (npm ci --prefix bench): ${missing.join(", ")}.`)
    const judged = rows.flatMap((row) => verdicts(row, rows))
    console.log(`Budget: ${judged.filter(({ met }) => met).length} of ${judged.length} goals met.`)
    if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(rows, undefined, 2)}\n`)
    if (values.svg !== undefined) writeFileSync(values.svg, barChart(rows))
    return rows.some((row) => figureOf(row) === null) ? 1 : 0
  } finally {
    clean()
  }
}

const read = (): Options | undefined => {
  try {
    return options()
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n${usage}`)
    return undefined
  }
}

checkEngine()
const values = read()
if (values?.help === true) process.stdout.write(usage)
process.exitCode = values === undefined ? 2 : values.help ? 0 : await main(values)
