/** What an index wants to know of events, read from their lines. The lines were checked before. */
import * as Event from "../../domain/Event.ts"
import { newline } from "../../domain/Format.ts"
import { hashId } from "../../domain/Hash53.ts"
import type { EventKey } from "../../domain/SegmentIndex.ts"

/** The key of one event, from its line without the newline. */
export const keyOfEvent = (line: Uint8Array): EventKey => {
  const { stream, revision, position, id } = Event.decodeLine(line)
  return { stream, revision, position, idHash: hashId(stream, id) }
}

/** The keys of the events in whole lines. */
export const keysOfEvents = (lines: Uint8Array): Array<EventKey> => {
  const keys: Array<EventKey> = []
  for (let start = 0; start < lines.length;) {
    const end = lines.indexOf(newline, start)
    keys.push(keyOfEvent(lines.subarray(start, end)))
    start = end + 1
  }
  return keys
}
