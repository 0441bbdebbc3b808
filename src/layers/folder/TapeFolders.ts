/**
 * Folders of tapes: each appears whole, with its meta.
 */
import * as Effect from "effect/Effect"
import { tapeMetaFile } from "../../domain/format/Format.ts"
import type { DiskError } from "../../services/ports/Disk.ts"
import type { TapeFolders } from "../../services/ports/Storage.ts"
import { isUnsafeTape, temporary } from "../storage/fileNames.ts"
import { storageError } from "../storage/storageErrors.ts"
import { join, orAbsent, requireFolder, unlinkIfThere, writeNew } from "./files.ts"
import { moveIn, nextOwn, type OpenFolder, reading, syncFolder, within, writing } from "./OpenFolder.ts"
import { listIn } from "./SegmentFiles.ts"
import { freeAside } from "./WriterFolder.ts"

export const make = (place: OpenFolder): TapeFolders => {
  const { disk, location } = place

  const removeBuilt = (folder: string) =>
    Effect.andThen(unlinkIfThere(disk, join(folder, tapeMetaFile)), disk.removeFolder(folder))

  const build = (folder: string, meta: Uint8Array) =>
    Effect.gen(function* () {
      yield* within(place, disk.makeFolder(folder))
      yield* writeNew(disk, join(folder, tapeMetaFile), meta)
      yield* syncFolder(place, folder)
    })

  // Earlier releases built a tape next to its place. Removes only files of such a leftover that they wrote: if there are
  // others, this fails and touches nothing else.
  const removeLeftover = (folder: string) =>
    orAbsent(requireFolder(disk, folder).pipe(Effect.andThen(removeBuilt(folder))))

  const moveAside = (tape: string) =>
    Effect.gen(function* () {
      const folder = join(location, tape)
      // Checked here, not left to the rename, which would silently replace an empty folder.
      if ((yield* disk.stat(folder)) === undefined) return
      // By way of the own folder, so that a writer that was overtaken cannot move it. If it stays there, whoever removes
      // that folder moves it on.
      const moved = nextOwn(place, tape)
      yield* moveIn(place, folder, moved)
      yield* moveIn(place, moved, yield* freeAside(disk, location, tape))
      yield* place.handles.dropWithin(folder)
      for (const synced of place.syncedFolders) {
        if (synced.startsWith(`${folder}/`)) place.syncedFolders.delete(synced)
      }
    })

  const create = (tape: string, meta: Uint8Array) =>
    Effect.gen(function* () {
      yield* removeLeftover(join(location, temporary(tape)))
      const built = nextOwn(place, tape)
      yield* build(built, meta).pipe(
        Effect.andThen(moveAside(tape)),
        Effect.andThen(moveIn(place, built, join(location, tape))),
        Effect.onError(() => Effect.ignore(removeBuilt(built)))
      )
      yield* syncFolder(place, location)
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
        Effect.flatMap(disk.list(location), (names) => Effect.filter(names, (name) => isTape(place, name))),
        (names) => names.toSorted()
      )
    )
  }
}

const isTape = ({ disk, location }: OpenFolder, name: string): Effect.Effect<boolean, DiskError> =>
  Effect.gen(function* () {
    if (isUnsafeTape(name) || (yield* disk.stat(join(location, name)))?.kind !== "folder") return false
    if ((yield* disk.stat(join(location, name, tapeMetaFile))) !== undefined) return true
    return (yield* listIn(disk, join(location, name))).length > 0
  })
