/**
 * event-storage. By default it acknowledges events that are in the operating system's cache. The setting `sync` uses
 * `syncOnFlush`, which is durable. A batch over several streams is one commit for each stream, because the library
 * cannot commit several at once.
 */
import EventStorage from "event-storage"
import { randomUUID } from "node:crypto"
import { byStream } from "./byStream.ts"
import type { NewEvent, PeerModule, StoredEvent } from "./peer.ts"

export const open: PeerModule["open"] = async (folder, setting) => {
  const store = new EventStorage.EventStore("events", {
    storageDirectory: folder,
    storageConfig: { syncOnFlush: setting === "sync" }
  })
  await new Promise<void>((resolve) => store.once("ready", resolve))
  const commit = (stream: string, events: ReadonlyArray<NewEvent>, expected: number): Promise<void> =>
    new Promise((resolve) => {
      const time = new Date().toISOString()
      const records = events.map((event) => ({ ...event, id: randomUUID(), tags: [], time }))
      store.commit(stream, records, expected, resolve)
    })
  const any = EventStorage.ExpectedVersion.Any
  const read = (stream: string, from?: number, to?: number) =>
    [...(store.getEventStream(stream, from, to) || [])] as ReadonlyArray<StoredEvent>
  return {
    append: (stream, event) => commit(stream, [event], any),
    appendExpected: (stream, event, expected) => commit(stream, [event], expected + 1),
    appendBatch: async (batch) => {
      await Promise.all(Array.from(byStream(batch), ([stream, events]) => commit(stream, events, any)))
    },
    readStream: (stream) => read(stream),
    readLast: (stream) => read(stream, -1, -1)[0],
    replay: (visit) => {
      for (const event of store.getAllEvents()) visit(event as StoredEvent)
    },
    close: () => store.close()
  }
}
