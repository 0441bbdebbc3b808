/**
 * The journal in a folder: dynamic segments. `append` is the hot path of the store: one positional write and one
 * fdatasync.
 *
 * A sync is faster if the file does not grow. So a small batch at the end of the file takes room for the next ones with
 * it: zeros, until they are overwritten (decision 0027).
 */
import * as Effect from "effect/Effect"
import { sizeAfter } from "../../domain/journal/Room.ts"
import { dynamicName, parseDynamicName } from "../../domain/format/Names.ts"
import type { DiskError, File } from "../../services/ports/Disk.ts"
import type { DynamicWriter, JournalStore } from "../../services/ports/Storage.ts"
import { fromDisk, storageError } from "../storage/storageErrors.ts"
import { fileAt, join } from "./files.ts"
import { moveIn, moveOut, nextOwn, type OpenFolder, reading, syncFolder, within, writing } from "./OpenFolder.ts"

export const make = (place: OpenFolder): JournalStore => {
  const { disk, handles, location } = place
  const pathOf = (n: number) => join(location, dynamicName(n))
  const inodes = new Map<number, string>()

  /**
   * The size of a file, whose handle is dropped if another file stands at its path now. A takeover may create a dynamic
   * segment under the number of a leftover, which a reader in another process may have open.
   */
  const sizeNow = (n: number) =>
    Effect.flatMap(fileAt(disk, pathOf(n)), (entry) => {
      const known = inodes.get(n)
      if (entry === undefined) inodes.delete(n)
      else inodes.set(n, entry.inode)
      return Effect.as(known === entry?.inode ? Effect.void : handles.drop(pathOf(n)), entry?.size)
    })

  const create = (path: string, bytes: Uint8Array) =>
    Effect.gen(function* () {
      yield* place.keepLock
      const made = nextOwn(place)
      const file = yield* within(place, disk.create(made))
      // The rename replaces a leftover that has the number.
      yield* file.write(bytes, 0).pipe(
        Effect.andThen(file.sync),
        Effect.andThen(moveIn(place, made, path)),
        Effect.andThen(handles.drop(path)),
        Effect.andThen(syncFolder(place, location)),
        Effect.onError(() => Effect.andThen(file.close, Effect.ignore(disk.unlink(made))))
      )
      return makeWriter(place, file, path, bytes.length)
    })

  const read = <A>(operation: string, path: string, run: (file: File) => Effect.Effect<A, DiskError>) =>
    reading(place, operation, path, () => handles.use(path, () => disk.openRead(path), run))

  return {
    takesRoom: true,
    create: (n, bytes) => writing(place, "journal.create", pathOf(n), () => create(pathOf(n), bytes)),
    read: (n, offset, length) => read("journal.read", pathOf(n), (file) => file.read(offset, length)),
    readRanges: (n, ranges) => read("journal.readRanges", pathOf(n), (file) => file.readRanges(ranges)),
    size: (n) => reading(place, "journal.size", pathOf(n), () => sizeNow(n)),
    // The folder is not synced. The file is dropped after the record that supersedes it is durable (I4). If it is there
    // again after a power loss, it is unlisted, and the next writer that opens the lib removes it.
    drop: (n) =>
      writing(place, "journal.drop", pathOf(n), () =>
        Effect.andThen(moveOut(place, pathOf(n)), handles.drop(pathOf(n)))
      ),
    list: reading(place, "journal.list", location, () =>
      Effect.map(disk.list(location), (names) =>
        names
          .map(parseDynamicName)
          .filter((n) => n !== undefined)
          .toSorted((a, b) => a - b)
      )
    )
  }
}

/** Adds room to a batch that takes some, as zeros. */
const withRoom = (bytes: Uint8Array, end: number, size: number): Uint8Array => {
  const roomyBytes = sizeAfter(size, end, bytes.length) - end
  if (end + bytes.length <= size || roomyBytes === bytes.length) return bytes
  const roomy = new Uint8Array(roomyBytes)
  roomy.set(bytes)
  return roomy
}

const makeWriter = (place: OpenFolder, file: File, path: string, size: number): DynamicWriter => {
  let end = size
  let room = size
  let state: "ready" | "appending" | "failed" | "closed" = "ready"

  const close: Effect.Effect<void> = Effect.suspend(() => {
    state = "closed"
    place.closing.delete(close)
    return file.close
  })
  place.closing.add(close)

  return {
    close,
    append: (bytes) =>
      Effect.uninterruptible(
        Effect.suspend(() => {
          // I1: the next batch is not written before this one is synced.
          if (state === "appending") return Effect.die(new Error(`two appends overlap: ${path}`))
          if (state !== "ready") return Effect.fail(storageError("append", path, "failed", state))
          state = "appending"
          const written = withRoom(bytes, end, room)
          return Effect.matchEffect(Effect.andThen(file.write(written, end), file.datasync), {
            onFailure: (error) => {
              state = "failed"
              return Effect.fail(fromDisk("append", path, error))
            },
            onSuccess: () => {
              room = Math.max(room, end + written.length)
              end += bytes.length
              if (state === "appending") state = "ready"
              return Effect.void
            }
          })
        })
      )
  }
}
