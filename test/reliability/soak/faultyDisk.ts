/** A real disk that fails on demand. */
import * as Effect from "effect/Effect"
import { type Disk, DiskError, type File } from "../../../src/services/ports/Disk.ts"

/** Returns the error code of the next call, or `undefined` if that call shall succeed. */
export type Refuse = (operation: string, path: string) => string | undefined

export const faulty = (disk: Disk["Service"], refuse: Refuse): Disk["Service"] => {
  const ask = <A, R>(operation: string, path: string, call: Effect.Effect<A, DiskError, R>) =>
    Effect.suspend((): Effect.Effect<A, DiskError, R> => {
      const code = refuse(operation, path)
      return code === undefined ? call : Effect.fail(new DiskError({ operation, path, code }))
    })
  const file = (opened: File): File => {
    const { path } = opened
    return {
      path,
      write: (bytes, position) =>
        Effect.suspend(() => {
          const code = refuse("write", path)
          if (code === undefined) return opened.write(bytes, position)
          // Like a full disk: part of the bytes is written.
          const part = opened.write(bytes.subarray(0, bytes.length >>> 1), position)
          return Effect.andThen(part, Effect.fail(new DiskError({ operation: "write", path, code })))
        }),
      read: (position, length) => ask("read", path, opened.read(position, length)),
      readRanges: (ranges) => ask("read", path, opened.readRanges(ranges)),
      size: ask("size", path, opened.size),
      datasync: ask("datasync", path, opened.datasync),
      sync: ask("sync", path, opened.sync),
      close: opened.close
    }
  }
  return {
    openRead: (path) => Effect.map(ask("openRead", path, disk.openRead(path)), file),
    openWrite: (path) => Effect.map(ask("openWrite", path, disk.openWrite(path)), file),
    create: (path) => Effect.map(ask("create", path, disk.create(path)), file),
    syncFolder: (path) => ask("syncFolder", path, disk.syncFolder(path)),
    makeFolder: (path) => ask("makeFolder", path, disk.makeFolder(path)),
    rename: (from, to) => ask("rename", to, disk.rename(from, to)),
    unlink: (path) => ask("unlink", path, disk.unlink(path)),
    removeFolder: (path) => ask("removeFolder", path, disk.removeFolder(path)),
    stat: (path) => ask("stat", path, disk.stat(path)),
    list: (path) => ask("list", path, disk.list(path)),
    lock: (path) => ask("lock", path, disk.lock(path)),
    boot: disk.boot
  }
}
