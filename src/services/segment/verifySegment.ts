/**
 * Verifies in one pass that a segment matches meta and that every line is a canonical record. Parses nothing that its
 * bytes alone prove. If a segment cannot be verified this way, `readChecked` finds what is wrong.
 */
import * as Effect from "effect/Effect"
import type * as Merkle from "../../domain/merkle/Merkle.ts"
import type { Role, Segment } from "../../domain/meta/SystemRecord.ts"
import type { SegmentAccess } from "./SegmentAccess.ts"
import type { SegmentError } from "./SegmentAccess.ts"
import { readPieces } from "./SegmentPieces.ts"
import { type Proved, SegmentVerifier } from "./SegmentVerifier.ts"

/**
 * Reads a whole segment. Returns `undefined` if it could not be verified, which does not mean that it is bad. Fails if
 * it cannot be read. `before` is the Merkle state before it.
 */
export const verifySegment = (
  access: SegmentAccess,
  tape: string,
  role: Role,
  segment: Segment,
  before: Merkle.State
): Effect.Effect<Proved | undefined, SegmentError> =>
  Effect.suspend(() => {
    // References must be read twice, which `readChecked` does.
    if ((segment.same ?? 0) !== 0) return Effect.succeed(undefined)
    const proof = new SegmentVerifier({ role, segment, before, limits: access.limits })
    const read = readPieces(access, tape, segment, (lines, frame) => proof.add(lines, frame))
    return Effect.map(read, (isRead) => (isRead ? proof.finish() : undefined))
  })
