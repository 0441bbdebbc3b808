/** A place whose room can be taken away and given back. */
import { execFileSync } from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"

/**
 * - `tmpfs`, `ext4`: a small file system of our own, in which a ballast file takes what is not to be left.
 * - `limit`: no file may grow beyond a size (RLIMIT_FSIZE). Weaker: the error is another one, and what was written
 *   stays written. Only where nothing may be mounted.
 */
export type RoomKind = "tmpfs" | "ext4" | "limit"

export interface Room {
  readonly kind: RoomKind
  /** Where libs are put. */
  readonly folder: string
  /** What room is counted in, in bytes. */
  readonly step: number
  /** Leaves so many bytes, about. */
  readonly leave: (bytes: number) => void
  /** Gives all of it back. */
  readonly free: () => void
}

/** The room at `folder`, which is a mounted file system unless it is of the kind `limit`. */
export const makeRoom = (kind: RoomKind, folder: string): Room =>
  kind === "limit" ? limited(folder) : mounted(kind, folder)

const mounted = (kind: RoomKind, folder: string): Room => {
  const ballast = path.join(folder, "ballast")
  const { bsize } = fs.statfsSync(folder)
  return {
    kind,
    folder,
    step: bsize,
    leave: (bytes) => {
      const file = fs.openSync(ballast, "w")
      const chunk = Buffer.alloc(bsize)
      try {
        for (let left = room(folder); left > bytes; left = room(folder)) {
          const blocks = Math.max(1, Math.floor((left - bytes) / bsize / 2))
          for (let n = 0; n < blocks; n++) fs.writeSync(file, chunk)
          fs.fsyncSync(file)
        }
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error
      } finally {
        fs.closeSync(file)
      }
    },
    free: () => {
      fs.rmSync(ballast, { force: true })
      // A journal gives blocks back with its next commit only.
      const opened = fs.openSync(folder, "r")
      fs.fsyncSync(opened)
      fs.closeSync(opened)
    }
  }
}

/** Bytes that are left in the file system of a folder. */
const room = (folder: string): number => {
  const { bavail, bsize } = fs.statfsSync(folder)
  return bavail * bsize
}

const limited = (folder: string): Room => {
  const limit = (bytes: string) => {
    execFileSync("prlimit", ["--pid", `${process.pid}`, `--fsize=${bytes}:`], { stdio: "ignore" })
  }
  return {
    kind: "limit",
    folder,
    step: 256,
    leave: (bytes) => limit(`${bytes}`),
    free: () => limit("unlimited")
  }
}
