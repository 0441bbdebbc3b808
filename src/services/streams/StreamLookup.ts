/**
 * Looks up a stream in one closed segment. Most segments of a large lib do not have it. After enough look-ups without a
 * result a segment keeps a filter of its streams, or of its terms, which then answers most of them without a read.
 */
import * as Effect from "effect/Effect"
import { BloomFilter } from "../../domain/base/BloomFilter.ts"
import * as SegmentIndex from "../../domain/segment/SegmentIndex.ts"
import type { Segment } from "../../domain/meta/SystemRecord.ts"
import type { LibHandle } from "../lib/LibHandle.ts"
import type { IndexHandle } from "../segment/SegmentIndexFile.ts"
import type { SegmentError } from "../segment/SegmentAccess.ts"

/** Maximum size of the filters that a lib keeps: ten bits for each stream of each segment. */
const filterBytesMax = 32 * 1024 * 1024

/** Returns the rows of streams with this hash. */
export const findStream = (
  lib: LibHandle,
  tape: string,
  segment: Segment,
  stream: number
): Effect.Effect<Array<SegmentIndex.StreamRow>, SegmentError> =>
  unlessAbsent(lib, tape, segment, stream, (header) => SegmentIndex.findStream(header, stream))

/** Returns the entries of events whose id has this hash, in a segment that may have the stream. */
export const findId = (
  lib: LibHandle,
  tape: string,
  segment: Segment,
  stream: number,
  id: number
): Effect.Effect<Array<number>, SegmentError> =>
  unlessAbsent(lib, tape, segment, stream, (header) => SegmentIndex.findId(header, id))

const unlessAbsent = <A>(
  lib: LibHandle,
  tape: string,
  segment: Segment,
  stream: number,
  query: (header: SegmentIndex.Header) => SegmentIndex.Lookup<Array<A>>
): Effect.Effect<Array<A>, SegmentError> =>
  Effect.flatMap(lib.segments.index(tape, "events", segment), (handle) => {
    const { streams } = handle
    if (!streams.mayHave(stream)) return Effect.succeed([])
    return Effect.tap(lib.segments.lookup(tape, "events", segment, query), (rows) =>
      // A look-up in an index that is in memory reads nothing.
      rows.length === 0 && !streams.isKnown && handle.memory === undefined
        ? missed(lib, tape, segment, handle, "streams")
        : Effect.void
    )
  })

/**
 * Notes that a look-up found nothing, and reads all hashes once that costs no more than the look-ups without a result have
 * cost so far.
 */
export const missed = (
  lib: LibHandle,
  tape: string,
  segment: Segment,
  handle: IndexHandle,
  of: SegmentIndex.Filtered
): Effect.Effect<void, SegmentError> => {
  const { header } = handle
  if (!handle[of].noteMissed(SegmentIndex.filterPages(header, of))) return Effect.void
  if (lib.segments.filterBytes + BloomFilter.bytesFor(header[of].rows) > filterBytesMax) return Effect.void
  const read = (at: SegmentIndex.Header) => SegmentIndex.readFilter(at, of)
  return Effect.map(lib.segments.lookup(tape, "events", segment, read), (filter) =>
    lib.segments.keepFilter(tape, segment.name, handle, of, filter)
  )
}
