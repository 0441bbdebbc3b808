/**
 * The envelope of an event: a record whose keys stand in canonical order, so that its line is a template around the
 * canonical forms of `data`, `metadata` and `tags`.
 */
import * as Schema from "effect/Schema"
import type { Limits } from "../format/Limits.ts"
import { isReservedType } from "../format/Format.ts"
import { BadLine } from "../json/BadLine.ts"
import { encodeEvent, type EncodedEvent } from "./eventEncoder.ts"
import * as TaraSON from "../json/TaraSON.ts"

export type { EncodedEvent }

/** An event to be appended. */
export interface NewEvent {
  /** What happened, in the past tense: `OrderPlaced`. */
  readonly type: string
  /** Any lite JSON value; `null` unless given. */
  readonly data?: unknown
  /** Names the event within its stream; appending it again is recognised. A UUIDv7 unless given. */
  readonly id?: string
  /** Anything about the event that is not what happened; `correlationId` and `causationId` have their meaning. */
  readonly metadata?: { readonly [key: string]: unknown }
  /** Short words to filter by. */
  readonly tags?: ReadonlyArray<string>
}

/** An event as it was stored. */
export interface RecordedEvent {
  readonly type: string
  readonly data: TaraSON.Json
  readonly id: string
  readonly metadata: TaraSON.JsonObject
  readonly tags: ReadonlyArray<string>
  readonly stream: string
  /** Place in its stream, from 0, without gaps. */
  readonly revision: number
  /** Place in the lib, from 0, without gaps. */
  readonly position: number
  /** When it was appended, as RFC 3339 in UTC with milliseconds. */
  readonly time: string
}

/** An event whose type, id, metadata or tags cannot be stored. */
export class InvalidEvent extends Schema.TaggedError<InvalidEvent>("litetapes/InvalidEvent")("InvalidEvent", {
  stream: Schema.String,
  index: Schema.Int,
  why: Schema.String
}) {
  override get message() {
    return `event ${this.index} for ${this.stream} cannot be stored: ${this.why}`
  }
}

export const idBytesMax = 256
const typeBytesMax = 256
const tagsMax = 64

/**
 * Encodes an event for the stream of that name, which must be one (`checkStreamName`). `newId` is asked where the event
 * names none.
 *
 * @throws TaraSONError | InvalidEvent
 */
export const encode = (
  stream: string,
  event: NewEvent,
  index: number,
  newId: () => string,
  time: string,
  limits: Limits
): EncodedEvent => {
  // Once each: what is checked is what is written.
  const { data, id, metadata, tags, type } = event
  const why = problem({ id, metadata, tags, type })
  if (why !== undefined) throw new InvalidEvent({ stream, index, why })
  const isNamed = id !== undefined
  return encodeEvent({ type, data, id: isNamed ? id : newId(), isNamed, metadata, tags, stream, time }, limits)
}

const byteLength = (text: string): number => Buffer.byteLength(text, "utf8")

/** The content of a stored event, to be compared with that of one that is to be appended (`EncodedEvent.content`). */
export const content = ({ data, metadata, tags, type }: RecordedEvent, limits: Limits): string =>
  [type, data, metadata, tags].map((value) => TaraSON.encodeValue(value, limits)).join("\n")

type Checked = { readonly [Key in "id" | "metadata" | "tags" | "type"]: NewEvent[Key] }

const problem = ({ id, metadata, tags, type }: Checked): string | undefined => {
  const why = goodTypes.has(type) ? undefined : problemOfType(type)
  if (why !== undefined) return why
  if (id !== undefined && (typeof id !== "string" || id === "" || !isText(id, idBytesMax))) {
    return `its id must be a well-formed text of 1 to ${idBytesMax} bytes`
  }
  if (metadata !== undefined && (typeof metadata !== "object" || metadata === null || Array.isArray(metadata))) {
    return "its metadata must be an object"
  }
  if (tags !== undefined) {
    if (!Array.isArray(tags) || !isAllTexts(tags)) return "its tags must be texts"
    if (tags.length > tagsMax) return `it has more than ${tagsMax} tags`
  }
  return undefined
}

/** Without a method that the array may have been given: it is the caller's. */
const isAllTexts = (values: ReadonlyArray<unknown>): boolean => {
  for (let index = 0; index < values.length; index++) if (typeof values[index] !== "string") return false
  return true
}

/** Types that are good: applications have few, and use them again and again. */
const goodTypes = new Set<string>()
const goodTypesMax = 1000

const problemOfType = (type: unknown): string | undefined => {
  if (typeof type !== "string" || type === "") return "its type must be a text that is not empty"
  if (isReservedType(type)) return `the type ${type} is reserved: choose one outside LiteTape. and LiteLib.`
  if (!isText(type, typeBytesMax)) return `its type has more than ${typeBytesMax} bytes or is not well-formed`
  if (goodTypes.size >= goodTypesMax) goodTypes.clear()
  goodTypes.add(type)
  return undefined
}

const nonCharacters = /[\u{fdd0}-\u{fdef}]|[\u{fffe}\u{ffff}]|\p{Noncharacter_Code_Point}/u

const isText = (text: string, bytesMax: number): boolean =>
  text.isWellFormed() && byteLength(text) <= bytesMax && !nonCharacters.test(text)

/**
 * An event from its record, whose bytes were checked before. Hashes are right for whatever was hashed: that the record
 * is an event is looked at here, since everything behind counts on it.
 *
 * @throws BadLine
 */
export const fromRecord = (record: TaraSON.JsonObject): RecordedEvent => {
  const { $type: type, data, id, metadata, position, revision, stream, tags, time } = record
  if (
    typeof type !== "string" ||
    data === undefined ||
    typeof id !== "string" ||
    !isObject(metadata) ||
    !isCount(position) ||
    !isCount(revision) ||
    typeof stream !== "string" ||
    !isTexts(tags) ||
    typeof time !== "string"
  ) {
    throw new BadLine("it is no event: a field is missing, or is of another kind")
  }
  return { type, data, id, metadata, tags, stream, revision, position, time }
}

const isCount = (value: TaraSON.Json | undefined): value is number => Number.isSafeInteger(value) && Number(value) >= 0

const isObject = (value: TaraSON.Json | undefined): value is TaraSON.JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const isTexts = (value: TaraSON.Json | undefined): value is ReadonlyArray<string> =>
  Array.isArray(value) && value.every((one) => typeof one === "string")

/**
 * An event from a line whose bytes were checked before.
 *
 * @throws BadLine | TaraSONError
 */
export const decodeLine = (line: Uint8Array): RecordedEvent =>
  fromRecord(
    TaraSON.parseTrusted(Buffer.from(line.buffer, line.byteOffset, line.length).toString("utf8")) as TaraSON.JsonObject
  )
