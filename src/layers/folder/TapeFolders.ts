/**
 * Folders of tapes: each appears whole, with its meta.
 */
import * as Effect from "effect/Effect"
import { tapeMetaFile } from "../../domain/format/Format.ts"
import type { DiskError } from "../../services/ports/Disk.ts"
import type { TapeFolders } from "../../services/ports/Storage.ts"
import { asideName, isUnsafeTape, temporary } from "../storage/fileNames.ts"
import { storageError } from "../storage/storageErrors.ts"
import { join, orAbsent, requireFolder, unlinkIfThere, writeNew } from "./files.ts"
import { listIn } from "./SegmentFiles.ts"
import { moveIn, type OpenFolder, reading, writing, syncFolder } from "./OpenFolder.ts"

export const make = (place: OpenFolder): TapeFolders => {
  const { disk, location } = place

  const removeBuilt = (folder: string) =>
    Effect.andThen(unlinkIfThere(disk, join(folder, tapeMetaFile)), disk.removeFolder(folder))

  const build = (folder: string, meta: Uint8Array) =>
    Effect.gen(function* () {
      // Removes only files of a leftover that are written here: if there are others, this fails and touches nothing
      // else.
      yield* orAbsent(requireFolder(disk, folder).pipe(Effect.andThen(removeBuilt(folder))))
      yield* disk.makeFolder(folder)
      yield* writeNew(disk, join(folder, tapeMetaFile), meta)
      yield* syncFolder(place, folder)
    })

  const moveAside = (tape: string) =>
    Effect.gen(function* () {
      const folder = join(location, tape)
      // Checked here, not left to the rename, which would silently replace an empty folder.
      if ((yield* disk.stat(folder)) === undefined) return
      let n = 1
      while ((yield* disk.stat(join(location, asideName(tape, n)))) !== undefined) n += 1
      yield* moveIn(place, folder, join(location, asideName(tape, n)))
      yield* place.handles.dropWithin(folder)
      for (const synced of place.syncedFolders) {
        if (synced.startsWith(`${folder}/`)) place.syncedFolders.delete(synced)
      }
    })

  const create = (tape: string, meta: Uint8Array) =>
    Effect.gen(function* () {
      const built = join(location, temporary(tape))
      yield* build(built, meta)
      yield* moveAside(tape)
      yield* moveIn(place, built, join(location, tape))
      yield* syncFolder(place, location)
    })

  const isTape = (name: string): Effect.Effect<boolean, DiskError> =>
    Effect.gen(function* () {
      if (isUnsafeTape(name) || (yield* disk.stat(join(location, name)))?.kind !== "folder") return false
      if ((yield* disk.stat(join(location, name, tapeMetaFile))) !== undefined) return true
      return (yield* listIn(disk, join(location, name))).length > 0
    })

  return {
    create: (tape, meta) =>
      place.oneAtATime(
        join(location, tape),
        writing(place, "tapes.create", join(location, tape), () =>
          isUnsafeTape(tape)
            ? Effect.fail(storageError("tapes.create", tape, "unsafe", "it is not the name of a tape"))
            : create(tape, meta)
        )
      ),
    list: reading(place, "tapes.list", location, () =>
      Effect.map(
        Effect.flatMap(disk.list(location), (names) => Effect.filter(names, isTape)),
        (names) => names.toSorted()
      )
    )
  }
}
