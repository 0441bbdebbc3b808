/**
 * `litelib.place`: which file lib meta was, and in which boot of the system, when a writer last replaced it. If that is
 * still so, everything that lib meta lists was made durable by writers here. If not, somebody has copied the lib here, or
 * the system was restarted, and nothing says that the files are durable (decision 0035). It is not synced.
 */
import * as Effect from "effect/Effect"
import { libMetaFile, placeFile } from "../../domain/format/Format.ts"
import { type Disk, DiskError, type FileStat } from "../../services/ports/Disk.ts"
import type { StorageError } from "../../services/ports/Storage.ts"
import { join, readWhole } from "./files.ts"
import { type OpenFolder, putFile } from "./OpenFolder.ts"

/** More bytes than the file can have. */
const placeBytesMax = 4096

const textOf = (
  { born, device, inode }: Pick<FileStat, "born" | "device" | "inode">,
  boot: string | undefined
): string => `${JSON.stringify({ boot, born, device, inode })}\n`

/** Writes the file for the lib meta that is there now. If that fails, the next opening syncs more than it must. */
export const write = (place: OpenFolder): Effect.Effect<void> =>
  Effect.gen(function* () {
    const meta = yield* place.disk.stat(join(place.location, libMetaFile))
    if (meta === undefined) return
    yield* putFile(place, join(place.location, placeFile), Buffer.from(textOf(meta, place.boot)), true)
  }).pipe(Effect.ignore)

/** Returns whether lib meta is the file that a writer put there since the system was started. */
export const isKnown = (
  disk: Disk["Service"],
  location: string,
  boot: string | undefined
): Effect.Effect<boolean, DiskError | StorageError> =>
  Effect.gen(function* () {
    const meta = yield* disk.stat(join(location, libMetaFile))
    if (meta === undefined) return false
    const bytes = yield* Effect.catchIf(
      readWhole(disk, join(location, placeFile), placeBytesMax),
      // A link or a large file is not ours, and proves nothing.
      (error) => !(error instanceof DiskError) || error.code === "EUNSAFE",
      () => Effect.succeed(undefined)
    )
    if (bytes === undefined) return false
    const { device, inode } = meta
    const text = Buffer.from(bytes).toString()
    // A file system reuses the inodes of files that were deleted, so the time counts where it was known.
    return text === textOf(meta, boot) || text === textOf({ inode, ...(device === undefined ? {} : { device }) }, boot)
  })
