/**
 * One writer at a time, and what becomes of one that lost its lock.
 *
 * - Processes fight for one lib, and some are killed: one chain of acknowledged batches comes out, and who was refused
 *   was told `LibLocked`.
 * - A writer is stopped by SIGSTOP: another one is refused. Then its lock file is unlinked, another one comes in and
 *   writes, and the first one goes on: it is stopped at its next step, and what either acknowledged is there.
 * - The same in one process, held up within every call that changes something, of every operation.
 *
 * What no look at the lock can keep apart is a writer that is stopped between that look and the call behind it, in the
 * same turn. The long form holds it up there too, and says what that would cost; it is no failure.
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

/** Processes in each fight, and how many of them are killed while it lasts. */
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
    `${stopped} writers stopped by SIGSTOP, twice each, another one refused; without their lock file they then met ${errors}; ${acknowledged} batches acknowledged to them`
  )
  return stopped
}

/** Holds a writer up within each call of each operation; in the ordinary size at about every second one. */
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
          const where = `${operation.name}, held up within call ${step} (${at}), who took over ${closes ? "had closed" : "was at work"}`
          failures.push(...wrong.map((text) => `${where}: ${text}`))
        }
      }
    }
  })
  figures.push(`${points} times held up within a call, of ${operations.length} operations, while another one took over`)
  return points
}

/** Holds a writer up between its look at the lock and the call behind it. What comes of it is said, and counted nowhere. */
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
    `the window: held up ${tried} times between the look at the lock and the next call, ${lost.length} would cost data${which}`
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
  shows: "one writer at a time, and one that lost its lock while it was stopped harms nobody",
  partsMax: 2,
  run
}
