/** Repack: whether a segment that was written is on the disk as it was meant. */
import * as Effect from "effect/Effect"
import { invariant } from "../../domain/base/invariant.ts"
import * as Merkle from "../../domain/merkle/Merkle.ts"
import type { Role, Segment } from "../../domain/meta/SystemRecord.ts"
import type { SegmentStore } from "./SegmentStore.ts"
import type { SegmentError } from "./SegmentAccess.ts"
import { hasLines } from "./SegmentPieces.ts"
import { readWhole } from "./SegmentRecords.ts"

/**
 * What was written is what can be read: it is read from the disk, and is, to the byte, the lines whose Merkle state was
 * computed when they were written. That is known by the SHA-256 of them all (`rawSha256`, or the file's own), so it is
 * not computed again; where lines stand for others, or something is wrong, it is.
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
      invariant(same, "a segment that was just written reads back as it was meant")
    }
  )
}
