/**
 * Whether a segment is what meta says of it, every line a canonical record: in one pass, in which nothing is parsed that
 * its bytes alone tell of. What is wrong with a segment that could not be proved so is found by `readChecked`.
 */
import * as Effect from "effect/Effect"
import type * as Merkle from "../../domain/merkle/Merkle.ts"
import type { Role, Segment } from "../../domain/meta/SystemRecord.ts"
import type { SegmentAccess } from "./SegmentAccess.ts"
import type { SegmentError } from "./SegmentAccess.ts"
import { readPieces } from "./SegmentPieces.ts"
import { type Proved, SegmentVerifier } from "./SegmentVerifier.ts"

/**
 * Reads a whole segment: `undefined` where it could not be proved good, which does not mean that it is bad. Fails where it
 * cannot be read. `before`: the Merkle state in front of it.
 */
export const verifySegment = (
  access: SegmentAccess,
  tape: string,
  role: Role,
  segment: Segment,
  before: Merkle.State
): Effect.Effect<Proved | undefined, SegmentError> =>
  Effect.suspend(() => {
    // Lines that stand for others are read twice, and that takes another way.
    if ((segment.same ?? 0) !== 0) return Effect.succeed(undefined)
    const proof = new SegmentVerifier({ role, segment, before, limits: access.limits })
    const read = readPieces(access, tape, segment, (lines, frame) => proof.add(lines, frame))
    return Effect.map(read, (isRead) => (isRead ? proof.finish() : undefined))
  })
