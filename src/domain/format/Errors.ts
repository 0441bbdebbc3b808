/**
 * Typed errors of libs, tapes and segments. Each message says what to do next; none contains payloads.
 *
 * Errors of a single record are in `TaraSONError`, of names in `Names`, of event streams in `EventErrors`.
 */
import * as Schema from "effect/Schema"
import { tapeMetaFile } from "./Format.ts"

/** The location cannot be opened as a lib: it does not exist, contains something else, or has lost its lib meta. */
export class LibInvalid extends Schema.TaggedError<LibInvalid>("litetapes/LibInvalid")("LibInvalid", {
  location: Schema.String,
  why: Schema.String
}) {
  override get message() {
    return `${this.location} is not a lib: ${this.why}`
  }
}

/** Another writer has the lib open. Wait until it closes, or open the lib with `mode: "read"`. */
export class LibLocked extends Schema.TaggedError<LibLocked>("litetapes/LibLocked")("LibLocked", {
  location: Schema.String
}) {
  override get message() {
    return `${this.location} is open for writing in another process or scope. Wait until it is closed there, or open it with mode "read".`
  }
}

/** The lib was opened for reading, or its location cannot be written to. */
export class ReadOnly extends Schema.TaggedError<ReadOnly>("litetapes/ReadOnly")("ReadOnly", {
  location: Schema.String
}) {
  override get message() {
    return `${this.location} is open for reading only. Open it with mode "write" to change it.`
  }
}

/**
 * The lib has closed: with its scope, by `close`, or because it is opened again after its writer stopped. Then `why`
 * says whether that succeeded, and what to do.
 */
export class LibClosed extends Schema.TaggedError<LibClosed>("litetapes/LibClosed")("LibClosed", {
  location: Schema.String,
  /** Present only after the writer stopped: whether the lib is open again, and what to do. */
  why: Schema.optionalKey(Schema.String)
}) {
  override get message() {
    return this.why === undefined
      ? `${this.location} has been closed. Keep its scope open for as long as you use it.`
      : `${this.location} was closed because its writer had stopped, ${this.why}`
  }
}

/** The lib was created with other settings than those it is opened with. Settings are fixed when a lib is created. */
export class SettingsMismatch extends Schema.TaggedError<SettingsMismatch>("litetapes/SettingsMismatch")(
  "SettingsMismatch",
  { location: Schema.String, setting: Schema.String, stored: Schema.String, given: Schema.String }
) {
  override get message() {
    return `${this.location} was created with ${this.setting} ${this.stored}, but is opened with ${this.given}. Leave the setting out, or give the stored value; lib.copy makes a lib with another one.`
  }
}

/** A setting of a new lib, or of one that is recovered, is not valid. Nothing was created or changed. */
export class InvalidSettings extends Schema.TaggedError<InvalidSettings>("litetapes/InvalidSettings")(
  "InvalidSettings",
  { location: Schema.String, setting: Schema.String, why: Schema.String }
) {
  override get message() {
    return `${this.location} cannot be created or recovered: ${this.setting} ${this.why}. Correct the setting and try again.`
  }
}

/**
 * Returns the place of a line of meta, for messages. There is no byte offset unless the line was read from the file.
 */
const placeIn = (meta: string, line: number, offset: number | undefined): string =>
  `${meta}${line > 0 ? ` line ${line}` : ""}${atByte(offset)}`

const atByte = (offset: number | undefined): string => (offset === undefined ? "" : `, byte ${offset}`)

/** What to do about a bad meta file. */
const mendMeta = (meta: string): string =>
  meta.endsWith(tapeMetaFile)
    ? "Restore it from a copy, or run recoverTape."
    : "Restore it from a copy, or run Lib.recover."

/** What to do about a segment that cannot be read. */
const mendSegment = "Restore this file from a copy, or run salvageTape, which keeps the rest of the tape."

/** What to do about dynamic segments that are damaged or missing. */
const mendDynamic = "Restore this file from a copy, or run Lib.recover, which keeps the rest of the lib."

const isDynamicName = (name: string): boolean => name.startsWith("litelib.")

/** What to do about records that are known to be lost. */
export const acceptLossAdvice =
  "Restore the lib from a copy that has them. Or read with allowGaps, or run acceptLoss, after which the tape continues without them."

/** A record does not fit the limits of a copy. Nothing was written. */
export class BeyondLimits extends Schema.TaggedError<BeyondLimits>("litetapes/BeyondLimits")("BeyondLimits", {
  tape: Schema.String,
  ordinal: Schema.Int,
  why: Schema.String
}) {
  override get message() {
    return `record ${this.ordinal} of tape ${this.tape} is beyond the limits of the copy: ${this.why}. Copy with higher limits.`
  }
}

