/**
 * Recognises events that were appended before in an older version of their type, or under a former name. The event store
 * compares what is stored; this compares what it means now (decision 0060).
 */
import * as Effect from "effect/Effect"
import { commandEventId } from "../../domain/event/commandIds.ts"
import type { NewEvent, RecordedEvent } from "../../domain/event/Event.ts"
import { EventIdConflict } from "../../domain/event/EventErrors.ts"
import { PlacedData } from "../../domain/event/PlacedData.ts"
import type { AppendOptions } from "../streams/AppendOptions.ts"
import type { AppendResult, EventAppendError } from "../streams/EventAppender.ts"
import type { StreamReadError } from "../streams/StreamReader.ts"
import { openerOf } from "./erasure/CategoryKeys.ts"
import type { EventTypes, Open } from "./EventTypes.ts"
import { isSameJson } from "./isSameJson.ts"

/** What is needed of the event store. */
interface Store {
  readonly append: (
    stream: string,
    events: ReadonlyArray<NewEvent>,
    options?: AppendOptions
  ) => Effect.Effect<AppendResult, EventAppendError>
  readonly find: (stream: string, id: string) => Effect.Effect<RecordedEvent | undefined, StreamReadError>
}

/** Appends encoded events. Costs look-ups only if the store finds their ids, and a type has versions or former names. */
export const appendOrRepeat = (
  types: EventTypes,
  store: Store,
  stream: string,
  events: ReadonlyArray<NewEvent>,
  options: AppendOptions | undefined
): Effect.Effect<AppendResult, EventAppendError> => {
  const append = store.append(stream, events, options)
  if (!types.hasHistory) return append
  return Effect.flatMap(append, (result) =>
    result.repeated ? Effect.as(refuseOthers(types, store, stream, events, options), result) : Effect.succeed(result)
  ).pipe(
    Effect.catchIf(
      (error) => error instanceof EventIdConflict && error.why === "other-content",
      (conflict) =>
        Effect.flatMap(asStored(types, store, stream, events, options), (stored) =>
          stored === undefined ? Effect.fail(conflict) : store.append(stream, stored, options)
        )
    )
  )
}

/** Returns the stored events with the ids of these events, in their order. */
const find = (store: Store, stream: string, events: ReadonlyArray<NewEvent>, options: AppendOptions | undefined) =>
  Effect.forEach(events, ({ id }, index) => {
    const named = options?.commandId === undefined ? id : commandEventId(stream, options.commandId, index)
    return named === undefined ? Effect.succeed(undefined) : store.find(stream, named)
  })

/** Returns them, and what decrypts them. */
const findAndOpen = (
  types: EventTypes,
  store: Store,
  stream: string,
  events: ReadonlyArray<NewEvent>,
  options: AppendOptions | undefined
): Effect.Effect<FoundAndOpen, StreamReadError> =>
  Effect.flatMap(find(store, stream, events, options), (found): Effect.Effect<FoundAndOpen, StreamReadError> => {
    if (!types.mayBeErasable) return Effect.succeed({ found, open: undefined })
    const stored = found.filter((event) => event !== undefined)
    return Effect.map(openerOf(types, stored), (open) => ({ found, open }))
  })

interface FoundAndOpen {
  readonly found: ReadonlyArray<RecordedEvent | undefined>
  readonly open: Open | undefined
}

/** Fails with `EventIdConflict` if an event has the data of the stored one, which means something else in its version. */
const refuseOthers = (
  types: EventTypes,
  store: Store,
  stream: string,
  events: ReadonlyArray<NewEvent>,
  options: AppendOptions | undefined
): Effect.Effect<void, EventAppendError> =>
  Effect.flatMap(findAndOpen(types, store, stream, events, options), ({ found, open }) => {
    const other = found.findIndex(
      (stored, at) => stored !== undefined && types.isOlder(stored) && !isSame(types, stored, events[at]!, open)
    )
    if (other === -1) return Effect.void
    const { commandId } = options ?? {}
    const { id } = found[other]!
    const command = commandId === undefined ? {} : { commandId }
    return Effect.fail(new EventIdConflict({ stream, id, why: "other-content", ...command }))
  })

/** Returns the events as they are stored if they mean the same now; `undefined` if none of them is stored in an older form. */
const asStored = (
  types: EventTypes,
  store: Store,
  stream: string,
  events: ReadonlyArray<NewEvent>,
  options: AppendOptions | undefined
): Effect.Effect<ReadonlyArray<NewEvent> | undefined, EventAppendError> =>
  Effect.map(findAndOpen(types, store, stream, events, options), ({ found, open }) => {
    let isOlder = false
    const stored = events.map((event, at): NewEvent => {
      const before = found[at]
      if (before === undefined || !types.isOlder(before) || !isSame(types, before, event, open)) return event
      isOlder = true
      const { data, metadata, type } = before
      return { ...event, type, data, metadata }
    })
    return isOlder ? stored : undefined
  })

const isSame = (
  types: EventTypes,
  stored: RecordedEvent,
  { data, type }: NewEvent,
  open: Open | undefined
): boolean => {
  const now = types.presentForm(stored, open)
  if (now === undefined || now.type !== type) return false
  return PlacedData.is(data) ? data.isSame(now.data) : isSameJson(now.data, data)
}
