/**
 * Typed errors of libs, tapes and segments. Each message says what to do next; none contains payloads.
 *
 * Errors of a single record are in `TaraSONError`, of names in `Names`, of event streams in `EventErrors`.
 */
export {
  BackupUnfinished,
  BatchTooLarge,
  CommitOutcomeUnknown,
  InvalidSettings,
  LibClosed,
  LibExists,
  LibInvalid,
  LibIsBackup,
  LibLocked,
  LibNotFound,
  LockHolder,
  NotABackup,
  OtherHistory,
  ReadOnly,
  ReaderBusy,
  SettingsMismatch,
  WriterPoisoned
} from "./LibErrors.ts"
export { ClockOutOfRange, InvalidArgument } from "./CallErrors.ts"
export { BeyondLimits, TapeArchived, TapeExists, TapeInvalid, TapeNotFound, TapeOwned } from "./TapeErrors.ts"
export {
  AckedDataLost,
  DecompressionLimit,
  DynamicCorrupt,
  EpochRegression,
  ForkDetected,
  IdentityMismatch,
  MetaCorrupt,
  MetaInvalid,
  NotDamaged,
  RecordsLost,
  RecoverAmbiguous,
  SegmentCorrupt,
  SegmentMissing,
  UnsupportedFormat
} from "./DamageErrors.ts"
