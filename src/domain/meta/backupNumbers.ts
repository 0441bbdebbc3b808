/** Numbers of the segments that backups make, and how a lib that can be written to avoids them. */
import { segmentName } from "../format/Names.ts"
import type { Segment } from "./SystemRecord.ts"
import { numbersBeforeRepack, type TapeState } from "./TapeState.ts"

/**
 * Numbers of the segments that a backup makes from records that were in no segment of their own. They are far above those
 * of the segments that it copies, so that a file of a later backup never gets the name of an earlier one.
 */
export const backupNumberMin = 2 ** 47

type Numbers = Pick<TapeState, "repacked" | "takenNumbers">

/**
 * Returns an ordinary number for a segment that is made: numbers continue from it, and they must never reach those that
 * backups use. It does not follow the one before it at the distance by which recovery recognises a repack.
 */
export const ordinaryNumber = (
  { repacked, takenNumbers }: Numbers,
  before: Pick<Segment, "number"> | undefined,
  used: ReadonlySet<number>
): number => {
  const last = before?.number ?? 0
  let number = Math.max(last + 1, takenNumbers, (repacked?.removed[1] ?? 0) + 1)
  while (used.has(number) || number - last - 1 === numbersBeforeRepack) number++
  return number
}

const nothing: ReadonlySet<number> = new Set()

/** Gives the segments that backups made ordinary numbers. */
export const withOrdinaryNumbers = (state: Numbers, segments: ReadonlyArray<Segment>): ReadonlyArray<Segment> => {
  const named: Array<Segment> = []
  for (const segment of segments) {
    const isOrdinary = segment.number < backupNumberMin
    const number = isOrdinary ? segment.number : ordinaryNumber(state, named.at(-1), nothing)
    const { compression, shardEvery = 0 } = segment
    named.push(isOrdinary ? segment : { ...segment, number, name: segmentName({ number, compression, shardEvery }) })
  }
  return named
}
