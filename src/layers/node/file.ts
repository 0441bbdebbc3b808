/**
 * An open regular file on a descriptor of Node.
 *
 * Writes are synchronous, and so are small reads (fileReads). Syncs wait for the device, so they run in the thread pool
 * and leave the event loop free, except small ones on a fast device.
 */
import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import type { DiskError, File } from "../../services/ports/Disk.ts"
import { checkRange } from "../../domain/base/byteRanges.ts"
import { attempt, background, diskError, failure } from "./diskErrors.ts"
import { fileReads } from "./fileReads.ts"
import { SyncPace, type Syncs } from "./SyncPace.ts"

/** Bytes of the largest unlinked file that is closed synchronously. */
const freedBytesMax = 1024 * 1024

/** The part of `node:fs` that a file uses; tests replace it to cut writes short. */
export type Descriptors = Pick<
  typeof fs,
  "writeSync" | "readSync" | "read" | "fstatSync" | "fdatasync" | "fdatasyncSync" | "fsync" | "close" | "closeSync"
>

/** Makes a file from an open descriptor, which `close` closes. */
export const make = (
  path: string,
  descriptor: number,
  syncs: Syncs = "adaptive",
  system: Descriptors = fs,
  pace: Pick<SyncPace, "isDirect" | "took"> = new SyncPace()
): File => {
  let open = true
  /** Bytes written since the last sync. */
  let unsynced = 0

  // After a close, the descriptor may belong to another file.
  const use = <A>(operation: string, run: () => Effect.Effect<A, DiskError>): Effect.Effect<A, DiskError> =>
    Effect.suspend(() => {
      if (!open) return Effect.fail(diskError(operation, path, "EBADF"))
      try {
        return run()
      } catch (cause) {
        return failure(operation, path, cause)
      }
    })

  const datasync = (): Effect.Effect<void, DiskError> => {
    const began = performance.now()
    const isDirect = syncs === "adaptive" && pace.isDirect(unsynced)
    unsynced = 0
    if (isDirect) {
      system.fdatasyncSync(descriptor)
      pace.took((performance.now() - began) * 1000)
      return Effect.void
    }
    return background("datasync", path, (done) =>
      system.fdatasync(descriptor, (cause) => {
        pace.took((performance.now() - began) * 1000)
        done(cause)
      })
    )
  }

  const { read, readRanges } = fileReads({ path, descriptor, system }, use)

  return {
    path,
    read,
    readRanges,
    write: (bytes, position) =>
      use("write", () => {
        checkRange(position, bytes.length)
        unsynced += bytes.length
        let done = 0
        while (done < bytes.length) {
          const count = system.writeSync(descriptor, bytes, done, bytes.length - done, position + done)
          // A full disk first writes less than it was given, without an error, and then nothing.
          if (count === 0) return Effect.fail(diskError("write", path, "ENOSPC"))
          done += count
        }
        return Effect.void
      }),
    size: use("stat", () => Effect.succeed(system.fstatSync(descriptor).size)),
    datasync: use("datasync", datasync),
    sync: use("sync", () => background("sync", path, (done) => system.fsync(descriptor, done))),
    close: Effect.suspend(() => {
      if (!open) return Effect.void
      open = false
      return closeDescriptor(system, path, descriptor)
    })
  }
}

/** Closes a descriptor. Errors of close do not matter, since everything that had to be durable was synced. */
const closeDescriptor = (system: Descriptors, path: string, descriptor: number): Effect.Effect<void> => {
  const { nlink, size } = system.fstatSync(descriptor)
  // Closing the last descriptor of an unlinked file frees its blocks. If that takes time, the event loop must not wait.
  return Effect.ignore(
    nlink === 0 && size > freedBytesMax
      ? background("close", path, (done) => system.close(descriptor, done))
      : attempt("close", path, () => system.closeSync(descriptor))
  )
}

/** Opens an existing regular file without following a link. */
export const openExisting = (
  operation: string,
  path: string,
  flags: number,
  syncs: Syncs,
  refuse: (stats: fs.BigIntStats) => boolean
): Effect.Effect<File, DiskError> =>
  Effect.suspend(() => {
    let descriptor: number | undefined
    try {
      const named = fs.lstatSync(path, { bigint: true, throwIfNoEntry: false })
      if (named === undefined) return Effect.fail(diskError(operation, path, "ENOENT"))
      if (!named.isFile() || refuse(named)) return Effect.fail(diskError(operation, path, "EUNSAFE"))
      // O_NONBLOCK: if a FIFO has taken the file's place since, the open must not block for ever.
      descriptor = fs.openSync(path, flags | (fs.constants.O_NOFOLLOW ?? 0) | (fs.constants.O_NONBLOCK ?? 0))
      if (fs.fstatSync(descriptor).isFile()) return Effect.succeed(make(path, descriptor, syncs))
      fs.closeSync(descriptor)
      return Effect.fail(diskError(operation, path, "EUNSAFE"))
    } catch (cause) {
      if (descriptor !== undefined) fs.closeSync(descriptor)
      return failure(operation, path, cause)
    }
  })

/** Creates a file that must not exist. */
export const createNew = (path: string, syncs: Syncs): Effect.Effect<File, DiskError> =>
  attempt("create", path, () => {
    const { O_CREAT, O_EXCL, O_RDWR, O_NOFOLLOW } = fs.constants
    const descriptor = fs.openSync(path, O_RDWR | O_CREAT | O_EXCL | (O_NOFOLLOW ?? 0), 0o600)
    try {
      // Whatever the umask is: without the owner's bits, nobody could open the file again.
      fs.fchmodSync(descriptor, 0o600)
    } catch {
      // File systems without modes refuse this; what they do instead has to be enough.
    }
    return make(path, descriptor, syncs)
  })
