/** Derives the placement of a lib that lost its meta from the streams that its tapes hold. */
import * as Effect from "effect/Effect"
import { keyOfEvent, keysOfEvents } from "../../../domain/event/eventKeys.ts"
import type { Limits } from "../../../domain/format/Limits.ts"
import { defaultPlacement, type Placement, tapeOf } from "../../../domain/format/Placement.ts"
import type { Root, StorageError } from "../../ports/Storage.ts"
import { SegmentStore } from "../../segment/SegmentStore.ts"
import { readWhole } from "../../segment/SegmentRecords.ts"
import { fold } from "./AdoptTape.ts"
import type { Orphans } from "./Orphans.ts"

/** The placements that need no number, in the order in which they are tried. */
const candidates: ReadonlyArray<Placement> = [
  defaultPlacement,
  { kind: "category" },
  { kind: "single" },
  { kind: "stream" }
]

/**
 * Returns the first placement by which every stream that can be read is on the tape where it is found. Under another
 * one, the event store would look for a stream on a tape that does not have it. Reads all events, once.
 */
export const placementFrom = Effect.fnUntraced(function* (
  root: Root,
  names: ReadonlyArray<string>,
  limits: Limits,
  orphans: Orphans
): Effect.fn.Return<Placement, StorageError> {
  const store = new SegmentStore(root, limits)
  let left = candidates
  for (const name of names) {
    const folded = yield* Effect.result(fold(name, yield* root.meta.read(name), limits))
    if (folded._tag === "Failure" || folded.success.role !== "events") continue
    const streams = new Set<string>()
    for (const segment of folded.success.segments) {
      // A damaged segment says nothing. It is reported when its tape is taken over or read.
      yield* Effect.ignore(readWhole(store, name, "events", segment, (line) => streams.add(keyOfEvent(line).stream)))
    }
    for (const { lines } of orphans.parts.get(folded.success.tape) ?? []) {
      for (const stream of streamsIn(lines)) streams.add(stream)
    }
    for (const stream of streams) left = left.filter((placement) => tapeOf(placement, stream) === name)
  }
  return left[0] ?? defaultPlacement
})

/** Returns the streams of committed lines; none if they are not events. */
const streamsIn = (lines: Uint8Array): ReadonlyArray<string> => {
  try {
    return keysOfEvents(lines).map(({ stream }) => stream)
  } catch {
    return []
  }
}
