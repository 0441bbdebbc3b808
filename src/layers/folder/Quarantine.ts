/**
 * Bytes that are never read again, kept in a folder as `litelib.<name>.quarantine`.
 */
import * as Effect from "effect/Effect"
import type { Quarantine } from "../../services/ports/Storage.ts"
import { isUnsafePath, quarantineName } from "../storage/fileNames.ts"
import { storageError } from "../storage/storageErrors.ts"
import { join } from "./files.ts"
import { type OpenFolder, putFile, writing, syncFolder } from "./OpenFolder.ts"

export const make = (place: OpenFolder): Quarantine => {
  const { disk, location } = place

  const keep = (name: string, bytes: Uint8Array) =>
    Effect.gen(function* () {
      let n = 1
      while ((yield* disk.stat(join(location, quarantineName(name, n)))) !== undefined) n += 1
      const path = join(location, quarantineName(name, n))
      yield* putFile(place, path, bytes)
      yield* syncFolder(place, location)
      return path
    })

  return {
    keep: (name, bytes) =>
      place.oneAtATime(
        "quarantine.keep",
        writing(place, "quarantine.keep", join(location, name), () =>
          isUnsafePath(name)
            ? Effect.fail(storageError("quarantine.keep", name, "unsafe", "it is not the name of a file in the lib"))
            : keep(name, bytes)
        )
      )
  }
}
