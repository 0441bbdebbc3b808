/**
 * `kill -9` at any moment, again and again over one folder, while tapes and streams are appended to, repacked, cloned and
 * backed up, while the lib is opened and closed, and while a writer that lost its lock is overtaken. This process collects
 * the acknowledgements and checks afterwards that every acknowledged batch is there and no batch is there in part.
 */
import * as fs from "node:fs"
import * as path from "node:path"
import { warmUp, withScratch } from "../../support/children.ts"
import type { Campaign, Options, Result } from "../campaign.ts"
import { seedOf } from "../random.ts"
import { writer } from "./killed.ts"
import { live } from "./life.ts"

/** Kills in the life of one lib. */
const rounds = 25

const run = (options: Options): Promise<Result> =>
  withScratch("disk", async (scratch) => {
    await warmUp(writer, scratch)
    const lives = options.size === "ordinary" ? 2 : 40
    const failures: Array<string> = []
    let [kills, acknowledged, repacks, clones, backups, overtaken] = [0, 0, 0, 0, 0, 0]
    for (let n = options.part; n < lives; n += options.parts) {
      const seed = seedOf(options.seed, n)
      const location = path.join(scratch, `lib-${n}`)
      const life = await live(scratch, location, rounds, seed)
      failures.push(...life.failures.map((text) => `life with seed ${seed}: ${text}`))
      kills += life.kills
      acknowledged += life.acknowledged
      repacks += life.repacks
      clones += life.clones
      backups += life.backups
      overtaken += life.overtaken
      if (life.failures.length === 0) fs.rmSync(location, { recursive: true })
      if (life.failures.length === 0) fs.rmSync(`${location}-backup`, { recursive: true, force: true })
      options.log(`life ${n + 1} of ${lives}: ${life.kills} kills, ${life.acknowledged} batches`)
    }
    return {
      counts: { kills, violations: failures.length },
      failures,
      figures: [
        `${acknowledged} batches were acknowledged, during ${repacks} repacks, ${clones} clones and ${backups} backups`,
        `${overtaken} writers lost their lock, were overtaken, and stopped`
      ]
    }
  })

export const campaign: Campaign = {
  name: "kills",
  shows: "Acknowledged batches survive kill -9 at any moment, whole and in order, and the next writer can append.",
  partsMax: 2,
  waits: true,
  run
}
