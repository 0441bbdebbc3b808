/** Writes a new segment after the last one of a tape: uncompressed lines in one file. */
import * as Effect from "effect/Effect"
import { segmentName } from "../../domain/format/Names.ts"
import { type SealedSegment, SegmentSeal } from "../../domain/segment/SegmentSeal.ts"
import type { Role, Segment } from "../../domain/meta/SystemRecord.ts"
import type { Root, StorageError } from "../ports/Storage.ts"

export interface NextSegmentOptions {
  readonly tape: string
  readonly role: Role
  readonly number: number
  /** The segment before it. */
  readonly before: Segment | undefined
  readonly lastBatch: number
}

/** The segment's entry for meta, and its index. */
export interface NextSegment {
  readonly segment: Segment
  readonly index: Uint8Array
}

type Append = (lines: Uint8Array) => Effect.Effect<void, StorageError>

/** Writes the segment before anything lists it. `fill` appends its lines and returns their hashes and index. */
export const writeNextSegmentAs = <E>(
  root: Root,
  { before, lastBatch, number, tape }: NextSegmentOptions,
  fill: (append: Append) => Effect.Effect<SealedSegment, E>
): Effect.Effect<NextSegment, E | StorageError> =>
  Effect.suspend(() => {
    const name = segmentName({ number, compression: "none", shardEvery: 0 })
    return Effect.map(root.segments.write(tape, name, fill), ({ index, ...sealed }) => {
      const segment: Segment = {
        ...sealed,
        compression: "none",
        firstOrdinal: before?.merkle.size ?? 0,
        lastBatch,
        name,
        number,
        state: "closed"
      }
      return { segment, index }
    })
  })

/** Does the same, and computes hashes and index meanwhile: `fill` passes each line to the seal and appends it. */
export const writeNextSegment = <E>(
  root: Root,
  options: NextSegmentOptions,
  fill: (seal: SegmentSeal, append: Append) => Effect.Effect<void, E>
): Effect.Effect<NextSegment, E | StorageError> =>
  writeNextSegmentAs(root, options, (append) =>
    Effect.suspend(() => {
      const seal = new SegmentSeal(options.role, options.before?.merkle)
      return Effect.map(fill(seal, append), () => seal.finish())
    })
  )
