/**
 * Decides which segments at the end of a tape a writer merges by itself (decision 0036).
 *
 * The sizes of the small segments at the end of a tape fall by powers of `fanIn`, as in a log-structured merge tree. So
 * their number grows with the logarithm of their bytes, and a record is copied about once for each power.
 */
import type { Segment } from "../meta/SystemRecord.ts"

/** Bounds of one merge, in bytes of lines. */
export interface MergeBounds {
  /** Segments of at least this size stay as they are, except the last one of a tape. */
  readonly smallBytes: number
  /** Most bytes that one merge copies. */
  readonly runBytesMax: number
}

/** A merge makes a segment at least this many times as large as the first of its inputs. */
export const fanIn = 4

/** Fields that the policy reads. */
export type Mergeable = Pick<Segment, "rawBytes" | "compression" | "same" | "shardEvery">

/**
 * Returns the number of last segments to merge into one, or 0 if no merge is due. Merges as many as `bounds` allow of
 * which the first makes up at most a quarter. Then each segment that stays has more than a third of the bytes after it.
 */
export const mergeDue = (segments: ReadonlyArray<Mergeable>, { runBytesMax, smallBytes }: MergeBounds): number => {
  let bytes = 0
  let due = 0
  for (let count = 1; count <= segments.length; count++) {
    const segment = segments[segments.length - count]!
    bytes += segment.rawBytes
    if (bytes > runBytesMax || !isPlain(segment)) break
    // The last one may be larger: it takes the small ones before it along, so that they are not left for ever.
    if (count > 1 && segment.rawBytes >= smallBytes) break
    if (bytes >= fanIn * segment.rawBytes) due = count
  }
  return due
}

/** A segment that somebody has repacked into another form stays in that form. */
const isPlain = ({ compression, same, shardEvery }: Mergeable): boolean =>
  compression === "none" && same === undefined && shardEvery === undefined

/** Returns the bytes of lines in the last `count` segments. */
export const bytesOfLast = (segments: ReadonlyArray<Mergeable>, count: number): number =>
  segments.slice(segments.length - count).reduce((sum, { rawBytes }) => sum + rawBytes, 0)
