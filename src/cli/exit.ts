/** Exit codes of the command, and what is said about an error. */
import { hasTape, isBackup, mendBackup, originOf, word } from "./origin.ts"
import { toCommands, withoutMending } from "./text/commandWords.ts"
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
  "OtherHistory",
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

/** The lib that an error is about, as commands name it. */
interface Origin {
  /** Where it is; `undefined` if that is not known. */
  readonly location: string | undefined
  /** The flag that names it, after a space; empty for the working directory. */
  readonly flag: string
}

const originFor = (error: object): Origin => {
  const location = originOf(error)
  return { location, flag: location === undefined || location === "." ? "" : ` --lib ${visible(word(location))}` }
}

const quoted = (value: unknown): string => visible(word(String(value)))

type Way = (error: Tagged, origin: Origin) => string

const doctor: Way = (_, { location }) =>
  location === undefined || location === "." ? "litetapes doctor" : `litetapes doctor ${quoted(location)}`

const acceptLoss: Way = ({ tape }, { flag }) =>
  `--allow-gaps, or litetapes accept-loss ${quoted(tape ?? "TAPE")}${flag}`

const salvage: Way = ({ file, tape }, { flag, location }) => {
  if (location !== undefined && isBackup(location)) return mendBackup
  const damaged = tape ?? (typeof file === "string" && file.includes("/") ? file.split("/")[0] : "TAPE")
  return `litetapes restore BACKUP TO, or litetapes salvage ${quoted(damaged)}${flag}`
}

const recoverTape: Way = ({ tape, why }, { flag, location }) => {
  // Nothing mends a copy of what is lost already.
  if (String(why).includes("Restore the lib from a backup")) return "litetapes restore BACKUP TO"
  if (location !== undefined && isBackup(location)) return mendBackup
  if (location !== undefined && typeof tape === "string" && !hasTape(location, tape))
    return "litetapes restore BACKUP TO"
  return `litetapes recover ${quoted(tape ?? "TAPE")}${flag}`
}

/** Commands that lead out, by the tag of an error. Messages of the library name its calls, which are no commands. */
const ways: { readonly [tag: string]: Way } = {
  AckedDataLost: (_, { flag }) => `litetapes restore BACKUP TO, or litetapes recover${flag}`,
  BackupUnfinished: () => "the same backup or restore again",
  ConditionFailed: () => "litetapes query again, decide again, and append with the new boundary",
  DynamicCorrupt: doctor,
  EventsLost: acceptLoss,
  HeadInvalid: () => "a text that litetapes head printed",
  LibInvalid: doctor,
  LibIsBackup: () => "litetapes restore BACKUP TO",
  LibLocked: () => "litetapes ls, show, cat, verify and all others that read: they need no lock",
  LibNotFound: () => "--lib PATH, or litetapes init PATH for a new lib",
  MetaCorrupt: doctor,
  MetaInvalid: doctor,
  PositionGap: () => "--allow-gaps",
  RecordsLost: acceptLoss,
  SegmentCorrupt: salvage,
  SegmentMissing: salvage,
  TapeArchived: ({ tape }, { flag }) => `litetapes activate ${quoted(tape ?? "TAPE")}${flag}`,
  TapeInvalid: recoverTape,
  TapeNotFound: () => "litetapes ls, which lists the tapes",
  WrongExpectedRevision: () => "litetapes cat STREAM, decide again, and append with the new --expected"
}

/** Returns which command leads out of an error, or `undefined`. */
export const wayOut = (error: unknown): string | undefined =>
  isTagged(error) ? ways[error._tag]?.(error, originFor(error)) : undefined

/** Returns an error as one sentence that names commands, without control characters. */
export const sentenceOf = (error: unknown): string => {
  const text = error instanceof Error ? error.message || error.name : String(error)
  const spoken = toCommands(text.trim().replaceAll(/\s*\n\s*/g, " "))
  const location = typeof error === "object" && error !== null ? originOf(error) : undefined
  return visible(location !== undefined && isBackup(location) ? withoutMending(spoken) : spoken)
}
