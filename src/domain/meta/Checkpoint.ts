/**
 * How far a consumer is, as a lib keeps it: a version, the lowest position that is not done, and what is done above it.
 * Marks of batches and lib meta hold the whole of it, so the last one counts and nothing has to be added up.
 */
import { deepFreeze } from "../base/deepFreeze.ts"
import { metaRoomBytes, type Limits } from "../format/Limits.ts"

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
  /** A recovery has found this checkpoint, but later ones may be lost: nobody knows how far the consumer was. */
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

/** Number of ranges that a checkpoint may have, so that those of many consumers leave lib meta room. */
export const rangesMax = (limits: Pick<Limits, "metaBytesMax">): number =>
  Math.min(1024, Math.floor(metaRoomBytes(limits) / 1024))

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

/** Whether a position is done. */
export const isDone = ({ above, low }: Pick<CheckpointState, "above" | "low">, position: number): boolean =>
  position < low || above.some(([from, to]) => position >= from && position < to)

/** Returns a checkpoint of which everything below `low`, and all of these ranges, which may be in any order, are done. */
export const normalized = (version: number, low: number, ranges: ReadonlyArray<DoneRange>): CheckpointState => {
  const above: Array<[number, number]> = []
  let start = low
  for (const [from, to] of ranges.toSorted((a, b) => a[0] - b[0])) {
    const last = above.at(-1)
    if (from <= start && last === undefined) start = Math.max(start, to)
    else if (last !== undefined && from <= last[1]) last[1] = Math.max(last[1], to)
    else above.push([from, to])
  }
  return deepFreeze({ version, low: start, above })
}

/** Returns what is done in one checkpoint or the other. They are of one version. */
export const merged = (one: CheckpointState, other: CheckpointState): CheckpointState =>
  normalized(one.version, Math.max(one.low, other.low), [...one.above, ...other.above])

/** Whether two checkpoints say the same. */
export const isSame = (one: CheckpointState, other: CheckpointState): boolean =>
  one.version === other.version &&
  one.low === other.low &&
  one.isLost === other.isLost &&
  one.above.length === other.above.length &&
  one.above.every(([from, to], at) => from === other.above[at]![0] && to === other.above[at]![1])

/** Returns a checkpoint without the positions from `end` on, which a restore has left out. */
export const cutAt = (checkpoint: CheckpointState, end: number): CheckpointState => {
  if (endOf(checkpoint) <= end) return checkpoint
  const above = checkpoint.above.flatMap(([from, to]): Array<DoneRange> =>
    from >= end ? [] : [[from, Math.min(to, end)]]
  )
  return deepFreeze({ ...checkpoint, low: Math.min(checkpoint.low, end), above })
}

/** Returns the checkpoint of a mark. */
export const ofMark = ([, version, low, above]: MarkedCheckpoint): CheckpointState =>
  deepFreeze({ version, low, above })

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
