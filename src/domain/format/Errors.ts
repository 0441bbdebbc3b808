/**
 * What can go wrong with a lib, a tape or a segment, as typed errors. Each says what to do next; none carries payloads.
 *
 * Errors of one record are in `TaraSONError`, of names in `Names`, of event streams in `EventErrors`.
 */
import * as Schema from "effect/Schema"

/** The folder is not a lib that can be opened: it holds something else, or its meta is missing. */
export class LibInvalid extends Schema.TaggedError<LibInvalid>("litetapes/LibInvalid")("LibInvalid", {
  location: Schema.String,
  why: Schema.String
}) {
  override get message() {
    return `${this.location} is not a lib: ${this.why}`
  }
}

/** Another writer has the lib open. Wait for it, or open with `mode: "read"`. */
export class LibLocked extends Schema.TaggedError<LibLocked>("litetapes/LibLocked")("LibLocked", {
  location: Schema.String
}) {
  override get message() {
    return `${this.location} is open for writing elsewhere: one writer at a time; readers open with mode "read"`
  }
}

/** The lib was opened for reading, or its place cannot be written to. */
export class ReadOnly extends Schema.TaggedError<ReadOnly>("litetapes/ReadOnly")("ReadOnly", {
  location: Schema.String
}) {
  override get message() {
    return `${this.location} is open for reading only: open it with mode "write"`
  }
}

/** The handle's scope has closed. */
export class LibClosed extends Schema.TaggedError<LibClosed>("litetapes/LibClosed")("LibClosed", {
  location: Schema.String
}) {
  override get message() {
    return `${this.location} has been closed: keep its scope open while you use it`
  }
}

/** The lib was made with other settings than it is opened with. They are fixed when it is created. */
export class SettingsMismatch extends Schema.TaggedError<SettingsMismatch>("litetapes/SettingsMismatch")(
  "SettingsMismatch",
  { location: Schema.String, setting: Schema.String, stored: Schema.String, given: Schema.String }
) {
  override get message() {
    return `${this.location} was created with ${this.setting} ${this.stored}, not ${this.given}: leave it out or give the stored one`
  }
}

/** A new lib cannot have such a setting. Nothing was made. */
export class InvalidSettings extends Schema.TaggedError<InvalidSettings>("litetapes/InvalidSettings")(
  "InvalidSettings",
  { location: Schema.String, setting: Schema.String, why: Schema.String }
) {
  override get message() {
    return `${this.location} cannot be made: ${this.setting} ${this.why}`
  }
}

/** Where a line of meta begins, for messages; nothing where what is wrong is not in the file. */
const atByte = (offset: number | undefined): string => (offset === undefined ? "" : `, byte ${offset}`)

/** Meta is well-formed, but what it says cannot be: a gap, a twin, an overlap. */
export class MetaInvalid extends Schema.TaggedError<MetaInvalid>("litetapes/MetaInvalid")("MetaInvalid", {
  meta: Schema.String,
  line: Schema.Int,
  /** Where that line begins; absent where it is not about bytes that were read. */
  offset: Schema.optionalKey(Schema.Int),
  why: Schema.String
}) {
  override get message() {
    return `${this.meta} line ${this.line}${atByte(this.offset)}: ${this.why}`
  }
}

/** Bytes of meta are damaged. A tape can be recovered into a new one; its segments are untouched. */
export class MetaCorrupt extends Schema.TaggedError<MetaCorrupt>("litetapes/MetaCorrupt")("MetaCorrupt", {
  meta: Schema.String,
  line: Schema.Int,
  offset: Schema.Int,
  why: Schema.String
}) {
  override get message() {
    return `${this.meta} is damaged in line ${this.line}, byte ${this.offset}: ${this.why}`
  }
}

/** Two records follow the same one: two writers wrote here. */
export class ForkDetected extends Schema.TaggedError<ForkDetected>("litetapes/ForkDetected")("ForkDetected", {
  meta: Schema.String,
  line: Schema.Int,
  offset: Schema.Int
}) {
  override get message() {
    return `${this.meta} line ${this.line}${atByte(this.offset)}, follows a record that already has a successor: two writers wrote to it`
  }
}

