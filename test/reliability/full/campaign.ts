/**
 * The disk is full: while appending, closing, repacking, creating, cloning and opening, with every amount of room from
 * none to enough. A writer that was refused once has stopped for good; reads go on; with room again everything
 * acknowledged is there, and writing goes on.
 *
 * On a small tmpfs and a small ext4 in a file, mounted in a mount namespace of our own. Where one of them cannot be
 * mounted, the campaign fails and says why, unless `LITETAPES_NO_MOUNTS=1` says that this is known: then it goes on with
 * the other one, or with a limit of the size of files where there is none, which is weaker.
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

/** What a part of the campaign runs on, and what it says of that. */
export interface Plan {
  readonly use: ReadonlyArray<Mounting>
  readonly failures: ReadonlyArray<string>
  readonly figures: ReadonlyArray<string>
}

/**
 * Each part has its share of `mounts`; the first has `limit` too, which is used where it is known that none of them can
 * be had.
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
      figures.push(`${kind}: used${kind === "limit" ? ", for nothing can be mounted: this is no full disk" : ""}`)
      continue
    }
    figures.push(`${kind}: not used: ${why}`)
    if (kind === "limit") failures.push(`nothing here can be a disk without room; the limit of file sizes: ${why}`)
    else if (!isKnown) failures.push(`${kind} cannot be mounted: ${why}; set ${noMounts}=1 to do without`)
  }
  return { use, failures, figures }
}

export const campaign: Campaign = {
  name: "full",
  shows: "a full disk stops the writer, loses nothing that it acknowledged, and leaves nothing half",
  partsMax: 2,
  run
}
