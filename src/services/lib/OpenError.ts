/** Errors of opening a lib. */
import {
  type AckedDataLost,
  type BackupUnfinished,
  type InvalidSettings,
  LibInvalid,
  type ClockOutOfRange,
  type InvalidArgument,
  type LibExists,
  type LibIsBackup,
  LibLocked,
  type LibNotFound,
  ReadOnly,
  type SettingsMismatch
} from "../../domain/format/Errors.ts"
import type { StorageError } from "../ports/Storage.ts"
import type { ScanError } from "../journal/DynamicScan.ts"
import type { LibMetaError } from "./readLibMeta.ts"

/**
 * Errors of opening a lib. `LibInvalid`, `LibNotFound`, `LibExists`, `SettingsMismatch`, `InvalidSettings` and
 * `InvalidArgument` call for other arguments, `LibLocked` for waiting, a `StorageError` with reason `denied` for rights. `AckedDataLost`, `DynamicCorrupt`, `MetaCorrupt` and the like mean lost or damaged files: restore them
 * from a copy. `LibIsBackup` means that a backup cannot be written to, `BackupUnfinished` that one was interrupted.
 */
export type OpenError =
  | LibInvalid
  | LibNotFound
  | LibExists
  | InvalidArgument
  | ClockOutOfRange
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
  if (error.reason === "locked") {
    return new LibLocked(error.holder === undefined ? { location } : { location, holder: error.holder })
  }
  if (error.reason === "not-a-lib") return new LibInvalid({ location, why: error.detail })
  if (error.reason === "read-only") return new ReadOnly({ location })
  return error
}
