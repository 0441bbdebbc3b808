/** The event store, as an application without Effect uses it: through promises. */
import { join } from "node:path"
import { PromiseStore } from "../litetapes.ts"
import { byStream } from "./byStream.ts"
import type { PeerModule, StoredEvent } from "./peer.ts"

export const open: PeerModule["open"] = async (folder) => {
  const store = await PromiseStore.open(join(folder, "lib"))
  const all = async (events: AsyncIterable<StoredEvent>): Promise<Array<StoredEvent>> => {
    const read: Array<StoredEvent> = []
    for await (const event of events) read.push(event)
    return read
  }
  return {
    append: async (stream, event) => {
      await store.append(stream, [event])
    },
    appendBatch: async (batch) => {
      await store.appendAll(Array.from(byStream(batch), ([stream, events]) => ({ stream, events })))
    },
    appendExpected: async (stream, event, expected) => {
      await store.append(stream, [event], { expected: expected === -1 ? "no-stream" : expected })
    },
    readStream: (stream) => all(store.read(stream)),
    readLast: async (stream) => (await all(store.read(stream, { direction: "backward", limit: 1 })))[0],
    replay: async (visit) => {
      for await (const event of store.readAll()) visit(event)
    },
    close: () => store.close()
  }
}
