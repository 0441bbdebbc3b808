/**
 * Looks for a violation in the program of this process, in the runs that the mutant names.
 */
import type { Kind } from "../crashes/acts.ts"
import { Explorer, type Plan, ViolationFound, withWatchdog } from "../crashes/explore.ts"
import { run } from "../crashes/run.ts"
import { simulate } from "../crashes/session.ts"
import { stepsOf, tryFault } from "../errors/tryFault.ts"
import * as fc from "fast-check"
import { type Budget, explore, type Explored } from "../consumers/explore.ts"
import { exploreReactor } from "../consumers/exploreReactor.ts"
import { exploreScheduled } from "../consumers/exploreScheduled.ts"
import { plans } from "../consumers/plan.ts"
import { reactorPlans } from "../consumers/reactorPlan.ts"
import { scheduledPlans } from "../consumers/scheduledPlan.ts"
import { join } from "node:path"
import { withScratch } from "../../support/children.ts"
import { subjects } from "../locks/subjects.ts"
import { makeRandom, seedOf } from "../random.ts"
import type { Reach } from "./mutant.ts"

export interface Limits {
  /** The hunt ends after this many runs … */
  readonly runsMax: number
  /** … or after this many opened disks, whichever comes first. */
  readonly imagesMax: number
}

export interface Hunted {
  /** The violation in words; `undefined` if none was found. */
  readonly why: string | undefined
  readonly trace: ReadonlyArray<string>
  readonly runs: number
  readonly images: number
  /** Runs that broke down before anything was lost. Such a run shows nothing. */
  readonly broken: number
}

/** Number of images of a run before the next run has its turn. */
const imagesOfRun = 40

/** Returns whether an error shows a broken program rather than lost data. */
const isBroken = (why: string): boolean => /^(TypeError|ReferenceError|SyntaxError|RangeError)|it hangs/.test(why)

/** Hunts in the runs from `from` on. What a run does depends on its number and the seed alone. */
export const hunt = async (reach: Reach, seed: number, { imagesMax, runsMax }: Limits, from = 0): Promise<Hunted> => {
  let images = 0
  let broken = 0
  let runs = from
  const { overtakes } = reach
  // There is no chance in these, so each is tried once.
  const most = overtakes === undefined ? runsMax : Math.min(runsMax, overtakes.length)
  while (runs < most && images < imagesMax) {
    const found =
      overtakes === undefined ? await lookOnce(reach, seedOf(seed, runs), runs) : await overtake(overtakes[runs]!)
    runs += 1
    images += found.images
    const { violation } = found
    if (violation === "broken" || (violation !== undefined && isBroken(violation.why))) broken += 1
    else if (violation !== undefined) return { ...violation, runs, images, broken }
  }
  return { why: undefined, trace: [], runs, images, broken }
}

const lookOnce = (reach: Reach, seed: number, run: number): Promise<Looked> => {
  if (reach.consumers === true) return explored(plans, explore, seed)
  if (reach.explores === "reactors") return explored(reactorPlans, exploreReactor, seed)
  if (reach.explores === "scheduled") return explored(scheduledPlans, exploreScheduled, seed)
  const kinds = reach.histories[run % reach.histories.length]!
  return (reach.errorsOf === undefined ? crash : fail)(reach, kinds, seed)
}

/** Crashes a run of a plan. */
const explored = async <Plan>(
  plans: fc.Arbitrary<Plan>,
  explore: (plan: Plan, seed: number, budget: Budget) => Promise<Explored>,
  seed: number
): Promise<Looked> => {
  const [plan] = fc.sample(plans, { numRuns: 1, seed: seed | 0 })
  const { images, violation } = await withWatchdog(explore(plan!, seed, { losses: 2, points: 8 }))
  return { images, violation: violation === undefined ? undefined : { why: violation, trace: [JSON.stringify(plan)] } }
}

/** Holds a subject up within and before each of its calls, while another writer takes over. */
const overtake = (name: string): Promise<Looked> =>
  withScratch("memory", async (folder) => {
    const subject = subjects.find((one) => one.name === name)!
    let images = 0
    for (let step = 1; ; step++) {
      for (const held of ["before", "within"] as const) {
        for (const closes of [true, false]) {
          const { at, wrong } = await subject.stop(join(folder, "lib"), held, step, closes)
          if (wrong.length > 0)
            return { images, violation: { why: wrong[0]!, trace: [`${name}, ${held} ${step}: ${at}`] } }
          if (at === undefined) return { images, violation: undefined }
          images += 1
        }
      }
    }
  })

interface Looked {
  readonly images: number
  readonly violation: { readonly why: string; readonly trace: ReadonlyArray<string> } | "broken" | undefined
}

const crash = async (reach: Reach, kinds: ReadonlyArray<Kind>, seed: number): Promise<Looked> => {
  const { before, fromStart = false, lossesMax = 4, nestedEvery = 0 } = reach
  const plan: Plan = {
    lossesMax,
    nestedEvery,
    depth: 1,
    sample: imagesOfRun,
    ...(before === undefined ? {} : { before })
  }
  const random = makeRandom(seed)
  const explorer = new Explorer(plan, random)
  const { found } = explorer
  let done
  try {
    done = await withWatchdog(simulate(run(kinds, random), random))
  } catch {
    return { images: 0, violation: "broken" }
  }
  try {
    await explorer.explore(fromStart ? done.points : done.points.slice(done.begun))
    return { images: found.images, violation: undefined }
  } catch (cause) {
    if (!(cause instanceof ViolationFound)) throw cause
    return { images: found.images, violation: cause.violation }
  }
}

const fail = async (
  { errorsOf = [], isForGood = false }: Reach,
  kinds: ReadonlyArray<Kind>,
  seed: number
): Promise<Looked> => {
  const steps = await stepsOf(kinds, seed)
  let images = 0
  for (const [index, { operation }] of steps.entries()) {
    if (!errorsOf.includes(operation)) continue
    try {
      const done = operation === "write" ? 1 : 0
      images += (await tryFault(kinds, seed, { nth: index + 1, fault: { code: "EIO", done }, isForGood })).images
    } catch (cause) {
      if (!(cause instanceof ViolationFound)) throw cause
      if (!isBroken(cause.violation.why)) return { images: images + 1, violation: cause.violation }
    }
  }
  return { images, violation: undefined }
}
