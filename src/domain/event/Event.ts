/**
 * The envelope of an event: a record whose keys are in canonical order, so that its line is a template around the
 * canonical forms of `data`, `metadata` and `tags`.
 */
import * as Shape from "../base/Shape.ts"
import { TaggedError } from "../base/TaggedError.ts"
import { nearest, shown, unreadable } from "../format/checkOptions.ts"
import type { Limits } from "../format/Limits.ts"
import { BadLine } from "../json/BadLine.ts"
import { isPlain } from "../json/plainPrototype.ts"
import { encodeEvent, type EncodedEvent } from "./eventEncoder.ts"
import { idBytesMax, isId, noType, problemOfTags, problemOfType } from "./eventTexts.ts"
import { PlacedData } from "./PlacedData.ts"
import * as TaraSON from "../json/TaraSON.ts"

export type { EncodedEvent }

/** An event to append. */
export interface NewEvent {
  /** What happened, in the past tense, such as `OrderPlaced`. */
  readonly type: string
  /** Any lite JSON value. Default: `null`. */
  readonly data?: unknown
  /**
   * Names the event within its stream. If it is appended again, the id is recognised. Default: a new UUIDv7; with the
   * option `commandId`, which excludes ids of your own, an id that is derived from the command.
   */
  readonly id?: string
  /** Anything else about the event. The store knows the keys `correlationId` and `causationId`. Default: `{}`. */
  readonly metadata?: { readonly [key: string]: unknown }
  /**
   * Short texts to filter and query by, such as `web` or `course:17`: at most 64, each of 1 to 256 bytes, none twice.
   * Default: none.
   */
  readonly tags?: ReadonlyArray<string>
}

/** An event as it was stored. */
export interface RecordedEvent {
  /** What happened, such as `OrderPlaced`. */
  readonly type: string
  /** The data that it was appended with; `null` by default. */
  readonly data: TaraSON.Json
  /** Names the event within its stream. */
  readonly id: string
  /** The metadata that it was appended with; `{}` by default. */
  readonly metadata: TaraSON.JsonObject
  /** The tags that it was appended with. */
  readonly tags: ReadonlyArray<string>
  /** Name of its stream, such as `order-17`. */
  readonly stream: string
  /** Place in its stream, from 0, without gaps. */
  readonly revision: number
  /** Place in the lib, from 0, without gaps. */
  readonly position: number
  /** Time of the append, as RFC 3339 in UTC with milliseconds; of an imported event, its time before. */
  readonly time: string
}

/** The type, id, metadata or tags of an event cannot be stored. `index` is its place in the append, from 0. */
export class InvalidEvent extends TaggedError<InvalidEvent>("litetapes/InvalidEvent")("InvalidEvent", {
  stream: Shape.String,
  index: Shape.Int,
  why: Shape.String
}) {
  override get message() {
    return `event ${this.index} for stream ${this.stream} cannot be stored: ${this.why}`
  }
}

export { idBytesMax }

/**
 * Encodes an event for a stream, whose name must be valid (`checkStreamName`). Calls `newId` if the event has no id.
 * `derivedId` is the id that its command gives it, which then has no id of its own.
 *
 * @throws TaraSONError | InvalidEvent | SubjectForgotten
 */
export const encode = (
  stream: string,
  event: NewEvent,
  index: number,
  newId: () => string,
  time: string,
  limits: Limits,
  derivedId?: string,
  marks?: Marks
): EncodedEvent => {
  let data: unknown
  let id: NewEvent["id"]
  let metadata: NewEvent["metadata"]
  let tags: NewEvent["tags"]
  let type: unknown
  let why: string | undefined
  try {
    why = whyNoFields(event)
    // Each is read once, so that the checked values are the ones that are written.
    if (why === undefined) ({ data, id = derivedId, metadata, tags, type } = event)
    // What is not plain is refused when it is written.
    if (marks !== undefined && isPlain(metadata === undefined ? marks : metadata)) metadata = { ...marks, ...metadata }
    why ??= id !== derivedId && derivedId !== undefined ? twoIds : problem({ id, metadata, tags, type })
  } catch {
    why = `it ${unreadable}`
  }
  if (why !== undefined || typeof type !== "string") throw new InvalidEvent({ stream, index, why: why ?? noType })
  const isNamed = id !== undefined
  id ??= newId()
  let placed: PlacedData | undefined
  if (PlacedData.is(data)) {
    placed = data
    data = placed.at(stream, id, isNamed)
  }
  return encodeEvent({ type, data, id, isNamed, placed, metadata, tags, stream, time, index }, limits)
}

