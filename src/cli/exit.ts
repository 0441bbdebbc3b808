/** Exit codes of the command, and what is said about an error. */
import { visible } from "./text/visible.ts"

/** Exit codes of the command. */
export const exitCodes = {
  /** Everything is fine. */
  fine: 0,
  /** The answer is no, or damage was found, or the command failed. */
  no: 1,
  /** The command cannot be carried out as it was given. */
  usage: 2,
  /** Not now: somebody else has the lib, it may only be read, or the disk is full. The same command may succeed later. */
  notNow: 3,
  /** Ctrl-C. */
  interrupted: 130
} as const

/** Errors of the arguments: the same command fails in the same way each time. */
const usageTags: ReadonlySet<string> = new Set([
  "BackupUnfinished",
  "BatchTooLarge",
  "BeyondLimits",
  "HeadInvalid",
  "InvalidArgument",
  "InvalidEvent",
  "InvalidSegmentName",
  "InvalidSettings",
  "InvalidStreamName",
  "InvalidTapeName",
  "LibExists",
  "LibIsBackup",
  "LibNotFound",
  "NotABackup",
  "SettingsMismatch",
  "TapeExists",
  "TapeNotForEvents",
  "TapeNotFound",
  "TapeOwned",
  "TaraSONError",
  "Usage"
])

const notNowTags: ReadonlySet<string> = new Set([
  "ClockOutOfRange",
  "ConsumerClaimed",
  "LibLocked",
  "ReaderBusy",
  "ReadOnly",
  "TapeArchived",
  "WriterPoisoned"
])

/** Names that systems give to a disk without room, and to one that cannot be written. */
const noRoom = /\b(?:ENOSPC|EDQUOT|EROFS)\b/

interface Tagged {
  readonly _tag: string
  readonly message: string
  readonly [field: string]: unknown
}

const isTagged = (error: unknown): error is Tagged =>
  typeof error === "object" && error !== null && "_tag" in error && typeof error._tag === "string"

/** Returns the exit code for an error. */
export const exitCodeOf = (error: unknown): number => {
  if (!isTagged(error)) return exitCodes.no
  const { _tag: tag, detail, reason } = error
  if (usageTags.has(tag)) return exitCodes.usage
  if (notNowTags.has(tag)) return exitCodes.notNow
  if (tag === "StorageError") {
    const isBusy = ["locked", "lock-lost", "read-only", "denied", "changed"].includes(String(reason))
    return isBusy || noRoom.test(String(detail)) ? exitCodes.notNow : exitCodes.no
  }
  return exitCodes.no
}

const quoted = (value: unknown): string =>
  /^[\w./-]+$/.test(String(value)) ? String(value) : `'${visible(String(value))}'`

/** Commands that lead out, by the tag of an error. Messages of the library name its calls, which are no commands. */
const ways: { readonly [tag: string]: (error: Tagged) => string } = {
  AckedDataLost: () => "litetapes restore BACKUP TO, or litetapes recover",
  BackupUnfinished: () => "the same backup or restore again",
  ConditionFailed: () => "litetapes query again, decide again, and append with the new boundary",
  DynamicCorrupt: () => "litetapes doctor",
  EventsLost: () => "--allow-gaps, or litetapes accept-loss TAPE",
  HeadInvalid: () => "a text that litetapes head printed",
  LibInvalid: () => "litetapes doctor",
  LibIsBackup: () => "litetapes restore BACKUP TO",
  LibLocked: () => "litetapes ls, show, cat, verify and all others that read: they need no lock",
  LibNotFound: () => "--lib PATH, or litetapes init PATH for a new lib",
  MetaCorrupt: () => "litetapes doctor",
  MetaInvalid: () => "litetapes doctor",
  PositionGap: () => "--allow-gaps",
  RecordsLost: () => "--allow-gaps, or litetapes accept-loss TAPE",
  SegmentCorrupt: ({ tape }) => `litetapes restore BACKUP TO, or litetapes salvage ${quoted(tape ?? "TAPE")}`,
  SegmentMissing: ({ tape }) => `litetapes restore BACKUP TO, or litetapes salvage ${quoted(tape ?? "TAPE")}`,
  TapeArchived: ({ tape }) => `litetapes activate ${quoted(tape ?? "TAPE")}`,
  TapeInvalid: ({ tape }) => `litetapes recover ${quoted(tape ?? "TAPE")}`,
  TapeNotFound: () => "litetapes ls, which lists the tapes",
  WrongExpectedRevision: () => "litetapes cat STREAM, decide again, and append with the new --expected"
}

/** Returns which command leads out of an error, or `undefined`. */
export const wayOut = (error: unknown): string | undefined => (isTagged(error) ? ways[error._tag]?.(error) : undefined)

/** Returns an error as one sentence, without control characters. */
export const sentenceOf = (error: unknown): string => {
  const text = error instanceof Error ? error.message || error.name : String(error)
  return visible(text.trim().replaceAll(/\s*\n\s*/g, " "))
}
