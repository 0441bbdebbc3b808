/**
 * The hint for readers in other processes. It is overwritten in place, once a commit, and never synced.
 */
import * as Effect from "effect/Effect"
import { ackedFile } from "../../../domain/Format.ts"
import type { DiskError, File } from "../../../services/Disk.ts"
import type { Root } from "../../../services/Storage.ts"
import { join, readWhole } from "./files.ts"
import { type Place, reading, writing } from "./place.ts"

export const hintOperations = (place: Place): Pick<Root, "writeHint" | "readHint"> => {
  const path = join(place.location, ackedFile)
  let file: File | undefined

  const open: Effect.Effect<File, DiskError> = Effect.map(
    place.disk
      .openWrite(path)
      .pipe(Effect.catch((error) => (error.code === "ENOENT" ? place.disk.create(path) : Effect.fail(error)))),
    (opened) => {
      place.closing.add(opened.close)
      file = opened
      return opened
    }
  )

  return {
    writeHint: (bytes) =>
      writing(place, "writeHint", path, () =>
        file === undefined ? Effect.flatMap(open, (opened) => opened.write(bytes, 0)) : file.write(bytes, 0)
      ),
    // Opened for each read: the writer may create it, or a restored copy replace it, while a reader runs.
    readHint: reading(place, "readHint", path, () => readWhole(place.disk, path))
  }
}
