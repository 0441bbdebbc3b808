/**
 * Steps over `Disk` that several operations share.
 */
import * as Effect from "effect/Effect"
import { dirname } from "node:path"
import type { Disk } from "../../../services/Disk.ts"
import { DiskError } from "../../../services/Disk.ts"

type DiskShape = Disk["Service"]

/** Paths are made of a location and names without any special part, so nothing needs to be normalised. */
export const join = (...parts: ReadonlyArray<string>): string => parts.join("/")

/** All bytes of the file at `path`, or `undefined` where there is none. */
export const readWhole = (disk: DiskShape, path: string): Effect.Effect<Uint8Array | undefined, DiskError> =>
  orAbsent(
    Effect.acquireUseRelease(
      disk.openRead(path),
      (file) => Effect.flatMap(file.size, (size) => file.read(0, size)),
      (file) => file.close
    )
  )

/** Takes "there is nothing" for an answer. */
export const orAbsent = <A>(effect: Effect.Effect<A, DiskError>): Effect.Effect<A | undefined, DiskError> =>
  effect.pipe(
    Effect.catch((error) => (error.code === "ENOENT" ? Effect.succeed<A | undefined>(undefined) : Effect.fail(error)))
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
      yield* disk.syncFolder(dirname(parent))
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
