/**
 * How far a consumer is, as a lib keeps it: a version, the lowest position that is not done, and what is done above it.
 * Marks of batches and lib meta hold the whole of it, so the last one counts and nothing has to be added up.
 */
import { deepFreeze } from "../base/deepFreeze.ts"

/** Positions from the first one up to the second one, which is excluded. */
export type DoneRange = readonly [from: number, to: number]

/** How far a consumer is. */
export interface CheckpointState {
  /** Version of the consumer. */
  readonly version: number
  /** The lowest position that is not done. */
  readonly low: number
  /** Ranges that are done above `low`, ascending; they neither touch it nor each other. */
  readonly above: ReadonlyArray<DoneRange>
  /**
   * Position that the next event had once the batch with this checkpoint was there. What the consumer appended before it
   * committed the checkpoint has lower positions. Absent: not known.
   */
  readonly at?: number
  /**
   * A recovery has found this checkpoint, but later ones may be lost, or a restore has left out answers that it rests on:
   * nobody knows how far the consumer was.
   */
  readonly isLost?: true
}

/** A checkpoint as a mark has it. */
export type MarkedCheckpoint = readonly [
  consumer: string,
  version: number,
  low: number,
  above: ReadonlyArray<readonly [from: number, to: number]>
]

/** Largest position in a checkpoint, so that counting up from it stays exact. */
const positionMax = 2 ** 48

/** Names of consumers. */
export const consumerPattern = /^[a-z0-9][a-z0-9_-]{0,63}$/

/** Returns what is wrong with a checkpoint; `undefined` if nothing is. */
export const whyNotCheckpoint = ({ above, low }: Pick<CheckpointState, "above" | "low">): string | undefined => {
  let last = low
  for (const [from, to] of above) {
    if (from <= last || to <= from) return "the ranges of a checkpoint are not in order"
    last = to
  }
  return last > positionMax ? "a checkpoint is beyond all positions" : undefined
}

/** Returns the position after the last one that is done. */
export const endOf = ({ above, low }: Pick<CheckpointState, "above" | "low">): number => above.at(-1)?.[1] ?? low

/** Whether two checkpoints say the same, whenever they were committed. */
export const isSame = (one: CheckpointState, other: CheckpointState): boolean =>
  one.version === other.version &&
  one.low === other.low &&
  one.isLost === other.isLost &&
  one.above.length === other.above.length &&
  one.above.every(([from, to], at) => from === other.above[at]![0] && to === other.above[at]![1])

/** Returns the checkpoint of the mark of a batch after which the next event gets position `at`. */
export const ofMark = ([, version, low, above]: MarkedCheckpoint, at: number): CheckpointState =>
  deepFreeze({ version, low, above, at })

/** Returns a checkpoint as a mark has it. */
export const toMark = (consumer: string, { above, low, version }: CheckpointState): MarkedCheckpoint => [
  consumer,
  version,
  low,
  above
]

/** Returns what is wrong with the checkpoints of a mark; `undefined` if nothing is. */
export const whyNotMarked = (marked: ReadonlyArray<MarkedCheckpoint>): string | undefined => {
  const consumers = new Set(marked.map(([consumer]) => consumer))
  if (consumers.size < marked.length) return "a mark has two checkpoints of one consumer"
  for (const [, , low, above] of marked) {
    const why = whyNotCheckpoint({ low, above })
    if (why !== undefined) return why
  }
  return undefined
}