/** Meta is well-formed, but contradicts itself or its limits: a gap, a duplicate, an overlap, a size. */
export class MetaInvalid extends Schema.TaggedError<MetaInvalid>("litetapes/MetaInvalid")("MetaInvalid", {
  meta: Schema.String,
  line: Schema.Int,
  /** Byte at which the line begins; absent if the error is not about bytes that were read. */
  offset: Schema.optionalKey(Schema.Int),
  why: Schema.String
}) {
  override get message() {
    return `${placeIn(this.meta, this.line, this.offset)}: ${this.why}${this.offset === undefined ? "" : `. ${mendMeta(this.meta)}`}`
  }
}

/** Bytes of meta are damaged. The segments are not affected: a tape, or a lib, can be recovered. */
export class MetaCorrupt extends Schema.TaggedError<MetaCorrupt>("litetapes/MetaCorrupt")("MetaCorrupt", {
  meta: Schema.String,
  line: Schema.Int,
  offset: Schema.Int,
  why: Schema.String
}) {
  override get message() {
    return `${this.meta} is damaged in line ${this.line}, byte ${this.offset}: ${this.why}. ${mendMeta(this.meta)}`
  }
}

/** Two records of a meta follow the same record: two writers wrote to the file. */
export class ForkDetected extends Schema.TaggedError<ForkDetected>("litetapes/ForkDetected")("ForkDetected", {
  meta: Schema.String,
  line: Schema.Int,
  offset: Schema.Int
}) {
  override get message() {
    return `${placeIn(this.meta, this.line, this.offset)} follows a record that already has a successor: two writers wrote to this file. Find the other writer. ${mendMeta(this.meta)}`
  }
}

/** A file belongs to another lib or tape, by its own account. */
export class IdentityMismatch extends Schema.TaggedError<IdentityMismatch>("litetapes/IdentityMismatch")(
  "IdentityMismatch",
  { file: Schema.String, expected: Schema.String, found: Schema.String }
) {
  override get message() {
    return `${this.file} belongs to ${this.found}, not to ${this.expected}: it was copied or moved here. Restore the file that belongs here, or run ${this.file.endsWith(tapeMetaFile) ? "recoverTape" : "Lib.recover"}.`
  }
}

/** An epoch does not follow the one before it: an older state was restored, or two writers wrote to the file. */
export class EpochRegression extends Schema.TaggedError<EpochRegression>("litetapes/EpochRegression")(
  "EpochRegression",
  {
    meta: Schema.String,
    line: Schema.Int,
    offset: Schema.optionalKey(Schema.Int),
    epoch: Schema.Int,
    after: Schema.Int
  }
) {
  override get message() {
    return `${placeIn(this.meta, this.line, this.offset)}: epoch ${this.epoch} comes after epoch ${this.after}, but epochs must ascend. Find out who wrote to this file. ${mendMeta(this.meta)}`
  }
}

/** A file uses a version of the format, a codec or a system record that this version of litetapes does not know. */
export class UnsupportedFormat extends Schema.TaggedError<UnsupportedFormat>("litetapes/UnsupportedFormat")(
  "UnsupportedFormat",
  { file: Schema.String, offset: Schema.Int, found: Schema.String }
) {
  override get message() {
    return `${this.file}${atByte(this.offset)}: ${this.found} is not known to this version of litetapes. Upgrade litetapes.`
  }
}

/** The bytes of a segment are not those that meta describes. Other segments are not affected. */
export class SegmentCorrupt extends Schema.TaggedError<SegmentCorrupt>("litetapes/SegmentCorrupt")("SegmentCorrupt", {
  tape: Schema.String,
  segment: Schema.String,
  offset: Schema.Int,
  why: Schema.String
}) {
  override get message() {
    const mend = isDynamicName(this.segment) ? mendDynamic : mendSegment
    return `${this.tape}/${this.segment} is damaged at byte ${this.offset}: ${this.why}. ${mend}`
  }
}

/**
 * A frame of a compressed segment holds more bytes than allowed: it is damaged, or was made to fill memory. Nothing
 * beyond the limit was decompressed.
 */
export class DecompressionLimit extends Schema.TaggedError<DecompressionLimit>("litetapes/DecompressionLimit")(
  "DecompressionLimit",
  { tape: Schema.String, segment: Schema.String, offset: Schema.Int, limit: Schema.Int }
) {
  override get message() {
    return `${this.tape}/${this.segment} has a frame at byte ${this.offset} that holds more than ${this.limit} bytes. ${mendSegment}`
  }
}

/** A segment that meta lists does not exist. */
export class SegmentMissing extends Schema.TaggedError<SegmentMissing>("litetapes/SegmentMissing")("SegmentMissing", {
  tape: Schema.String,
  segment: Schema.String
}) {
  override get message() {
    return `${this.tape}/${this.segment} is missing. ${mendSegment}`
  }
}

