/**
 * The hint for readers in other processes. Each writer begins with a new file, which replaces the old one: what a writer
 * that was overtaken still writes goes into its own. From then on it is overwritten in place once per commit. It is never
 * synced.
 */
import * as Effect from "effect/Effect"
import { ackedFile } from "../../domain/format/Format.ts"
import { DiskError, type File } from "../../services/ports/Disk.ts"
import type { HintStore, StorageError } from "../../services/ports/Storage.ts"
import { temporary } from "../storage/fileNames.ts"
import { fromDisk } from "../storage/storageErrors.ts"
import { join, readWhole, unlinkIfThere } from "./files.ts"
import { moveIn, nextOwn, type OpenFolder, reading, within, writingUnlooked } from "./OpenFolder.ts"

/** More bytes than a hint can have. */
const hintBytesMax = 4096

export const make = (place: OpenFolder): HintStore => {
  const { disk } = place
  const { watch } = disk
  const path = join(place.location, ackedFile)
  let file: File | undefined

  /** Replaces the hint by a new file with these bytes, which stays open. */
  const replace = (bytes: Uint8Array): Effect.Effect<void, DiskError | StorageError> =>
    Effect.gen(function* () {
      yield* unlinkIfThere(disk, temporary(path))
      const made = nextOwn(place)
      const opened = yield* within(place, disk.create(made))
      yield* Effect.andThen(opened.write(bytes, 0), moveIn(place, made, path)).pipe(
        Effect.onError(() => Effect.andThen(opened.close, Effect.ignore(disk.unlink(made))))
      )
      place.closing.add(opened.close)
      file = opened
    })

  return {
    write: (bytes) =>
      // Every commit waits for this and checks the lock itself; and only readers rely on the hint.
      writingUnlooked(place, "hint.write", path, () => (file === undefined ? replace(bytes) : file.write(bytes, 0))),
    // The folder is watched, because whoever takes over replaces the hint by a new file.
    ...(watch === undefined
      ? {}
      : {
          watch: (changed) =>
            Effect.mapError(
              watch(place.location, ackedFile, (error) =>
                changed(error === undefined ? undefined : fromDisk("hint.watch", path, error))
              ),
              (error) => fromDisk("hint.watch", path, error)
            )
        }),
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
