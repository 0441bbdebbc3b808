/**
 * Who may write to a lib besides its owner. Folders and files are made for their owner alone; what has come from elsewhere,
 * or was opened up since, is told of, never changed: it may be meant.
 */
import * as Effect from "effect/Effect"
import { libMetaFile } from "../../domain/format/Format.ts"
import type { Disk, DiskError } from "../../services/ports/Disk.ts"
import type { Warning } from "../../services/ports/Storage.ts"
import { join } from "./files.ts"

/** Looks at the lib's folder and at lib meta: two looks an opening, however large the lib is. */
export const warningsOf = (disk: Disk["Service"], location: string): Effect.Effect<ReadonlyArray<Warning>, DiskError> =>
  Effect.gen(function* () {
    const warnings: Array<Warning> = []
    for (const place of [location, join(location, libMetaFile)]) {
      const mode = (yield* disk.stat(place))?.mode ?? 0
      if ((mode & othersWrite) === 0) continue
      const who = (mode & worldWrites) === 0 ? "its group" : "everyone"
      const why = `${who} may write to it (mode ${mode.toString(8)}): chmod go-w, unless this is meant`
      warnings.push({ place, why })
    }
    return warnings
  })

const othersWrite = 0o022
const worldWrites = 0o002
