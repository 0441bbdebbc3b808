/**
 * One writer at a time, and what happens to a writer that lost its lock.
 *
 * - Processes fight for one lib, and some are killed. The result is one chain of acknowledged batches; every process
 *   that was refused got `LibLocked`.
 * - A writer is stopped by SIGSTOP: another one is refused. Then its lock file is unlinked, another writer opens the
 *   lib and appends, and the first one is continued. Its next step fails, and everything that either acknowledged is
 *   there.
 * - The same in one process, held up within and directly before every call that changes something, of every operation, of
 *   an opening and of a recovery.
 * - Processes drop the kernel's lock again and again, as POSIX lets any reader of the lock file do, and overtake each
 *   other while they append, flush, repack, open and close.
 */
import * as path from "node:path"
import { warmUp, withScratch } from "../../support/children.ts"
import type { Campaign, Options, Result } from "../campaign.ts"
import { makeRandom, seedOf } from "../random.ts"
import { fight } from "./fight.ts"
import { dropLocks } from "./dropped.ts"
import { subjects } from "./subjects.ts"
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
 * Holds a writer up within each call of each operation, and directly before it: after its look at the lock. In the
 * ordinary size, from the ninth call on, in about a quarter of them.
 */
const holdUpAll = async ({ options, failures, figures, isOurs }: Share): Promise<number> => {
  const random = makeRandom(seedOf(options.seed, 3))
  const isAll = options.size === "long"
  let points = 0
  await withScratch("memory", async (folder) => {
    for (const [n, { name, stop }] of subjects.entries()) {
      if (!isOurs(n)) continue
      for (let step = 1, ended = false; !ended; step++) {
        for (const held of ["within", "before"] as const) {
          if (!isAll && step > 8 && random.below(4) > 0) continue
          for (const closes of isAll ? [true, false] : [random.below(2) === 0]) {
            const { at, wrong } = await stop(path.join(folder, "lib"), held, step, closes)
            ended ||= at === undefined
            if (at !== undefined) points += 1
            const where = `${name}, held up ${held} call ${step} (${at}), the new writer ${closes ? "had closed" : "was still open"}`
            failures.push(...wrong.map((text) => `${where}: ${text}`))
          }
        }
      }
    }
  })
  figures.push(
    `${points} times held up within or directly before a call of ${subjects.length} operations while another writer took over`
  )
  return points
}

const dropAll = async (scratch: string, { options, failures, figures, isOurs }: Share): Promise<number> => {
  const rounds = options.size === "ordinary" ? 4 : 100
  let [kills, acknowledged, stopped] = [0, 0, 0]
  for (let n = 0; n < rounds; n++) {
    if (!isOurs(n)) continue
    const seed = seedOf(options.seed, 4, n)
    const came = await dropLocks(scratch, path.join(scratch, `dropped-${n}`), 2 + (n % 3), 6, seed)
    failures.push(...came.failures.map((text) => `dropped locks, seed ${seed}: ${text}`))
    kills += came.kills
    acknowledged += came.acknowledged
    stopped += came.stopped
  }
  figures.push(
    `${kills} processes dropped their lock again and again and were killed in the end; they were overtaken ${stopped} times and acknowledged ${acknowledged} batches`
  )
  return kills
}

const run = (options: Options): Promise<Result> =>
  withScratch("disk", async (scratch) => {
    const isOurs = (index: number) => index % options.parts === options.part
    const share: Share = { options, failures: [], figures: [], isOurs }
    await warmUp(contender, scratch)
    const kills = await fightAll(scratch, share)
    const stopped = await stopAll(scratch, share)
    const heldUp = await holdUpAll(share)
    const dropped = await dropAll(scratch, share)
    const { failures, figures } = share
    return {
      counts: { kills: kills + dropped, points: stopped + heldUp, violations: failures.length },
      failures,
      figures
    }
  })

export const campaign: Campaign = {
  name: "locks",
  shows: "Only one writer writes at a time. A writer that lost its lock loses and damages nothing.",
  partsMax: 2,
  waits: true,
  run
}
