/**
 * One writer at a time, and what happens to a writer that lost its lock.
 *
 * - Processes fight for one lib, and some are killed. The result is one chain of acknowledged batches; every process
 *   that was refused got `LibLocked`.
 * - A writer is stopped by SIGSTOP: another one is refused. Then its lock file is unlinked, another writer opens the
 *   lib and appends, and the first one is continued. Its next step fails, and everything that either acknowledged is
 *   there.
 * - The same in one process, held up within every call that changes something, of every operation.
 *
 * No check of the lock protects against a writer that is stopped between the check and the next call, in the same turn.
 * The long mode holds it up there too and reports what that would cost. It does not count as a failure.
 */
import * as path from "node:path"
import { warmUp, withScratch } from "../../support/children.ts"
import type { Campaign, Options, Result } from "../campaign.ts"
import { makeRandom, seedOf } from "../random.ts"
import { fight } from "./fight.ts"
import { operations, stopAndTakeOver } from "./heldUp.ts"
import { stopOnce } from "./stopped.ts"

const contender = new URL("contender.ts", import.meta.url)

interface Share {
  readonly options: Options
  readonly failures: Array<string>
  readonly figures: Array<string>
  /** Whether the `index`-th job is this share's. */
  readonly isOurs: (index: number) => boolean
}

/** Returns, for each fight, the number of processes and how many are killed during it. */
const fights = (size: Options["size"]): ReadonlyArray<readonly [processes: number, kills: number]> =>
  size === "ordinary"
    ? [
        [2, 5],
        [5, 5],
        [8, 4]
      ]
    : Array.from({ length: 70 }, (_, n) => [2 + (n % 7), 15])

const fightAll = async (scratch: string, { options, failures, figures, isOurs }: Share): Promise<number> => {
  let [kills, acknowledged, refused, taken, fought] = [0, 0, 0, 0, 0]
  for (const [n, [processes, victims]] of fights(options.size).entries()) {
    if (!isOurs(n)) continue
    const seed = seedOf(options.seed, 1, n)
    const came = await fight(scratch, path.join(scratch, `fight-${n}`), processes, victims, seed)
    failures.push(...came.failures.map((text) => `${processes} processes, seed ${seed}: ${text}`))
    if (came.acknowledged === 0) failures.push(`${processes} processes, seed ${seed}: nothing was acknowledged`)
    kills += came.kills
    acknowledged += came.acknowledged
    refused += came.refused
    taken += came.taken
    fought += 1
    options.log(`fight ${n}: ${processes} processes, ${came.acknowledged} batches`)
  }
  figures.push(
    `${fought} fights: the lock was taken ${taken} times and refused ${refused} times; ${acknowledged} batches acknowledged, ${kills} processes killed`
  )
  return kills
}

const stopAll = async (scratch: string, { options, failures, figures, isOurs }: Share): Promise<number> => {
  const rounds = options.size === "ordinary" ? 6 : 300
  let [stopped, acknowledged] = [0, 0]
  const met = new Map<string, number>()
  for (let n = 0; n < rounds; n++) {
    if (!isOurs(n)) continue
    const seed = seedOf(options.seed, 2, n)
    const came = await stopOnce(scratch, path.join(scratch, `stopped-${n}`), seed)
    failures.push(...came.failures.map((text) => `stopped, seed ${seed}: ${text}`))
    met.set(came.met, (met.get(came.met) ?? 0) + 1)
    acknowledged += came.acknowledged
    stopped += 1
  }
  const errors = [...met].map(([tag, count]) => `${count} × ${tag}`).join(", ")
  figures.push(
    `${stopped} writers stopped by SIGSTOP, twice each, while another one was refused; without their lock file they failed with ${errors}; they had acknowledged ${acknowledged} batches`
  )
  return stopped
}

/**
 * Holds a writer up within each call of each operation; in the ordinary size, from the ninth call on, in about half of
 * them.
 */
const holdUpAll = async ({ options, failures, figures, isOurs }: Share): Promise<number> => {
  const random = makeRandom(seedOf(options.seed, 3))
  let points = 0
  await withScratch("memory", async (folder) => {
    for (const [n, operation] of operations.entries()) {
      if (!isOurs(n)) continue
      for (let step = 1, ended = false; !ended; step++) {
        const both = options.size === "long" ? [true, false] : [random.below(2) === 0]
        if (options.size === "ordinary" && step > 8 && random.below(2) === 0) continue
        for (const closes of both) {
          const { at, wrong } = await stopAndTakeOver(path.join(folder, "lib"), operation, "within", step, closes)
          ended = at === undefined
          if (ended) break
          points += 1
          const where = `${operation.name}, held up within call ${step} (${at}), the new writer ${closes ? "had closed" : "was still open"}`
          failures.push(...wrong.map((text) => `${where}: ${text}`))
        }
      }
    }
  })
  figures.push(
    `${points} times held up within a call of ${operations.length} operations while another writer took over`
  )
  return points
}

/** Holds a writer up between its check of the lock and the next call. Reports the outcome, but counts no failures. */
const lookThroughWindow = async ({ figures, isOurs }: Share): Promise<void> => {
  const lost: Array<string> = []
  let tried = 0
  await withScratch("memory", async (folder) => {
    for (const [n, operation] of operations.entries()) {
      if (!isOurs(n)) continue
      for (let step = 1; ; step++) {
        const { at, wrong } = await stopAndTakeOver(path.join(folder, "lib"), operation, "before", step, true)
        if (at === undefined) break
        tried += 1
        if (wrong.length > 0) lost.push(`${operation.name}, call ${step}`)
      }
    }
  })
  const which = lost.length === 0 ? "" : `: ${lost.join("; ")}`
  figures.push(
    `the window: held up ${tried} times between the check of the lock and the next call, ${lost.length} would cost data${which}`
  )
}

const run = (options: Options): Promise<Result> =>
  withScratch("disk", async (scratch) => {
    const isOurs = (index: number) => index % options.parts === options.part
    const share: Share = { options, failures: [], figures: [], isOurs }
    await warmUp(contender, scratch)
    const kills = await fightAll(scratch, share)
    const stopped = await stopAll(scratch, share)
    const heldUp = await holdUpAll(share)
    if (options.size === "long") await lookThroughWindow(share)
    const { failures, figures } = share
    return { counts: { kills, points: stopped + heldUp, violations: failures.length }, failures, figures }
  })

export const campaign: Campaign = {
  name: "locks",
  shows: "Only one writer writes at a time. A writer that lost its lock while it was stopped damages nothing.",
  partsMax: 2,
  run
}
