/**
 * The writer's kernel lock. Node has no `flock`, but its SQLite takes a real lock (POSIX `fcntl`), which ends with the
 * process: `BEGIN EXCLUSIVE` on the lock file.
 *
 * A POSIX lock belongs to a process and an inode, and any close of that inode in that process drops it. So only SQLite,
 * which knows this and counts its own descriptors over all threads, may ever open the file. No other code may, neither
 * to create the file nor to read it.
 */
import * as Effect from "effect/Effect"
import { randomUUID } from "node:crypto"
import * as fs from "node:fs"
import * as path from "node:path"
import type * as Sqlite from "node:sqlite"
import type { DiskError, Lock } from "../../services/ports/Disk.ts"
import { diskError, failure } from "./diskErrors.ts"
import { loadSqlite } from "./loadSqlite.ts"
import { isNetworkFolder } from "./network.ts"
import { sqliteCode } from "./sqliteErrors.ts"

interface Held {
  database: Sqlite.DatabaseSync
  readonly path: string
  identity: string
}

// One registry for the whole process, so that a second copy of this module knows of the locks too.
const registryKey = Symbol.for("litetapes/NodeDisk/locks")
const registry = globalThis as { [registryKey]?: Map<string, string> }

/** Real paths of the lock files held by this process, each with the identity of its file. */
const locks = (): Map<string, string> => (registry[registryKey] ??= new Map())

/**
 * Keeps the databases of held locks: an open one that nothing refers to is closed when garbage is collected, and with it
 * goes the lock. A fibre that waits for ever may be referred to by nothing.
 */
const kept = new Set<Held>()

const identityOf = (stats: fs.BigIntStats): string => `${stats.dev}:${stats.ino}`

/**
 * Returns whether this process holds this file as a lock, under any name: opening and closing it would drop the lock.
 */
export const isLocked = (stats: fs.BigIntStats): boolean => {
  const held = locks()
  if (held.size === 0) return false
  const identity = identityOf(stats)
  for (const other of held.values()) if (other === identity) return true
  return false
}

/**
 * Takes the lock at `lockPath`, or fails without waiting: `ELOCKED`, `EREMOTE`, `EUNSAFE`, `ENOSQLITE`, or the
 * code of the system.
 */
export const acquire = (lockPath: string): Effect.Effect<Held, DiskError> =>
  Effect.suspend(() => {
    try {
      const real = path.join(fs.realpathSync(path.dirname(lockPath)), path.basename(lockPath))
      const refusal = refuse(real)
      return refusal === undefined ? take(real) : Effect.fail(diskError("lock", lockPath, refusal))
    } catch (cause) {
      return failure("lock", lockPath, cause)
    }
  })

export const release = (held: Held): Effect.Effect<void> =>
  Effect.sync(() => {
    locks().delete(held.path)
    kept.delete(held)
    // It is closed already if the lock was lost and could not be taken again.
    if (held.database.isOpen) held.database.close()
  })

export const toLock = (held: Held): Lock => {
  // Where the kernel does not show the lock that was just taken, it says nothing about a lock that it does not show.
  const isShown = isListed(held.identity)
  return {
    held: Effect.sync(() => isAtItsPath(held)),
    keep: Effect.suspend(() => {
      if (isAtItsPath(held) && (!isShown || isListed(held.identity))) return Effect.succeed(true)
      if (!takeAgain(held)) return Effect.succeed(false)
      return Effect.as(Effect.logWarning(`litetapes: ${held.path}: ${dropped}`), true)
    })
  }
}

const dropped =
  "the lock was lost, and was taken again. Something in this process opened and closed this file, such as a copy of the " +
  "folder, or removed it. Leave it alone."

const isAtItsPath = ({ database, identity, path: at }: Held): boolean => {
  if (!database.isOpen) return false
  try {
    return identityAt(at) === identity
  } catch {
    return false
  }
}

/** Returns whether Linux lists an exclusive POSIX lock of this process on the file; `false` on other systems. */
const isListed = (identity: string): boolean => {
  if (process.platform !== "linux") return false
  // The kernel gives the list in pieces, and may leave out a line if a lock before it is dropped meanwhile.
  for (let look = 0; look < looksMax; look++) if (isInList(identity)) return true
  return false
}

const looksMax = 4

const isInList = (identity: string): boolean => {
  try {
    // `1: POSIX  ADVISORY  WRITE 4242 08:01:131074 1073741824 1073742335` (proc_locks(5)). The device is not compared:
    // on some file systems it differs from that of `stat`.
    const inode = identity.split(":")[1]!
    return fs
      .readFileSync("/proc/locks", "utf8")
      .split("\n")
      .some((line) => {
        const [, kind, , access, process_, file = ""] = line.split(/\s+/)
        const isOurs = kind === "POSIX" && access === "WRITE" && process_ === `${process.pid}`
        return isOurs && file.split(":")[2] === inode
      })
  } catch {
    return false
  }
}

/**
 * Takes a lock again that was lost. Returns `false` if another writer has it. SQLite believes that it still has the lock,
 * so it opens the file anew.
 */
const takeAgain = (held: Held): boolean => {
  try {
    if (!held.database.isOpen) return false
    held.database.close()
    const taken = open(held.path)
    if (typeof taken !== "string") Object.assign(held, taken)
    return typeof taken !== "string"
  } catch {
    return false
  }
}