/** A file says that it belongs to another lib or tape. */
export class IdentityMismatch extends Schema.TaggedError<IdentityMismatch>("litetapes/IdentityMismatch")(
  "IdentityMismatch",
  { file: Schema.String, expected: Schema.String, found: Schema.String }
) {
  override get message() {
    return `${this.file} belongs to ${this.found}, not to ${this.expected}: it was copied or moved here`
  }
}

/** An epoch does not follow the one before it: an old state was put back. */
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
    return `${this.meta} line ${this.line}${atByte(this.offset)}: epoch ${this.epoch} comes after epoch ${this.after}`
  }
}

/** Written by a version of the format, with a codec or a system record that this version does not know. */
export class UnsupportedFormat extends Schema.TaggedError<UnsupportedFormat>("litetapes/UnsupportedFormat")(
  "UnsupportedFormat",
  { file: Schema.String, offset: Schema.Int, found: Schema.String }
) {
  override get message() {
    return `${this.file}${atByte(this.offset)}: ${this.found} is not known to this version of litetapes: upgrade it`
  }
}

/** A segment's bytes are not those that meta names. The other segments are not touched by this. */
export class SegmentCorrupt extends Schema.TaggedError<SegmentCorrupt>("litetapes/SegmentCorrupt")("SegmentCorrupt", {
  tape: Schema.String,
  segment: Schema.String,
  offset: Schema.Int,
  why: Schema.String
}) {
  override get message() {
    return `${this.tape}/${this.segment} is damaged at byte ${this.offset}: ${this.why}: restore this file from a copy`
  }
}

/**
 * A frame of a compressed segment holds more than it may: it is damaged, or was made to fill memory. Nothing beyond the
 * limit was decompressed.
 */
export class DecompressionLimit extends Schema.TaggedError<DecompressionLimit>("litetapes/DecompressionLimit")(
  "DecompressionLimit",
  { tape: Schema.String, segment: Schema.String, offset: Schema.Int, limit: Schema.Int }
) {
  override get message() {
    return `${this.tape}/${this.segment} has a frame at byte ${this.offset} that holds more than ${this.limit} bytes: restore this file from a copy`
  }
}

/** A segment that meta lists is not there. */
export class SegmentMissing extends Schema.TaggedError<SegmentMissing>("litetapes/SegmentMissing")("SegmentMissing", {
  tape: Schema.String,
  segment: Schema.String
}) {
  override get message() {
    return `${this.tape}/${this.segment} is missing: restore this file from a copy`
  }
}

/** Acknowledged bytes of a dynamic segment are damaged. Nothing was changed. */
export class DynamicCorrupt extends Schema.TaggedError<DynamicCorrupt>("litetapes/DynamicCorrupt")("DynamicCorrupt", {
  file: Schema.String,
  offset: Schema.Int,
  why: Schema.String
}) {
  override get message() {
    return `${this.file} is damaged at byte ${this.offset}, within acknowledged data: ${this.why}: restore it from a copy`
  }
}

/**
 * A batch was acknowledged in this run of the system, or before the last opening, and is gone: the disk lied, or a file
 * was put back. `file` and `offset` say where the batches that are here end; what is lost stood there, or in the files of
 * that kind that follow.
 */
export class AckedDataLost extends Schema.TaggedError<AckedDataLost>("litetapes/AckedDataLost")("AckedDataLost", {
  location: Schema.String,
  acked: Schema.Int,
  found: Schema.Int,
  file: Schema.String,
  offset: Schema.Int
}) {
  override get message() {
    return `${this.location}: batch ${this.acked} was acknowledged, but the last one here is ${this.found}, which ends at byte ${this.offset} of ${this.file}: restore that file, and those that follow it, from a copy`
  }
}

/** A reader could not get a view that holds still, in eight tries. */
export class ReaderBusy extends Schema.TaggedError<ReaderBusy>("litetapes/ReaderBusy")("ReaderBusy", {
  location: Schema.String
}) {
  override get message() {
    return `${this.location} changed under the reader again and again: try again`
  }
}

