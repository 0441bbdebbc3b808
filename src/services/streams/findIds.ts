/** Looks up the ids of an append among durable events, before its batch is formed. */
import * as Effect from "effect/Effect"
import * as Event from "../../domain/event/Event.ts"
import type { LibHandle } from "../lib/LibHandle.ts"
import type { SegmentError } from "../segment/SegmentAccess.ts"
import type { PlannedCommand } from "./Command.ts"
import type { PlannedAppend } from "./PlannedAppend.ts"
import { findById } from "./StreamSources.ts"

/** Looks up the given ids of an entry. Its pinned state notes ids that are accepted from here on. */
export const findIds = (lib: LibHandle, entry: PlannedAppend): Effect.Effect<void, SegmentError> =>
  Effect.suspend(() => {
    entry.watch = { since: lib.journal.durable.batch }
    entry.state.watch(entry.watch)
    const find = Effect.forEach(entry.given, (id) => findId(lib, entry, id), { discard: true })
    return entry.command === undefined ? find : Effect.andThen(find, findLater(lib, entry, entry.command))
  })

/** Looks up what the command made the first time after these events, if it made these. */
const findLater = Effect.fnUntraced(function* (
  lib: LibHandle,
  entry: PlannedAppend,
  command: PlannedCommand
): Effect.fn.Return<void, SegmentError> {
  const last = entry.events.at(-1)
  if (last !== undefined && !entry.found.has(last.id)) return
  for (const id of command.laterIds(entry.events.length)) if (!(yield* findId(lib, entry, id))) return
})

const findId = (lib: LibHandle, entry: PlannedAppend, id: string): Effect.Effect<boolean, SegmentError> =>
  Effect.map(findById(lib, entry.state.tape, entry.state.name, id), (event) => {
    if (event === undefined) return false
    const { revision, position } = event
    entry.found.set(id, { revision, position, content: Event.content(event, lib.meta.limits) })
    return true
  })
