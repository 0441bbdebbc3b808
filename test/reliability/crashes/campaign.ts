/**
 * Crashes: the storage code runs over a simulated disk, is killed or loses power before every step that changes it, and
 * again while it recovers.
 */
import { seedOf } from "../random.ts"
import type { Campaign, Options, Result } from "../campaign.ts"
import { type Plan, ViolationFound } from "./explore.ts"
import { exploreHistory, history, shorten, shortHistories } from "./histories.ts"

/**
 * What all parts together do at least. `images` are all that a crash may leave, at each point; those that are equal to
 * one that was opened, with the same expectation, are not opened again: `opened` are all different.
 */
const goals = {
  ordinary: { images: 100_000, opened: 100_000 },
  long: { images: 10_000_000, opened: 2_000_000 }
}

const plans: Record<Options["size"], Plan> = {
  ordinary: { lossesMax: 8, nestedEvery: 600, depth: 1, fullEvery: 12 },
  long: { lossesMax: 24, nestedEvery: 400, depth: 2, fullEvery: 12 }
}

/** Violations after which it is no use to go on. */
const failuresMax = 3

const run = async ({ log, part, parts, seed, size }: Options): Promise<Result> => {
  // Errors are a means here, by the million: what they carry is their tag.
  Error.stackTraceLimit = 0
  const plan = plans[size]
  const total = { points: 0, images: 0, repeated: 0, nested: 0, histories: 0 }
  const failures: Array<string> = []
  const seen = new Set<number>()
  const started = performance.now()
  let told = started
  const goal = goals[size]
  const isDone = (): boolean =>
    total.images * parts >= goal.opened && (total.images + total.repeated) * parts >= goal.images
  for (let n = part; !isDone() && failures.length < failuresMax; n += parts) {
    const acts = history(seed, n)
    try {
      const found = await exploreHistory(acts, seedOf(seed, n), plan, seen)
      total.points += found.points
      total.images += found.images
      total.repeated += found.repeated
      total.nested += found.nested
      total.histories += 1
    } catch (cause) {
      if (!(cause instanceof ViolationFound)) throw cause
      failures.push(await tell(acts, seed, n, cause, plan))
    }
    if (performance.now() - told > 60_000) {
      told = performance.now()
      log(
        `part ${part + 1}: ${total.images + total.repeated} images, ${total.images} opened, of ${total.histories} histories`
      )
    }
  }
  const { histories, nested, repeated } = total
  const seconds = (performance.now() - started) / 1000
  const figures = [
    `${histories} histories (${shortHistories} of up to three acts exist), ${total.points} crash points, ${total.images} different disks opened, ` +
      `${nested} of these crashed within a recovery; ${repeated} more images were equal to one of them; ` +
      `${Math.round(total.images / seconds)} opened a second`
  ]
  return {
    counts: { points: total.points, images: total.images + repeated, violations: failures.length },
    failures,
    figures
  }
}

const tell = async (acts: ReturnType<typeof history>, seed: number, n: number, found: ViolationFound, plan: Plan) => {
  const short = await shorten(acts, found.violation, plan)
  const lines = [`history ${n} of seed ${seed}: ${acts.join(" ")}`, found.violation.why]
  if (short.acts !== acts) lines.push(`shortest: ${short.acts.join(" ") || "nothing but opening"}`, short.violation.why)
  return [...lines, ...short.violation.trace].join("\n")
}

export const campaign: Campaign = {
  name: "crashes",
  shows: "After a crash at any step all that was acknowledged is there, and nothing else but what was under way.",
  partsMax: 64,
  run
}