/** What the options of an append set in the metadata of every event that does not have it itself. */
export interface Marks {
  readonly correlationId?: string
  readonly causationId?: string
}

/** Returns why this is not an object with the fields of an event, or `undefined`. Inherited names do not count. */
const whyNoFields = (event: unknown): string | undefined => {
  if (typeof event !== "object" || event === null) return `it must be an object, not ${shown(event)}`
  for (const name in event) {
    switch (name) {
      case "type":
      case "data":
      case "id":
      case "metadata":
      case "tags":
        continue
      default:
        if (Object.hasOwn(event, name)) return whyUnknown(name)
    }
  }
  return undefined
}

const fields = ["type", "data", "id", "metadata", "tags"] as const satisfies ReadonlyArray<keyof NewEvent>

const whyUnknown = (name: string): string => {
  const near = nearest(name, fields)
  const advice = near === undefined ? "put other values into data or metadata" : `did you mean ${near}?`
  return `its field ${shown(name)} is not known; ${advice}`
}

const twoIds =
  "it has an id, but the append has a commandId, from which the ids of its events are derived. Leave one of them out"

/**
 * Checks the id of a command, from which the ids of its events are derived.
 *
 * @throws InvalidEvent
 */
export const checkCommandId = (stream: string, commandId: unknown): void => {
  if (!isId(commandId))
    throw new InvalidEvent({
      stream,
      index: 0,
      why: `its commandId must be a well-formed text of 1 to ${idBytesMax} bytes`
    })
}

/**
 * Returns the content of a stored event, to compare it with that of an event to append (`EncodedEvent.content`).
 * Metadata does not belong to it: a retry comes with another trace (decision 0045).
 */
export const content = ({ data, tags, type }: RecordedEvent, limits: Limits): string =>
  [type, data, tags].map((value) => TaraSON.encodeValue(value, limits)).join("\n")

/** Returns whether two contents are those of the same event: the same type, data, and set of tags. */
export const isSameContent = (one: string, other: string): boolean => {
  if (one === other) return true
  // Canonical JSON has no raw newline, so the tags follow the last one.
  const [end, otherEnd] = [one.lastIndexOf("\n"), other.lastIndexOf("\n")]
  if (one.slice(0, end) !== other.slice(0, otherEnd)) return false
  const [tags, otherTags] = [tagsIn(one.slice(end + 1)), tagsIn(other.slice(otherEnd + 1))]
  return tags.size === otherTags.size && [...tags].every((tag) => otherTags.has(tag))
}

const tagsIn = (text: string): Set<string> => new Set(TaraSON.parseTrusted(text) as ReadonlyArray<string>)

type Checked = { readonly [Key in "id" | "metadata" | "tags"]: NewEvent[Key] } & { readonly type: unknown }

const problem = ({ id, metadata, tags, type }: Checked): string | undefined => {
  const why = problemOfType(type)
  if (why !== undefined) return why
  if (id !== undefined && !isId(id)) {
    return `its id must be a well-formed text of 1 to ${idBytesMax} bytes`
  }
  if (metadata !== undefined && (typeof metadata !== "object" || metadata === null || Array.isArray(metadata))) {
    return "its metadata must be an object"
  }
  const wrong = tags === undefined ? undefined : problemOfTags(tags)
  return wrong === undefined ? undefined : `its tags${wrong.below} ${wrong.why}`
}

/**
 * Returns the event in a record whose bytes were checked before. A checksum matches whatever was hashed, so this checks
 * that the record is an event, since all later code relies on it.
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
    throw new BadLine("it is not an event: a field is missing or has the wrong type")
  }
  return { type, data, id, metadata, tags, stream, revision, position, time }
}

const isCount = (value: TaraSON.Json | undefined): value is number => Number.isSafeInteger(value) && Number(value) >= 0

const isObject = (value: TaraSON.Json | undefined): value is TaraSON.JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const isTexts = (value: TaraSON.Json | undefined): value is ReadonlyArray<string> =>
  Array.isArray(value) && value.every((one) => typeof one === "string")

/**
 * Returns the event in a line whose bytes were checked before.
 *
 * @throws BadLine | TaraSONError
 */
export const decodeLine = (line: Uint8Array): RecordedEvent =>
  fromRecord(
    TaraSON.parseTrusted(Buffer.from(line.buffer, line.byteOffset, line.length).toString("utf8")) as TaraSON.JsonObject
  )
