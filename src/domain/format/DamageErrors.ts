/** Errors of files that are damaged, missing or foreign, and of mending them. */
import * as Shape from "../base/Shape.ts"
import { TaggedError } from "../base/TaggedError.ts"
import { tapeMetaFile } from "./Format.ts"

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

/** Meta is well-formed, but contradicts itself or its limits: a gap, a duplicate, an overlap, a size. */
export class MetaInvalid extends TaggedError<MetaInvalid>("litetapes/MetaInvalid")("MetaInvalid", {
  meta: Shape.String,
  line: Shape.Int,
  /** Byte at which the line begins; absent if the error is not about bytes that were read. */
  offset: Shape.optionalKey(Shape.Int),
  why: Shape.String
}) {
  override get message() {
    return `${placeIn(this.meta, this.line, this.offset)}: ${this.why}${this.offset === undefined ? "" : `. ${mendMeta(this.meta)}`}`
  }
}

/** Bytes of meta are damaged. The segments are not affected: a tape, or a lib, can be recovered. */
export class MetaCorrupt extends TaggedError<MetaCorrupt>("litetapes/MetaCorrupt")("MetaCorrupt", {
  meta: Shape.String,
  line: Shape.Int,
  offset: Shape.Int,
  why: Shape.String
}) {
  override get message() {
    return `${this.meta} is damaged in line ${this.line}, byte ${this.offset}: ${this.why}. ${mendMeta(this.meta)}`
  }
}

/** Two records of a meta follow the same record: two writers wrote to the file. */
export class ForkDetected extends TaggedError<ForkDetected>("litetapes/ForkDetected")("ForkDetected", {
  meta: Shape.String,
  line: Shape.Int,
  offset: Shape.Int
}) {
  override get message() {
    return `${placeIn(this.meta, this.line, this.offset)} follows a record that already has a successor: two writers wrote to this file. Find the other writer. ${mendMeta(this.meta)}`
  }
}

/** A file belongs to another lib or tape, by its own account. */
export class IdentityMismatch extends TaggedError<IdentityMismatch>("litetapes/IdentityMismatch")("IdentityMismatch", {
  file: Shape.String,
  expected: Shape.String,
  found: Shape.String
}) {
  override get message() {
    return `${this.file} belongs to ${this.found}, not to ${this.expected}: it was copied or moved here. Restore the file that belongs here, or run ${this.file.endsWith(tapeMetaFile) ? "recoverTape" : "Lib.recover"}.`
  }
}

/** An epoch does not follow the one before it: an older state was restored, or two writers wrote to the file. */
export class EpochRegression extends TaggedError<EpochRegression>("litetapes/EpochRegression")("EpochRegression", {
  meta: Shape.String,
  line: Shape.Int,
  offset: Shape.optionalKey(Shape.Int),
  epoch: Shape.Int,
  after: Shape.Int
}) {
  override get message() {
    return `${placeIn(this.meta, this.line, this.offset)}: epoch ${this.epoch} comes after epoch ${this.after}, but epochs must ascend. Find out who wrote to this file. ${mendMeta(this.meta)}`
  }
}

/** A file uses a version of the format, a codec or a system record that this version of litetapes does not know. */
export class UnsupportedFormat extends TaggedError<UnsupportedFormat>("litetapes/UnsupportedFormat")(
  "UnsupportedFormat",
  { file: Shape.String, offset: Shape.Int, found: Shape.String }
) {
  override get message() {
    return `${this.file}${atByte(this.offset)}: ${this.found} is not known to this version of litetapes. Upgrade litetapes.`
  }
}

/** The bytes of a segment are not those that meta describes. Other segments are not affected. */
export class SegmentCorrupt extends TaggedError<SegmentCorrupt>("litetapes/SegmentCorrupt")("SegmentCorrupt", {
  tape: Shape.String,
  segment: Shape.String,
  offset: Shape.Int,
  why: Shape.String
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
export class DecompressionLimit extends TaggedError<DecompressionLimit>("litetapes/DecompressionLimit")(
  "DecompressionLimit",
  { tape: Shape.String, segment: Shape.String, offset: Shape.Int, limit: Shape.Int }
) {
  override get message() {
    return `${this.tape}/${this.segment} has a frame at byte ${this.offset} that holds more than ${this.limit} bytes. ${mendSegment}`
  }
}

/** A segment that meta lists does not exist. */
export class SegmentMissing extends TaggedError<SegmentMissing>("litetapes/SegmentMissing")("SegmentMissing", {
  tape: Shape.String,
  segment: Shape.String
}) {
  override get message() {
    return `${this.tape}/${this.segment} is missing. ${mendSegment}`
  }
}

/** Acknowledged bytes of a dynamic segment are damaged. Nothing was changed. */
export class DynamicCorrupt extends TaggedError<DynamicCorrupt>("litetapes/DynamicCorrupt")("DynamicCorrupt", {
  file: Shape.String,
  offset: Shape.Int,
  why: Shape.String
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
export class AckedDataLost extends TaggedError<AckedDataLost>("litetapes/AckedDataLost")("AckedDataLost", {
  location: Shape.String,
  acked: Shape.Int,
  found: Shape.Int,
  file: Shape.String,
  offset: Shape.Int
}) {
  override get message() {
    return `${this.location}: batch ${this.acked} was acknowledged, but the last batch found is ${this.found}, which ends at byte ${this.offset} of ${this.file}. Restore this file, and the dynamic segments after it, from a copy, or run Lib.recover, which keeps everything up to there.`
  }
}

/**
 * Files in a tape's folder contradict each other, and nothing decides which of them belong to the tape. Move those that
 * do not belong to it out of the folder, and recover again. Nothing was changed.
 */
export class RecoverAmbiguous extends TaggedError<RecoverAmbiguous>("litetapes/RecoverAmbiguous")("RecoverAmbiguous", {
  tape: Shape.String,
  files: Shape.Array(Shape.String)
}) {
  override get message() {
    return `files in the folder of tape ${JSON.stringify(this.tape)} contradict each other: ${this.files.join(", ")}. Move those that do not belong to the tape out of its folder, and recover again.`
  }
}

/** There is nothing to recover: the tape, or the lib, can be opened. */
export class NotDamaged extends TaggedError<NotDamaged>("litetapes/NotDamaged")("NotDamaged", {
  what: Shape.String
}) {
  override get message() {
    return `${this.what} is not damaged, so there is nothing to recover. Open it; if you want it under a new id, clone it.`
  }
}

/**
 * The read would pass a place at which records are lost, and nobody has accepted the loss. `records` is the number of
 * records, null if it is not known; perhaps none are lost then.
 */
export class RecordsLost extends TaggedError<RecordsLost>("litetapes/RecordsLost")("RecordsLost", {
  tape: Shape.String,
  /** The lost records came before the record with this ordinal. */
  ordinal: Shape.Int,
  records: Shape.NullOr(Shape.Int),
  /** File that was damaged or missing. */
  segment: Shape.String
}) {
  override get message() {
    const many = this.records === null ? "an unknown number of records, perhaps none," : `${this.records} records`
    return `tape ${JSON.stringify(this.tape)} has lost ${many} before ordinal ${this.ordinal}, in ${this.segment}. ${acceptLossAdvice}`
  }
}
