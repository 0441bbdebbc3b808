/**
 * Where the keys of subjects are kept: in memory, in a folder, or in SQL. Never in the lib: a backup that has the keys makes
 * forgetting worthless.
 *
 * Keys are looked up for each page of events that is read or handled, and nothing is kept in memory. So no process decrypts anything of
 * a subject after `forget` has returned, except what it has read before.
 *
 * @see `litetapes/Erasable` for the fields that are encrypted
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { SqlClient } from "effect/sql/SqlClient"
import type { InvalidArgument } from "../domain/format/Errors.ts"
import { checkLocation } from "../services/base/checkCall.ts"
import { lazy } from "../services/base/lazy.ts"
import { Disk } from "../services/ports/Disk.ts"
import { type ForgottenSubject, KeyStore, type SubjectKey, type SubjectKeys } from "../services/ports/KeyStore.ts"
import type { StorageError } from "../services/ports/Storage.ts"
import { makeFolder as folderStore } from "./keys/folder.ts"
import { makeMemory as memoryStore } from "./keys/memory.ts"
import type { SqlOptions } from "./keys/sql.ts"

const sqlStore = lazy(() => import("./keys/sql.ts"), "makeSql")

export { KeyStore }
export type { ForgottenSubject, SqlOptions, SubjectKey, SubjectKeys }

/** Makes a store in memory, for tests. The keys are lost with it. */
export const makeMemory: Effect.Effect<KeyStore["Service"]> = Effect.sync(() => memoryStore())

/** Provides a store in memory. */
export const layerMemory: Layer.Layer<KeyStore> = Layer.effect(KeyStore, makeMemory)

/**
 * Makes a store in a folder, which is made if it is missing, with one file for each subject. A change writes a file, syncs and
 * renames it, so a crash leaves the keys of before or after it; several processes may use the folder. `forget` overwrites the
 * file in place before it returns. Disks and file systems may keep old content elsewhere all the same.
 *
 * Fails with `InvalidArgument` if the folder is in a lib, and with a `StorageError` of reason `unsafe` if the folder or a file is
 * open to anybody but its owner. It must be on a local disk, and must not be part of the backups of the lib.
 */
export const makeFolder = (folder: string): Effect.Effect<KeyStore["Service"], InvalidArgument | StorageError, Disk> =>
  Effect.andThen(
    checkLocation("KeyStore.makeFolder", folder, "folder"),
    Effect.flatMap(Disk, (disk) => folderStore(disk, folder))
  )

/** Provides a store in a folder. */
export const layerFolder = (folder: string): Layer.Layer<KeyStore, InvalidArgument | StorageError, Disk> =>
  Layer.effect(KeyStore, makeFolder(folder))

/**
 * Makes a store in a table of the database of a `SqlClient`: SQLite or PostgreSQL. Creates the table if it is missing. Anybody who can
 * read the table has the keys. A database may keep what was overwritten: in SQLite set `PRAGMA secure_delete = ON`, and
 * remember its journal, replicas and backups.
 */
export const makeSql = (
  options?: SqlOptions
): Effect.Effect<KeyStore["Service"], StorageError | InvalidArgument, SqlClient> => sqlStore(options)

/** Provides a store in the database of the program's `SqlClient`. */
export const layerSql = (options?: SqlOptions): Layer.Layer<KeyStore, StorageError | InvalidArgument, SqlClient> =>
  Layer.effect(KeyStore, makeSql(options))
