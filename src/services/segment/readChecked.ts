/** Checks the lines of a segment: each is canonical and not a system record, and together they match meta. */
import * as Effect from "effect/Effect"
import { SegmentCorrupt } from "../../domain/format/Errors.ts"
import * as Merkle from "../../domain/merkle/Merkle.ts"
import type { Role, Segment } from "../../domain/meta/SystemRecord.ts"
import type * as TaraSON from "../../domain/json/TaraSON.ts"
import type { SegmentStore } from "./SegmentStore.ts"
import { readRecord } from "../../domain/segment/recordLines.ts"
import type { SegmentError } from "./SegmentAccess.ts"
import { readWhole } from "./SegmentRecords.ts"

/** Reads a whole segment, and checks it and each of its lines against meta. `before` is the Merkle state before it. */
export const readChecked = (
  store: SegmentStore,
  tape: string,
  role: Role,
  segment: Segment,
  before: Merkle.State,
  each: (record: TaraSON.JsonObject) => void = () => {}
): Effect.Effect<void, SegmentError> =>
  Effect.suspend(() => {
    const merkle = new Merkle.Accumulator(before)
    const read = readWhole(store, tape, role, segment, (line) => {
      each(readRecord(line, store.limits))
      merkle.add(line)
    })
    return Effect.flatMap(read, () => {
      if (merkle.size === segment.merkle.size && merkle.root() === Merkle.root(segment.merkle)) return Effect.void
      const why = "its Merkle state does not match meta"
      return Effect.fail(new SegmentCorrupt({ tape, segment: segment.name, offset: 0, why }))
    })
  })
