/**
 * Steps over `Disk` that several operations share.
 */
import * as Effect from "effect/Effect"
import { dirname } from "node:path"
import type { Disk, FileStat } from "../../services/ports/Disk.ts"
import { DiskError } from "../../services/ports/Disk.ts"
import type { StorageError } from "../../services/ports/Storage.ts"
import { storageError, tooLarge } from "../storage/storageErrors.ts"

type DiskShape = Disk["Service"]

/** Joins a location and names. None of them has a special part, so nothing needs to be normalised. */
export const join = (...parts: ReadonlyArray<string>): string => parts.join("/")

/** Reads the whole file at `path`; `undefined` if it does not exist. If it is too large, nothing is read. */
export const readWhole = (
  disk: DiskShape,
  path: string,
  bytesMax: number
): Effect.Effect<Uint8Array | undefined, DiskError | StorageError> =>
  orAbsent(
    Effect.acquireUseRelease(
      disk.openRead(path),
      (file) =>
        Effect.flatMap(file.size, (size): Effect.Effect<Uint8Array, DiskError | StorageError> => {
          if (size <= bytesMax) return file.read(0, size)
          return Effect.fail(storageError("read", path, "too-large", tooLarge(size, bytesMax)))
        }),
      (file) => file.close
    )
  )

/** Takes "there is nothing" for an answer instead of an error. */
export const orAbsent = <A, E extends DiskError | StorageError>(
  effect: Effect.Effect<A, E>
): Effect.Effect<A | undefined, E> =>
  effect.pipe(
    Effect.catch((error) =>
      error instanceof DiskError && error.code === "ENOENT"
        ? Effect.succeed<A | undefined>(undefined)
        : Effect.fail(error)
    )
  )

export const unlinkIfThere = (disk: DiskShape, path: string): Effect.Effect<void, DiskError> =>
  Effect.asVoid(orAbsent(disk.unlink(path)))

/** Creates the file at `path` with all of its bytes, and syncs it unless it is `derived`. The folder is not synced. */
export const writeNew = (
  disk: DiskShape,
  path: string,
  bytes: Uint8Array,
  derived = false
): Effect.Effect<void, DiskError> =>
  Effect.acquireUseRelease(
    disk.create(path),
    (file) => {
      const written = file.write(bytes, 0)
      return derived ? written : Effect.andThen(written, file.sync)
    },
    (file) => file.close
  )

/** Fails unless there is a real folder at `path`: opening a path only refuses a link as its last part. */
export const requireFolder = (disk: DiskShape, path: string): Effect.Effect<void, DiskError> =>
  Effect.flatMap(disk.stat(path), (entry) =>
    entry?.kind === "folder"
      ? Effect.void
      : Effect.fail(new DiskError({ operation: "folder", path, code: entry === undefined ? "ENOENT" : "EUNSAFE" }))
  )

/**
 * Fails unless every part of `path` below `location` is a real folder: a link within a lib must not lead reads, writes
 * or removals out of it. Somebody with write access to the lib can put a link there between this check and the use of
 * the path. But they can also write to its files.
 */
export const requireFolders = (disk: DiskShape, location: string, path: string): Effect.Effect<void, DiskError> =>
  path === location
    ? Effect.void
    : Effect.andThen(requireFolders(disk, location, dirname(path)), requireFolder(disk, path))

/** Makes a folder unless it exists. */
export const ensureFolder = (disk: DiskShape, path: string): Effect.Effect<void, DiskError> =>
  disk
    .makeFolder(path)
    .pipe(Effect.catch((error) => (error.code === "EEXIST" ? requireFolder(disk, path) : Effect.fail(error))))

/** Makes a folder and the missing folders above it. Each is durable before the next one is made in it. */
export const ensurePath = (disk: DiskShape, path: string): Effect.Effect<void, DiskError> =>
  Effect.gen(function* () {
    const parent = dirname(path)
    if (parent !== path && (yield* disk.stat(parent)) === undefined) {
      yield* ensurePath(disk, parent)
      yield* disk.syncFolder(dirname(parent)).pipe(Effect.onError(() => Effect.ignore(disk.removeFolder(parent))))
    }
    yield* ensureFolder(disk, path)
  })

/** Makes a folder as `ensurePath` does, and its name durable. An earlier run may have ended before it did. */
export const ensureNamedPath = (disk: DiskShape, folder: string): Effect.Effect<void, DiskError> =>
  Effect.gen(function* () {
    const existed = (yield* disk.stat(folder)) !== undefined
    yield* ensurePath(disk, folder)
    const named = disk.syncFolder(dirname(folder))
    // Whoever made it may be the only one who can read the folder above it.
    yield* Effect.catchIf(
      named,
      ({ code }) => existed && (code === "EACCES" || code === "EPERM"),
      () => Effect.void
    )
  })

/** Returns what is known of the file at `path`, or `undefined` if there is nothing. */
export const fileAt = (disk: DiskShape, path: string): Effect.Effect<FileStat | undefined, DiskError> =>
  Effect.flatMap(disk.stat(path), (entry) =>
    entry === undefined || entry.kind === "file"
      ? Effect.succeed(entry)
      : Effect.fail(new DiskError({ operation: "size", path, code: "EUNSAFE" }))
  )

/** Returns the size of the file at `path`, or `undefined` if there is nothing. */
export const sizeOf = (disk: DiskShape, path: string): Effect.Effect<number | undefined, DiskError> =>
  Effect.map(fileAt(disk, path), (entry) => entry?.size)
