/** Why a value or a line is not a TaraSON record. Errors contain places and sizes, never content. */
import * as Shape from "../base/Shape.ts"
import { plainError } from "../base/PlainError.ts"
import { adviceOn } from "./kindOf.ts"

const reason = <Tag extends string>(tag: Tag) => Shape.TaggedStruct(tag, {})

/** The reasons, grouped by what the caller should do. */
export const Reason = Shape.Union([
  // change the value
  Shape.TaggedStruct("NotJsonValue", { found: Shape.String }),
  reason("UnrepresentableNumber"),
  reason("IllFormedString"),
  reason("ForbiddenKey"),
  Shape.TaggedStruct("ReservedType", { type: Shape.String }),
  reason("NotARecord"),
  // make it smaller, or raise the lib's limit
  Shape.TaggedStruct("NestingTooDeep", { depthMax: Shape.Int }),
  Shape.TaggedStruct("RecordTooLarge", { bytes: Shape.Int, recordBytesMax: Shape.Int }),
  // the bytes come from elsewhere, or are damaged
  reason("InvalidEncoding"),
  Shape.TaggedStruct("NotJson", { detail: Shape.String }),
  reason("DuplicateKey"),
  reason("NotCanonical"),
  Shape.TaggedStruct("NotAFlatView", { detail: Shape.String })
])

export type Reason = typeof Reason.Type

type HintOf<Tag extends Reason["_tag"]> = (reason: Extract<Reason, { readonly _tag: Tag }>) => string

const hints: { readonly [Tag in Reason["_tag"]]: HintOf<Tag> } = {
  NotJsonValue: ({ found }) => `found ${found}; ${adviceOn(found)}`,
  UnrepresentableNumber: () =>
    "a JSON number is a finite double, and this one is not finite or would become another number; store it as a string",
  IllFormedString: () =>
    "a string has a lone surrogate or a Unicode noncharacter; remove or replace it (`toWellFormed()`, `/\\p{Noncharacter_Code_Point}/gu`)",
  ForbiddenKey: () => "`__proto__` is refused everywhere, `constructor` in system records; rename the key",
  ReservedType: () => "types that begin with `LiteTape.` or `LiteLib.` are reserved; choose another `$type`",
  NotARecord: () => "a record is a JSON object",
  NestingTooDeep: ({ depthMax }) =>
    `containers are nested more than ${depthMax} deep; flatten the value, or create a lib with a higher depthMax`,
  RecordTooLarge: ({ bytes, recordBytesMax }) =>
    `the record has at least ${bytes} bytes, the limit is ${recordBytesMax}; split it, or create a lib with a higher recordBytesMax`,
  InvalidEncoding: () => "the bytes are not UTF-8 without a byte order mark",
  NotJson: ({ detail }) => `the text is not one JSON value: ${detail}`,
  DuplicateKey: () => "an object has the same key twice",
  NotCanonical: () => "the line is not in canonical form (RFC 8785)",
  NotAFlatView: ({ detail }) => `the entries are not the flat view of a record: ${detail}`
}

const hintOf = (reason: Reason): string => (hints[reason._tag] as (reason: Reason) => string)(reason)

/**
 * A value cannot be a record, or a line is not one.
 *
 * `pointer` is a JSON Pointer (RFC 6901) to the place within the record, `""` for the whole of it. Each segment of the
 * pointer is cut at 64 characters. In an append of events, `stream`, `index` and `field` name the value, and `pointer` is
 * the place within that field.
 */
export class TaraSONError extends plainError<TaraSONError>("litetapes/TaraSONError")("TaraSONError", {
  pointer: Shape.String,
  reason: Reason,
  /** Stream that the event was to be appended to. */
  stream: Shape.optionalKey(Shape.String),
  /** Place in the list of events to append, from 0. */
  index: Shape.optionalKey(Shape.Int),
  /** Field of the event; absent if all fields together are too large. */
  field: Shape.optionalKey(Shape.Literals(["data", "metadata", "tags"]))
}) {
  override get message() {
    const { field, index, pointer, reason, stream } = this
    const what = `${reason._tag}${pointer === "" ? "" : ` at ${pointer}`}: ${hintOf(reason)}`
    if (stream === undefined) return what
    const event = `event ${index} for stream ${JSON.stringify(stream)}`
    return `${field === undefined ? "" : `the ${field} of `}${event} cannot be stored: ${what}`
  }
}

/** Field of an event that a value is written for. */
export type EventField = NonNullable<TaraSONError["field"]>
