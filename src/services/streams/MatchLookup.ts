/** Looks up the events that may match a query in one closed segment. */
import * as Effect from "effect/Effect"
import * as IndexMatches from "../../domain/segment/indexMatches.ts"
import type * as SegmentIndex from "../../domain/segment/SegmentIndex.ts"
import { mayMatch, type Matches, noMatches, type QueryTerms } from "../../domain/segment/termMatches.ts"
import type { Segment } from "../../domain/meta/SystemRecord.ts"
import type { LibHandle } from "../lib/LibHandle.ts"
import type { SegmentError } from "../segment/SegmentAccess.ts"
import { missed } from "./StreamLookup.ts"

/**
 * Returns the events from position `from` up to, but not including, `to` that may match a query; `undefined` if the index
 * does not say which.
 */
export const findMatches = (
  lib: LibHandle,
  tape: string,
  segment: Segment,
  query: QueryTerms,
  from: number,
  to: number
): Effect.Effect<Matches | undefined, SegmentError> =>
  Effect.flatMap(lib.segments.withTerms(tape, segment), (handle) => {
    const { header, terms } = handle
    if (header.firstPosition >= to || header.lastPosition < from) return Effect.succeed(noMatches)
    if (!header.hasTerms) return Effect.succeed(undefined)
    if (!mayMatch(query, (term) => terms.mayHave(term))) return Effect.succeed(noMatches)
    const find = (at: SegmentIndex.Header) => IndexMatches.findMatches(at, query, from, to)
    return Effect.tap(lib.segments.lookup(tape, "events", segment, find), (found) =>
      found?.positions.length === 0 && !terms.isKnown && handle.memory === undefined
        ? missed(lib, tape, segment, handle, "terms")
        : Effect.void
    )
  })
