/** Makes the files of a lib durable that were not written by a writer here, such as those of a copy (decision 0035). */
import * as Effect from "effect/Effect"
import { dirname } from "node:path"
import { libMetaFile, tapeMetaFile } from "../../domain/format/Format.ts"
import { parseDynamicName } from "../../domain/format/Names.ts"
import type { Disk, DiskError, File } from "../../services/ports/Disk.ts"
import type { StorageError } from "../../services/ports/Storage.ts"
import { isUnsafeTape } from "../storage/fileNames.ts"
import { join } from "./files.ts"
import { listIn } from "./SegmentFiles.ts"

type DiskShape = Disk["Service"]

/** Files that are synced at the same time. */
const atOnce = 8

/**
 * Syncs lib meta, dynamic segments, tape metas and segments, and the folders that hold them, up to the root. Returns the
 * number of files and folders in the lib that were synced. Fails if a sync fails.
 */
export const syncCopied = (disk: DiskShape, location: string): Effect.Effect<number, DiskError | StorageError> =>
  Effect.gen(function* () {
    const files: Array<string> = []
    const folders: Array<string> = []
    for (const name of yield* disk.list(location)) {
      const path = join(location, name)
      if (name === libMetaFile || parseDynamicName(name) !== undefined) files.push(path)
      if (isUnsafeTape(name) || (yield* disk.stat(path))?.kind !== "folder") continue
      const segments = yield* unlessRefused(listIn(disk, path), [])
      files.push(join(path, tapeMetaFile), ...segments.map((segment) => join(path, segment)))
      folders.push(...new Set(segments.map((segment) => dirname(join(path, segment)))), path)
    }
    folders.push(location)
    yield* Effect.forEach(files, (path) => syncFile(disk, path), { concurrency: atOnce, discard: true })
    const inOrder = [...new Set(folders)]
    for (const folder of inOrder) yield* unlessRefused(disk.syncFolder(folder), undefined)
    yield* syncAbove(disk, location)
    return files.length + inOrder.length
  })

/**
 * Makes the way to a lib durable: whoever made one of the folders above it may have been killed before it was synced (I2).
 */
export const syncAbove = (disk: DiskShape, location: string): Effect.Effect<void, DiskError> => {
  const parent = dirname(location)
  if (parent === location) return Effect.void
  // A folder that we may not read, or whose file system has no such sync, cannot be synced. Whoever made it must have made
  // it durable.
  const synced = Effect.catchIf(
    disk.syncFolder(parent),
    ({ code }) => notSyncable.has(code),
    () => Effect.void
  )
  return Effect.andThen(synced, syncAbove(disk, parent))
}

const notSyncable = new Set(["EACCES", "EPERM", "EINVAL", "ENOTSUP", "EROFS"])

/** What we may not open, we cannot read either, so nothing will rely on it. */
const unlessRefused = <A, E extends DiskError | StorageError>(
  effect: Effect.Effect<A, E>,
  otherwise: A
): Effect.Effect<A, E> => Effect.catchIf(effect, isRefusal, () => Effect.succeed(otherwise))

const isRefusal = (error: DiskError | StorageError): boolean =>
  "code" in error && (error.code === "EACCES" || error.code === "EPERM")

/** Syncs a file if it is there. Links are not followed. A file that we may only read is synced through a descriptor for reading. */
const syncFile = (disk: DiskShape, path: string): Effect.Effect<void, DiskError> => {
  const sync = (open: Effect.Effect<File, DiskError>) =>
    Effect.acquireUseRelease(
      open,
      (file) => file.sync,
      (file) => file.close
    )
  return Effect.catch(sync(disk.openWrite(path)), (error) => {
    if (error.operation !== "openWrite") return Effect.fail(error)
    if (error.code === "ENOENT" || error.code === "EUNSAFE") return Effect.void
    return unlessRefused(sync(disk.openRead(path)), undefined)
  })
}
