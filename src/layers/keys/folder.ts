/**
 * Keys in a folder: one small file for each subject, readable by nobody but its owner, replaced by a rename. A kernel lock on
 * `keys.lock` is held for each change, so that two processes never make different keys for one subject.
 */
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import type * as Scope from "effect/Scope"
import { createHash } from "node:crypto"
import { dirname, resolve } from "node:path"
import { InvalidArgument } from "../../domain/format/Errors.ts"
import { libMetaFile } from "../../domain/format/Format.ts"
import type { Disk, DiskError, File, Lock } from "../../services/ports/Disk.ts"
import type { KeyStore } from "../../services/ports/KeyStore.ts"
import type { StorageError } from "../../services/ports/Storage.ts"
import { ensureNamedPath, join, orAbsent, readWhole, unlinkIfThere, writeNew } from "../folder/files.ts"
import { storageError, told } from "../storage/storageErrors.ts"
import { keyStoreOver } from "./keyStoreOver.ts"

type DiskShape = Disk["Service"]

/** More bytes than an entry has. A larger file is not read. */
const bytesMax = 1024 * 1024

/** How often a lock that another process holds is tried again. */
const retryEvery = "20 millis"

const ending = ".json"

/** Permissions of the group and of others. */
const othersBits = 0o077

export const makeFolder = (
  disk: DiskShape,
  given: string
): Effect.Effect<KeyStore["Service"], InvalidArgument | StorageError> =>
  Effect.gen(function* () {
    const folder = resolve(given)
    yield* refuseInLib(disk, given, folder)
    yield* told("open", folder, ensureNamedPath(disk, folder))
    yield* refuseOpen(disk, folder, "700")
    return keyStoreOver(new KeyFiles(disk, folder))
  })

/** A backup or a copy of the lib would have the keys too. */
const refuseInLib = (
  disk: DiskShape,
  given: string,
  folder: string
): Effect.Effect<void, InvalidArgument | StorageError> =>
  Effect.gen(function* () {
    if ((yield* told("open", folder, orDenied(disk.stat(join(folder, libMetaFile))))) !== undefined) {
      const why = `is in the lib at ${folder}, so each backup and copy of the lib would have the keys, and forgetting would have no effect: choose a folder outside of it, not ${JSON.stringify(given)}`
      return yield* new InvalidArgument({ call: "KeyStore.makeFolder", argument: "folder", why })
    }
    const above = dirname(folder)
    if (above !== folder) yield* refuseInLib(disk, given, above)
  })

/** A folder above may be closed to this process, or be no folder. */
const orDenied = <A>(effect: Effect.Effect<A, DiskError>): Effect.Effect<A | undefined, DiskError> =>
  Effect.catchIf(
    orAbsent(effect),
    ({ code }) => code === "EACCES" || code === "EPERM" || code === "ENOTDIR",
    () => Effect.succeed(undefined)
  )

/** Fails if somebody else may read, write or enter this. */
const refuseOpen = (disk: DiskShape, path: string, wanted: string): Effect.Effect<void, StorageError> =>
  Effect.flatMap(told("open", path, disk.stat(path)), (entry) => {
    // Whatever else is there is refused when it is opened. A link has no mode of its own.
    const mode = entry === undefined || entry.kind === "other" ? undefined : entry.mode
    if (mode === undefined || (mode & othersBits) === 0) return Effect.void
    const why = `its mode is ${(mode & 0o777).toString(8)}, so others may get at the keys; run chmod ${wanted} on it, and replace the keys if somebody may have read them`
    return Effect.fail(storageError("open", path, "unsafe", why))
  })

class KeyFiles {
  readonly #disk: DiskShape
  readonly #folder: string
  readonly #oneChange = Semaphore.makeUnsafe(1)
  /** Whether this process has synced what others had left. */
  #isSynced = false
  /** Files of changes that failed, which may be there nevertheless. Such a sync must not be repeated: the disk forgets what failed. */
  readonly #failed = new Set<string>()

  constructor(disk: DiskShape, folder: string) {
    this.#disk = disk
    this.#folder = folder
  }

