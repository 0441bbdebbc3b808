/** Looks up the events that may match a query in one closed segment. */
import * as Effect from "effect/Effect"
import * as IndexMatches from "../../domain/segment/indexMatches.ts"
import type * as SegmentIndex from "../../domain/segment/SegmentIndex.ts"
import { mayMatch, noMatches, type QueryTerms } from "../../domain/segment/termMatches.ts"
import type { Segment } from "../../domain/meta/SystemRecord.ts"
import type { LibHandle } from "../lib/LibHandle.ts"
import type { SegmentError } from "../segment/SegmentAccess.ts"
import { missed } from "./StreamLookup.ts"

/**
 * Returns the first, or backward the last, events in a range that may match a query, and the range in which there are no
 * others; `undefined` if the segment should be read instead.
 */
export const findMatches = (
  lib: LibHandle,
  tape: string,
  segment: Segment,
  query: QueryTerms,
  wanted: IndexMatches.WantedMatches
): Effect.Effect<IndexMatches.FoundMatches | undefined, SegmentError> =>
  Effect.flatMap(lib.segments.withTerms(tape, segment), (handle) => {
    const { header, terms } = handle
    const { from, to } = wanted
    const nothing = { ...noMatches, from, to }
    if (header.firstPosition >= to || header.lastPosition < from) return Effect.succeed(nothing)
    if (!header.hasTerms) return Effect.succeed(undefined)
    if (!mayMatch(query, (term) => terms.mayHave(term))) return Effect.succeed(nothing)
    const find = (at: SegmentIndex.Header) => IndexMatches.findMatches(at, query, wanted)
    return Effect.tap(lib.segments.lookup(tape, "events", segment, find), (found) =>
      found?.positions.length === 0 && !terms.isKnown && handle.memory === undefined
        ? missed(lib, tape, segment, handle, "terms")
        : Effect.void
    )
  })