/** There is no tape of that name in this lib. */
export class TapeNotFound extends Schema.TaggedError<TapeNotFound>("litetapes/TapeNotFound")("TapeNotFound", {
  tape: Schema.String
}) {
  override get message() {
    return `no tape ${JSON.stringify(this.tape)} in this lib: create it first`
  }
}

/** There is a tape of that name already. */
export class TapeExists extends Schema.TaggedError<TapeExists>("litetapes/TapeExists")("TapeExists", {
  tape: Schema.String
}) {
  override get message() {
    return `a tape ${JSON.stringify(this.tape)} exists already in this lib`
  }
}

/** The tape's folder has no meta. Put it back, or recover the tape into a new one. */
export class TapeInvalid extends Schema.TaggedError<TapeInvalid>("litetapes/TapeInvalid")("TapeInvalid", {
  tape: Schema.String,
  why: Schema.String
}) {
  override get message() {
    return `tape ${JSON.stringify(this.tape)} is invalid: ${this.why}`
  }
}

/** The tape is archived: it can be read. Activate it to append. */
export class TapeArchived extends Schema.TaggedError<TapeArchived>("litetapes/TapeArchived")("TapeArchived", {
  tape: Schema.String
}) {
  override get message() {
    return `tape ${JSON.stringify(this.tape)} is archived and refuses appends: activate it first`
  }
}

/** The tape belongs to the event store, which alone appends to it. */
export class TapeOwned extends Schema.TaggedError<TapeOwned>("litetapes/TapeOwned")("TapeOwned", {
  tape: Schema.String
}) {
  override get message() {
    return `tape ${JSON.stringify(this.tape)} holds events: append to it through the event store`
  }
}

/** One batch holds more than the lib's limit. */
export class BatchTooLarge extends Schema.TaggedError<BatchTooLarge>("litetapes/BatchTooLarge")("BatchTooLarge", {
  bytes: Schema.Int,
  batchBytesMax: Schema.Int
}) {
  override get message() {
    return `the batch has ${this.bytes} bytes, the limit is ${this.batchBytesMax}: split it, or raise batchBytesMax when creating the lib`
  }
}

/**
 * A write or a sync failed while this was being committed. The batch may be found at the next open, or not: it is
 * never partly there. Open the lib again and look.
 */
export class CommitOutcomeUnknown extends Schema.TaggedError<CommitOutcomeUnknown>("litetapes/CommitOutcomeUnknown")(
  "CommitOutcomeUnknown",
  { location: Schema.String, cause: Schema.String }
) {
  override get message() {
    return `it is not known whether the batch was committed to ${this.location} (${this.cause}): open the lib again and look`
  }
}

/** An earlier write or sync failed, so this writer has stopped for good. Reads go on. Open the lib again to write. */
export class WriterPoisoned extends Schema.TaggedError<WriterPoisoned>("litetapes/WriterPoisoned")("WriterPoisoned", {
  location: Schema.String,
  cause: Schema.String
}) {
  override get message() {
    return `the writer of ${this.location} stopped after a failure (${this.cause}): close the lib and open it again`
  }
}

/**
 * Files in a tape's folder say the same in more than one way, and nothing tells which of them are the tape's. Move those
 * that are not out of the folder, and recover again. Nothing was changed.
 */
export class RecoverAmbiguous extends Schema.TaggedError<RecoverAmbiguous>("litetapes/RecoverAmbiguous")(
  "RecoverAmbiguous",
  { tape: Schema.String, files: Schema.Array(Schema.String) }
) {
  override get message() {
    return `it cannot be told which of ${this.files.join(", ")} belong to ${JSON.stringify(this.tape)}: move those that do not out of its folder, and recover again`
  }
}

/** There is nothing to recover: the tape, or the lib, opens as it is. */
export class NotDamaged extends Schema.TaggedError<NotDamaged>("litetapes/NotDamaged")("NotDamaged", {
  what: Schema.String
}) {
  override get message() {
    return `${this.what} needs no recovery: it opens as it is; clone it for a new identity`
  }
}
