/**
 * Crashes: the storage code runs over a simulated disk, is killed or loses power before every step that changes it, and
 * again while it recovers.
 *
 * `LITETAPES_HISTORY=123` explores that history of the seed alone, and tells of it.
 */
import type { Campaign, Options, Result, Size } from "../campaign.ts"
import { type Found, type Plan, ViolationFound } from "./explore.ts"
import { exploreHistory, crashHistory, shorten, shortHistories } from "./histories.ts"

/**
 * What all parts together do at least. `images` are all that a crash may leave, at each point. One that a part has opened
 * already, with the same expectation, is not opened again by it: `opened` are those that were.
 */
const goals = {
  ordinary: { images: 100_000, opened: 36_000 },
  long: { images: 10_000_000, opened: 2_000_000 }
}

const plans: Record<Size, Plan> = {
  ordinary: { lossesMax: 8, nestedEvery: 600, depth: 1 },
  // 69 outcomes of six dirty sectors in one file, with and without its name.
  long: { lossesMax: 24, lossesWhole: 138, nestedEvery: 2000, depth: 2 }
}

/** Violations after which it is no use to go on. */
const failuresMax = 3

interface Seen {
  readonly total: Found
  histories: number
  readonly failures: Array<string>
  /** Keys of the images that were opened. */
  readonly keys: Set<number>
}

const run = async (options: Options): Promise<Result> => {
  // Errors are a means here, by the million: what they carry is their tag.
  Error.stackTraceLimit = 0
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
        `part ${part + 1}: ${total.images + total.repeated} images, ${total.images} opened, of ${seen.histories} histories`
      )
    }
  }
}

/** Explores the n-th history and adds what came of it. */
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
    `${histories} histories (${shortHistories} of up to three acts exist), ${points} crash points, at ${whole} of them all that a power loss may leave`,
    `${images} images opened, no two of this process alike in disk and expectation; ${appended} of them appended to again and opened a ` +
      `third time, ${opens} openings; ${nested} of them crashed within a recovery; ${repeated} more were equal to one of them`,
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
  const lines = [`history ${n} of seed ${seed}: ${acts.join(" ")}`, `  again: ${again}`, found.violation.why]
  if (short.acts !== acts) lines.push(`shortest: ${short.acts.join(" ") || "nothing but opening"}`, short.violation.why)
  return [...lines, ...short.violation.trace].join("\n")
}

export const campaign: Campaign = {
  name: "crashes",
  shows: "After a crash at any step all that was acknowledged is there, and nothing else but what was under way.",
  partsMax: 64,
  run
}
