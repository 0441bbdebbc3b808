/**
 * Crashes: the storage code runs over a simulated disk. It is killed or loses power before every step that changes the
 * disk, and again while it recovers.
 *
 * `LITETAPES_HISTORY=123` explores only that history of the seed, and logs its acts.
 */
import type { Campaign, Options, Result, Size } from "../campaign.ts"
import { beAnonymous } from "./anonymous.ts"
import { type Found, type Plan, ViolationFound } from "./explore.ts"
import { exploreHistory, crashHistory, shorten, shortHistories } from "./histories.ts"

/**
 * What all parts together do at least. `images` counts every disk that a crash may leave, at each point. A part opens
 * equal images with the same expectation only once: `opened` counts those that were opened.
 */
const goals = {
  ordinary: { images: 100_000, opened: 36_000 },
  long: { images: 10_000_000, opened: 2_000_000 }
}

const plans: Record<Size, Plan> = {
  ordinary: { lossesMax: 8, nestedEvery: 1600, depth: 1 },
  // 138: 69 outcomes of six dirty sectors in one file, each with and without the name of the file.
  long: { lossesMax: 24, lossesWhole: 138, nestedEvery: 2000, depth: 2 }
}

/** The campaign stops after this many violations. */
const failuresMax = 3

interface Seen {
  readonly total: Found
  histories: number
  readonly failures: Array<string>
  /** Keys of the images that were opened. */
  readonly keys: Set<number>
}

const run = async (options: Options): Promise<Result> => {
  // Errors are made by the million here, and only their tag is read.
  Error.stackTraceLimit = 0
  beAnonymous()
  const alone = process.env["LITETAPES_HISTORY"]
  const total = { points: 0, whole: 0, images: 0, appended: 0, opens: 0, repeated: 0, nested: 0 }
  const seen: Seen = { total, histories: 0, failures: [], keys: new Set() }
  const started = performance.now()
  if (alone === undefined) await runAll(options, seen)
  else {
    options.log(`history ${alone} of seed ${options.seed}: ${crashHistory(options.seed, Number(alone)).join(" ")}`)
    await explore(options, Number(alone), seen)
  }
  return {
    counts: { points: total.points, images: total.images + total.repeated, violations: seen.failures.length },
    failures: seen.failures,
    figures: figuresOf(seen, (performance.now() - started) / 1000)
  }
}

const runAll = async (options: Options, seen: Seen): Promise<void> => {
  const { log, part, parts, size } = options
  const { failures, total } = seen
  const goal = goals[size]
  const isDone = (): boolean =>
    total.images * parts >= goal.opened && (total.images + total.repeated) * parts >= goal.images
  let told = performance.now()
  for (let n = part; !isDone() && failures.length < failuresMax; n += parts) {
    await explore(options, n, seen)
    if (performance.now() - told > 60_000) {
      told = performance.now()
      log(
        `part ${part + 1}: ${seen.histories} histories, ${total.images + total.repeated} images, ${total.images} of them opened`
      )
    }
  }
}

/** Explores the n-th history and adds its result. */
const explore = async ({ seed, size }: Options, n: number, seen: Seen): Promise<void> => {
  const { failures, keys, total } = seen
  const acts = crashHistory(seed, n)
  try {
    const found = await exploreHistory(acts, seed, n, plans[size], keys)
    for (const [name, count] of Object.entries(found)) total[name as keyof Found] += count
    seen.histories += 1
  } catch (cause) {
    if (!(cause instanceof ViolationFound)) throw cause
    failures.push(await tell(acts, seed, n, cause, size))
  }
}

const figuresOf = ({ histories, total }: Seen, seconds: number): Array<string> => {
  const { appended, images, nested, opens, points, repeated, whole } = total
  return [
    `${histories} histories (there are ${shortHistories} of up to three acts), ${points} crash points, at ${whole} of them every outcome of a power loss`,
    `${images} images opened, all different in disk or expectation within this process; ${appended} of them appended to and opened a ` +
      `third time, ${opens} openings; ${nested} of them crashed during a recovery; ${repeated} more were equal to one of them`,
    `${Math.round(images / seconds)} images a second`
  ]
}

const tell = async (
  acts: ReturnType<typeof crashHistory>,
  seed: number,
  n: number,
  found: ViolationFound,
  size: Size
) => {
  const short = await shorten(acts, found.violation, plans[size])
  const again = `npm run test:reliability -- crashes${size === "long" ? " --long" : ""} --history ${n} --seed ${seed}`
  const lines = [`history ${n} of seed ${seed}: ${acts.join(" ")}`, `  reproduce: ${again}`, found.violation.why]
  if (short.acts !== acts) lines.push(`shortest: ${short.acts.join(" ") || "nothing but opening"}`, short.violation.why)
  return [...lines, ...short.violation.trace].join("\n")
}

export const campaign: Campaign = {
  name: "crashes",
  shows: "After a crash at any step, every acknowledged append is there, and of the one under way all or nothing.",
  partsMax: 64,
  run
}
