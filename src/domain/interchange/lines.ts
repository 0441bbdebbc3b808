/** Lines of either format. */
import { Buffer } from "node:buffer"
import type { RecordedEvent } from "../event/Event.ts"
import { isCount } from "../format/checkOptions.ts"
import { newline } from "../format/Format.ts"
import type { Limits } from "../format/Limits.ts"
import { BadLine } from "../json/BadLine.ts"
import * as TaraSON from "../json/TaraSON.ts"
import { encodeCloudEvent, eventOfCloudEvent } from "./cloudEvent.ts"
import { type Format, type ImportedEvent } from "./ImportedEvent.ts"
import { encodeJsonLine, eventOfJson } from "./jsonLine.ts"

/** Bytes of all attributes but data, metadata and tags. */
const attributeBytes = 64 * 1024

/** Returns the limits of lines. A text of JSON within JSON is at most twice as long, because its quotes are escaped. */
export const lineLimits = (limits: Limits): Limits => ({
  ...limits,
  recordBytesMax: 2 * limits.recordBytesMax + attributeBytes
})

/** Returns the line of an event, without its newline. */
export const encodeLine = (format: Format, event: RecordedEvent, lib: string, limits: Limits): string =>
  format === "jsonl" ? encodeJsonLine(event, limits) : encodeCloudEvent(event, lib, limits)

/** Returns whether a line has nothing but white space. */
export const isBlank = (line: Uint8Array): boolean =>
  line.every((byte) => byte === 0x20 || byte === 0x09 || byte === 0x0d)

const openBracket = 0x5b

/**
 * Returns the event in a line.
 *
 * @throws BadLine | TaraSONError
 */
export const decodeLine = (format: Format, line: Uint8Array, limits: Limits): ImportedEvent => {
  if (line[0] === openBracket) {
    throw new BadLine("it is an array; write each event on a line of its own, such as with jq -c '.[]'")
  }
  const record = TaraSON.parse(line, limits)
  if (format === "cloudevents") return eventOfCloudEvent(record, limits)
  if (record["specversion"] !== undefined && record["$type"] === undefined) {
    throw new BadLine(`it is a CloudEvent; import it with the option format: "cloudevents"`)
  }
  return eventOfJson(record)
}

/** The end of an export that was written before. */
export interface ExportEnd {
  /** Bytes of the tail up to the end of its last whole line. */
  readonly bytes: number
  /** That line, without its newline; `undefined` if the tail has no whole line. */
  readonly last: string | undefined
  /** Position of its event. */
  readonly position: number
  /** Revision of its event. */
  readonly revision: number
}

/**
 * Returns where an export ends, of which these are the last bytes. A line that is not whole, or is not an event after the one
 * before it, ends it: what follows was never durable. `isAll`: these are all its bytes, so that the first line is whole.
 */
export const endOfExport = (format: Format, tail: Uint8Array, isAll: boolean, limits: Limits): ExportEnd => {
  let start = isAll ? 0 : tail.indexOf(newline) + 1
  let end: ExportEnd = { bytes: isAll ? 0 : start, last: undefined, position: -1, revision: -1 }
  for (let at = tail.indexOf(newline, start); at !== -1; at = tail.indexOf(newline, start)) {
    const place = placeIn(format, tail.subarray(start, at), limits)
    if (place === undefined || place.position <= end.position) break
    end = { bytes: at + 1, last: Buffer.from(tail.subarray(start, at)).toString("utf8"), ...place }
    start = at + 1
  }
  return end
}

type EventPlace = Pick<ExportEnd, "position" | "revision">

/** Returns the place of the event in an exported line, or `undefined` if it is not one. */
const placeIn = (format: Format, line: Uint8Array, limits: Limits): EventPlace | undefined => {
  let record: TaraSON.JsonObject
  try {
    record = TaraSON.parse(line, limits)
  } catch {
    return undefined
  }
  const [position, revision] =
    format === "jsonl"
      ? [record["position"], record["revision"]]
      : [Number(record["litetapesposition"] ?? Number.NaN), Number(record["sequence"] ?? Number.NaN)]
  return isCount(position) && isCount(revision) ? { position, revision } : undefined
}
