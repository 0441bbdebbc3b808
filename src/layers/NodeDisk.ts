/**
 * `Disk` on Node's file system.
 *
 * Folders that a path leads through are the caller's; of the last component no link is ever followed.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as fs from "node:fs"
import { Disk, type DiskError, type FileStat } from "../services/ports/Disk.ts"
import { attempt, background, diskError } from "./node/diskErrors.ts"
import { createNew, openExisting, type Syncs } from "./node/file.ts"
import { acquire, isLocked, release, toLock } from "./node/lock.ts"

const { O_RDONLY, O_RDWR } = fs.constants

const entryOf = (stats: fs.BigIntStats): FileStat => {
  const kind = stats.isFile() ? "file" : stats.isDirectory() ? "folder" : "other"
  return {
    kind,
    size: kind === "file" ? Number(stats.size) : 0,
    inode: String(stats.ino),
    ...permissions(stats),
    ...(kind === "file" ? { links: Number(stats.nlink) } : {})
  }
}

// What Node says of them on Windows is made up.
const permissions = (stats: fs.BigIntStats): Pick<FileStat, "mode"> =>
  process.platform === "win32" ? {} : { mode: Number(stats.mode & 0o777n) }

/** The mode that it is given is cut by the umask, of which no part may be missing that its owner needs. */
const makeFolder = (path: string): Effect.Effect<void, DiskError> =>
  attempt("makeFolder", path, () => {
    fs.mkdirSync(path, ownFolder)
    if (process.platform === "win32") return
    const made = fs.lstatSync(path)
    if (made.isDirectory() && (made.mode & 0o777) !== ownFolder) fs.chmodSync(path, ownFolder)
  })

const ownFolder = 0o700

const syncFolder = (path: string): Effect.Effect<void, DiskError> =>
  Effect.uninterruptible(
    Effect.flatMap(
      attempt("syncFolder", path, () => fs.openSync(path, O_RDONLY | (fs.constants.O_DIRECTORY ?? 0))),
      (descriptor) =>
        Effect.ensuring(
          background("syncFolder", path, (done) => fs.fsync(descriptor, done)),
          Effect.sync(() => fs.closeSync(descriptor))
        )
    )
  )

const unlink = (path: string): Effect.Effect<void, DiskError> =>
  Effect.flatMap(
    // Callers unlink leftovers that are seldom there: looking first saves the trip to the thread pool.
    attempt("unlink", path, () => fs.lstatSync(path, { throwIfNoEntry: false })),
    (stats) =>
      stats === undefined
        ? Effect.fail(diskError("unlink", path, "ENOENT"))
        : background("unlink", path, (done) => fs.unlink(path, done))
  )

const boot = Effect.sync((): string | undefined => {
  try {
    return fs.readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim() || undefined
  } catch {
    return undefined
  }
})

export interface Options {
  /**
   * Where small writes are made durable. `adaptive`, the default: on the event loop while the device takes less than half
   * a millisecond for it, which is faster than asking the thread pool; else there. `background`: always in the thread
   * pool, so that the event loop never waits for the device.
   */
  readonly syncs?: Syncs
}

/** The disk itself; it holds nothing. */
export const makeWith = ({ syncs = "adaptive" }: Options): Disk["Service"] => ({
  openRead: (path) => openExisting("openRead", path, O_RDONLY, syncs, isLocked),
  openWrite: (path) => openExisting("openWrite", path, O_RDWR, syncs, isLocked),
  create: (path) => createNew(path, syncs),
  // Windows cannot sync a folder, and says EPERM.
  syncFolder: process.platform === "win32" ? () => Effect.void : syncFolder,
  makeFolder,
  rename: (from, to) => background("rename", to, (done) => fs.rename(from, to, done)),
  unlink,
  removeFolder: (path) => attempt("removeFolder", path, () => fs.rmdirSync(path)),
  stat: (path) =>
    attempt("stat", path, () => {
      const stats = fs.lstatSync(path, { bigint: true, throwIfNoEntry: false })
      return stats === undefined ? undefined : entryOf(stats)
    }),
  list: (path) => attempt("list", path, () => fs.readdirSync(path)),
  lock: (path) => Effect.map(Effect.acquireRelease(acquire(path), release), toLock),
  boot
})

/** With the defaults of `Options`. */
export const make: Disk["Service"] = makeWith({})

export const layer: Layer.Layer<Disk> = Layer.succeed(Disk, make)

export const layerWith = (options: Options): Layer.Layer<Disk> => Layer.succeed(Disk, makeWith(options))
