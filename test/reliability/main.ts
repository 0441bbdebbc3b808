/**
 * Runs the campaigns and adds up their counts. Exits with status 1 if one of them failed.
 *
 * ```
 * main.ts [--long] [--seed N] [--json] [--parallel N] [--share K/N] [NAME…]
 * main.ts crashes --history N [--long] [--seed N]
 * ```
 */
import { type ChildProcess, spawn } from "node:child_process"
import { availableParallelism } from "node:os"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { checkEngine } from "../../scripts/engine.ts"
import { addCounts, type Campaign, type Counts, noCounts, type Result, type Size } from "./campaign.ts"
import { campaigns } from "./campaigns.ts"

const usage = `usage: main.ts [--long] [--seed N] [--json] [--parallel N] [--share K/N] [NAME…]
  --long       the long mode: hours, not minutes
  --seed N     the seed of everything random (default 1)
  --json       end with one line of JSON
  --parallel N number of processes (default: the number of cores); one more runs a campaign that mostly waits
  --share K/N  the K-th of N shares of each campaign; the N shares together are the whole. A campaign that cannot be
               split into N parts runs in some of the shares; named on the command line, it is refused
  --history N  only that history of the seed, for "crashes": a failure names its number
  NAME…        only these campaigns (default: all): ${[...campaigns.keys()].join(", ")}
`

interface Job {
  readonly campaign: Campaign
  readonly part: number
  readonly parts: number
}

const children = new Set<ChildProcess>()

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => {
    for (const child of children) child.kill(signal)
    process.exit(1)
  })
}

const runJob = ({ campaign, part, parts }: Job, size: Size, seed: number): Promise<Result> =>
  new Promise((resolve) => {
    const script = fileURLToPath(new URL("run.ts", import.meta.url))
    // Young objects die before a larger space fills, so less is copied: with the smallest space at 16 MiB from the
    // beginning a history takes a twentieth less of the processors.
    const args = [
      "--min-semi-space-size=16",
      "--max-semi-space-size=64",
      "--conditions=litetapes-source",
      script,
      campaign.name,
      size,
      `${seed}`,
      `${part}`,
      `${parts}`
    ]
    const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] })
    children.add(child)
    child.on("close", () => children.delete(child))
    let last = ""
    createInterface({ input: child.stdout }).on("line", (line) => {
      last = line
    })
    child.on("close", (code, signal) => {
      const failed = (why: string): Result => ({ counts: { violations: 1 }, failures: [why] })
      if (code !== 0) return resolve(failed(`${campaign.name} ended with ${signal ?? code}`))
      try {
        resolve(JSON.parse(last) as Result)
      } catch {
        resolve(failed(`${campaign.name} printed no result`))
      }
    })
  })

const main = async (): Promise<number> => {
  checkEngine()
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      long: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
      seed: { type: "string", default: "1" },
      parallel: { type: "string", default: `${availableParallelism()}` },
      share: { type: "string", default: "1/1" },
      history: { type: "string" }
    }
  })
  const unknown = positionals.filter((name) => !campaigns.has(name))
  const seed = Number(values.seed)
  const { history } = values
  const isOne = history === undefined || (/^\d{1,9}$/.test(history) && positionals.join() === "crashes")
  const parallel = history === undefined ? Number(values.parallel) : 1
  const [share = Number.NaN, shares = Number.NaN] = values.share.split("/").map(Number)
  const isShare = Number.isSafeInteger(shares) && Number.isSafeInteger(share) && share >= 1 && share <= shares
  if (values.help || unknown.length > 0 || !Number.isSafeInteger(seed) || !(parallel >= 1) || !isShare || !isOne) {
    process.stderr.write(usage)
    return values.help ? 0 : 2
  }
  // The process of the campaign inherits the variable.
  if (history !== undefined) process.env["LITETAPES_HISTORY"] = history
  const size: Size = values.long ? "long" : "ordinary"
  const names = positionals.length > 0 ? positionals : [...campaigns.keys()]
  const jobs: Array<Job> = []
  const [refused, absent]: [Array<string>, Array<string>] = [[], []]
  for (const name of names) {
    const { campaign } = await campaigns.get(name)!()
    const { partsMax = 1 } = campaign
    if (positionals.length > 0 && partsMax < shares) refused.push(cannotBeShared(campaign, shares))
    const parts = Math.min(parallel * shares, partsMax)
    const [from, to] = [share - 1, share].map((end) => Math.floor((end * parts) / shares)) as [number, number]
    for (let part = from; part < to; part++) jobs.push({ campaign, part, parts })
    if (from === to) absent.push(`${name} has no part in share ${values.share}; other shares of the ${shares} run it`)
  }
  if (jobs.length === 0 && refused.length === 0) refused.push(`share ${values.share} has nothing to run`)
  if (refused.length > 0) {
    process.stderr.write(`${refused.join("\n")}\n`)
    return 2
  }
  for (const line of absent) process.stdout.write(`${line}\n`)
  const { counts, failures } = await runAll(jobs, size, seed, parallel)
  process.stdout.write(failures.length === 0 ? "no failures\n" : `${failures.join("\n")}\n`)
  if (values.json) process.stdout.write(`${JSON.stringify(counts)}\n`)
  else for (const [name, count] of Object.entries(counts)) process.stdout.write(`${name.padStart(12)} ${count}\n`)
  return failures.length === 0 ? 0 : 1
}

const cannotBeShared = ({ name, partsMax = 1 }: Campaign, shares: number): string =>
  partsMax === 1
    ? `${name} cannot be split: run it without --share`
    : `${name} can be split into at most ${partsMax} shares, not ${shares}`

const runAll = async (jobs: ReadonlyArray<Job>, size: Size, seed: number, parallel: number) => {
  let counts: Counts = noCounts
  const failures: Array<string> = []
  const seenBy = new Map(jobs.map(({ campaign }) => [campaign.name, 0]))
  const computing = jobs.filter(({ campaign }) => campaign.waits !== true)
  const waiting = jobs.filter(({ campaign }) => campaign.waits === true)
  const work = async (...queues: ReadonlyArray<Array<Job>>): Promise<void> => {
    const next = (): Job | undefined => queues.find((queue) => queue.length > 0)?.shift()
    for (let job = next(); job !== undefined; job = next()) {
      const started = performance.now()
      const result = await runJob(job, size, seed)
      const seconds = ((performance.now() - started) / 1000).toFixed(1)
      const { campaign, part, parts } = job
      counts = addCounts(counts, result.counts)
      const seenNow = Object.values(result.counts).reduce((sum, count) => sum + count, 0)
      seenBy.set(campaign.name, seenBy.get(campaign.name)! + seenNow)
      failures.push(...result.failures.map((failure) => `${campaign.name}: ${failure}`))
      const share = parts === 1 ? "" : ` (${part + 1} of ${parts})`
      const seen = Object.entries(result.counts).map(([name, count]) => `${count} ${name}`)
      process.stdout.write(`${campaign.name}${share}, ${seconds} s: ${seen.join(", ")}\n`)
      for (const figure of result.figures ?? []) process.stdout.write(`    ${figure}\n`)
    }
  }
  // While others compute, one that waits runs too. Once all others have ended, there are as many of these as fit.
  await Promise.all([work(waiting), ...Array.from({ length: parallel }, () => work(computing, waiting))])
  // A campaign that did nothing must not pass for one that found nothing.
  for (const [name, count] of seenBy) if (count === 0) failures.push(`${name} did nothing`)
  return { counts, failures }
}

process.exitCode = await main()