/** Acknowledged bytes of a dynamic segment are damaged. Nothing was changed. */
export class DynamicCorrupt extends Schema.TaggedError<DynamicCorrupt>("litetapes/DynamicCorrupt")("DynamicCorrupt", {
  file: Schema.String,
  offset: Schema.Int,
  why: Schema.String
}) {
  override get message() {
    return `${this.file} is damaged at byte ${this.offset}, within acknowledged data: ${this.why}. ${mendDynamic}`
  }
}

/**
 * A batch is missing that was acknowledged since the system started, or before the lib was last opened: the disk did
 * not honour a sync, or an older file was restored. `file` and `offset` name the end of the last batch that was found.
 * The lost batches were there, or in the dynamic segments after it.
 */
export class AckedDataLost extends Schema.TaggedError<AckedDataLost>("litetapes/AckedDataLost")("AckedDataLost", {
  location: Schema.String,
  acked: Schema.Int,
  found: Schema.Int,
  file: Schema.String,
  offset: Schema.Int
}) {
  override get message() {
    return `${this.location}: batch ${this.acked} was acknowledged, but the last batch found is ${this.found}, which ends at byte ${this.offset} of ${this.file}. Restore this file, and the dynamic segments after it, from a copy, or run Lib.recover, which keeps everything up to there.`
  }
}

/** The lib changed during each of the reader's eight attempts to get a consistent view. */
export class ReaderBusy extends Schema.TaggedError<ReaderBusy>("litetapes/ReaderBusy")("ReaderBusy", {
  location: Schema.String
}) {
  override get message() {
    return `${this.location} changed during each attempt to read a consistent view of it. Try again.`
  }
}

/** The lib has no tape of this name. */
export class TapeNotFound extends Schema.TaggedError<TapeNotFound>("litetapes/TapeNotFound")("TapeNotFound", {
  tape: Schema.String
}) {
  override get message() {
    return `this lib has no tape ${JSON.stringify(this.tape)}. Check the name, or create the tape first.`
  }
}

/** The lib already has a tape of this name. */
export class TapeExists extends Schema.TaggedError<TapeExists>("litetapes/TapeExists")("TapeExists", {
  tape: Schema.String
}) {
  override get message() {
    return `this lib already has a tape ${JSON.stringify(this.tape)}. Open that tape, or choose another name.`
  }
}

/** The tape's meta is missing, or does not fit its lib. Restore it from a copy, or recover the tape with a new id. */
export class TapeInvalid extends Schema.TaggedError<TapeInvalid>("litetapes/TapeInvalid")("TapeInvalid", {
  tape: Schema.String,
  why: Schema.String
}) {
  override get message() {
    return `tape ${JSON.stringify(this.tape)} is invalid: ${this.why}`
  }
}

/** The tape is archived: it can be read. Activate it to append to it. */
export class TapeArchived extends Schema.TaggedError<TapeArchived>("litetapes/TapeArchived")("TapeArchived", {
  tape: Schema.String
}) {
  override get message() {
    return `tape ${JSON.stringify(this.tape)} is archived and refuses appends. Activate it first.`
  }
}

/** The tape belongs to the event store. Only the event store appends to it. */
export class TapeOwned extends Schema.TaggedError<TapeOwned>("litetapes/TapeOwned")("TapeOwned", {
  tape: Schema.String
}) {
  override get message() {
    return `tape ${JSON.stringify(this.tape)} holds events and refuses records. Append to it through the event store.`
  }
}

/** One batch has more bytes than the lib's limit. */
export class BatchTooLarge extends Schema.TaggedError<BatchTooLarge>("litetapes/BatchTooLarge")("BatchTooLarge", {
  bytes: Schema.Int,
  batchBytesMax: Schema.Int
}) {
  override get message() {
    return `the batch has ${this.bytes} bytes, but the limit is ${this.batchBytesMax}. Split it, or create a lib with a higher batchBytesMax.`
  }
}

/**
 * A write or a sync failed while the batch was being committed. After the lib is opened again, the batch is there whole
 * or not at all. Call `lib.reopen` and check.
 */
export class CommitOutcomeUnknown extends Schema.TaggedError<CommitOutcomeUnknown>("litetapes/CommitOutcomeUnknown")(
  "CommitOutcomeUnknown",
  { location: Schema.String, cause: Schema.String }
) {
  override get message() {
    return `it is unknown whether the batch was committed to ${this.location} (${this.cause}). Reopen the lib with lib.reopen. Then repeat an append of events with the same ids; of records, check first whether the batch is there.`
  }
}

