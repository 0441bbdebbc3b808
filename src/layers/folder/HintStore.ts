/**
 * The hint for readers in other processes. It is overwritten in place, once a commit, and never synced. A file that has
 * another name too is not: it may be a copy's, made of hard links, or no hint at all.
 */
import * as Effect from "effect/Effect"
import { ackedFile } from "../../domain/format/Format.ts"
import { DiskError, type File } from "../../services/ports/Disk.ts"
import type { HintStore, StorageError } from "../../services/ports/Storage.ts"
import { temporary } from "../storage/fileNames.ts"
import { join, unlinkIfThere, readWhole } from "./files.ts"
import { moveIn, type OpenFolder, reading, writingUnlooked } from "./OpenFolder.ts"

/** More than a hint can have. */
const hintBytesMax = 4096

export const make = (place: OpenFolder): HintStore => {
  const { disk } = place
  const path = join(place.location, ackedFile)
  let file: File | undefined

  /** A file of its own in the place of one that has other names. */
  const replaced: Effect.Effect<File, DiskError | StorageError> = Effect.gen(function* () {
    yield* unlinkIfThere(disk, temporary(path))
    const made = yield* disk.create(temporary(path))
    yield* Effect.onError(moveIn(place, temporary(path), path), () => made.close)
    return made
  })

  const openOrCreate = Effect.flatMap(disk.stat(path), (entry): Effect.Effect<File, DiskError | StorageError> => {
    if (entry === undefined) return disk.create(path)
    return (entry.links ?? 1) > 1 ? replaced : disk.openWrite(path)
  })

  const open: Effect.Effect<File, DiskError | StorageError> = Effect.map(openOrCreate, (opened) => {
    place.closing.add(opened.close)
    file = opened
    return opened
  })

  return {
    write: (bytes) =>
      // In the way of every commit, which looks at the lock itself; and nothing but readers rests on the hint.
      writingUnlooked(place, "hint.write", path, () =>
        file === undefined ? Effect.flatMap(open, (opened) => opened.write(bytes, 0)) : file.write(bytes, 0)
      ),
    // Opened for each read: the writer may create it, or a restored copy replace it, while a reader runs.
    read: reading(place, "hint.read", path, () =>
      Effect.catchIf(
        readWhole(disk, path, hintBytesMax),
        // Whatever it is, a hint it is not.
        (error) => !(error instanceof DiskError) && error.reason === "too-large",
        () => Effect.succeed(undefined)
      )
    )
  }
}
