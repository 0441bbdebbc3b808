/**
 * Opens a folder as the location of a lib: checks what is there and, for writing, takes the lock.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { dirname } from "node:path"
import { ackedFile, libMetaFile, lockFile, placeFile, tapeMetaFile } from "../../domain/format/Format.ts"
import { parseDynamicName } from "../../domain/format/Names.ts"
import { type Disk, DiskError } from "../../services/ports/Disk.ts"
import type { StorageError, Warning } from "../../services/ports/Storage.ts"
import { isSystemName, libDerivedFolder, libMetaTemporary } from "../storage/fileNames.ts"
import { storageError } from "../storage/storageErrors.ts"
import { ensurePath, join, unlinkIfThere } from "./files.ts"
import type { Hold } from "./OpenFolder.ts"
import * as PlaceFile from "./PlaceFile.ts"
import { syncAbove, syncCopied } from "./syncCopied.ts"
import * as WriterFolder from "./WriterFolder.ts"

type DiskShape = Disk["Service"]

/** Succeeds if there is a lib. */
export const openRead = (disk: DiskShape, location: string): Effect.Effect<void, DiskError | StorageError> =>
  Effect.gen(function* () {
    const entry = yield* disk.stat(location)
    if (entry?.kind !== "folder") {
      return yield* notALib(location, entry === undefined ? "it does not exist; check the path" : "it is not a folder")
    }
    yield* requireLibMeta(disk, location)
  })

/**
 * Takes the lock on a folder that is a lib or may become one, and stops every earlier writer. Makes the folder if it does
 * not exist.
 */
export const openWrite = (
  disk: DiskShape,
  location: string,
  boot: string | undefined,
  recovering: boolean
): Effect.Effect<Hold & { readonly warnings: ReadonlyArray<Warning> }, DiskError | StorageError, Scope.Scope> =>
  Effect.gen(function* () {
    const entry = yield* disk.stat(location)
    if (entry !== undefined && entry.kind !== "folder") return yield* notALib(location, "it is not a folder")
    if (entry === undefined && recovering)
      return yield* notALib(location, "there is nothing to recover; check the path")
    if (entry === undefined) yield* makeLocation(disk, location)

    const before = yield* disk.list(location)
    const hadLockFile = before.includes(lockFile)
    // This is decided again under the lock, but no lock file is put into a folder that belongs to somebody else.
    if (!hadLockFile) yield* accept(disk, location, before, recovering)
    const lock = yield* disk.lock(join(location, lockFile))
    const names = yield* disk.list(location)
    yield* accept(disk, location, names, recovering).pipe(
      // Safe under the lock: whoever locks the unlinked file afterwards finds another one, or none, at the path.
      Effect.onError(() => (hadLockFile ? Effect.void : Effect.ignore(unlinkIfThere(disk, join(location, lockFile)))))
    )
    if (isEmpty(names)) yield* syncAbove(disk, location)
    const own = yield* takeOver(disk, location)
    const warnings = isEmpty(names) ? [] : yield* makeDurable(disk, location, boot, isNew(names))
    return { lock, own, since: yield* Clock.currentTimeMillis, warnings }
  })

/**
 * Syncs everything that is there, unless a writer put lib meta there since the system was started. Somebody may have
 * copied the lib here; or the writer that made it was killed before its meta was durable (I2). Nothing is put next to a
 * meta that may vanish: the rest would then look like a lib that lost it.
 */
const makeDurable = (
  disk: DiskShape,
  location: string,
  boot: string | undefined,
  isUnused: boolean
): Effect.Effect<ReadonlyArray<Warning>, DiskError | StorageError> =>
  Effect.gen(function* () {
    if (yield* PlaceFile.isKnown(disk, location, boot)) return []
    const synced = yield* syncCopied(disk, location)
    if (isUnused) return []
    const why =
      `it was copied here, or the system was restarted, since a writer last used it. ` +
      `Its ${synced} files and folders were synced before anything was read.`
    return [{ place: location, why }]
  })

/**
 * Stops every other writer. The own folder is made first: of two who open at once, each sees the other or is seen. Nothing
 * of the lib may be read before the others are stopped, or a batch that is acknowledged in between would be missed.
 */
