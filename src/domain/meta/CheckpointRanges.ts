/** What is done in a checkpoint, as ranges of positions: added, cut and looked up. Loaded with the first checkpoint. */
import { deepFreeze } from "../base/deepFreeze.ts"
import { type Limits, metaRoomBytes } from "../format/Limits.ts"
import type { CheckpointState, DoneRange } from "./Checkpoint.ts"

/** Number of ranges that a checkpoint may have, so that those of many consumers leave lib meta room. */
export const rangesMax = (limits: Pick<Limits, "metaBytesMax">): number =>
  Math.min(1024, Math.floor(metaRoomBytes(limits) / 1024))

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

/**
 * Returns a checkpoint in a lib that a restore has given only the events below `end`. If it was committed later, it may name
 * events whose answers were left out, and nobody knows which.
 */
export const cutAt = (checkpoint: CheckpointState, end: number): CheckpointState => {
  const { at, low, version } = checkpoint
  if (version === 0 || (at !== undefined && at <= end)) return checkpoint
  const above = checkpoint.above.flatMap(([from, to]): Array<DoneRange> =>
    from >= end ? [] : [[from, Math.min(to, end)]]
  )
  return deepFreeze({ version, low: Math.min(low, end), above, isLost: true })
}
