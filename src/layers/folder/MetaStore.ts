/**
 * Meta of the lib and of its tapes in a folder. The version of a meta is the SHA-256 of its bytes.
 */
import * as Effect from "effect/Effect"
import { libMetaFile, tapeMetaFile } from "../../domain/format/Format.ts"
import { metaBytesCeiling } from "../../domain/format/Limits.ts"
import type { DiskError } from "../../services/ports/Disk.ts"
import type { MetaOwner, MetaStore, StorageError } from "../../services/ports/Storage.ts"
import { versionOf } from "../storage/metaVersion.ts"
import { isUnsafeTape, temporary } from "../storage/fileNames.ts"
import { storageError } from "../storage/storageErrors.ts"
import { MetaAppends } from "./MetaAppends.ts"
import { join, orAbsent, readWhole, requireFolder, unlinkIfThere } from "./files.ts"
import { type OpenFolder, putFile, reading, writing, syncFolder } from "./OpenFolder.ts"
import * as PlaceFile from "./PlaceFile.ts"

/** Refuses the name of an owner that could lead elsewhere. */
const checked = <A, E>(operation: string, owner: MetaOwner, body: () => Effect.Effect<A, E>) =>
  owner !== undefined && isUnsafeTape(owner)
    ? Effect.fail(storageError(operation, owner, "unsafe", "it is not the name of a tape"))
    : body()

export const make = (place: OpenFolder): MetaStore => {
  const { disk, location } = place
  const folderOf = (owner: MetaOwner) => (owner === undefined ? location : join(location, owner))
  const pathOf = (owner: MetaOwner) => join(folderOf(owner), owner === undefined ? libMetaFile : tapeMetaFile)

  const read = (
    owner: MetaOwner,
    bytesMax: number = metaBytesCeiling
  ): Effect.Effect<Uint8Array | undefined, DiskError | StorageError> => {
    const bytes = readWhole(disk, pathOf(owner), bytesMax)
    return owner === undefined ? bytes : Effect.andThen(orAbsent(requireFolder(disk, folderOf(owner))), bytes)
  }

  /** Returns the bytes that are there now, if they are the ones that the change is made against. */
  const readExpected = (operation: string, owner: MetaOwner, version: string | undefined) =>
    Effect.flatMap(read(owner), (bytes): Effect.Effect<Uint8Array | undefined, StorageError> => {
      if ((bytes === undefined ? undefined : versionOf(bytes)) === version) return Effect.succeed(bytes)
      const reason = version === undefined ? "exists" : "changed"
      return Effect.fail(storageError(operation, pathOf(owner), reason))
    })

  const appends = new MetaAppends(place)

  /** Runs a change. No other change of the same meta runs between its read and its end. */
  const changing = <A>(operation: string, owner: MetaOwner, body: () => Effect.Effect<A, DiskError | StorageError>) =>
    place.oneAtATime(
      pathOf(owner),
      writing(place, operation, pathOf(owner), () => checked(operation, owner, body))
    )

  const replace = (owner: MetaOwner, bytes: Uint8Array) =>
    Effect.gen(function* () {
      const path = pathOf(owner)
      yield* unlinkIfThere(disk, temporary(path))
      yield* putFile(place, path, bytes)
      yield* syncFolder(place, folderOf(owner))
      if (owner === undefined) yield* PlaceFile.write(place)
    })

  return {
    read: (owner, bytesMax) =>
      reading(place, "meta.read", pathOf(owner), () =>
        checked("meta.read", owner, () =>
          Effect.map(read(owner, bytesMax), (bytes) =>
            bytes === undefined ? undefined : { bytes, version: versionOf(bytes) }
          )
        )
      ),
    append: (owner, version, bytes) =>
      changing("meta.append", owner, () =>
        appends.append(pathOf(owner), version, bytes, readExpected("meta.append", owner, version))
      ),
    replace: (owner, version, bytes) =>
      changing("meta.replace", owner, () =>
        Effect.andThen(
          readExpected("meta.replace", owner, version),
          Effect.suspend(() => Effect.as(replace(owner, bytes), versionOf(bytes)))
        )
      )
  }
}