  /** A subject may be any text: a file name may not. */
  readonly placeOf = (subject: string): string =>
    join(this.#folder, `${createHash("sha256").update(subject).digest("hex")}${ending}`)

  readonly read = (subjects: ReadonlyArray<string>): Effect.Effect<ReadonlyMap<string, string>, StorageError> =>
    Effect.gen({ self: this }, function* () {
      const texts = new Map<string, string>()
      for (const subject of subjects) {
        const text = yield* this.#read(this.placeOf(subject))
        if (text !== undefined) texts.set(subject, text)
      }
      return texts
    })

  readonly replace = (
    subject: string,
    before: string | undefined,
    text: string
  ): Effect.Effect<boolean, StorageError> => {
    const path = this.placeOf(subject)
    return this.#locked(
      Effect.gen({ self: this }, function* () {
        if ((yield* this.#read(path)) !== before) return false
        this.#failed.add(path)
        yield* told("write", path, this.#replace(path, before, text))
        this.#failed.delete(path)
        return true
      })
    )
  }

  readonly settle: Effect.Effect<void, StorageError> = Effect.suspend(() => {
    if (this.#isSynced && this.#failed.size === 0) return Effect.void
    const folder = this.#folder
    return this.#locked(
      Effect.gen({ self: this }, function* () {
        for (const path of this.#failed) {
          const text = yield* this.#read(path)
          if (text !== undefined) yield* told("write", path, this.#replace(path, text, text))
          this.#failed.delete(path)
        }
        yield* told("syncFolder", folder, this.#disk.syncFolder(folder))
        this.#isSynced = true
      })
    )
  })

  /** Changes something alone in this process and among others. Only the wait for that can be interrupted. */
  #locked<A>(change: Effect.Effect<A, StorageError>): Effect.Effect<A, StorageError> {
    return this.#oneChange.withPermit(
      Effect.uninterruptibleMask((restore) => Effect.scoped(Effect.andThen(restore(this.#lock), change)))
    )
  }

  get all(): Effect.Effect<ReadonlyArray<readonly [place: string, text: string]>, StorageError> {
    return Effect.gen({ self: this }, function* () {
      const found: Array<readonly [string, string]> = []
      for (const name of yield* told("list", this.#folder, this.#disk.list(this.#folder))) {
        if (!name.endsWith(ending)) continue
        const place = join(this.#folder, name)
        const text = yield* this.#read(place)
        if (text !== undefined) found.push([place, text])
      }
      return found
    })
  }

  #read(path: string): Effect.Effect<string | undefined, StorageError> {
    const read = told("read", path, readWhole(this.#disk, path, bytesMax))
    return Effect.map(Effect.andThen(refuseOpen(this.#disk, path, "600"), read), (bytes) =>
      bytes === undefined ? undefined : Buffer.from(bytes).toString()
    )
  }

  /** Writes the new text, then overwrites the old one: it may have a key that was destroyed. */
  #replace(path: string, before: string | undefined, text: string): Effect.Effect<void, DiskError> {
    const disk = this.#disk
    const made = `${path}.tmp`
    const write = Effect.gen({ self: this }, function* () {
      // A crash may have left it.
      yield* unlinkIfThere(disk, made)
      yield* writeNew(disk, made, Buffer.from(text))
      yield* disk.rename(made, path)
      yield* disk.syncFolder(this.#folder)
    })
    if (before === undefined) return write
    return Effect.acquireUseRelease(
      disk.openWrite(path),
      (old) => Effect.andThen(write, overwrite(old, Buffer.byteLength(before))),
      (old) => old.close
    )
  }

  /** Waits until no other process changes a key. */
  get #lock(): Effect.Effect<Lock, StorageError, Scope.Scope> {
    const path = join(this.#folder, "keys.lock")
    const lock: Effect.Effect<Lock, DiskError, Scope.Scope> = Effect.catchIf(
      this.#disk.lock(path),
      ({ code }) => code === "ELOCKED",
      () =>
        Effect.andThen(
          Effect.sleep(retryEvery),
          Effect.suspend(() => lock)
        )
    )
    return told("lock", path, lock)
  }
}

/** As far as the disk writes in place: it may keep the bytes elsewhere. */
const overwrite = (file: File, bytes: number): Effect.Effect<void, DiskError> =>
  Effect.andThen(file.write(new Uint8Array(bytes), 0), file.sync)
