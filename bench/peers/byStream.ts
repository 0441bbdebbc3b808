/** Grouping for stores that take the events of one stream at a time. */
import type { Addressed, NewEvent } from "./peer.ts"

/** Returns the events of a batch by stream. The streams are in the order of their first events. */
export const byStream = (batch: ReadonlyArray<Addressed>): Map<string, Array<NewEvent>> => {
  const streams = new Map<string, Array<NewEvent>>()
  for (const { stream, event } of batch) {
    const known = streams.get(stream)
    if (known === undefined) streams.set(stream, [event])
    else known.push(event)
  }
  return streams
}
