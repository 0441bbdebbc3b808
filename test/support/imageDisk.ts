/**
 * A disk in memory that begins as an image of files, to open the same lib many times with different damage and without
 * system calls. It loses nothing and syncs nothing.
 */
import * as Effect from "effect/Effect"
import { posix } from "node:path"
import { type Disk, DiskError, type FileStat, type File } from "../../src/services/ports/Disk.ts"

/** Bytes by path. Folders exist if paths lead through them. Never changed in place: images share their bytes. */
export type Image = ReadonlyMap<string, Uint8Array>

export interface ImageDisk {
  readonly disk: Disk["Service"]
  /** Returns the current files. */
  readonly image: () => Image
  /** Replaces the bytes of an existing file, even if it is open. */
  readonly set: (path: string, bytes: Uint8Array) => void
  /** Makes every later write fail, as if the processes that have files open were killed. */
  readonly freeze: () => void
}

interface Stored {
  readonly inode: string
  bytes: Uint8Array
}

interface Tree {
  readonly files: Map<string, Stored>
  readonly folders: Set<string>
  readonly locked: Set<string>
  inodes: number
  isFrozen: boolean
}

/** Makes a disk with these files. `boot` is the boot of the operating system that it claims. */
export const imageDisk = (image: Image, boot: string | undefined): ImageDisk => {
  const tree: Tree = { files: new Map(), folders: new Set(["/"]), locked: new Set(), inodes: 0, isFrozen: false }
  for (const [path, bytes] of image) {
    tree.files.set(path, store(tree, bytes))
    for (let folder = posix.dirname(path); !tree.folders.has(folder); folder = posix.dirname(folder)) {
      tree.folders.add(folder)
    }
  }
  const disk: Disk["Service"] = {
    openRead: (path) => open(tree, "openRead", path),
    openWrite: (path) => open(tree, "openWrite", path),
    create: (path) =>
      step("create", path, () => {
        if (exists(tree, path)) return "EEXIST"
        if (!tree.folders.has(posix.dirname(path))) return "ENOENT"
        if (tree.isFrozen) return "EIO"
        const stored = store(tree, new Uint8Array(0))
        tree.files.set(path, stored)
        return fileOf(tree, path, stored)
      }),
    syncFolder: (path) => step("syncFolder", path, () => (tree.folders.has(path) ? undefined : "ENOENT")),
    lock: (path) => Effect.acquireRelease(take(tree, path), () => Effect.sync(() => tree.locked.delete(path))),
    boot: Effect.succeed(boot),
    ...names(tree)
  }
  return {
    disk,
    image: () => new Map([...tree.files].map(([path, { bytes }]) => [path, bytes])),
    set: (path, bytes) => {
      tree.files.get(path)!.bytes = bytes
    },
    freeze: () => {
      tree.isFrozen = true
    }
  }
}

const store = (tree: Tree, bytes: Uint8Array): Stored => ({ inode: `${(tree.inodes += 1)}`, bytes })

const exists = (tree: Tree, path: string): boolean => tree.files.has(path) || tree.folders.has(path)

/** Runs a step that returns a value, or the code of its error. */
const step = <A>(operation: string, path: string, run: () => A): Effect.Effect<Exclude<A, string>, DiskError> =>
  Effect.suspend(() => {
    const result = run()
    return typeof result === "string"
      ? Effect.fail(new DiskError({ operation, path, code: result }))
      : Effect.succeed(result as Exclude<A, string>)
  })

const names = (
  tree: Tree
): Pick<Disk["Service"], "makeFolder" | "rename" | "unlink" | "removeFolder" | "stat" | "list"> => ({
  makeFolder: (path) =>
    step("makeFolder", path, () => {
      if (exists(tree, path)) return "EEXIST"
      tree.folders.add(path)
      return undefined
    }),
  rename: (from, to) => step("rename", to, () => rename(tree, from, to)),
  unlink: (path) =>
    step("unlink", path, () => {
      if (tree.isFrozen) return "EIO"
      return tree.files.delete(path) ? undefined : "ENOENT"
    }),
  removeFolder: (path) =>
    step("removeFolder", path, () => {
      if (within(tree, path).length > 0) return "ENOTEMPTY"
      return tree.folders.delete(path) ? undefined : "ENOENT"
    }),
  stat: (path) => Effect.sync(() => entryAt(tree, path)),
  list: (path) =>
    step("list", path, () =>
      tree.folders.has(path)
        ? within(tree, path).flatMap((one) => (posix.dirname(one) === path ? [posix.basename(one)] : []))
        : "ENOENT"
    )
})

const entryAt = ({ files, folders }: Tree, path: string): FileStat | undefined => {
  const stored = files.get(path)
  if (stored !== undefined) return { kind: "file", size: stored.bytes.length, inode: stored.inode }
  return folders.has(path) ? { kind: "folder", size: 0, inode: path } : undefined
}

const within = ({ files, folders }: Tree, path: string): Array<string> =>
  [...files.keys(), ...folders].filter((one) => one.startsWith(`${path}/`))

const rename = (tree: Tree, from: string, to: string): string | undefined => {
  if (tree.isFrozen) return "EIO"
  const { files, folders } = tree
  const stored = files.get(from)
  if (stored !== undefined) {
    if (folders.has(to)) return "EISDIR"
    files.set(to, stored)
    files.delete(from)
    return undefined
  }
  if (!folders.has(from)) return "ENOENT"
  if (files.has(to) || within(tree, to).length > 0) return "ENOTEMPTY"
  for (const one of [from, ...within(tree, from)]) {
    const moved = to + one.slice(from.length)
    const file = files.get(one)
    if (file === undefined) folders.add(moved)
    else files.set(moved, file)
    files.delete(one)
    folders.delete(one)
  }
  return undefined
}

const take = (tree: Tree, path: string) =>
  step("lock", path, () => {
    if (tree.locked.has(path)) return "ELOCKED"
    const stored = tree.files.get(path) ?? store(tree, new Uint8Array(0))
    tree.files.set(path, stored)
    tree.locked.add(path)
    return { held: Effect.sync(() => tree.locked.has(path) && tree.files.get(path) === stored) }
  })

const open = (tree: Tree, operation: string, path: string): Effect.Effect<File, DiskError> =>
  step(operation, path, () => {
    const stored = tree.files.get(path)
    if (stored !== undefined) return fileOf(tree, path, stored)
    return tree.folders.has(path) ? "EUNSAFE" : "ENOENT"
  })

const fileOf = (tree: Tree, path: string, stored: Stored): File => {
  const read = (position: number, length: number) => stored.bytes.slice(position, position + length)
  return {
    path,
    read: (position, length) => Effect.sync(() => read(position, length)),
    readRanges: (ranges) => Effect.sync(() => ranges.map(([position, length]) => read(position, length))),
    write: (bytes, position) =>
      step("write", path, () => {
        if (tree.isFrozen) return "EIO"
        const written = new Uint8Array(Math.max(stored.bytes.length, position + bytes.length))
        written.set(stored.bytes)
        written.set(bytes, position)
        stored.bytes = written
        return undefined
      }),
    size: Effect.sync(() => stored.bytes.length),
    datasync: Effect.void,
    sync: Effect.void,
    close: Effect.void
  }
}