const identityAt = (lockPath: string): string | undefined => {
  const stats = fs.lstatSync(lockPath, { bigint: true, throwIfNoEntry: false })
  return stats !== undefined && stats.isFile() ? identityOf(stats) : undefined
}

/** Returns why the lock must not be tried, without opening anything; `undefined` if it may be. */
const refuse = (lockPath: string): string | undefined => {
  if (locks().has(lockPath)) return "ELOCKED"
  if (isNetworkFolder(path.dirname(lockPath))) return "EREMOTE"
  const stats = fs.lstatSync(lockPath, { bigint: true, throwIfNoEntry: false })
  if (stats === undefined) return undefined
  // SQLite never writes a byte: a file with content belongs to somebody else.
  if (!stats.isFile() || stats.size > 0n) return "EUNSAFE"
  return isLocked(stats) ? "ELOCKED" : undefined
}

const take = (lockPath: string): Effect.Effect<Held, DiskError> => {
  try {
    const taken = open(lockPath)
    if (typeof taken === "string") return Effect.fail(diskError("lock", lockPath, taken))
    kept.add(taken)
    return Effect.succeed(taken)
  } catch (cause) {
    return failure("lock", lockPath, cause)
  }
}

/** Opens and locks the file. Returns the code of the error if that fails. */
const open = (lockPath: string): Held | string => {
  let database: Sqlite.DatabaseSync | undefined
  const short = shortNameOf(lockPath)
  try {
    makeThroughSqlite(lockPath, short)
    // Compared before the open and after the lock. While SQLite has the file open, no other file can get its inode. So
    // if the identity is the same both times, it is that of the locked file.
    const identity = identityAt(lockPath)
    database = openSqlite(short ?? lockPath)
    // SQLite silently opens a lock file read-only if it cannot be written to, and BEGIN EXCLUSIVE then takes a shared
    // lock. In that case the write, which never leaves memory, fails.
    database.exec("PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=OFF; BEGIN EXCLUSIVE; PRAGMA user_version=1")
    if (identity !== undefined && identityAt(lockPath) === identity) {
      locks().set(lockPath, identity)
      return { database, path: lockPath, identity }
    }
    // Somebody replaced the file in between: the lock on the old one protects nothing.
    database.close()
    return "ELOCKED"
  } catch (cause) {
    if (database?.isOpen === true) database.close()
    const code = sqliteCode(cause)
    if (code === undefined) throw cause
    return code === "ECANTOPEN" ? whyNotOpened(lockPath) : code
  } finally {
    if (short !== undefined) fs.rmSync(short, { force: true })
  }
}

/** Creates the file by opening it, unless it is there; SQLite writes nothing into it. */
const makeThroughSqlite = (lockPath: string, short: string | undefined): void => {
  if (identityAt(lockPath) !== undefined) {
    if (short !== undefined) link(lockPath, short)
    return
  }
  openSqlite(short ?? lockPath).close()
  if (short !== undefined) link(short, lockPath)
  // If somebody put a link there meanwhile, the file that it leads to must not be changed.
  if (identityAt(lockPath) !== undefined) fs.chmodSync(lockPath, 0o600)
}

/** Bytes of the longest path that SQLite opens: 512 (`MAX_PATHNAME`), less the suffix of a journal. */
const sqlitePathBytesMax = 504

/**
 * Returns a second name for a lock file whose path is too long for SQLite, in the nearest folder above with a shorter path;
 * `undefined` if the path is short enough. A lock belongs to the file, whatever its name, so the second name is a hard link
 * that is removed once the lock is taken.
 */
const shortNameOf = (lockPath: string): string | undefined => {
  if (process.platform === "win32" || Buffer.byteLength(lockPath) <= sqlitePathBytesMax) return undefined
  const name = `.litelib.lock-${randomUUID()}`
  let folder = path.dirname(lockPath)
  while (Buffer.byteLength(folder) + 1 + name.length > sqlitePathBytesMax) folder = path.dirname(folder)
  return path.join(folder, name)
}

/** Gives a lock file its second name. If that cannot be, the path is too long. */
const link = (from: string, to: string): void => {
  try {
    fs.linkSync(from, to)
  } catch (cause) {
    const isTaken = (cause as NodeJS.ErrnoException).code === "EEXIST"
    // If another writer made the lock file meanwhile, it is about to take the lock.
    throw Object.assign(new Error("link"), { code: isTaken ? "ELOCKED" : "ENAMETOOLONG" })
  }
}

/** Returns the code of the system where SQLite says only that it cannot open the file. Opens nothing. */
const whyNotOpened = (lockPath: string): string => {
  try {
    const isThere = identityAt(lockPath) !== undefined
    fs.accessSync(isThere ? lockPath : path.dirname(lockPath), fs.constants.R_OK | fs.constants.W_OK)
    return "EACCES"
  } catch (cause) {
    return (cause as NodeJS.ErrnoException).code ?? "EACCES"
  }
}

// In defensive mode, the default of newer Node versions, SQLite silently refuses journal_mode=OFF.
const openSqlite = (lockPath: string): Sqlite.DatabaseSync =>
  new (loadSqlite().DatabaseSync)(lockPath, { defensive: false })