/**
 * An earlier write or sync failed, so this writer has stopped for good. Reads continue. Call `lib.reopen` to write again.
 * If that was tried and failed, `reopening` says why; until it succeeds, reads fail with `LibClosed`.
 */
export class WriterPoisoned extends Schema.TaggedError<WriterPoisoned>("litetapes/WriterPoisoned")("WriterPoisoned", {
  location: Schema.String,
  cause: Schema.String,
  /** Message of the error that the last attempt to open the lib again failed with. */
  reopening: Schema.optionalKey(Schema.String)
}) {
  override get message() {
    const stopped = `the writer of ${this.location} stopped after an earlier failure (${this.cause})`
    return this.reopening === undefined
      ? `${stopped}. Call lib.reopen, or close the lib and open it again.`
      : `${stopped}, and the lib could not be opened again: ${withoutStop(this.reopening)}. Call lib.reopen to try again.`
  }
}

/** Returns a message without its last full stop, so that a sentence can continue after it. */
const withoutStop = (message: string): string => message.replace(/\.$/, "")

/**
 * Files in a tape's folder contradict each other, and nothing decides which of them belong to the tape. Move those that
 * do not belong to it out of the folder, and recover again. Nothing was changed.
 */
export class RecoverAmbiguous extends Schema.TaggedError<RecoverAmbiguous>("litetapes/RecoverAmbiguous")(
  "RecoverAmbiguous",
  { tape: Schema.String, files: Schema.Array(Schema.String) }
) {
  override get message() {
    return `files in the folder of tape ${JSON.stringify(this.tape)} contradict each other: ${this.files.join(", ")}. Move those that do not belong to the tape out of its folder, and recover again.`
  }
}

/** There is nothing to recover: the tape, or the lib, can be opened. */
export class NotDamaged extends Schema.TaggedError<NotDamaged>("litetapes/NotDamaged")("NotDamaged", {
  what: Schema.String
}) {
  override get message() {
    return `${this.what} is not damaged, so there is nothing to recover. Open it; if you want it under a new id, clone it.`
  }
}

/**
 * The read would pass a place at which records are lost, and nobody has accepted the loss. `records` is the number of
 * records, null if it is not known; perhaps none are lost then.
 */
export class RecordsLost extends Schema.TaggedError<RecordsLost>("litetapes/RecordsLost")("RecordsLost", {
  tape: Schema.String,
  /** The lost records came before the record with this ordinal. */
  ordinal: Schema.Int,
  records: Schema.NullOr(Schema.Int),
  /** File that was damaged or missing. */
  segment: Schema.String
}) {
  override get message() {
    const many = this.records === null ? "an unknown number of records, perhaps none," : `${this.records} records`
    return `tape ${JSON.stringify(this.tape)} has lost ${many} before ordinal ${this.ordinal}, in ${this.segment}. ${acceptLossAdvice}`
  }
}

/** The lib is a backup: readers may open it, but nobody may write to it. */
export class LibIsBackup extends Schema.TaggedError<LibIsBackup>("litetapes/LibIsBackup")("LibIsBackup", {
  location: Schema.String,
  /** Time of the backup, in ISO 8601. */
  time: Schema.String
}) {
  override get message() {
    return `${this.location} is a backup, made ${this.time}, and is not written to. Open it with mode "read", or make a lib of it in another place with Lib.restore.`
  }
}

/**
 * A backup or a restore into this place was interrupted, or is running. If `restorable`, the backup before it can still
 * be restored; otherwise the place holds no state yet.
 */
export class BackupUnfinished extends Schema.TaggedError<BackupUnfinished>("litetapes/BackupUnfinished")(
  "BackupUnfinished",
  { location: Schema.String, restorable: Schema.Boolean }
) {
  override get message() {
    const next = this.restorable
      ? "Run the backup again, or restore the state before it with Lib.restore."
      : "Run it again: it continues where it stopped."
    return `${this.location}: a backup or restore into this place was interrupted, or is running. ${next}`
  }
}

/** The place is a lib, but not a backup: a backup would overwrite it, and a restore needs a backup. */
export class NotABackup extends Schema.TaggedError<NotABackup>("litetapes/NotABackup")("NotABackup", {
  location: Schema.String,
  why: Schema.String
}) {
  override get message() {
    return `${this.location} cannot be used for this: ${this.why}`
  }
}

/** What refers to a lib from outside, such as a backup of it, has another history than the lib. Nothing was changed. */
export class OtherHistory extends Schema.TaggedError<OtherHistory>("litetapes/OtherHistory")("OtherHistory", {
  location: Schema.String,
  why: Schema.String
}) {
  override get message() {
    return `${this.location} does not belong to the history of this lib: ${this.why}. Use another place, or the lib that it belongs to.`
  }
}
