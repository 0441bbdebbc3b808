/** Bad input and its errors: one row for each kind. The cases of the rows are in `cases/`. */
import type * as Effect from "effect/Effect"
import type { StorageService } from "../../support/openLib.ts"

/**
 * Each kind of input, and the tags of its errors or of the reasons within them. Reasons of `StorageError` are words:
 * `unsafe` is "unsafe file type".
 */
export const rows = {
  segmentName: ["segment name that does not match its number; ../, absolute, \\, NUL", ["InvalidSegmentName"]],
  fileType: ["symlink, FIFO, device or folder in place of a file", ["unsafe"]],
  tapeName: ["tape name: .., empty, CON, trailing dot, not NFC, twin by case, > 100 bytes", ["InvalidTapeName"]],
  metaStructure: ["meta with gaps, twins or overlaps", ["MetaInvalid"]],
  identity: [
    "foreign tape id, lower epoch, a number listed twice",
    ["IdentityMismatch", "EpochRegression", "MetaInvalid"]
  ],
  fork: ["two successors of one hash", ["ForkDetected"]],
  lost: ["lost records that contradict their tape", ["MetaInvalid"]],
  unknown: ["unknown format version, codec or LiteTape.* type", ["UnsupportedFormat"]],
  encoding: ["invalid UTF-8, BOM", ["InvalidEncoding"]],
  noNewline: ["closed file without a final newline", ["SegmentCorrupt"]],
  recordSize: ["line over the limit, checked before decoding", ["RecordTooLarge"]],
  depth: ["nesting over 128", ["NestingTooDeep"]],
  duplicateKey: ["duplicate keys in a foreign line", ["DuplicateKey"]],
  forbiddenKey: ["__proto__ as a key anywhere; constructor in system records", ["ForbiddenKey"]],
  illFormed: ["lone surrogate, Unicode noncharacter", ["IllFormedString"]],
  number: [
    "NaN, infinities, a number that overflows, an integer literal that a double changes",
    ["UnrepresentableNumber"]
  ],
  notCanonical: ["a line in a segment that is not its own canonical bytes", ["NotCanonical"]],
  batchSize: ["a batch over the limit", ["BatchTooLarge"]],
  notALib: ["a folder that is neither empty nor a lib", ["LibInvalid"]],
  notJson: ["undefined, function, symbol, BigInt, cycle, non-plain object on append", ["NotJsonValue"]],
  reservedType: ["a user record with $type in LiteTape. or LiteLib.", ["ReservedType"]],
  decompression: ["decompresses to more than meta's raw bytes, or a frame to more than 1 MiB", ["DecompressionLimit"]],
  backup: [
    "a mark or a lineage that does not fit its lib; a backup that is written to or not whole; a place that is something else",
    ["MetaInvalid", "BackupUnfinished", "TapeInvalid", "LibIsBackup", "NotABackup", "OtherHistory", "LibInvalid"]
  ],
  checkpoint: [
    "a checkpoint or a parked event that is damaged, of something else, of a later format, or too large",
    ["CheckpointInvalid", "NewerConsumer", "NotInHistory", "too-large"]
  ],
  line: [
    "a line of an import that is not an event, a file that is not the export to continue",
    ["InvalidLine", "NotAnExport"]
  ],
  keys: [
    "a key that is damaged, of another length or subject, or open to others; ciphertext that was moved, or whose key is another one",
    ["failed", "too-large", "unsafe", "EventSchemaError", "InvalidArgument"]
  ],
  writer: ["locked, read-only, full", ["LibLocked", "ReadOnly", "WriterPoisoned"]],
  argument: ["an option, a field or a value that a call does not take", ["InvalidArgument", "InvalidEvent"]],
  name: ["a name that is not a text", ["InvalidStreamName", "InvalidTapeName", "TapeNotFound"]],
  newness: ["a lib that is not there, or is there already", ["LibNotFound", "LibExists"]],
  clock: ["a clock outside the years 1970 to 9999", ["ClockOutOfRange"]]
} as const satisfies Readonly<Record<string, readonly [input: string, errors: ReadonlyArray<string>]>>

export type RowName = keyof typeof rows

/** The surroundings of a case. */
export interface Ground {
  readonly storage: StorageService
  /** Returns a new path at which nothing exists. */
  readonly place: () => string
}

/** One input, and the error that it must give. */
export interface Case {
  readonly name: string
  /** One of the errors of the row. */
  readonly error: string
  /** Pattern of the message, which says what is wrong and where. */
  readonly says: RegExp
  /** Fails with the error. */
  readonly give: (ground: Ground) => Effect.Effect<unknown, unknown>
}

/** Cases of some rows. */
export type Cases = Partial<Record<RowName, ReadonlyArray<Case>>>

/** Returns the tag of an error and that of the reason within it. */
export const tagsOf = (error: unknown): ReadonlyArray<string> => {
  const { _tag, reason } = error as { readonly _tag?: string; readonly reason?: string | { readonly _tag: string } }
  return [_tag, typeof reason === "string" ? reason : reason?._tag].filter((tag) => tag !== undefined)
}
