/** Which revisions of which streams are lost with a part of a segment, according to its index. */
import * as Effect from "effect/Effect"
import { firstNotBefore } from "../../../domain/base/binarySearch.ts"
import * as SegmentIndex from "../../../domain/segment/SegmentIndex.ts"
import type { StorageError } from "../../ports/Storage.ts"
import type { OpenSegment } from "../../segment/SameLines.ts"
import { runLookup } from "../../segment/SegmentIndexFile.ts"

/** Lost revisions of a stream. The index has only the hash of its name. */
export interface LostStream {
  readonly hash: number
  readonly first: number
  readonly count: number
}

/** Number of streams that one loss lists. If more are lost, it counts as not known which. */
const streamsMax = 4096

type Find = (from: number, to: number) => ReadonlyArray<LostStream> | undefined

/** Returns a function that returns the streams with events in a range of raw bytes; `undefined` if nobody knows them. */
export const lostStreams = ({ handle, role, segment, store, tape }: OpenSegment): Effect.Effect<Find, StorageError> => {
  if (role === "records") return Effect.succeed(() => undefined)
  const { header, memory } = handle
  return Effect.map(
    runLookup(store, tape, segment.name, memory, () => readRows(header)),
    (found): Find => {
      if (found === undefined) return () => undefined
      const { entries, rows } = found.value
      return (from, to) => {
        const lost: Array<LostStream> = []
        for (const { count, firstEntry, firstRevision, hash } of rows) {
          const at = (offset: number) => firstNotBefore(count, (n) => entries[firstEntry + n]!.offset < offset)
          const [first, end] = [at(from), at(to)]
          if (first < end) lost.push({ hash, first: firstRevision + first, count: end - first })
          if (lost.length > streamsMax) return undefined
        }
        return lost
      }
    }
  )
}

function* readRows(header: SegmentIndex.Header) {
  const rows = yield* SegmentIndex.readStreams(header)
  return { rows, entries: yield* SegmentIndex.readEntries(header, 0, header.entries.rows) }
}
