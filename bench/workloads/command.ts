/** W8: commands. Each loads an aggregate, folds its events, decides, and appends one event at the revision that it read. */
import type { Addressed, Store } from "../peers/peer.ts"
import { appends } from "./append.ts"
import { newEvent } from "./events.ts"
import { mix, type OrderData, streamName } from "./orderEvent.ts"
import type { Measured, Size } from "./workload.ts"
import type { WorkloadId } from "./workloadId.ts"

/** Aggregates, how many events each has at first, and how many workers there are. */
export interface CommandSize {
  readonly aggregates: number
  readonly length: number
  readonly workers: number
  /** Whether no aggregate is commanded twice. */
  readonly isCold: boolean
}

export const commandSizeOf = (id: WorkloadId, { cold, commanders, hot }: Size): CommandSize | undefined => {
  switch (id) {
    case "W8 one":
      return { aggregates: hot, length: 10, workers: 1, isCold: false }
    case "W8 hot":
      return { aggregates: hot, length: 10, workers: commanders, isCold: false }
    case "W8 long":
      return { aggregates: hot, length: 100, workers: commanders, isCold: false }
    case "W8 cold":
      return { aggregates: cold, length: 10, workers: commanders, isCold: true }
    default:
      return undefined
  }
}

/** Adds up an aggregate. Every peer folds like this. */
export const evolve = (sum: number, data: unknown): number => sum + (data as OrderData).total

/** Decides whether an order may be placed; it always may. */
export const mayPlace = (sum: number): boolean => sum >= 0

export const commands = async (store: Store, size: Size, given: CommandSize): Promise<Measured> => {
  await fill(store, given, size.batch)
  const { aggregates, isCold, workers } = given
  const each = Math.floor(aggregates / workers)
  const begun = new Uint32Array(workers)
  // Each worker has aggregates of its own, so that no command meets a conflict.
  const streamOf = (worker: number): string => {
    const n = begun[worker]!++
    if (isCold && n === each) begun[worker] = 0
    return streamName(worker + workers * (isCold ? n % each : mix(n) % each))
  }
  const { commanders, readStream, appendExpected } = store
  const append = async (stream: string, event: Addressed["event"]): Promise<void> => {
    const events = await readStream!(stream)
    let sum = 0
    for (const { data } of events) sum = evolve(sum, data)
    if (mayPlace(sum)) await appendExpected!(stream, event, events.length - 1)
  }
  return appends(commanders === undefined ? { append } : { append, writers: commanders }, size, workers, streamOf)
}

const fill = async (store: Store, { aggregates, length }: CommandSize, batchMax: number): Promise<void> => {
  let batch: Array<Addressed> = []
  for (let i = 0; i < aggregates * length; i++) {
    batch.push({ stream: streamName(Math.floor(i / length)), event: newEvent(i) })
    if (batch.length < batchMax) continue
    await store.appendBatch(batch)
    batch = []
  }
  if (batch.length > 0) await store.appendBatch(batch)
}
