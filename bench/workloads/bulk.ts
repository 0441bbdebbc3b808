/** W3: bulk load in batches. Each batch is durable before the next one starts. */
import type { Store } from "../peers/peer.ts"
import { percentile } from "../statistics.ts"
import { bulkEvents } from "./events.ts"
import type { Measured, Size } from "./workload.ts"

/** Runs the bulk load. The time includes making the events, as it does in the physical limit. */
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
