/**
 * Events as CloudEvents 1.0 in the JSON format, structured mode (docs/guide/interchange.md).
 *
 * @see https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md
 * @see https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md
 */
import { Buffer } from "node:buffer"
import type { RecordedEvent } from "../event/Event.ts"
import type { Limits } from "../format/Limits.ts"
import { BadLine } from "../json/BadLine.ts"
import { describeError } from "../json/describeError.ts"
import * as TaraSON from "../json/TaraSON.ts"
import { type ImportedEvent, storedTime } from "./ImportedEvent.ts"
import { objectOf, textOf, textsOf } from "./jsonLine.ts"

const specversion = "1.0"
const json = "application/json"

/** Digits of `sequence`: consumers compare it as a text. */
const sequenceDigits = 16

/** Returns the line of an event of a lib, without its newline. */
export const encodeCloudEvent = (event: RecordedEvent, lib: string, limits: Limits): string => {
  const { data, id, metadata, position, revision, stream, tags, time, type } = event
  const attributes = {
    specversion,
    id,
    source: `${ourSource}${lib}/${encodeURIComponent(stream)}`,
    type,
    subject: stream,
    time,
    datacontenttype: json,
    data,
    partitionkey: stream,
    sequence: String(revision).padStart(sequenceDigits, "0"),
    litetapesposition: String(position),
    ...(tags.length === 0 ? {} : { litetapestags: TaraSON.encodeValue(tags, limits) }),
    ...(Object.keys(metadata).length === 0 ? {} : { litetapesmetadata: TaraSON.encodeValue(metadata, limits) }),
    ...relation("correlationid", metadata["correlationId"]),
    ...relation("causationid", metadata["causationId"])
  }
  return TaraSON.encodeValue(attributes, limits)
}

const ourSource = "litetapes:"

/** The attribute of an id in the metadata, if it is a text that an attribute may have. */
const relation = (name: string, value: TaraSON.Json | undefined): { readonly [name: string]: string } =>
  typeof value === "string" && value !== "" && !/\p{Cc}/u.test(value) ? { [name]: value } : {}

type Attributes = Map<string, TaraSON.Json>

/**
 * Returns the event in a CloudEvent of any producer. Attributes that the event has no place for are kept in
 * `metadata.cloudevents`.
 *
 * @throws BadLine
 */
export const eventOfCloudEvent = (record: TaraSON.JsonObject, limits: Limits): ImportedEvent => {
  const attributes = attributesOf(record)
  const type = required(attributes, "type")
  const id = required(attributes, "id")
  const source = required(attributes, "source")
  const subject = optional(attributes, "subject") ?? ""
  const partition = optional(attributes, "partitionkey") ?? ""
  const stream = subject === "" ? partition : subject
  const time = optional(attributes, "time")
  const sequence = attributes.get("sequence")
  const isOurs = source.startsWith(ourSource) && attributes.has("litetapesposition")
  const content = contentOf(record, attributes)
  const tags = tagsIn(optional(attributes, "litetapestags"), limits)
  const metadata = metadataIn(optional(attributes, "litetapesmetadata"), limits)
  for (const name of ["type", "id", "subject", "litetapestags", "litetapesmetadata"]) attributes.delete(name)
  if (isOurs) for (const name of ["source", "sequence", "litetapesposition"]) attributes.delete(name)
  if (partition === stream) attributes.delete("partitionkey")
  if (time !== undefined && isExact(time)) attributes.delete("time")
  for (const [name, key] of relations) moveRelation(attributes, name, metadata, key)
  return {
    type,
    id,
    stream,
    metadata: withOthers(metadata, attributes),
    ...(content === undefined ? {} : { data: content }),
    ...(tags === undefined ? {} : { tags }),
    ...(time === undefined ? {} : { time }),
    ...(isOurs && typeof sequence === "string" && /^\d{1,16}$/.test(sequence) ? { revision: Number(sequence) } : {})
  }
}

