/** The events of the workloads: event `i` is the same for every peer. */
import type { Addressed, NewEvent } from "../peers/peer.ts"
import { digits, orderData, orderTotal, streamName, streamNumber } from "./orderEvent.ts"

/** Returns the part of order event `i` that a user passes to an append. */
export const newEvent = (i: number): NewEvent => ({
  type: "OrderPlaced",
  data: orderData(i),
  metadata: { correlationId: digits(i, 9) }
})

/**
 * Returns the events of W3 from `from` up to, not including, `to`. With `adjacent`, a hundred events of one stream are
 * adjacent.
 */
export const bulkEvents = (from: number, to: number, streams: number, adjacent: boolean): Array<Addressed> => {
  const batch: Array<Addressed> = []
  for (let i = from; i < to; i++) {
    const number = adjacent ? Math.floor(i / 100) % streams : streamNumber(i, streams)
    batch.push({ stream: streamName(number), event: newEvent(i) })
  }
  return batch
}

/** Returns the sum of the totals of the first events. Only a replay that parsed all of them arrives at the same sum. */
export const sumOfTotals = (events: number): number => {
  let sum = 0
  for (let i = 0; i < events; i++) sum += orderTotal(i)
  return sum
}
