/**
 * Bad input: valid libs are changed, bit by bit or with all hashes recomputed. Then they are read, written to,
 * repacked, cloned, verified and recovered. Every operation must succeed or fail with a typed error, in limited time
 * and memory.
 *
 * `LITETAPES_INPUT=123` tries only that input of the seed, and logs the outcome.
 */
import { Worker } from "node:worker_threads"
import type { Campaign, Options, Result } from "../campaign.ts"
import { makeBases } from "./bases.ts"
import { makeInput } from "./input.ts"
import { MemoryTally } from "./memoryTally.ts"
import { type Tried, truthOf, tryInput } from "./tryInput.ts"
import { atBegin, atEnd, type Work } from "./work.ts"

/** Number of inputs that all parts together try. */
const inputs = { ordinary: 4000, long: 120_000 }

/** The campaign stops after this many violations. */
const failuresMax = 20

/** A thread without progress for this long hangs, even on a busy machine. */
const silenceMillisMax = 60_000

interface Seen {
  readonly failures: Array<string>
  readonly byKind: Map<string, Map<string, number>>
  inputs: number
  slowest: { readonly millis: number; readonly number: number }
  readonly memory: MemoryTally
}

const run = async (options: Options): Promise<Result> => {
  const alone = process.env["LITETAPES_INPUT"]
  const seen: Seen = {
    failures: [],
    byKind: new Map(),
    inputs: 0,
    slowest: { millis: 0, number: -1 },
    memory: new MemoryTally()
  }
  if (alone === undefined) await runAll(options, seen)
  else await runAlone(options, Number(alone), seen)
  seen.failures.push(...seen.memory.failures(process.platform))
  return {
    counts: { inputs: seen.inputs, violations: seen.failures.length },
    failures: seen.failures,
    figures: figuresOf(seen)
  }
}

const runAlone = async ({ log, seed }: Options, number: number, seen: Seen): Promise<void> => {
  const bases = await makeBases()
  const { base, said } = makeInput(bases, seed, number)
  log(`input ${number} of seed ${seed}: ${base.name}, ${said}`)
  const tried = await tryInput(bases, await truthOf(bases), seed, number)
  const grown = "bytes" in tried.growth ? `${Math.round(tried.growth.bytes / 1024)} KiB` : "memory not measured"
  log(`${tried.outcome}, ${Math.round(tried.millis)} ms, ${grown}`)
  note(seen, seed, tried)
}

const runAll = async ({ log, part, parts, seed, size }: Options, seen: Seen): Promise<void> => {
  const end = inputs[size]
  for (let from: number | undefined = part; from !== undefined && from < end && seen.failures.length < failuresMax;) {
    from = await runWorker({ seed, from, step: parts, end, current: new SharedArrayBuffer(4) }, seen, log)
  }
}

/** Runs a thread until its last input. If the thread ends earlier, returns the input to continue with. */
const runWorker = (work: Work, seen: Seen, log: Options["log"]): Promise<number | undefined> =>
  new Promise((resolve) => {
    const now = new Int32Array(work.current).fill(atBegin)
    const resourceLimits = { maxOldGenerationSizeMb: 512, maxYoungGenerationSizeMb: 32 }
    const worker = new Worker(new URL("worker.ts", import.meta.url), { workerData: work, resourceLimits })
    let trouble: string | undefined
    let [last, since, told] = [atBegin, performance.now(), performance.now()]
    const watchdog = setInterval(() => {
      const current = Atomics.load(now, 0)
      if (current !== last) [last, since] = [current, performance.now()]
      else if (performance.now() - since > silenceMillisMax) stop(`hangs`)
      if (performance.now() - told < 60_000) return
      told = performance.now()
      log(`${seen.inputs} inputs`)
    }, 500)
    const stop = (why: string): void => {
      trouble ??= why
      void worker.terminate()
    }
    worker.on("message", (tried: Tried) => {
      note(seen, work.seed, tried)
      if (seen.failures.length >= failuresMax) void worker.terminate()
    })
    worker.on("error", (error) => stop(`ended the thread: ${error.stack ?? error.message}`))
    worker.on("exit", () => {
      clearInterval(watchdog)
      const current = Atomics.load(now, 0)
      if (current !== atEnd) trouble ??= "ended the thread"
      if (trouble === undefined) return resolve(undefined)
      seen.inputs += 1
      seen.failures.push(tell(work.seed, current, trouble))
      // Before the first input, the campaign itself is broken.
      resolve(current === atBegin ? undefined : current + work.step)
    })
  })

const note = (seen: Seen, seed: number, tried: Tried): void => {
  const { blames, growth, kind, millis, number, outcome } = tried
  seen.inputs += 1
  const outcomes = seen.byKind.get(kind) ?? new Map<string, number>()
  outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
  seen.byKind.set(kind, outcomes)
  if (millis > seen.slowest.millis) seen.slowest = { millis, number }
  seen.memory.add(growth, number)
  for (const blame of blames) seen.failures.push(tell(seed, number, blame))
}

const tell = (seed: number, number: number, what: string): string =>
  `input ${number} of seed ${seed}: ${what}\n  reproduce: LITETAPES_INPUT=${number} node --conditions=litetapes-source test/reliability/run.ts inputs ordinary ${seed}`

const figuresOf = ({ byKind, inputs: tried, memory, slowest }: Seen): Array<string> => [
  `${tried} inputs; the slowest is input ${slowest.number}: ${Math.round(slowest.millis)} ms of CPU time`,
  ...memory.figures(),
  ...[...byKind]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([kind, outcomes]) => {
      const sorted = [...outcomes].toSorted((a, b) => b[1] - a[1]).map(([outcome, count]) => `${outcome} ${count}`)
      return `${kind}: ${sorted.join(", ")}`
    })
]

export const campaign: Campaign = {
  name: "inputs",
  shows:
    "Whatever the files of a lib contain, it is read correctly or refused with a typed error, in limited time and memory.",
  partsMax: 8,
  run
}
