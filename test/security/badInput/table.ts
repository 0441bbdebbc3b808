/** Bad input and the error that it gives: one row for each kind. What shows each row is in `cases/`. */
import type * as Effect from "effect/Effect"
import type { StorageService } from "../../support/openLib.ts"

/**
 * Input, and the tags of errors, or of the reasons within them, that it may give. Reasons of `StorageError` are words:
 * `unsafe` is "unsafe file type".
 */
export const rows = {
  segmentName: ["segment name that is not the one its number gives; ../, absolute, \\, NUL", ["InvalidSegmentName"]],
  fileType: ["symlink, FIFO, device or folder where a file should be", ["unsafe"]],
  tapeName: ["tape name: .., empty, CON, trailing dot, not NFC, twin by case, > 100 bytes", ["InvalidTapeName"]],
  metaStructure: ["meta with gaps, twins or overlaps", ["MetaInvalid"]],
  identity: [
    "foreign tape id, lower epoch, a number listed twice",
    ["IdentityMismatch", "EpochRegression", "MetaInvalid"]
  ],
  fork: ["two successors of one hash", ["ForkDetected"]],
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
  writer: ["locked, read-only, full", ["LibLocked", "ReadOnly", "WriterPoisoned"]]
} as const satisfies Readonly<Record<string, readonly [input: string, errors: ReadonlyArray<string>]>>

export type RowName = keyof typeof rows

/** Where a case happens. */
export interface Ground {
  readonly storage: StorageService
  /** A path at which nothing is yet. */
  readonly place: () => string
}

/** One input, and what is said of it. */
export interface Case {
  readonly name: string
  /** One of the row's errors. */
  readonly error: string
  /** What is wrong, and where. */
  readonly says: RegExp
  /** Fails with the error. */
  readonly give: (ground: Ground) => Effect.Effect<unknown, unknown>
}

/** Cases of some rows. */
export type Cases = Partial<Record<RowName, ReadonlyArray<Case>>>

/** The tag of an error and of the reason within it. */
export const tagsOf = (error: unknown): ReadonlyArray<string> => {
  const { _tag, reason } = error as { readonly _tag?: string; readonly reason?: string | { readonly _tag: string } }
  return [_tag, typeof reason === "string" ? reason : reason?._tag].filter((tag) => tag !== undefined)
}
