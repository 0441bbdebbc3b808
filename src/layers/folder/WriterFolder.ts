/**
 * A writer's own folder, `litelib.writer-<uuid>`. A writer makes one when it opens a lib. Everything that it puts in
 * place is written there first and comes out by a rename; everything that it removes goes in by a rename.
 *
 * Whoever takes over removes the folder before it reads anything. The kernel refuses a rename out of a folder, or into
 * one, that does not exist. So the old writer can place, replace and remove nothing from then on, even if it was
 * stopped directly before the call (I7, decision 0034).
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { hostname } from "node:os"
import type { LockHolder } from "../../domain/format/Errors.ts"
import { newline } from "../../domain/format/Format.ts"
import * as TaraSON from "../../domain/json/TaraSON.ts"
import { isUuid, uuidV4 } from "../../domain/base/Uuid.ts"
import { type Disk, DiskError } from "../../services/ports/Disk.ts"
import { nearestNow } from "../../services/base/storableNow.ts"
import { Randomness } from "../../services/ports/Randomness.ts"
import { asideName } from "../storage/fileNames.ts"
import { join, orAbsent, readWhole, unlinkIfThere, writeNew } from "./files.ts"

type DiskShape = Disk["Service"]

export interface WriterFolder {
  /** Path of the folder. */
  readonly path: string
  /** Path of the file that says who the writer is. Once it is gone, the writer must acknowledge nothing more. */
  readonly owner: string
  /** Returns an unused path in the folder, for a file, or for the folder of a tape. */
  readonly next: (tape?: string) => string
}

const ownerFile = "owner"
const prefix = "litelib.writer-"

/** Returns whether `name` is that of a writer's own folder. */
export const isWriterFolder = (name: string): boolean => name.startsWith(prefix) && isUuid(name.slice(prefix.length))

/** Makes the folder, with its `owner`. When the scope closes, the folder is removed. Nothing of it is synced. */
export const make = (disk: DiskShape, location: string): Effect.Effect<WriterFolder, DiskError, Scope.Scope> =>
  Effect.gen(function* () {
    const now = yield* nearestNow
    const path = join(location, `${prefix}${uuidV4((yield* Randomness)(16))}`)
    const owner = join(path, ownerFile)
    let last = 0
    const next = (tape?: string): string => join(path, tape === undefined ? `${++last}` : `${++last}-${tape}`)
    const line = JSON.stringify({ host: hostname(), pid: process.pid, since: now })
    const made = Effect.andThen(
      disk.makeFolder(path),
      // The folder was made just now: if it is gone, somebody else is opening the lib.
      Effect.mapError(writeNew(disk, owner, Buffer.from(`${line}\n`), true), (error) =>
        error.code === "ENOENT" ? locked(path) : error
      )
    )
    // An error here changes nothing for anybody: the next opening removes what stays.
    const removed = Effect.ignore(remove(disk, location, path))
    yield* Effect.acquireRelease(
      Effect.onError(made, () => removed),
      () => removed
    )
    return { path, owner, next }
  })

/**
 * Removes the own folders of all other writers, so that none of them acknowledges, places or removes anything more.
 * Fails with `ELOCKED` if one of them cannot be removed.
 */
export const removeOthers = (
  disk: DiskShape,
  location: string,
  own: Pick<WriterFolder, "path">
): Effect.Effect<void, DiskError> =>
  Effect.gen(function* () {
    for (const name of yield* disk.list(location)) {
      const path = join(location, name)
      if (!isWriterFolder(name) || path === own.path || (yield* disk.stat(path))?.kind !== "folder") continue
      yield* remove(disk, location, path)
    }
  })

/** Bytes of the largest `owner` that is read. */
const ownerBytesMax = 4096

/**
 * Returns the writer that has the lib open, as it noted itself; `undefined` if no writer has, or if its note cannot be
 * read. A note is a hint for people: nothing is decided by it.
 */
export const holderOf = (disk: DiskShape, location: string): Effect.Effect<LockHolder | undefined> =>
  Effect.gen(function* () {
    let last: LockHolder | undefined
    for (const name of yield* disk.list(location)) {
      if (!isWriterFolder(name)) continue
      const holder = parseOwner(yield* readWhole(disk, join(location, name, ownerFile), ownerBytesMax))
      // A writer that was killed may have left a folder too.
      if (holder !== undefined && (last === undefined || holder.since > last.since)) last = holder
    }
    return last
  }).pipe(Effect.catch(() => Effect.succeed(undefined)))

const parseOwner = (bytes: Uint8Array | undefined): LockHolder | undefined => {
  if (bytes === undefined) return undefined
  try {
    const { host, pid, since } = TaraSON.parse(bytes.subarray(0, bytes.lastIndexOf(newline)))
    if (typeof host !== "string" || !Number.isSafeInteger(pid) || typeof since !== "number") return undefined
    const here = host === hostname() && pid === process.pid
    return { here, host: host.slice(0, 255).toWellFormed(), pid: Number(pid), since: new Date(since).toISOString() }
  } catch {
    return undefined
  }
}

/** Attempts to remove a folder into which its writer still puts files. */
const attemptsMax = 1000

/** Removes the own folder of a writer: first its `owner`, which ends acknowledgements, then all of it. */
const remove = (disk: DiskShape, location: string, path: string): Effect.Effect<void, DiskError> =>
  Effect.gen(function* () {
    const owner = join(path, ownerFile)
    if ((yield* disk.stat(owner))?.kind === "file") yield* unlinkIfThere(disk, owner)
    for (let attempt = 0; attempt < attemptsMax; attempt++) {
      for (const name of (yield* orAbsent(disk.list(path))) ?? []) yield* clear(disk, location, path, name)
      const code = yield* Effect.match(orAbsent(disk.removeFolder(path)), {
        onFailure: (error) => error.code,
        onSuccess: () => undefined
      })
      if (code === undefined) return
      if (code !== "ENOTEMPTY" && code !== "EEXIST") break
    }
    return yield* locked(path)
  })

const locked = (path: string): DiskError => new DiskError({ operation: "lock", path, code: "ELOCKED" })

/**
 * Takes one entry out of a writer's folder. A file of the writer is unlinked: it was never in its place, or has another
 * name there. Everything else is kept as `<name>.aside-N`: a tape that makes way for another one of its name passes
 * through here, and what nobody knows is not ours to delete.
 */
const clear = (disk: DiskShape, location: string, path: string, name: string): Effect.Effect<void, DiskError> =>
  Effect.gen(function* () {
    const entry = join(path, name)
    const kind = (yield* disk.stat(entry))?.kind
    if (kind === undefined) return
    if (kind === "file" && (name === ownerFile || /^\d+$/.test(name))) return yield* unlinkIfThere(disk, entry)
    // An empty folder was going to become a shard folder or a tape, and nothing is lost with it.
    const isGone =
      kind === "folder" &&
      (yield* Effect.match(disk.removeFolder(entry), { onFailure: () => false, onSuccess: () => true }))
    if (isGone) return
    yield* orAbsent(disk.rename(entry, yield* freeAside(disk, location, name.replace(/^\d+-/, ""))))
  })

/** Returns the first free path among those to which namesakes of a tape are moved. */
export const freeAside = (disk: DiskShape, location: string, tape: string): Effect.Effect<string, DiskError> =>
  Effect.gen(function* () {
    let n = 1
    while ((yield* disk.stat(join(location, asideName(tape, n)))) !== undefined) n += 1
    return join(location, asideName(tape, n))
  })
