/** Finds the tapes that a read of all events needs: every event tape, or those that hold events of some categories. */
import * as Effect from "effect/Effect"
import { TapeNotForEvents } from "../../domain/event/EventErrors.ts"
import { encodeTapeName } from "../../domain/format/Names.ts"
import { mayBeUuids, sharedTape } from "../../domain/format/Placement.ts"
import type { LibHandle } from "../lib/LibHandle.ts"
import type { LoadError } from "../lib/TapeRegistry.ts"
import type { SegmentError } from "../segment/SegmentAccess.ts"
import { findEventTape } from "./EventTape.ts"
import { lastEvent } from "./StreamLoad.ts"

type TapesError = LoadError | SegmentError | TapeNotForEvents

/**
 * Returns the names of all event tapes that may hold events of `categories`; of all event tapes if it is `undefined`.
 * Fails with `TapeNotForEvents` if a tape holds records on which events of these categories belong.
 */
export const tapesFor = (
  lib: LibHandle,
  categories: ReadonlyArray<string> | undefined
): Effect.Effect<ReadonlyArray<string>, TapesError> =>
  Effect.gen(function* () {
    const { placement } = lib.meta.state
    const isPlaced = placement.kind === "category" || placement.kind === "category-or-shared"
    if (categories === undefined || !isPlaced) return eventTapes(lib)
    // A category that is not well-formed text has no tape.
    const wanted = categories.filter((category) => category.isWellFormed())
    const names = new Set<string>()
    for (const category of wanted) {
      const name = encodeTapeName(category)
      const listed = lib.tapes.listing(name)
      if (listed === undefined) continue
      // As when one of its streams is read: a clone holds events that no index of streams knows.
      if (listed.role !== "events") return yield* new TapeNotForEvents({ tape: name, stream: category })
      names.add(name)
    }
    if (placement.kind === "category-or-shared" && (yield* isOnShared(lib, wanted))) names.add(sharedTape)
    return [...names]
  })

const eventTapes = (lib: LibHandle): ReadonlyArray<string> => {
  const names: Array<string> = []
  for (const { name, role } of lib.meta.state.tapes.values()) if (role === "events") names.push(name)
  return names
}

/**
 * Returns whether the shared tape may hold events of these categories. A category has one stream there, which is named
 * like it, and is looked up; the streams that are named by UUIDs are not.
 */
const isOnShared = Effect.fnUntraced(function* (
  lib: LibHandle,
  categories: ReadonlyArray<string>
): Effect.fn.Return<boolean, TapesError> {
  for (const category of categories) {
    const tape = category.includes("-") ? undefined : yield* findEventTape(lib, category)
    if (tape === undefined) continue
    // What is lost may be its events; the read has to say so.
    if (mayBeUuids(category) || tape.state.lost.length > 0) return true
    if ((yield* lastEvent(lib, tape, category)).revision >= 0) return true
  }
  return false
})
