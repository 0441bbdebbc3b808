/**
 * Fills a lib, or measures a filled one, in this process. Writes the result to file descriptor 3. Started by
 * `bench/growth.ts`.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { writeSync } from "node:fs"
import { diskBytes } from "./disk.ts"
import { watchLoad } from "./load.ts"
import { byStream } from "./peers/byStream.ts"
import { fibreWriters } from "./peers/fibres.ts"
import { openLib } from "./peers/litetapes.ts"
import { percentile } from "./statistics.ts"
import { appends } from "./workloads/append.ts"
import { bulkEvents } from "./workloads/events.ts"
import { mix, streamName } from "./workloads/orderEvent.ts"

export interface GrowthJob {
  readonly step: "fill" | "measure"
  readonly folder: string
  readonly events: number
  readonly streams: number
  readonly appendMillis: number
  readonly reads: number
}

export interface Filled {
  readonly eventsPerSec: number
  readonly bytesPerEvent: number
  readonly rssMB: number
}

export interface Grown {
  readonly openMillis: number
  readonly openMB: number
  /** Time per append, with 256 writers on random streams. */
  readonly appendMicros: number
  /** Median time of an append, with one writer on random streams: each append needs its own sync. */
  readonly oneWriterMicros: number
  /** Peak memory of the process until all appends were done. */
  readonly appendMB: number
  /** Median time to read the first hundred events of a random stream. */
  readonly readMicros: number
  readonly elsewhere?: number
}

const batch = 1000
const peakMB = (): number => process.resourceUsage().maxRSS / 1024

const fill = async ({ folder, events, streams }: GrowthJob): Promise<Filled> => {
  const { store, run, close } = await openLib(folder)
  const start = performance.now()
  for (let from = 0; from < events; from += batch) {
    const groups = byStream(bulkEvents(from, Math.min(events, from + batch), streams, false))
    await run(store.appendAll(Array.from(groups, ([stream, its]) => ({ stream, events: its }))))
  }
  const eventsPerSec = (events * 1000) / (performance.now() - start)
  await close()
  return { eventsPerSec, bytesPerEvent: diskBytes(folder) / events, rssMB: peakMB() }
}

const measure = async ({ folder, streams, appendMillis, reads }: GrowthJob): Promise<Grown> => {
  const loadSince = watchLoad()
  const start = performance.now()
  const { store, run, close } = await openLib(folder)
  const openMillis = performance.now() - start
  const openMB = process.memoryUsage.rss() / 2 ** 20
  const writers = fibreWriters(({ stream, event }) => store.append(stream, [event]), run)
  const append = (stream: string, event: Parameters<typeof store.append>[1][number]) =>
    run(Effect.asVoid(store.append(stream, [event])))
  const size = { appendMillis, warmupMillis: appendMillis / 5 }
  const anyStream = (_: number, i: number): string => streamName(mix(i) % streams)
  const one = await appends({ append, writers }, size, 1, anyStream)
  const many = await appends({ append, writers }, size, 256, anyStream)
  const appendMB = peakMB()
  const micros: Array<number> = []
  for (let n = 0; n < reads; n++) {
    const before = performance.now()
    const events = await run(
      Stream.runCollect(store.read(streamName(mix(2_000_000_000 + n) % streams), { limit: 100 }))
    )
    micros.push((performance.now() - before) * 1000)
    if (events.length === 0) throw new Error("a stream has no events")
  }
  await close()
  const elsewhere = loadSince()
  return {
    openMillis,
    openMB,
    appendMicros: 1e6 / many.opsPerSec,
    oneWriterMicros: one.p50us!,
    appendMB,
    readMicros: percentile(micros, 0.5),
    ...(elsewhere === undefined ? {} : { elsewhere })
  }
}

const job = JSON.parse(process.argv[2]!) as GrowthJob
writeSync(3, JSON.stringify(await (job.step === "fill" ? fill(job) : measure(job))))
