/**
 * What the lost records of a tape mean for its streams: which reads would miss events, and which revisions were given
 * or may have been. A stream that no loss concerns reads and appends as if nothing were lost.
 */
import { hash53 } from "../base/Hash53.ts"
import type { Lost } from "./SystemRecord.ts"

/** The last event that a stream still has; revision and position −1 without events. */
export interface LastEvent {
  readonly revision: number
  readonly position: number
}

/** Where the next event of a stream goes. */
export interface StreamEnd {
  /** The last revision as far as it is known, including revisions that are lost; −1 if there are no events. */
  readonly revision: number
  /** Number of revisions after it that may have been given to lost events. The next event skips them. */
  readonly skip: number
  /** A loss that nobody accepted yet and that may hold later events of the stream: its revision is not known. */
  readonly doubt: Lost | undefined
}

/** Returns the name under which a loss lists a stream that no remaining event names: 14 hexadecimal digits. */
export const unnamedAs = (hash: number): string => hash.toString(16).padStart(14, "0")

const unnamedOf = (stream: string): string => unnamedAs(hash53(stream))

/** Returns the lost revisions of a stream, `undefined` if it is not known whether there are any. */
export const revisionsOf = (
  { streams, unnamed = [] }: Lost,
  stream: string
): readonly [first: number, end: number] | "none" | undefined => {
  if (streams === null) return undefined
  const named = streams.find(([name]) => name === stream)
  const found = named ?? (unnamed.length === 0 ? undefined : unnamed.find(([hash]) => hash === unnamedOf(stream)))
  return found === undefined ? "none" : [found[1], found[1] + found[2]]
}

/** Returns the largest number of events that a loss can hold: each has a position of its own. */
export const eventsMax = ({ positions, records }: Lost): number => {
  const wide = positions === null ? Number.POSITIVE_INFINITY : positions[1] - positions[0]
  return Math.min(records ?? Number.POSITIVE_INFINITY, wide)
}

/** Whether a loss comes after an event with this position on the same tape. */
const isAfter = ({ positions }: Lost, position: number): boolean => positions !== null && position < positions[0]

/** Returns where the next event of a stream goes, from the last event that is left of it. */
export const endOf = (lost: ReadonlyArray<Lost>, stream: string, last: LastEvent): StreamEnd => {
  let revision = last.revision
  /** The last revision that was given to an event that is known to be lost. */
  let given = last.revision
  let unknown = 0
  let doubt: Lost | undefined
  for (const loss of lost) {
    const revisions = revisionsOf(loss, stream)
    if (revisions === "none") continue
    if (revisions !== undefined) {
      given = Math.max(given, revisions[1] - 1)
      if (loss.accepted !== true) revision = Math.max(revision, revisions[1] - 1)
    } else if (isAfter(loss, last.position)) {
      unknown += eventsMax(loss)
      if (loss.accepted !== true) doubt ??= loss
    }
  }
  return { revision, skip: Math.max(given, revision) + unknown - revision, doubt }
}

/** Returns the losses that hold events of a stream, or may hold some as far as they tell. */
export const concerning = (lost: ReadonlyArray<Lost>, stream: string): ReadonlyArray<Lost> =>
  lost.filter((loss) => revisionsOf(loss, stream) !== "none")

/** Returns the losses that may hold revisions `[from, to)` of a stream. */
export const explaining = (lost: ReadonlyArray<Lost>, stream: string, from: number, to: number): ReadonlyArray<Lost> =>
  lost.filter((loss) => {
    const revisions = revisionsOf(loss, stream)
    return revisions === undefined || (revisions !== "none" && revisions[0] < to && revisions[1] > from)
  })

/** Returns the losses that may hold events of a stream after its last event. */
export const afterEnd = (lost: ReadonlyArray<Lost>, stream: string, last: LastEvent): ReadonlyArray<Lost> =>
  lost.filter((loss) => {
    const revisions = revisionsOf(loss, stream)
    if (revisions === undefined) return isAfter(loss, last.position)
    return revisions !== "none" && revisions[1] - 1 > last.revision
  })

/** Returns the first loss that nobody has accepted. */
export const unaccepted = (lost: ReadonlyArray<Lost>): Lost | undefined =>
  lost.find(({ accepted }) => accepted !== true)
