/** Why a lib could not be opened. */
import {
  type AckedDataLost,
  type InvalidSettings,
  LibInvalid,
  LibLocked,
  ReadOnly,
  type SettingsMismatch
} from "../../domain/format/Errors.ts"
import type { StorageError } from "../ports/Storage.ts"
import type { ScanError } from "../journal/DynamicScan.ts"
import type { LibMetaError } from "./readLibMeta.ts"

/** What opening a lib may fail with. */
export type OpenError =
  | LibInvalid
  | LibLocked
  | ReadOnly
  | SettingsMismatch
  | InvalidSettings
  | AckedDataLost
  | LibMetaError
  | ScanError

/** Errors of the place itself, in the words of the lib. */
export const fromStorage = (
  error: StorageError,
  location: string
): LibInvalid | LibLocked | ReadOnly | StorageError => {
  if (error.reason === "locked") return new LibLocked({ location })
  if (error.reason === "not-a-lib") return new LibInvalid({ location, why: error.detail })
  if (error.reason === "read-only") return new ReadOnly({ location })
  return error
}