/** Returns the context attributes, those that are null left out. */
const attributesOf = (record: TaraSON.JsonObject): Attributes => {
  if (record["specversion"] !== specversion) {
    throw new BadLine(`it is not a CloudEvent of version ${specversion}: its specversion is missing or another one`)
  }
  const attributes: Attributes = new Map()
  for (const [name, value] of Object.entries(record)) {
    if (name === "specversion" || name === "data" || name === "data_base64" || value === null) continue
    if (!/^[a-z0-9]+$/.test(name)) {
      throw new BadLine("the name of an attribute has other characters than a to z and 0 to 9; rename the attribute")
    }
    if (typeof value === "object") {
      throw new BadLine(
        `its attribute ${name.slice(0, 40)} must be a text, a number or a boolean; put other values into data`
      )
    }
    attributes.set(name, value)
  }
  return attributes
}

const optional = (attributes: Attributes, name: string): string | undefined => textOf(name, attributes.get(name))

const required = (attributes: Attributes, name: string): string => {
  const value = optional(attributes, name)
  if (value === undefined || value === "") throw new BadLine(`it has no ${name}, which every CloudEvent has`)
  return value
}

/** Returns the data of the event; `undefined` if it has no data. */
const contentOf = (record: TaraSON.JsonObject, attributes: Attributes): TaraSON.Json | undefined => {
  const { data, data_base64: encoded } = record
  if (attributes.get("datacontenttype") === json) attributes.delete("datacontenttype")
  if (encoded === undefined || encoded === null) return data
  if (data !== undefined) throw new BadLine("it has both data and data_base64; leave one of them out")
  if (typeof encoded !== "string" || Buffer.from(encoded, "base64").toString("base64") !== encoded) {
    throw new BadLine("its data_base64 is not a text in base64")
  }
  return { data_base64: encoded }
}

const tagsIn = (text: string | undefined, limits: Limits): ReadonlyArray<string> | undefined =>
  text === undefined ? undefined : textsOf("litetapestags", valueIn("litetapestags", text, limits))

const metadataIn = (text: string | undefined, limits: Limits): { [key: string]: TaraSON.Json } =>
  text === undefined ? {} : { ...objectOf("litetapesmetadata", valueIn("litetapesmetadata", text, limits)) }

/** Returns the value in a text of JSON. */
const valueIn = (name: string, text: string, limits: Limits): TaraSON.Json => {
  try {
    const record = TaraSON.parse(TaraSON.toBytes(`{"value":${text}}`), { ...limits, depthMax: limits.depthMax + 1 })
    if (Object.keys(record).length === 1) return record["value"]!
  } catch (error) {
    throw new BadLine(`its ${name} is not one JSON value: ${describeError(error)}`)
  }
  throw new BadLine(`its ${name} is not one JSON value`)
}

/** Whether a lib stores this time without losing anything but its form. */
const isExact = (time: string): boolean =>
  storedTime(time) === undefined || /^[^.]*[Tt][^.]*(?:\.\d{1,3}0*)?[Zz]$/.test(time)

const relations = [
  ["correlationid", "correlationId"],
  ["causationid", "causationId"]
] as const

/** Moves an attribute to the key of the metadata that filters know, unless something else is there. */
const moveRelation = (
  attributes: Attributes,
  name: string,
  metadata: { [key: string]: TaraSON.Json },
  key: string
): void => {
  const value = attributes.get(name)
  if (typeof value !== "string" || (metadata[key] !== undefined && metadata[key] !== value)) return
  metadata[key] = value
  attributes.delete(name)
}

/** Returns the metadata with the attributes that have no other place. */
const withOthers = (metadata: TaraSON.JsonObject, others: Attributes): TaraSON.JsonObject => {
  if (others.size === 0) return metadata
  const { cloudevents: before } = metadata
  if (before !== undefined && (typeof before !== "object" || before === null || Array.isArray(before)))
    throw new BadLine("its metadata has a field cloudevents that is not an object, where the other attributes are kept")
  return { ...metadata, cloudevents: { ...before, ...Object.fromEntries(others) } }
}

/** Returns the source of a CloudEvent of another producer, if the metadata has it. */
export const foreignSource = (metadata: { readonly [key: string]: unknown } | undefined): string | undefined => {
  const kept = metadata?.["cloudevents"]
  const source = typeof kept === "object" && kept !== null ? (kept as TaraSON.JsonObject)["source"] : undefined
  return typeof source === "string" ? source : undefined
}
