/** Reads back a segment that a repack has written. */
import * as Effect from "effect/Effect"
import { invariant } from "../../domain/base/invariant.ts"
import * as Merkle from "../../domain/merkle/Merkle.ts"
import type { Role, Segment } from "../../domain/meta/SystemRecord.ts"
import type { SegmentStore } from "./SegmentStore.ts"
import type { SegmentError } from "./SegmentAccess.ts"
import { hasLines } from "./SegmentPieces.ts"
import { readWhole } from "./SegmentRecords.ts"

/**
 * Fails unless the file on disk holds exactly the lines whose Merkle state was computed when they were written. The
 * SHA-256 of all lines (`rawSha256`, or the file's own) proves that, so the Merkle state is computed again only if
 * lines refer to others, or if something is wrong.
 */
export const readBack = (
  store: SegmentStore,
  tape: string,
  role: Role,
  segment: Segment,
  before: Merkle.State,
  rawSha256: string | undefined
): Effect.Effect<void, SegmentError> =>
  Effect.flatMap(
    segment.same === undefined ? hasLines(store, tape, segment, rawSha256) : Effect.succeed(false),
    (has) => (has ? Effect.void : readBackEach(store, tape, role, segment, before))
  )

const readBackEach = (
  store: SegmentStore,
  tape: string,
  role: Role,
  segment: Segment,
  before: Merkle.State
): Effect.Effect<void, SegmentError> => {
  const merkle = new Merkle.Accumulator(before)
  return Effect.map(
    readWhole(store, tape, role, segment, (line) => merkle.add(line)),
    () => {
      const same = merkle.root() === Merkle.root(segment.merkle) && merkle.size === segment.merkle.size
      invariant(same, "a new segment reads back as it was written")
    }
  )
}
