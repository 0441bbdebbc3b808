/** A new segment behind the last one of a tape: lines as they are, in one file. */
import * as Effect from "effect/Effect"
import { segmentName } from "../../domain/Names.ts"
import type { Role, Segment } from "../../domain/SystemRecord.ts"
import type { Root, StorageError } from "../Storage.ts"
import { SegmentSeal } from "./SegmentSeal.ts"

export interface TailOptions {
  readonly tape: string
  readonly role: Role
  readonly number: number
  /** The segment in front of it. */
  readonly before: Segment | undefined
  readonly lastBatch: number
}

/**
 * Writes it, before anything says that it exists. `fill` shows each line to the seal and appends it. The result is what
 * meta is to say of it, and its index.
 */
export const writeTail = <E>(
  root: Root,
  { before, lastBatch, number, role, tape }: TailOptions,
  fill: (seal: SegmentSeal, append: (lines: Uint8Array) => Effect.Effect<void, StorageError>) => Effect.Effect<void, E>
): Effect.Effect<{ readonly segment: Segment; readonly index: Uint8Array }, E | StorageError> =>
  Effect.suspend(() => {
    const name = segmentName({ number, compression: "none", shardEvery: 0 })
    const seal = new SegmentSeal(role, before?.merkle)
    return Effect.map(
      root.writeSegment(tape, name, (append) => fill(seal, append)),
      () => {
        const { index, ...sealed } = seal.finish()
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
      }
    )
  })
