/** Errors of opening a lib. */
import {
  type AckedDataLost,
  type BackupUnfinished,
  type InvalidSettings,
  LibInvalid,
  type LibIsBackup,
  LibLocked,
  ReadOnly,
  type SettingsMismatch
} from "../../domain/format/Errors.ts"
import type { StorageError } from "../ports/Storage.ts"
import type { ScanError } from "../journal/DynamicScan.ts"
import type { LibMetaError } from "./readLibMeta.ts"

/**
 * Errors of opening a lib. `LibInvalid`, `SettingsMismatch` and `InvalidSettings` call for other arguments, `LibLocked`
 * for waiting. `AckedDataLost`, `DynamicCorrupt`, `MetaCorrupt` and the like mean lost or damaged files: restore them
 * from a copy. `LibIsBackup` means that a backup cannot be written to, `BackupUnfinished` that one was interrupted.
 */
export type OpenError =
  | LibInvalid
  | LibIsBackup
  | BackupUnfinished
  | LibLocked
  | ReadOnly
  | SettingsMismatch
  | InvalidSettings
  | AckedDataLost
  | LibMetaError
  | ScanError

/** Translates errors of the place into those of a lib. */
export const fromStorage = (
  error: StorageError,
  location: string
): LibInvalid | LibLocked | ReadOnly | StorageError => {
  if (error.reason === "locked") return new LibLocked({ location })
  if (error.reason === "not-a-lib") return new LibInvalid({ location, why: error.detail })
  if (error.reason === "read-only") return new ReadOnly({ location })
  return error
}
