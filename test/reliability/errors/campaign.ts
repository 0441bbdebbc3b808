/**
 * Errors: every step of a history fails once, in every way that a disk can fail, and for good. Then the lib is used
 * further, opened again, and loses power.
 */
import type { Campaign, Options, Result } from "../campaign.ts"
import { beAnonymous } from "../crashes/anonymous.ts"
import { ViolationFound } from "../crashes/explore.ts"
import { history } from "../crashes/histories.ts"
import { makeRandom, seedOf } from "../random.ts"
import { faultsOf, fileKind, type FaultPlan } from "./faults.ts"
import { stepsOf, tryFault } from "./tryFault.ts"

/** Number of errors that all parts together try at least. */
const points = { ordinary: 3000, long: 200_000 }

/** Most faults of one history that are tried. */
const perHistory = { ordinary: 60, long: Number.POSITIVE_INFINITY }

const failuresMax = 3

const run = async ({ log, part, parts, seed, size }: Options): Promise<Result> => {
  Error.stackTraceLimit = 0
  beAnonymous()
  const failures: Array<string> = []
  const outcomes = new Map<string, number>()
  let tried = 0
  let images = 0
  let told = performance.now()
  for (let n = part; tried * parts < points[size] && failures.length < failuresMax; n += parts) {
    const kinds = history(seed, n)
    const runSeed = seedOf(seed, n)
    const random = makeRandom(runSeed)
    for (const plan of choose(await plansOf(kinds, runSeed), perHistory[size], random.below)) {
      tried += 1
      try {
        const { act, images: seen, next, step } = await tryFault(kinds, runSeed, plan)
        images += seen
        if (step === undefined) continue
        const key = `${step.operation} of ${fileKind(step.path)}: ${act}${next === "" ? "" : `, next append ${next}`}`
        outcomes.set(key, (outcomes.get(key) ?? 0) + 1)
      } catch (cause) {
        if (!(cause instanceof ViolationFound)) throw cause
        const { trace, why } = cause.violation
        failures.push(
          [`history ${n} of seed ${seed}: ${kinds.join(" ")}: ${JSON.stringify(plan)}`, why, ...trace].join("\n")
        )
        if (failures.length >= failuresMax) break
      }
    }
    if (performance.now() - told > 60_000) {
      told = performance.now()
      log(`part ${part + 1}: ${tried} errors, ${images} images`)
    }
  }
  return {
    counts: { points: tried, images, violations: failures.length },
    failures,
    figures: [
      `${tried} errors, ${images} disks opened after them`,
      ...(size === "long" ? [...outcomes].toSorted().map(([key, count]) => `${count} x ${key}`) : [])
    ]
  }
}

const plansOf = async (kinds: Parameters<typeof stepsOf>[0], seed: number): Promise<Array<FaultPlan>> =>
  (await stepsOf(kinds, seed)).flatMap((step, index) =>
    faultsOf(step).flatMap((fault) => [false, true].map((isForGood) => ({ nth: index + 1, fault, isForGood })))
  )

const choose = <A>(from: ReadonlyArray<A>, count: number, below: (count: number) => number): ReadonlyArray<A> => {
  if (from.length <= count) return from
  const left = [...from]
  return Array.from({ length: count }, () => left.splice(below(left.length), 1)[0]!)
}

export const campaign: Campaign = {
  name: "errors",
  shows: "If the disk fails at any step, the caller gets a typed error, and nothing acknowledged is lost.",
  partsMax: 64,
  run
}
