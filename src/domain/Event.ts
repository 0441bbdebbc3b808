/**
 * The envelope of an event: a record whose keys stand in canonical order, so that its line is a template around the
 * canonical forms of `data`, `metadata` and `tags`.
 */
import * as Schema from "effect/Schema"
import type { Limits } from "./Limits.ts"
import { isReservedType } from "./Format.ts"
import { BadLine } from "./internal/BadLine.ts"
import * as TaraSON from "./TaraSON.ts"
import { TaraSONError } from "./TaraSONError.ts"

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

/** An event, encoded but for its revision and its position: those are given when its batch is sealed. */
export interface Encoded {
  readonly id: string
  readonly type: string
  /** What makes two events with one id the same: type, data, metadata, tags. */
  readonly content: string
  readonly line: (position: number, revision: number) => string
  /** The most bytes that the line can have, with its newline. */
  readonly bytesMax: number
}

export const idBytesMax = 256
const typeBytesMax = 256
const tagsMax = 64

/** Digits of the largest position and revision. */
const numberBytesMax = 16

/**
 * Encodes an event. `id` is used where the event names none.
 *
 * @throws TaraSONError | InvalidEvent
 */
export const encode = (
  stream: { readonly name: string; readonly text: string },
  event: NewEvent,
  index: number,
  id: string,
  time: string,
  limits: Limits
): Encoded => {
  // Once: what is checked is what is written.
  const { type: name } = event
  const why = problem(event, name)
  if (why !== undefined) throw new InvalidEvent({ stream: stream.name, index, why })
  const inner = innerLimits(limits)
  // The type is good: should something have made room in the meantime, it is only quoted again.
  const type = quotedTypes.get(name) ?? JSON.stringify(name)
  const data = event.data === undefined ? "null" : TaraSON.encodeValue(event.data, inner)
  const metadata = event.metadata === undefined ? "{}" : TaraSON.encodeValue(event.metadata, inner)
  const tags = event.tags === undefined ? "[]" : TaraSON.encodeValue(event.tags, inner)
  const head = `{"$type":${type},"data":${data},"id":${JSON.stringify(id)},"metadata":${metadata},"position":`
  const tail = `,"stream":${stream.text},"tags":${tags},"time":"${time}"}`
  const bytes = byteLength(head) + byteLength(tail) + numberBytesMax * 2 + 13
  if (bytes > limits.recordBytesMax) {
    const { recordBytesMax } = limits
    throw new TaraSONError({ pointer: "", reason: { _tag: "RecordTooLarge", bytes, recordBytesMax } })
  }
  return {
    id,
    type: name,
    get content() {
      return contentOf(type, data, metadata, tags)
    },
    line: (position, revision) => `${head}${position},"revision":${revision}${tail}`,
    bytesMax: bytes
  }
}

/** The limits of what stands within an event. */
const innerLimits = (limits: Limits): Limits => {
  let inner = innerOf.get(limits)
  if (inner === undefined) {
    inner = { ...limits, depthMax: limits.depthMax - 1 }
    innerOf.set(limits, inner)
  }
  return inner
}

const innerOf = new WeakMap<Limits, Limits>()

const byteLength = (text: string): number => Buffer.byteLength(text, "utf8")

const contentOf = (type: string, data: string, metadata: string, tags: string): string =>
  `${type}\n${data}\n${metadata}\n${tags}`

/** The content of a stored event, to be compared with that of one that is to be appended. */
export const content = (event: RecordedEvent, limits: Limits): string =>
  contentOf(
    JSON.stringify(event.type),
    TaraSON.encodeValue(event.data, limits),
    TaraSON.encodeValue(event.metadata, limits),
    TaraSON.encodeValue(event.tags, limits)
  )

const problem = (event: NewEvent, type: string): string | undefined => {
  const { id, tags, metadata } = event
  const why = quotedTypes.has(type) ? undefined : problemOfType(type)
  if (why !== undefined) return why
  if (id !== undefined && (typeof id !== "string" || id === "" || !isText(id, idBytesMax))) {
    return `its id must be a well-formed text of 1 to ${idBytesMax} bytes`
  }
  if (metadata !== undefined && (typeof metadata !== "object" || metadata === null || Array.isArray(metadata))) {
    return "its metadata must be an object"
  }
  if (tags !== undefined) {
    if (!Array.isArray(tags) || tags.some((tag) => typeof tag !== "string")) return "its tags must be texts"
    if (tags.length > tagsMax) return `it has more than ${tagsMax} tags`
  }
  return undefined
}

/** Types that are good, each as a JSON string: applications have few, and use them again and again. */
const quotedTypes = new Map<string, string>()
const quotedTypesMax = 1000

const problemOfType = (type: unknown): string | undefined => {
  if (typeof type !== "string" || type === "") return "its type must be a text that is not empty"
  if (isReservedType(type)) return `the type ${type} is reserved: choose one outside LiteTape. and LiteLib.`
  if (!isText(type, typeBytesMax)) return `its type has more than ${typeBytesMax} bytes or is not well-formed`
  if (quotedTypes.size >= quotedTypesMax) quotedTypes.clear()
  quotedTypes.set(type, JSON.stringify(type))
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
