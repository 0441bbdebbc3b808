/** Writes a segment that somebody else left again, under its name, so that it is durable whoever wrote it. */
import * as Effect from "effect/Effect"
import { createHash } from "node:crypto"
import { SegmentCorrupt } from "../../domain/format/Errors.ts"
import type { StorageError } from "../ports/Storage.ts"
import type { SegmentAccess, SegmentError } from "./SegmentAccess.ts"
import { readSegment } from "./SegmentFile.ts"

const copyBytes = 1024 * 1024

/**
 * Replaces a segment's file by a copy of it. I2: that a file can be read does not make it durable, and after a failed sync
 * another sync proves nothing. Fails with `SegmentCorrupt` if its SHA-256 is not `sha256`; then the old file stays. Cost:
 * reading and writing `bytes` bytes, and the room for a second copy until it is done.
 */
export const rewriteSegment = (
  access: SegmentAccess,
  tape: string,
  segment: string,
  proof: { readonly bytes: number; readonly sha256: string }
): Effect.Effect<void, SegmentError | StorageError> => copySegment(access, tape, segment, segment, proof)

/** Copies a segment's file to another name, in the same way. */
export const copySegment = (
  access: SegmentAccess,
  tape: string,
  segment: string,
  to: string,
  { bytes, sha256 }: { readonly bytes: number; readonly sha256: string }
): Effect.Effect<void, SegmentError | StorageError> =>
  access.root.segments.write(tape, to, (append) =>
    Effect.gen(function* () {
      const digest = createHash("sha256")
      for (let offset = 0; offset < bytes; offset += copyBytes) {
        const chunk = yield* readSegment(access, tape, segment, offset, Math.min(copyBytes, bytes - offset))
        digest.update(chunk)
        yield* append(chunk)
        yield* Effect.yieldNow
      }
      if (digest.digest("hex") === sha256) return
      const why = "it changed while it was copied"
      return yield* new SegmentCorrupt({ tape, segment, offset: 0, why })
    })
  )
