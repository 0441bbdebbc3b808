/**
 * The hint for readers in other processes. It is overwritten in place once per commit, and never synced. A file with a
 * second hard link is replaced instead: the other link may belong to a copy, or the file may not be a hint at all.
 */
import * as Effect from "effect/Effect"
import { ackedFile } from "../../domain/format/Format.ts"
import { DiskError, type File } from "../../services/ports/Disk.ts"
import type { HintStore, StorageError } from "../../services/ports/Storage.ts"
import { temporary } from "../storage/fileNames.ts"
import { join, unlinkIfThere, readWhole } from "./files.ts"
import { moveIn, type OpenFolder, reading, writingUnlooked } from "./OpenFolder.ts"

/** More bytes than a hint can have. */
const hintBytesMax = 4096

export const make = (place: OpenFolder): HintStore => {
  const { disk } = place
  const path = join(place.location, ackedFile)
  let file: File | undefined

  /** Replaces a file that has other names by a new one. */
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
      // Every commit waits for this and checks the lock itself; and only readers rely on the hint.
      writingUnlooked(place, "hint.write", path, () =>
        file === undefined ? Effect.flatMap(open, (opened) => opened.write(bytes, 0)) : file.write(bytes, 0)
      ),
    // Opened for each read: the writer may create it, or somebody may restore a copy, while a reader runs.
    read: reading(place, "hint.read", path, () =>
      Effect.catchIf(
        readWhole(disk, path, hintBytesMax),
        // Whatever it is, it is not a hint.
        (error) => !(error instanceof DiskError) && error.reason === "too-large",
        () => Effect.succeed(undefined)
      )
    )
  }
}
