/** The file that the writer of a lib listens on: a Unix socket in the folder of the lib. */
import * as Effect from "effect/Effect"
import { Buffer } from "node:buffer"
import { randomBytes } from "node:crypto"
import * as fs from "node:fs"
import type * as net from "node:net"
import { tmpdir } from "node:os"
import * as path from "node:path"
import type { DiskError } from "../../services/ports/Disk.ts"
import type { StorageError } from "../../services/ports/Storage.ts"
import { attempt } from "../node/diskErrors.ts"
import { fromDisk } from "../storage/storageErrors.ts"

/** Its name. It stays after a writer was killed; the next one replaces it. */
export const socketFile = "litelib.socket"

/** Until a socket listens for its owner alone, it has a name that nobody connects to. */
const unusedName = (): string => `${socketFile}-${randomBytes(4).toString("hex")}`

const isUnused = (name: string): boolean => /^litelib\.socket-[0-9a-f]{8}$/.test(name)

/** Bytes of the path of a socket, at most, in the systems that allow least (`sun_path`), less the terminator. */
const pathBytesMax = 103

/**
 * Runs `use` with a name of a folder that is short enough for the path of a socket in it: its own, or else that of a link
 * which is removed afterwards.
 */
export const withShortName = <A, E>(
  folder: string,
  use: (folder: string) => Effect.Effect<A, E>
): Effect.Effect<A, E | DiskError> =>
  Buffer.byteLength(path.join(folder, unusedName())) <= pathBytesMax
    ? use(folder)
    : Effect.acquireUseRelease(
        attempt("link", folder, () => {
          const place = fs.mkdtempSync(path.join(tmpdir(), "litetapes-"))
          const link = path.join(place, "l")
          fs.symlinkSync(folder, link, "dir")
          return { place, link }
        }),
        ({ link }) => use(link),
        ({ link, place }) =>
          Effect.sync(() => {
            fs.rmSync(link, { force: true })
            fs.rmdirSync(place)
          })
      )

/** Identity of a socket file, so that a writer that was overtaken does not remove the file of the next one. */
export type Identity = string

const identityOf = (file: string): Identity | undefined => {
  const stats = fs.lstatSync(file, { bigint: true, throwIfNoEntry: false })
  return stats?.isSocket() === true ? `${stats.dev}:${stats.ino}` : undefined
}

/**
 * Lets a server listen on the socket file of a lib, which replaces one that is there. Only the owner of the process may
 * connect to it (mode 0600), from the moment it has this name. The caller must hold the lock of the lib.
 */
export const listenOn = (server: net.Server, folder: string): Effect.Effect<Identity, StorageError> => {
  const file = path.join(folder, socketFile)
  const name = unusedName()
  const listening = withShortName(folder, (short) => listen(server, path.join(short, name)))
  const publish = attempt("listen", file, () => {
    const unused = path.join(folder, name)
    fs.chmodSync(unused, 0o600)
    const identity = identityOf(unused) ?? ""
    fs.renameSync(unused, file)
    // Left by writers that were killed in between.
    for (const other of fs.readdirSync(folder)) if (isUnused(other)) removeIfPossible(path.join(folder, other))
    return identity
  })
  // A server that listens keeps its process alive.
  const undo = Effect.sync(() => {
    server.close()
    removeIfPossible(path.join(folder, name))
  })
  const published = Effect.onError(publish, () => undo)
  return Effect.mapError(Effect.andThen(listening, published), (error) => fromDisk("listen", file, error))
}

/** Removes a socket file. Somebody may have put a folder there. */
const removeIfPossible = (file: string): void => {
  try {
    fs.rmSync(file, { force: true })
  } catch {
    // It is in nobody's way.
  }
}

const listen = (server: net.Server, at: string): Effect.Effect<void, DiskError> =>
  Effect.callback((resume) => {
    const failed = (cause: Error): void =>
      resume(
        attempt("listen", at, () => {
          throw cause
        })
      )
    server.once("error", failed)
    // In a worker of `node:cluster` the primary process would listen otherwise.
    server.listen({ path: at, exclusive: true }, () => {
      server.removeListener("error", failed)
      resume(Effect.void)
    })
  })

/** Removes the socket file, unless it is that of another writer by now. */
export const removeSocket = (folder: string, identity: Identity): Effect.Effect<void> =>
  Effect.sync(() => {
    const file = path.join(folder, socketFile)
    try {
      if (identityOf(file) === identity) fs.rmSync(file)
    } catch {
      // It stays, as after a kill.
    }
  })