const takeOver = (
  disk: DiskShape,
  location: string
): Effect.Effect<WriterFolder.WriterFolder, DiskError, Scope.Scope> =>
  Effect.gen(function* () {
    const own = yield* WriterFolder.make(disk, location)
    yield* WriterFolder.removeOthers(disk, location, own)
    if ((yield* disk.stat(own.owner)) !== undefined) return own
    return yield* new DiskError({ operation: "lock", path: location, code: "ELOCKED" })
  })

const isOurs = new Set([lockFile, libMetaTemporary])

/** Returns what is neither a leftover of an interrupted creation nor put there by the system. */
const othersOf = (names: ReadonlyArray<string>): ReadonlyArray<string> =>
  names.filter((name) => !isOurs.has(name) && !WriterFolder.isWriterFolder(name) && !isSystemName(name))

/** Returns whether there is nothing that stops a new lib. */
const isEmpty = (names: ReadonlyArray<string>): boolean => othersOf(names).length === 0

/** Returns whether this is a lib in which nothing was done yet. */
const isNew = (names: ReadonlyArray<string>): boolean =>
  isEmpty(names.filter((name) => name !== libMetaFile && name !== placeFile))

const accept = (
  disk: DiskShape,
  location: string,
  names: ReadonlyArray<string>,
  recovering: boolean
): Effect.Effect<void, DiskError | StorageError> =>
  Effect.gen(function* () {
    if (names.includes(libMetaFile)) return yield* requireLibMeta(disk, location)
    if (isEmpty(names))
      return recovering ? yield* notALib(location, "there is nothing to recover; check the path") : undefined
    const wasLib = yield* holdsLib(disk, location, names)
    if (recovering && wasLib) return
    return yield* notALib(
      location,
      wasLib
        ? `it has no ${libMetaFile}, but other files of a lib; recover it with Lib.recover`
        : `it is neither empty nor a lib, but has ${listed(othersOf(names))}; choose another folder, or move that away`
    )
  })

/** Lists a few names. They are not ours, so they are quoted and cut. */
const listed = (names: ReadonlyArray<string>): string => {
  const few = names.toSorted().slice(0, listedMax)
  const more = names.length - few.length
  const text = few.map((name) => JSON.stringify(name.length <= 60 ? name : `${name.slice(0, 60)}…`)).join(", ")
  return more === 0 ? text : `${text} and ${more} more`
}

const listedMax = 3

/** Returns whether there is something that only a lib has, with or without its meta. */
const holdsLib = (disk: DiskShape, location: string, names: ReadonlyArray<string>): Effect.Effect<boolean, DiskError> =>
  Effect.gen(function* () {
    for (const name of othersOf(names)) {
      if (name === ackedFile || name === placeFile || name === libDerivedFolder || parseDynamicName(name) !== undefined)
        return true
      if ((yield* disk.stat(join(location, name)))?.kind !== "folder") continue
      if ((yield* disk.stat(join(location, name, tapeMetaFile))) !== undefined) return true
    }
    return false
  })

const requireLibMeta = (disk: DiskShape, location: string): Effect.Effect<void, DiskError | StorageError> =>
  Effect.flatMap(disk.stat(join(location, libMetaFile)), (entry) => {
    if (entry?.kind === "file") return Effect.void
    return entry === undefined
      ? notALib(location, `it has no ${libMetaFile}; check the path, or run Lib.recover if it was lost`)
      : Effect.fail(storageError("open", join(location, libMetaFile), "unsafe", "it is not a regular file"))
  })

/**
 * Makes the lib's own folder, and makes it durable before anything in it is durable. If the sync fails, the folder is
 * removed, so that the next attempt makes and syncs a new one: a repeated sync would prove nothing.
 */
const makeLocation = (disk: DiskShape, location: string): Effect.Effect<void, DiskError> =>
  Effect.andThen(
    ensurePath(disk, location),
    disk.syncFolder(dirname(location)).pipe(Effect.onError(() => Effect.ignore(disk.removeFolder(location))))
  )

const notALib = (location: string, detail: string): Effect.Effect<never, StorageError> =>
  Effect.fail(storageError("open", location, "not-a-lib", detail))
