/** W3: bulk load in batches, each durable before the next. */
import type { Store } from "../peers/peer.ts"
import { percentile } from "../statistics.ts"
import { bulkEvents } from "./events.ts"
import type { Measured, Size } from "./workload.ts"

/** Making the events counts too, here as in the physical limit. */
export const bulk = async (store: Store, size: Size, adjacent: boolean): Promise<Measured> => {
  const { events, batch, streams, bulkMillisMax } = size
  const micros: Array<number> = []
  const start = performance.now()
  let done = 0
  let now = start
  while (done < events && now - start < bulkMillisMax) {
    const to = Math.min(done + batch, events)
    await store.appendBatch(bulkEvents(done, to, streams, adjacent))
    const before = now
    now = performance.now()
    micros.push((now - before) * 1000)
    done = to
  }
  const opsPerSec = (done * 1000) / (now - start)
  return { events: done, opsPerSec, p50us: percentile(micros, 0.5), p99us: percentile(micros, 0.99) }
}
