/**
 * Indexes of segments: derived, so never synced. One that a power loss has torn does not verify and is rebuilt.
 */
import * as Effect from "effect/Effect"
import type { Root } from "../../services/ports/Storage.ts"
import { indexFolder, indexName, temporary } from "../storage/fileNames.ts"
import { ensureFolder, join, requireFolder, requireFolders, unlinkIfThere, writeNew } from "./files.ts"
import { type OpenFolder, reading, writing } from "./OpenFolder.ts"
import { checkNames, removeWithin, sizeWithin } from "./segments.ts"

export const indexOperations = (
  place: OpenFolder
): Pick<Root, "writeIndex" | "readIndexRanges" | "indexSize" | "removeIndex"> => {
  const { disk, handles, location } = place
  const folderOf = (tape: string) => join(location, tape, indexFolder)
  const pathOf = (tape: string, segment: string) => join(folderOf(tape), indexName(segment))

  const open = (tape: string, path: string) =>
    Effect.andThen(requireFolders(disk, location, folderOf(tape)), disk.openRead(path))

  const write = (tape: string, path: string, bytes: Uint8Array) =>
    Effect.gen(function* () {
      yield* requireFolder(disk, join(location, tape))
      yield* ensureFolder(disk, folderOf(tape))
      yield* unlinkIfThere(disk, temporary(path))
      yield* writeNew(disk, temporary(path), bytes, true)
      yield* disk.rename(temporary(path), path)
      yield* handles.drop(path)
    })

  return {
    writeIndex: (tape, segment, bytes) => {
      const path = pathOf(tape, segment)
      return place.oneAtATime(
        path,
        writing(place, "writeIndex", path, () => {
          const refusal = checkNames("writeIndex", tape, segment)
          return refusal === undefined ? write(tape, path, bytes) : Effect.fail(refusal)
        })
      )
    },
    readIndexRanges: (tape, segment, ranges) => {
      const path = pathOf(tape, segment)
      return reading(place, "readIndexRanges", path, () => {
        const refusal = checkNames("readIndexRanges", tape, segment)
        return refusal === undefined
          ? handles.use(
              path,
              () => open(tape, path),
              (file) => file.readRanges(ranges)
            )
          : Effect.fail(refusal)
      })
    },
    indexSize: (tape, segment) =>
      reading(place, "indexSize", pathOf(tape, segment), () => {
        const refusal = checkNames("indexSize", tape, segment)
        return refusal === undefined ? sizeWithin(place, pathOf(tape, segment)) : Effect.fail(refusal)
      }),
    removeIndex: (tape, segment) =>
      writing(place, "removeIndex", pathOf(tape, segment), () => {
        const refusal = checkNames("removeIndex", tape, segment)
        if (refusal !== undefined) return Effect.fail(refusal)
        return removeWithin(place, pathOf(tape, segment))
      })
  }
}
