/**
 * A full disk: during appends, closes, repacks, creations, clones and openings, with every amount of free space from
 * none to enough. After the first refused write the writer stays poisoned, and reads continue. Once there is space
 * again, everything acknowledged is there and the next writer can append.
 *
 * Runs on a small tmpfs and on a small ext4 in a file, mounted in a mount namespace of its own. If one of them cannot
 * be mounted, the campaign fails and says why. With `LITETAPES_NO_MOUNTS=1` it continues with the other one, or, if
 * neither can be mounted, with a limit on file sizes, which is weaker.
 */
import * as fs from "node:fs"
import * as path from "node:path"
import { startChild, withScratch } from "../../support/children.ts"
import { addCounts, type Campaign, noCounts, type Options, type Result } from "../campaign.ts"
import { limitWay, type Mounting, mountWays, type Way } from "./mounting.ts"

const program = new URL("program.ts", import.meta.url)

const noMounts = "LITETAPES_NO_MOUNTS"

const runOne = async (scratch: string, folder: string, mounting: Mounting, options: Options): Promise<Result> => {
  const templates = path.join(scratch, `templates-${mounting.kind}`)
  fs.mkdirSync(templates)
  let last = ""
  const child = startChild({
    script: program,
    args: [mounting.kind, folder, templates, options.size],
    scratch,
    under: mounting.under,
    onLine: (line) => {
      last = line
    }
  })
  const { code, signal } = await child.ended
  if (code === 0) return JSON.parse(last) as Result
  return {
    counts: { violations: 1 },
    failures: [`${mounting.kind}: ended with ${signal ?? code}: ${child.complaints()}`]
  }
}

const run = (options: Options): Promise<Result> =>
  withScratch("memory", async (scratch) => {
    const folder = path.join(scratch, "room")
    fs.mkdirSync(folder)
    const mounts = mountWays(scratch, folder)
    const plan = planOf(mounts, limitWay(), process.env[noMounts] === "1", options)
    const [failures, figures] = [[...plan.failures], [...plan.figures]]
    let counts = noCounts
    for (const mounting of plan.use) {
      const result = await runOne(scratch, folder, mounting, options)
      counts = addCounts(counts, result.counts)
      failures.push(...result.failures)
      figures.push(...(result.figures ?? []))
    }
    return { counts: { points: counts.points, violations: failures.length }, failures, figures }
  })

/** The file systems that a part of the campaign runs on, and what it reports about them. */
export interface Plan {
  readonly use: ReadonlyArray<Mounting>
  readonly failures: ReadonlyArray<string>
  readonly figures: ReadonlyArray<string>
}

/**
 * Plans a part. Each part has its share of `mounts`. The first part also uses `limit` if none of them can be mounted
 * and `isKnown` (`LITETAPES_NO_MOUNTS=1`) is set.
 */
export const planOf = (
  mounts: ReadonlyArray<Way>,
  limit: Way,
  isKnown: boolean,
  { part, parts }: Pick<Options, "part" | "parts">
): Plan => {
  const isNone = mounts.every(({ mounting }) => mounting === undefined)
  const ways = mounts.filter((_, n) => n % parts === part)
  if (isNone && isKnown && part === 0) ways.push(limit)
  const [use, failures, figures]: [Array<Mounting>, Array<string>, Array<string>] = [[], [], []]
  for (const { kind, mounting, why } of ways) {
    if (mounting !== undefined) {
      use.push(mounting)
      figures.push(
        `${kind}: used${kind === "limit" ? ", because nothing can be mounted: this is not a full disk" : ""}`
      )
      continue
    }
    figures.push(`${kind}: not used: ${why}`)
    if (kind === "limit") failures.push(`no full disk can be made here; the limit on file sizes failed too: ${why}`)
    else if (!isKnown) failures.push(`${kind} cannot be mounted: ${why}; set ${noMounts}=1 to do without`)
  }
  return { use, failures, figures }
}

export const campaign: Campaign = {
  name: "full",
  shows: "A full disk stops the writer, loses nothing that it acknowledged, and leaves no part of a batch.",
  partsMax: 2,
  waits: true,
  run
}
