/**
 * SIGKILL, injected by strace, at each system call of a scripted run that changes something: at the first 500 in the
 * life of a new lib and beyond, and at those of a writer that takes over from a killed one.
 *
 * The calls are counted in one full run. In each other run the program is killed as it enters one of them. It prints
 * its acknowledgements to a pipe that this process reads. If strace cannot be installed or cannot trace, the campaign
 * fails.
 */
import * as fs from "node:fs"
import * as path from "node:path"
import { startChild, warmUp, withScratch } from "../../support/children.ts"
import type { Campaign, Options, Result } from "../campaign.ts"
import { check } from "./check.ts"
import { script, stepsBeforeDeath } from "./script.ts"
import { type Call, requireStrace, trace } from "./trace.ts"

const program = new URL("program.ts", import.meta.url)

interface Scenario {
  readonly name: string
  readonly from: number
  /** Lib that the program finds; default: none. */
  readonly before?: string
}

/** The script of a new lib must make at least this many calls; an ordinary run tries points among these. */
const callsMin = 500
/** Number of points of an ordinary run, for each of the two scenarios. */
const ordinaryPoints = [50, 10] as const

/** Returns the calls to kill at: an ordinary run spreads them evenly, a long one takes every call. */
const pointsOf = (calls: ReadonlyArray<Call>, size: Options["size"], count: number, first: number): Array<number> => {
  const range = size === "long" ? calls.length : Math.min(calls.length, first)
  const points = size === "long" ? range : Math.min(range, count)
  return Array.from({ length: points }, (_, n) => Math.floor((n * range) / points))
}

interface Seen {
  readonly failures: Array<string>
  /** Calls at which a run was killed: name by number. That call itself was not done. */
  readonly hit: Map<number, string>
  kills: number
  /** Runs that ended by themselves. */
  late: number
  /** Runs that were killed while they were being loaded. */
  early: number
}

/** Number of runs that may miss a point before it counts as missed. What each of them leaves is checked too. */
const triesMax = 10

/**
 * Kills a run at a call. Runs differ a little: if a run ended before that call, it is repeated, then with an earlier
 * call. If it was killed while it was being loaded, which opens files too, it is repeated with a later call.
 */
const killAt = async (scratch: string, scenario: Scenario, calls: ReadonlyArray<Call>, point: number, seen: Seen) => {
  let at = point
  for (let tries = 1; tries <= triesMax; tries++) {
    const outcome = await tryKill(scratch, scenario, calls[at]!, seen)
    if (outcome === "hit") return
    if (outcome === "early") seen.early += 1
    else seen.late += 1
    if (outcome === "early") at = Math.min(calls.length - 1, at + 1)
    else if (tries % 2 === 0) at = Math.max(0, at - 1)
  }
  const { name, nth } = calls[point]!
  seen.failures.push(`${scenario.name}: none of ${triesMax} runs was killed at call ${nth} of ${name} in its thread`)
}

/** Kills one run at one call and checks what it left. `early`: it was killed before the script began. */
const tryKill = async (
  scratch: string,
  scenario: Scenario,
  call: Call,
  seen: Seen
): Promise<"hit" | "early" | "late"> => {
  const location = path.join(scratch, "lib")
  fs.rmSync(location, { recursive: true, force: true })
  if (scenario.before !== undefined) fs.cpSync(scenario.before, location, { recursive: true })
  const { said, calls, killed, complaints } = await trace(scratch, [location, `${scenario.from}`, "999"], call)
  const at = `${scenario.name}, killed at call ${call.nth} of ${call.name} in its thread`
  if (complaints !== "") seen.failures.push(`${at}: it printed an error: ${complaints}`)
  if (killed) seen.kills += 1
  if (killed && calls.length > 0) seen.hit.set(calls.length, calls.at(-1)!.name)
  const done = said.length < 2 ? scenario.from : Number(said.at(-1)) + 1
  seen.failures.push(...(await check(location, done)).map((text) => `${at}: ${text}`))
  if (!killed) return "late"
  return calls.length > 0 ? "hit" : "early"
}

const runScenario = async (scratch: string, scenario: Scenario, options: Options, index: 0 | 1): Promise<Result> => {
  const location = path.join(scratch, "whole")
  if (scenario.before !== undefined) fs.cpSync(scenario.before, location, { recursive: true })
  const whole = await trace(scratch, [location, `${scenario.from}`, "999"])
  if (whole.killed || whole.said.at(-1) !== `${script.length - 1}`) {
    throw new Error(`${scenario.name}: the script did not finish: ${whole.complaints}`)
  }
  fs.rmSync(location, { recursive: true })
  const first = index === 0 ? callsMin : 120
  if (whole.calls.length < first) throw new Error(`${scenario.name}: the script has only ${whole.calls.length} calls`)
  const points = pointsOf(whole.calls, options.size, ordinaryPoints[index], first)
  const seen: Seen = { failures: [], hit: new Map(), kills: 0, late: 0, early: 0 }
  for (const [n, point] of points.entries()) {
    if (n % options.parts !== options.part) continue
    await killAt(scratch, scenario, whole.calls, point, seen)
    if (seen.kills % 50 === 0) options.log(`${scenario.name}: call ${point} of ${whole.calls.length}`)
  }
  const names = [...new Set(seen.hit.values())].toSorted().join(", ")
  const among = Math.max(...seen.hit.keys())
  const { early, failures, kills, late } = seen
  return {
    counts: { kills, points: seen.hit.size, violations: failures.length },
    failures,
    figures: [
      `${scenario.name}: killed at ${seen.hit.size} different calls among the first ${among} of ${whole.calls.length}, ${late} runs came too late, ${early} too early: ${names}`
    ]
  }
}

/** Makes a lib whose writer was killed while it had two dynamic segments and background work under way. */
const makeKilled = async (scratch: string): Promise<string> => {
  const location = path.join(scratch, "killed")
  const child = startChild({ script: program, args: [location, "0", `${stepsBeforeDeath}`, "die"], scratch })
  const { signal } = await child.ended
  if (signal !== "SIGKILL") throw new Error(`the first writer was not killed: ${child.complaints()}`)
  return location
}

const run = (options: Options): Promise<Result> =>
  withScratch("disk", async (scratch) => {
    try {
      requireStrace()
      await warmUp(program, scratch)
      const made = await runScenario(scratch, { name: "a new lib", from: 0 }, options, 0)
      const before = await makeKilled(scratch)
      const taken = await runScenario(scratch, { name: "taken over", from: stepsBeforeDeath, before }, options, 1)
      return {
        counts: {
          kills: made.counts.kills! + taken.counts.kills!,
          points: made.counts.points! + taken.counts.points!,
          violations: made.counts.violations! + taken.counts.violations!
        },
        failures: [...made.failures, ...taken.failures],
        figures: [...made.figures!, ...taken.figures!]
      }
    } catch (error) {
      return { counts: { violations: 1 }, failures: [(error as Error).message] }
    }
  })

export const campaign: Campaign = {
  name: "syscalls",
  shows:
    "A writer that is killed at any system call loses nothing that it acknowledged, and leaves no part of a batch.",
  partsMax: 2,
  waits: true,
  run
}
