/**
 * Permissions: whether others than its owner can write to a lib. Folders and files are made for their owner alone. If
 * one came from elsewhere, or was opened to others since, that is reported and never changed: it may be intended.
 */
import * as Effect from "effect/Effect"
import { libMetaFile } from "../../domain/format/Format.ts"
import type { Disk, DiskError } from "../../services/ports/Disk.ts"
import type { Warning } from "../../services/ports/Storage.ts"
import { join } from "./files.ts"

/** Checks the modes of the lib's folder and of lib meta: two checks for each opening, however large the lib is. */
export const warningsOf = (disk: Disk["Service"], location: string): Effect.Effect<ReadonlyArray<Warning>, DiskError> =>
  Effect.gen(function* () {
    const warnings: Array<Warning> = []
    for (const place of [location, join(location, libMetaFile)]) {
      const mode = (yield* disk.stat(place))?.mode ?? 0
      if ((mode & othersWrite) === 0) continue
      const who = (mode & worldWrites) === 0 ? "its group" : "everyone"
      const why = `${who} can write to it (mode ${mode.toString(8)}). Run chmod go-w on it, unless this is intended.`
      warnings.push({ place, why })
    }
    return warnings
  })

const othersWrite = 0o022
const worldWrites = 0o002
