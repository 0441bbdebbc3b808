/** Reads the keys that an index needs from the lines of events. The lines were checked before. */
import * as Event from "./Event.ts"
import { forEachLine } from "../format/lines.ts"
import { hashId } from "../base/Hash53.ts"
import { found, scanEvent } from "../json/canonicalScan.ts"
import { depthCeiling } from "../json/canonicalWriter.ts"
import type { EventKey } from "../segment/SegmentIndex.ts"

/** Returns the key of one event, from its line without the newline. */
export const keyOfEvent = (line: Uint8Array): EventKey => {
  if (scanEvent(line, 0, depthCeiling) !== line.length) return keyOf(Event.decodeLine(line))
  const { idEnd, idStart, position, revision, streamEnd, streamStart } = found
  const view = Buffer.from(line.buffer, line.byteOffset, line.length)
  const stream = view.toString("latin1", streamStart, streamEnd)
  return keyOf({ stream, revision, position, id: view.toString("latin1", idStart, idEnd) })
}

const keyOf = ({
  id,
  position,
  revision,
  stream
}: Pick<Event.RecordedEvent, "id" | "position" | "revision" | "stream">): EventKey => ({
  stream,
  revision,
  position,
  idHash: hashId(stream, id)
})

/** Returns the keys of the events in whole lines. */
export const keysOfEvents = (lines: Uint8Array): Array<EventKey> => {
  const keys: Array<EventKey> = []
  forEachLine(lines, (start, end) => keys.push(keyOfEvent(lines.subarray(start, end))))
  return keys
}
