/** How to get a place that can run out of space on this machine, or why that is not possible. */
import { execFileSync } from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"
import type { RoomKind } from "./room.ts"

/** A prefix (`under`) that runs a command in a namespace in which a small file system is mounted at a folder. */
export interface Mounting {
  readonly kind: RoomKind
  readonly under: ReadonlyArray<string>
}

export interface Way {
  readonly kind: RoomKind
  /** `undefined` if it cannot be mounted. */
  readonly mounting: Mounting | undefined
  /** The reason why it cannot be mounted; empty if it can. */
  readonly why: string
}

/** Returns for each file system whether and how it can be mounted at `folder`; images are kept in `scratch`. */
export const mountWays = (scratch: string, folder: string): ReadonlyArray<Way> => [tmpfs(folder), ext4(scratch, folder)]

/** Returns whether and how the size of files can be limited, in place of a file system. */
export const limitWay = (): Way => wayOf("limit", [], trouble(["prlimit", "--fsize=unlimited:"]))

const wayOf = (kind: RoomKind, under: ReadonlyArray<string>, why: string | undefined): Way =>
  why === undefined ? { kind, mounting: { kind, under }, why: "" } : { kind, mounting: undefined, why }

const tmpfs = (folder: string): Way => {
  const mount = `mount -t tmpfs -o size=1m none '${folder}'`
  const asRoot = inNamespace("-m", mount)
  const why = trouble(asRoot)
  if (why === undefined) return wayOf("tmpfs", asRoot, why)
  // A user who is not root is root in a user namespace.
  const asOneself = inNamespace("-Urm", mount)
  const whyNot = trouble(asOneself)
  return wayOf("tmpfs", asOneself, whyNot === undefined ? undefined : `${why}; in a user namespace: ${whyNot}`)
}

const ext4 = (scratch: string, folder: string): Way => {
  const image = path.join(scratch, "image")
  fs.writeFileSync(image, "")
  fs.truncateSync(image, 4 * 1024 * 1024)
  const make = `PATH=$PATH:/usr/sbin:/sbin mkfs.ext4 -q -F -b 1024 -m 0 '${image}' && exec "$@"`
  const under = inNamespace("-m", `mount -o loop '${image}' '${folder}'`)
  return wayOf("ext4", under, trouble(["sh", "-c", make, "sh"]) ?? trouble(under))
}

const inNamespace = (flags: string, mount: string): ReadonlyArray<string> => [
  "unshare",
  flags,
  "sh",
  "-c",
  `${mount} && exec "$@"`,
  "sh"
]

/** Returns, in a line, why nothing can run under `command`; `undefined` if it can. */
const trouble = ([command, ...args]: ReadonlyArray<string>): string | undefined => {
  try {
    execFileSync(command!, [...args, "true"], { stdio: ["ignore", "ignore", "pipe"] })
    return undefined
  } catch (error) {
    const { message, stderr } = error as Error & { readonly stderr?: Buffer }
    const said = stderr?.toString().trim() ?? ""
    return (said === "" ? message : said).replaceAll(/\s+/g, " ").slice(0, 300)
  }
}
