/** `@dcb-es/event-store` in memory: nothing is durable, and nothing is indexed. */
import type { BoundaryPeer, BoundaryStore, TaggedEvent, Wanted } from "./store.ts"

const open = async (): Promise<BoundaryStore> => {
  const { MemoryEventStore, Query, Tags } = await import("@dcb-es/event-store")
  const store = new MemoryEventStore()
  const eventOf = ({ data, tags, type }: TaggedEvent) => ({ type, data, tags: Tags.from([...tags]), metadata: {} })
  const queryOf = ({ tags, type }: Wanted) => Query.fromItems([{ types: [type], tags: Tags.from([...tags]) }])
  let last: unknown
  const append = async (events: ReadonlyArray<TaggedEvent>, condition?: object) => {
    const command = { events: events.map(eventOf) }
    last = await store.append(condition === undefined ? command : { ...command, condition })
  }
  return {
    load: append,
    append: (event) => append([event]),
    appendIf: (event, wanted, after) => append([event], { failIfEventsMatch: queryOf(wanted), after }),
    query: async (wanted) => {
      const after = last
      let count = 0
      for await (const _ of store.read(queryOf(wanted))) count++
      return { count, after }
    },
    close: () => {}
  }
}

export const dcbMemory: BoundaryPeer = {
  name: "@dcb-es/event-store",
  label: "in memory: nothing is durable",
  open
}
