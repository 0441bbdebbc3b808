/** The streams of a lib. No call lists them, so all events are read. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { EventStore } from "../services/EventStore.ts"
import { counting } from "./progress.ts"
import type { Column } from "./text/table.ts"

/** A stream and what is in it. */
export interface StreamRow {
  readonly stream: string
  readonly events: number
  /** Revision of its last event. */
  readonly revision: number
  /** Times of its first and its last event. */
  readonly first: string
  readonly last: string
}

export const streamColumns: ReadonlyArray<Column> = [
  { title: "stream", flexible: true },
  { title: "events", align: "right" },
  { title: "revision", align: "right" },
  { title: "last event" }
]

/** Returns the streams of some categories, or all, in the order of their first events. */
export const listStreams = (store: EventStore["Service"], categories: ReadonlyArray<string>, allowGaps: boolean) =>
  Effect.gen(function* () {
    const found = new Map<string, { -readonly [Key in keyof StreamRow]: StreamRow[Key] }>()
    const filter = categories.length > 0 ? { filter: { categories } } : {}
    const total = yield* store.position
    yield* counting("reading", total, (add) =>
      Stream.runForEachArray(store.readAll({ ...filter, allowGaps }), (events) => {
        for (const { revision, stream, time } of events) {
          const known = found.get(stream)
          if (known === undefined) found.set(stream, { stream, events: 1, revision, first: time, last: time })
          else {
            known.events += 1
            known.revision = revision
            known.last = time
          }
        }
        return add(events.length)
      })
    )
    return [...found.values()] as ReadonlyArray<StreamRow>
  })
