/**
 * `Disk` on Node's file system.
 *
 * The folders on a path are the caller's concern. If the last component is a link, it is never followed.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as fs from "node:fs"
import { type Checks, oneOf, refuseWrongOptions } from "../domain/format/checkOptions.ts"
import { Disk, type DiskError, type FileStat } from "../services/ports/Disk.ts"
import { attempt, background, diskError } from "./node/diskErrors.ts"
import { createNew, openExisting } from "./node/file.ts"
import { acquire, isLocked, release, toLock } from "./node/lock.ts"
import type { Syncs } from "./node/SyncPace.ts"

const { O_RDONLY, O_RDWR } = fs.constants

const entryOf = (stats: fs.BigIntStats): FileStat => {
  const kind = stats.isFile() ? "file" : stats.isDirectory() ? "folder" : "other"
  return {
    kind,
    size: kind === "file" ? Number(stats.size) : 0,
    inode: String(stats.ino),
    device: String(stats.dev),
    // A system that does not know it gives another time, which changes with the file. In milliseconds: Deno does not see
    // more of it, and a lib that one runtime wrote is the same lib in another.
    ...(stats.birthtimeNs > 0n && stats.birthtimeNs !== stats.ctimeNs
      ? { born: String(stats.birthtimeNs / nanosPerMilli) }
      : {}),
    ...permissions(stats),
    ...(kind === "file" ? { links: Number(stats.nlink) } : {})
  }
}

const nanosPerMilli = 1_000_000n

// On Windows, Node makes these numbers up.
const permissions = (stats: fs.BigIntStats): Pick<FileStat, "mode"> =>
  process.platform === "win32" ? {} : { mode: Number(stats.mode & 0o777n) }

/** Makes a folder. The umask cuts the mode that it is given, so bits that its owner needs are set afterwards. */
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
    // Callers unlink leftovers that are rarely there: looking first saves the trip to the thread pool.
    attempt("unlink", path, () => fs.lstatSync(path, { throwIfNoEntry: false })),
    (stats) =>
      stats === undefined
        ? Effect.fail(diskError("unlink", path, "ENOENT"))
        : background("unlink", path, (done) => fs.unlink(path, done))
  )

/** Reports changes by what the system offers (inotify, FSEvents), which may miss some. */
const watch: NonNullable<Disk["Service"]["watch"]> = (folder, name, changed) =>
  Effect.asVoid(
    Effect.acquireRelease(
      attempt("watch", folder, () => {
        const watcher = fs.watch(folder, { persistent: false }, (_, entry) => {
          if (entry === null || entry === name) changed()
        })
        watcher.on("error", (error) =>
          changed(diskError("watch", folder, "code" in error ? String(error.code) : "EIO"))
        )
        return watcher
      }),
      (watcher) => Effect.sync(() => watcher.close())
    )
  )

const boot = Effect.sync((): string | undefined => {
  try {
    return fs.readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim() || undefined
  } catch {
    return undefined
  }
})

/** Options of a disk. */
export interface Options {
  /**
   * Where small syncs run. `adaptive`: on the event loop while the device syncs in under half a millisecond, which is
   * faster than asking the thread pool; otherwise in the thread pool. `background`: always in the thread pool, so that
   * the event loop never waits for the device. Default: `adaptive`.
   */
  readonly syncs?: Syncs
}

const optionChecks = { syncs: oneOf("adaptive", "background") } satisfies Checks<Options>

/** Returns a disk with these options. It holds nothing open. Throws `InvalidArgument` for an option that it does not know. */
export const makeWith = (options: Options): Disk["Service"] => {
  refuseWrongOptions("NodeDisk.makeWith", options, optionChecks)
  return diskOf(options)
}

const diskOf = ({ syncs = "adaptive" }: Options): Disk["Service"] => ({
  openRead: (path) => openExisting("openRead", path, O_RDONLY, syncs, isLocked),
  openWrite: (path) => openExisting("openWrite", path, O_RDWR, syncs, isLocked),
  create: (path) => createNew(path, syncs),
  // Windows cannot sync a folder, and answers EPERM.
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
  watch,
  list: (path) => attempt("list", path, () => fs.readdirSync(path)),
  lock: (path) => Effect.map(Effect.acquireRelease(acquire(path), release), toLock),
  boot
})

/** A disk with the default options. */
export const make: Disk["Service"] = diskOf({})

/** Provides a disk with the default options. */
export const layer: Layer.Layer<Disk> = Layer.succeed(Disk, make)

/** Provides a disk with these options. */
export const layerWith = (options: Options): Layer.Layer<Disk> => Layer.succeed(Disk, makeWith(options))
