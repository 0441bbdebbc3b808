/**
 * Steps over `Disk` that several operations share.
 */
import * as Effect from "effect/Effect"
import { dirname } from "node:path"
import type { Disk } from "../../services/ports/Disk.ts"
import { DiskError } from "../../services/ports/Disk.ts"
import type { StorageError } from "../../services/ports/Storage.ts"
import { storageError, tooLarge } from "../storage/storageErrors.ts"

type DiskShape = Disk["Service"]

/** Paths are made of a location and names without any special part, so nothing needs to be normalised. */
export const join = (...parts: ReadonlyArray<string>): string => parts.join("/")

/** All bytes of the file at `path`, or `undefined` where there is none. Nothing is read where they are too many. */
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

/** Takes "there is nothing" for an answer. */
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

/** Creates the file at `path` with all of its bytes, and syncs it unless it is `derived`; its folder's entry is not. */
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

/** Fails unless a real folder stands at `path`: of a path, only the last part is opened without following links. */
export const requireFolder = (disk: DiskShape, path: string): Effect.Effect<void, DiskError> =>
  Effect.flatMap(disk.stat(path), (entry) =>
    entry?.kind === "folder"
      ? Effect.void
      : Effect.fail(new DiskError({ operation: "folder", path, code: entry === undefined ? "ENOENT" : "EUNSAFE" }))
  )

/**
 * Fails unless real folders stand at all of `path` that is below `location`: a link in a lib must not lead what is read,
 * written or removed out of it. Between this look and the use of the path somebody who may write to the lib can put a
 * link there; that one can write to its files as well.
 */
export const requireFolders = (disk: DiskShape, location: string, path: string): Effect.Effect<void, DiskError> =>
  path === location
    ? Effect.void
    : Effect.andThen(requireFolders(disk, location, dirname(path)), requireFolder(disk, path))

/** Makes a folder unless there is one. */
export const ensureFolder = (disk: DiskShape, path: string): Effect.Effect<void, DiskError> =>
  disk
    .makeFolder(path)
    .pipe(Effect.catch((error) => (error.code === "EEXIST" ? requireFolder(disk, path) : Effect.fail(error))))

/** Makes a folder and the folders above it that are not there, each durable before the next one is made in it. */
export const ensurePath = (disk: DiskShape, path: string): Effect.Effect<void, DiskError> =>
  Effect.gen(function* () {
    const parent = dirname(path)
    if (parent !== path && (yield* disk.stat(parent)) === undefined) {
      yield* ensurePath(disk, parent)
      yield* disk.syncFolder(dirname(parent)).pipe(Effect.onError(() => Effect.ignore(disk.removeFolder(parent))))
    }
    yield* ensureFolder(disk, path)
  })

/** Size of the file at `path`, or `undefined` where there is nothing. */
export const sizeOf = (disk: DiskShape, path: string): Effect.Effect<number | undefined, DiskError> =>
  Effect.flatMap(disk.stat(path), (entry) =>
    entry === undefined || entry.kind === "file"
      ? Effect.succeed(entry?.size)
      : Effect.fail(new DiskError({ operation: "size", path, code: "EUNSAFE" }))
  )
