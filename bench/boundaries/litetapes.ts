/** The event store of litetapes. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { EventStore } from "../litetapes.ts"
import { openLib } from "../peers/litetapes.ts"
import type { BoundaryPeer, BoundaryStore, TaggedEvent, Wanted } from "./store.ts"

const queryOf = ({ tags, type }: Wanted): EventStore.Query => [{ types: [type], tags }]

const eventOf = ({ data, tags, type }: TaggedEvent) => ({ type, data, tags })

const open = async (folder: string): Promise<BoundaryStore> => {
  const { close, run, store } = await openLib(folder)
  return {
    load: (events) =>
      run(
        Effect.asVoid(
          store.appendAll(
            Array.from(
              Map.groupBy(events, ({ stream }) => stream),
              ([stream, its]) => ({ stream, events: its.map(eventOf) })
            )
          )
        )
      ),
    append: (event) => run(Effect.asVoid(store.append(event.stream, [eventOf(event)]))),
    appendIf: (event, wanted, after) => {
      const condition = { failIfEventsMatch: queryOf(wanted), after: after as EventStore.Boundary }
      return run(Effect.asVoid(store.append(event.stream, [eventOf(event)], { condition })))
    },
    query: (wanted) =>
      run(
        Effect.map(store.query(queryOf(wanted)), ({ boundary, events }) => ({ count: events.length, after: boundary }))
      ),
    readStream: (stream) => run(Effect.map(Stream.runCollect(store.read(stream)), ({ length }) => length)),
    close
  }
}

export const litetapes: BoundaryPeer = {
  name: "litetapes",
  label: "the event store, with Effect; one fdatasync per commit",
  open
}
