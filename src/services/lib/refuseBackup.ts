/** Backups, as opening sees them: nobody writes to one, and readers open only one that is whole. */
import * as Effect from "effect/Effect"
import { BackupUnfinished, LibIsBackup } from "../../domain/format/Errors.ts"
import { isUnfinished } from "../../domain/meta/LibHistory.ts"
import type { LibState } from "../../domain/meta/LibState.ts"
import type { Root } from "../ports/Storage.ts"

/** Fails if the lib is a backup. */
export const refuseBackup = (
  { location }: Pick<Root, "location">,
  state: LibState
): Effect.Effect<void, LibIsBackup | BackupUnfinished> => {
  if (state.backup === undefined) return Effect.void
  return Effect.fail(
    isUnfinished(state)
      ? new BackupUnfinished({ location, restorable: false })
      : new LibIsBackup({ location, time: state.backup.time })
  )
}

/**
 * Returns the number of records that each tape of a backup has at the moment that it shows. If a tape has more, a later
 * backup into the same place did not finish. `undefined` for a lib that is not a backup.
 */
export const markedRecords = ({ backup }: LibState): ReadonlyMap<string, number> | undefined =>
  backup === undefined ? undefined : new Map(backup.tapes)
