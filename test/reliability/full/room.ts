/** A place whose free space can be used up and freed again. */
import { execFileSync } from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"

/**
 * - `tmpfs`, `ext4`: a small file system, in which a ballast file takes the space that shall not be free.
 * - `limit`: no file may grow beyond a size (RLIMIT_FSIZE). This is weaker: the error is a different one, and bytes
 *   that were written stay written. Used only if nothing can be mounted.
 */
export type RoomKind = "tmpfs" | "ext4" | "limit"

export interface Room {
  readonly kind: RoomKind
  /** Folder for libs. */
  readonly folder: string
  /** Unit of free space, in bytes. */
  readonly step: number
  /** Leaves about this many bytes free. */
  readonly leave: (bytes: number) => void
  /** Frees all space again. */
  readonly free: () => void
}

/** Makes the room at `folder`, which is a mounted file system unless the kind is `limit`. */
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
      // A journalling file system frees the blocks only with its next commit.
      const opened = fs.openSync(folder, "r")
      fs.fsyncSync(opened)
      fs.closeSync(opened)
    }
  }
}

/** Returns the free bytes in the file system of a folder. */
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
