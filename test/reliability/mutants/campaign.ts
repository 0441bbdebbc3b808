/**
 * Mutants: protocols that are broken on purpose, each in one way and hunted in a separate process. If nothing catches a
 * mutant, the simulated disk or the histories have a hole: mend that.
 */
import { spawn } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import type { Campaign, Options, Result } from "../campaign.ts"
import { mutants } from "./all.ts"
import { harmless } from "./harmless.ts"
import { hunt, type Hunted, type Limits } from "./hunt.ts"
import { mutantVariable } from "./made.ts"
import { checkApplies, DoesNotApply, type Mutant } from "./mutant.ts"

/** How long a mutant is hunted. */
const limits: Record<Options["size"], Limits> = {
  ordinary: { runsMax: 300, imagesMax: 8000 },
  long: { runsMax: 2000, imagesMax: 100_000 }
}

/** The same for a mutant that is listed as harmless. */
const harmlessLimits: Record<Options["size"], Limits> = {
  ordinary: { runsMax: 3, imagesMax: 100 },
  long: { runsMax: 2000, imagesMax: 100_000 }
}

const pathOf = (file: string): string => fileURLToPath(new URL(file, import.meta.url))

/** Hunts a mutant in a process that loads the edited source. */
const huntElsewhere = (
  { name }: Mutant,
  seed: number,
  { imagesMax, runsMax }: Limits,
  cache: string
): Promise<Hunted> =>
  new Promise((resolve, reject) => {
    const child = spawn(
      process.execPath,
      [
        "--min-semi-space-size=16",
        "--max-semi-space-size=64",
        "--conditions=litetapes-source",
        `--import=${new URL("hook.ts", import.meta.url).href}`,
        pathOf("hunted.ts"),
        name,
        `${seed}`,
        `${runsMax}`,
        `${imagesMax}`
      ],
      { env: { NODE_COMPILE_CACHE: cache, ...process.env, [mutantVariable]: name }, stdio: ["ignore", "pipe", "pipe"] }
    )
    let output = ""
    let errors = ""
    child.stdout.on("data", (data) => (output += data))
    child.stderr.on("data", (data) => (errors += data))
    child.on("close", (code, signal) => {
      if (code === 0) resolve(JSON.parse(output) as Hunted)
      else reject(new Error(`the process of mutant ${name} ended with ${signal ?? code}: ${errors.slice(-2000)}`))
    })
  })

const firstLine = (text: string): string => {
  const [first = ""] = text.split("\n")
  const line = first.endsWith(": found") ? "the contents differ from what was acknowledged" : first
  return line.length > 140 ? `${line.slice(0, 140)}…` : line
}

interface Verdict {
  readonly figure: string
  readonly failure: string | undefined
}

/** Numbers of runs in which the unchanged source was right. Many mutants are hunted in the same runs. */
const rightRuns = new Map<string, number>()

/** Hunts in the unchanged source. Returns `undefined` if its first runs are all right. */
const controlOf = async (mutant: Mutant, seed: number, runs: number): Promise<Hunted | undefined> => {
  const { breaks: _breaks, edits: _edits, name: _name, ...reach } = mutant
  const key = JSON.stringify([seed, reach])
  const known = rightRuns.get(key) ?? 0
  if (known >= runs) return undefined
  const control = await hunt(mutant, seed, { runsMax: runs, imagesMax: Number.POSITIVE_INFINITY }, known)
  if (control.why !== undefined || control.broken > 0) return control
  rightRuns.set(key, runs)
  return undefined
}

/** Checks that the mutant is caught, and that the same hunt finds nothing in the unchanged source. */
const judge = async (mutant: Mutant, seed: number, by: Limits, cache: string): Promise<Verdict> => {
  const { breaks, name } = mutant
  const { broken, images, runs, trace, why } = await huntElsewhere(mutant, seed, by, cache)
  const looked = `${images} ${images === 1 ? "disk" : "disks"} of ${runs} ${runs === 1 ? "run" : "runs"}`
  const also = broken === 0 ? "" : `, ${broken} of them broken`
  if (why === undefined) {
    const failure = `mutant ${name} survives ${looked}${also}, seed ${seed}: ${breaks}`
    return { figure: `${name}: survives ${looked}${also}`, failure }
  }
  const figure = `${name}: ${looked}${also}: ${firstLine(why)}`
  const control = await controlOf(mutant, seed, runs)
  if (control === undefined) return { figure, failure: undefined }
  const failure = [
    `the unchanged source, hunted like ${name}, seed ${seed}: ${control.why ?? "a run breaks down"}`,
    ...control.trace,
    "while the mutant was caught by:",
    why,
    ...trace
  ].join("\n")
  return { figure, failure }
}

/** Checks that a mutant that is listed as harmless is not caught. */
const judgeHarmless = async (mutant: Mutant, seed: number, by: Limits, cache: string): Promise<Verdict> => {
  const { broken, images, trace, why } = await huntElsewhere(mutant, seed, by, cache)
  if (why === undefined && (images === 0 || broken > 0)) {
    const failure = `mutant ${mutant.name} is listed as harmless, but its program breaks down or was never checked`
    return { figure: `${mutant.name}: ${broken} runs broke down, ${images} disks`, failure }
  }
  if (why === undefined) return { figure: `${mutant.name}: harmless, ${images} disks`, failure: undefined }
  const failure = [`mutant ${mutant.name} is listed as harmless, but was caught, seed ${seed}: ${why}`, ...trace].join(
    "\n"
  )
  return { figure: `${mutant.name}: is not harmless`, failure }
}

const run = async ({ log, part, parts, seed, size }: Options): Promise<Result> => {
  Error.stackTraceLimit = 0
  const failures: Array<string> = []
  const figures: Array<string> = []
  // A shared compile cache: the processes of all mutants load mostly the same code.
  const cache = mkdtempSync(join(tmpdir(), "litetapes-mutants-"))
  const share = <A>(all: ReadonlyArray<A>) => all.filter((_, index) => index % parts === part)
  const look = async (mutant: Mutant, by: typeof judge, within: Limits): Promise<boolean> => {
    try {
      checkApplies(mutant)
      const { failure, figure } = await by(mutant, seed, within, cache)
      figures.push(figure)
      log(figure)
      if (failure !== undefined) failures.push(failure)
      return failure === undefined
    } catch (cause) {
      failures.push(cause instanceof DoesNotApply ? cause.message : String(cause))
      return false
    }
  }
  const mine = share(mutants)
  let caught = 0
  try {
    for (const mutant of mine) if (await look(mutant, judge, limits[size])) caught += 1
    for (const mutant of share(harmless)) await look(mutant, judgeHarmless, harmlessLimits[size])
  } finally {
    rmSync(cache, { recursive: true, force: true })
  }
  return { counts: { mutants: mine.length, caught, violations: failures.length }, failures, figures }
}

export const campaign: Campaign = {
  name: "mutants",
  shows: "The campaigns that crash the real protocol and fail its steps catch each of these broken ones.",
  partsMax: 64,
  run
}
