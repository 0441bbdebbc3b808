/** Why a value or a line is not a TaraSON record. Carries where and how much, never the content. */
import * as Schema from "effect/Schema"

const reason = <Tag extends string>(tag: Tag) => Schema.TaggedStruct(tag, {})

/** The reasons, by what the caller should do. */
export const Reason = Schema.Union([
  // change the value
  Schema.TaggedStruct("NotJsonValue", { found: Schema.String }),
  reason("UnrepresentableNumber"),
  reason("IllFormedString"),
  reason("ForbiddenKey"),
  Schema.TaggedStruct("ReservedType", { type: Schema.String }),
  reason("NotARecord"),
  // make it smaller, or raise the lib's limit
  Schema.TaggedStruct("NestingTooDeep", { depthMax: Schema.Int }),
  Schema.TaggedStruct("RecordTooLarge", { bytes: Schema.Int, recordBytesMax: Schema.Int }),
  // the bytes come from elsewhere, or are damaged
  reason("InvalidEncoding"),
  Schema.TaggedStruct("NotJson", { detail: Schema.String }),
  reason("DuplicateKey"),
  reason("NotCanonical"),
  Schema.TaggedStruct("NotAFlatView", { detail: Schema.String })
])

export type Reason = typeof Reason.Type

const hints: { readonly [Tag in Reason["_tag"]]: string } = {
  NotJsonValue: "only null, booleans, finite numbers, strings, arrays and plain objects can be stored",
  UnrepresentableNumber: "store it as a string: a JSON number is a finite double",
  IllFormedString: "a string has a lone surrogate or a Unicode noncharacter",
  ForbiddenKey: "rename the key: `__proto__` is refused everywhere, `constructor` in system records",
  ReservedType: "choose a `$type` outside `LiteTape.` and `LiteLib.`: these are the system's",
  NotARecord: "a record is a JSON object",
  NestingTooDeep: "flatten the value, or raise depthMax when creating the lib",
  RecordTooLarge: "split the record, or raise recordBytesMax when creating the lib",
  InvalidEncoding: "the bytes are not UTF-8 without a byte order mark",
  NotJson: "the bytes are not one JSON text",
  DuplicateKey: "an object has the same key twice",
  NotCanonical: "the line is not in canonical form (RFC 8785)",
  NotAFlatView: "the entries are not the flat view of a record"
}

/**
 * A value cannot be a record, or a line is none.
 *
 * `pointer` is a JSON Pointer (RFC 6901) to the place within the record, `""` for the whole of it. A segment of the
 * pointer is cut at 64 characters.
 */
export class TaraSONError extends Schema.TaggedError<TaraSONError>("litetapes/TaraSONError")("TaraSONError", {
  pointer: Schema.String,
  reason: Reason
}) {
  override get message() {
    return `${this.reason._tag}${this.pointer === "" ? "" : ` at ${this.pointer}`}: ${hints[this.reason._tag]}`
  }
}
