/**
 * The disk under a hostile lib: in memory, and with nodes that are neither files nor folders. It notes every path that
 * leads out of the lib, and dies after too many operations, so that an endless loop ends.
 */
import * as Effect from "effect/Effect"
import { Disk, DiskError, type FileStat, type File } from "litetapes/Disk"
import { imageDisk } from "../../support/imageDisk.ts"

/** The node at a path: the bytes of a file, an empty folder, or neither (a link, a device). */
export type Node = Uint8Array | "folder" | "other"

/** The nodes in the folder of a lib, by path within it. */
export type Files = ReadonlyMap<string, Node>

/** Path of the lib. */
export const place = "/lib"

/** Boot id that the disk reports. */
export const bootId = "3f6c1e0a-run"

/** Most operations of a disk: more than any lib of this size needs. */
const operationsMax = 200_000

export interface MemoryDisk {
  readonly disk: Disk["Service"]
  /** Returns the current files. */
  readonly files: () => Map<string, Node>
  /** Paths outside the lib that the library used. */
  readonly outside: Array<string>
}

export const memoryDisk = (files: Files): MemoryDisk => {
  const image = new Map<string, Uint8Array>()
  const others = new Set<string>()
  const folders: Array<string> = [place]
  for (const [path, node] of files) {
    if (node === "other") others.add(`${place}/${path}`)
    else if (node === "folder") folders.push(`${place}/${path}`)
    else image.set(`${place}/${path}`, node)
  }
  const base = imageDisk(image, bootId)
  for (const folder of folders) Effect.runSync(Effect.ignore(base.disk.makeFolder(folder)))
  const outside: Array<string> = []
  return { disk: guarded(base.disk, others, outside), files: () => filesOf(base.image()), outside }
}

const filesOf = (image: ReadonlyMap<string, Uint8Array>): Map<string, Node> =>
  new Map([...image].map(([path, bytes]) => [path.slice(place.length + 1), bytes]))

const guarded = (disk: Disk["Service"], others: Set<string>, outside: Array<string>): Disk["Service"] => {
  let operations = 0
  /** `whenOther`: error code of the system for a node that is neither a file nor a folder. */
  const step = <A, R>(
    operation: string,
    path: string,
    whenOther: string | undefined,
    run: Effect.Effect<A, DiskError, R>
  ): Effect.Effect<A, DiskError, R> =>
    Effect.suspend(() => {
      if ((operations += 1) > operationsMax) return Effect.die(new Error(`${operationsMax} disk operations`))
      if (!isInside(path)) outside.push(`${operation} ${path}`)
      if (whenOther === undefined || !others.has(path)) return run
      return Effect.fail(new DiskError({ operation, path, code: whenOther }))
    })
  const file = (opened: File): File => ({
    ...opened,
    read: (position, length) => step("read", opened.path, undefined, opened.read(position, length)),
    readRanges: (ranges) => step("readRanges", opened.path, undefined, opened.readRanges(ranges))
  })
  return Disk.of({
    openRead: (path) => step("openRead", path, "EUNSAFE", Effect.map(disk.openRead(path), file)),
    openWrite: (path) => step("openWrite", path, "EUNSAFE", Effect.map(disk.openWrite(path), file)),
    create: (path) => step("create", path, "EEXIST", Effect.map(disk.create(path), file)),
    syncFolder: (path) => step("syncFolder", path, "ENOTDIR", path === "/" ? Effect.void : disk.syncFolder(path)),
    makeFolder: (path) => step("makeFolder", path, "EEXIST", disk.makeFolder(path)),
    rename: (from, to) =>
      step(
        "rename",
        to,
        undefined,
        Effect.tap(disk.rename(from, to), () => Effect.sync(() => others.delete(to)))
      ),
    unlink: (path) => {
      const gone = Effect.suspend(() => (others.delete(path) ? Effect.void : disk.unlink(path)))
      return step("unlink", path, undefined, gone)
    },
    removeFolder: (path) => step("removeFolder", path, "ENOTDIR", disk.removeFolder(path)),
    stat: (path) => {
      const other: FileStat = { kind: "other", size: 0, inode: path }
      return step(
        "stat",
        path,
        undefined,
        Effect.suspend((): Effect.Effect<FileStat | undefined, DiskError> =>
          others.has(path) ? Effect.succeed(other) : disk.stat(path)
        )
      )
    },
    list: (path) =>
      step(
        "list",
        path,
        "ENOTDIR",
        Effect.map(disk.list(path), (names) => [...names, ...within(path)])
      ),
    lock: (path) => step("lock", path, "EUNSAFE", disk.lock(path)),
    boot: disk.boot
  })

  function within(path: string): Array<string> {
    const names: Array<string> = []
    for (const other of others) if (other.startsWith(`${path}/`)) names.push(other.slice(path.length + 1))
    return names.filter((name) => !name.includes("/"))
  }
}

/** Returns whether a path is in the lib. The parent counts too: creating a lib reads it. */
const isInside = (path: string): boolean => {
  if (path === place || path === "/") return true
  if (!path.startsWith(`${place}/`)) return false
  const parts = path.slice(place.length + 1).split("/")
  return parts.every((part) => part !== "" && part !== "." && part !== ".." && !/[\\\0]/.test(part))
}
