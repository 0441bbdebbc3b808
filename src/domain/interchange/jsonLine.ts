/** The lines of jsonl: an event as its lib stores it, in canonical JSON. */
import type { RecordedEvent } from "../event/Event.ts"
import { nearest, shown, shownName } from "../format/checkOptions.ts"
import type { Limits } from "../format/Limits.ts"
import { BadLine } from "../json/BadLine.ts"
import * as TaraSON from "../json/TaraSON.ts"
import type { ImportedEvent } from "./ImportedEvent.ts"

/** Returns the line of an event, without its newline. */
export const encodeJsonLine = ({ type, ...rest }: RecordedEvent, limits: Limits): string =>
  TaraSON.encodeValue({ $type: type, ...rest }, limits)

const fields = ["$type", "data", "id", "metadata", "position", "revision", "stream", "tags", "time"] as const

/**
 * Returns the event in a record. The position is not part of it: the event gets a new one.
 *
 * @throws BadLine
 */
export const eventOfJson = (record: TaraSON.JsonObject): ImportedEvent => {
  for (const name in record) {
    if (!(fields as ReadonlyArray<string>).includes(name)) throw new BadLine(whyUnknown(name))
  }
  const { $type: type, data, id, metadata, revision, stream, tags, time } = record
  return {
    type: textOf("$type", type) ?? "",
    stream: textOf("stream", stream) ?? "",
    id: textOf("id", id) ?? "",
    ...(data === undefined ? {} : { data }),
    ...(metadata === undefined ? {} : { metadata: objectOf("metadata", metadata) }),
    ...(tags === undefined ? {} : { tags: textsOf("tags", tags) }),
    ...(time === undefined ? {} : { time: textOf("time", time)! }),
    ...(revision === undefined ? {} : { revision: revision as number })
  }
}

const whyUnknown = (name: string): string => {
  const near = name === "type" ? "$type" : nearest(name, fields)
  const advice = near === undefined ? "put other values into data or metadata" : `did you mean ${near}?`
  return `its field ${shownName(name)} is not known; ${advice}`
}

/** Returns a text, or `undefined` if there is nothing. */
export const textOf = (name: string, value: TaraSON.Json | undefined): string | undefined => {
  if (value === undefined || typeof value === "string") return value
  throw new BadLine(`its ${name} must be a text, not ${shownKind(value)}`)
}

/** Returns an object. */
export const objectOf = (name: string, value: TaraSON.Json): TaraSON.JsonObject => {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as TaraSON.JsonObject
  throw new BadLine(`its ${name} must be an object, not ${shownKind(value)}`)
}

/** Returns an array of texts. */
export const textsOf = (name: string, value: TaraSON.Json): ReadonlyArray<string> => {
  if (Array.isArray(value) && value.every((one) => typeof one === "string")) return value
  throw new BadLine(`its ${name} must be an array of texts`)
}

/** Describes a value without quoting a text of the input. */
const shownKind = (value: TaraSON.Json): string => (typeof value === "string" ? "a text" : shown(value))
