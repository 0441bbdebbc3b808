/**
 * The disk is full: while appending, closing, repacking, creating, cloning and opening, with every amount of room from
 * none to enough. A writer that was refused once has stopped for good; reads go on; with room again everything
 * acknowledged is there, and writing goes on.
 *
 * On a small tmpfs and a small ext4 in a file, mounted in a mount namespace of our own, where we may mount; else under a
 * limit of the size of files, which is weaker, and is said.
 */
import { execFileSync } from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"
import { startChild, withScratch } from "../../support/children.ts"
import { addCounts, type Campaign, noCounts, type Options, type Result } from "../campaign.ts"
import type { RoomKind } from "./room.ts"

const program = new URL("program.ts", import.meta.url)

/** What runs a command where a small file system is mounted at `folder`. */
interface Mounting {
  readonly kind: RoomKind
  readonly under: ReadonlyArray<string>
}

const inNamespace = (flags: string, mount: string): ReadonlyArray<string> => [
  "unshare",
  flags,
  "sh",
  "-c",
  `${mount} && exec "$@"`,
  "sh"
]

const works = (command: ReadonlyArray<string>): boolean => {
  try {
    execFileSync(command[0]!, [...command.slice(1), "true"], { stdio: "ignore" })
    return true
  } catch {
    return false
  }
}

/** The file systems that can be had here. */
const mountings = (scratch: string, folder: string): ReadonlyArray<Mounting> => {
  const found: Array<Mounting> = []
  const tmpfs = `mount -t tmpfs -o size=1m none '${folder}'`
  // As root, or as somebody who may at least be root in a namespace of one's own.
  const tmpfsUnder = [inNamespace("-m", tmpfs), inNamespace("-Urm", tmpfs)].find(works)
  if (tmpfsUnder !== undefined) found.push({ kind: "tmpfs", under: tmpfsUnder })
  const image = path.join(scratch, "image")
  const ext4Under = inNamespace("-m", `mount -o loop '${image}' '${folder}'`)
  if (makeImage(image) && works(ext4Under)) found.push({ kind: "ext4", under: ext4Under })
  return found.length > 0 ? found : [{ kind: "limit", under: [] }]
}

const makeImage = (image: string): boolean => {
  fs.writeFileSync(image, "")
  fs.truncateSync(image, 4 * 1024 * 1024)
  return works(["sh", "-c", `PATH=$PATH:/usr/sbin:/sbin mkfs.ext4 -q -F -b 1024 -m 0 '${image}' && exec "$@"`, "sh"])
}

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
    const all = mountings(scratch, folder)
    const [failures, figures]: [Array<string>, Array<string>] = [[], []]
    let counts = noCounts
    for (const [n, mounting] of all.entries()) {
      if (n % options.parts !== options.part) continue
      const result = await runOne(scratch, folder, mounting, options)
      counts = addCounts(counts, result.counts)
      failures.push(...result.failures)
      figures.push(...(result.figures ?? []))
    }
    if (all[0]!.kind === "limit") figures.push("nothing could be mounted: this was a limit of file sizes, no full disk")
    const { points, violations } = counts
    return { counts: { points, violations }, failures, figures }
  })

export const campaign: Campaign = {
  name: "full",
  shows: "a full disk stops the writer, loses nothing that it acknowledged, and leaves nothing half",
  partsMax: 2,
  run
}
