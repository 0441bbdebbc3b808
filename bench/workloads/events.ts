/** The events of the workloads: event `i` is the same for every peer. */
import type { Addressed, NewEvent } from "../peers/peer.ts"
import { digits, orderData, orderTotal, streamName, streamNumber } from "./orderEvent.ts"

/** What a user hands in of order event `i`. */
export const newEvent = (i: number): NewEvent => ({
  type: "OrderPlaced",
  data: orderData(i),
  metadata: { correlationId: digits(i, 9) }
})

/** Events `from` to before `to` of W3. `adjacent`: a hundred events of one stream side by side. */
export const bulkEvents = (from: number, to: number, streams: number, adjacent: boolean): Array<Addressed> => {
  const batch: Array<Addressed> = []
  for (let i = from; i < to; i++) {
    const number = adjacent ? Math.floor(i / 100) % streams : streamNumber(i, streams)
    batch.push({ stream: streamName(number), event: newEvent(i) })
  }
  return batch
}

/** Sum of the totals of the first events: who has read and parsed them all knows it. */
export const sumOfTotals = (events: number): number => {
  let sum = 0
  for (let i = 0; i < events; i++) sum += orderTotal(i)
  return sum
}
