/**
 * Derived files, in a folder for each kind: `<tape>/<kind>/<name>`, and `litelib.derived/<kind>/<name>` for the lib's.
 * They are never synced: after a power loss, a reader may find a torn one, sees that it does not verify, and rebuilds
 * it.
 */
import * as Effect from "effect/Effect"
import { isDerivedName } from "../../domain/format/Names.ts"
import type { DiskError } from "../../services/ports/Disk.ts"
import type { DerivedFiles, DerivedKey, StorageError } from "../../services/ports/Storage.ts"
import { isUnsafeDerived, isUnsafeDerivedFolder, libDerivedFolder, temporary } from "../storage/fileNames.ts"
import { storageError } from "../storage/storageErrors.ts"
import { ensureFolder, join, orAbsent, readWhole, requireFolder, requireFolders, unlinkIfThere } from "./files.ts"
import { type OpenFolder, openWithin, putFile, reading, removeWithin, sizeWithin, writing } from "./OpenFolder.ts"

export const make = (place: OpenFolder): DerivedFiles => {
  const { disk, handles, location } = place
  const parentOf = (tape: string | undefined) => join(location, tape ?? libDerivedFolder)
  const folderOf = (tape: string | undefined, kind: string) => join(parentOf(tape), kind)
  const pathOf = (key: DerivedKey) => join(folderOf(key.tape, key.kind), key.name)

  const put = (key: DerivedKey, path: string, bytes: Uint8Array) =>
    Effect.gen(function* () {
      yield* key.tape === undefined ? ensureFolder(disk, parentOf(undefined)) : requireFolder(disk, parentOf(key.tape))
      yield* ensureFolder(disk, folderOf(key.tape, key.kind))
      yield* unlinkIfThere(disk, temporary(path))
      yield* putFile(place, path, bytes, true)
      yield* handles.drop(path)
    })

  const read = <A>(
    operation: string,
    key: DerivedKey,
    body: (path: string) => Effect.Effect<A, DiskError | StorageError>
  ) => {
    const path = pathOf(key)
    return reading(place, operation, path, () => checked(operation, path, key, () => body(path)))
  }

  const write = (
    operation: string,
    key: DerivedKey,
    body: (path: string) => Effect.Effect<void, DiskError | StorageError>
  ) => {
    const path = pathOf(key)
    return writing(place, operation, path, () => checked(operation, path, key, () => body(path)))
  }

  return {
    put: (key, bytes) =>
      place.oneAtATime(
        pathOf(key),
        write("derived.put", key, (path) => put(key, path, bytes))
      ),
    get: (key, bytesMax) =>
      read("derived.get", key, (path) =>
        orAbsent(
          Effect.andThen(requireFolders(disk, location, folderOf(key.tape, key.kind)), readWhole(disk, path, bytesMax))
        )
      ),
    getRanges: (key, ranges) =>
      read("derived.getRanges", key, (path) => {
        const open = () => openWithin(place, path)
        return orAbsent(handles.use(path, open, (file) => file.readRanges(ranges)))
      }),
    size: (key) => read("derived.size", key, (path) => sizeWithin(place, path)),
    list: (tape, kind) => {
      const folder = folderOf(tape, kind)
      return reading(place, "derived.list", folder, () =>
        isUnsafeDerivedFolder(tape, kind)
          ? Effect.fail(storageError("derived.list", folder, "unsafe", "it is not a kind of derived files"))
          : Effect.map(
              orAbsent(Effect.andThen(requireFolders(disk, location, folder), disk.list(folder))),
              (names = []) => names.filter(isDerivedName).toSorted()
            )
      )
    },
    delete: (key) => write("derived.delete", key, (path) => removeWithin(place, path))
  }
}

/** Refuses names that could lead elsewhere. */
const checked = <A>(
  operation: string,
  path: string,
  key: DerivedKey,
  body: () => Effect.Effect<A, DiskError | StorageError>
): Effect.Effect<A, DiskError | StorageError> =>
  isUnsafeDerived(key)
    ? Effect.fail(storageError(operation, path, "unsafe", "it is not the name of a derived file"))
    : body()
