/** W4 to W6: replay, random streams, opening. */
import { writeFileSync } from "node:fs"
import { execFileSync } from "node:child_process"
import type { PeerModule, Store, StoredEvent } from "../peers/peer.ts"
import { percentile } from "../statistics.ts"
import { sumOfTotals } from "./events.ts"
import { mix, type OrderData, streamName } from "./orderEvent.ts"
import type { Job, Measured } from "./workload.ts"

export const replay = async (store: Store, { loaded }: Job): Promise<Measured> => {
  const start = performance.now()
  let seen = 0
  let sum = 0
  await store.replay((event) => {
    seen++
    sum += totalOf(event)
  })
  const seconds = (performance.now() - start) / 1000
  if (seen !== loaded || sum !== sumOfTotals(loaded))
    throw new Error(`replayed ${seen} of ${loaded} events, or their sum differs`)
  return { events: seen, opsPerSec: seen / seconds }
}

const totalOf = (event: StoredEvent): number => (event.data as OrderData).total

/** Returns the streams that W5 reads, in order. */
export const randomStreams = (reads: number, streams: number): Array<number> =>
  Array.from({ length: reads }, (_, n) => mix(1_000_000_000 + n) % streams)

export const randomReads = async (store: Store, { size, loaded }: Job): Promise<Measured> => {
  const micros: Array<number> = []
  const start = performance.now()
  let seen = 0
  for (const stream of randomStreams(size.reads, size.streams)) {
    const before = performance.now()
    const events = await store.readStream!(streamName(stream))
    micros.push((performance.now() - before) * 1000)
    seen += events.length
    if (events.some((event) => !(totalOf(event) >= 1000))) throw new Error("an event has no data")
  }
  const seconds = (performance.now() - start) / 1000
  if (loaded === size.events && seen !== size.reads * (size.events / size.streams)) {
    throw new Error(`read ${seen} events in all streams`)
  }
  return {
    events: seen,
    opsPerSec: size.reads / seconds,
    p50us: percentile(micros, 0.5),
    p99us: percentile(micros, 0.99)
  }
}

/**
 * Opens a store that was closed cleanly, and reads one event. The modules are loaded already. The stream is that of the
 * first event, which exists even if few events were loaded.
 */
export const opening = async (module: PeerModule, setting: string | undefined, { folder }: Job): Promise<Measured> => {
  const start = performance.now()
  const store = await module.open(folder, setting)
  const last = await store.readLast(streamName(0))
  const micros = (performance.now() - start) * 1000
  await store.close()
  if (last === undefined) throw new Error("the stream has no last event")
  return { events: 1, opsPerSec: 1e6 / micros, p50us: micros }
}

/** Empties the page cache of the whole machine; needs Linux and root. */
export const dropPageCache = (): void => {
  execFileSync("sync")
  writeFileSync("/proc/sys/vm/drop_caches", "1")
}
