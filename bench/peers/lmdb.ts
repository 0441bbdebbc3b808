/**
 * The event store that a user would write on LMDB, with LMDB's own encoding (MessagePack): events by position, and
 * their places by stream. A commit is visible before it is on the disk, so every append waits for `flushed`.
 */
import { type Database, open as openLmdb } from "lmdb"
import { randomUUID } from "node:crypto"
import type { Addressed, PeerModule, StoredEvent } from "./peer.ts"

interface Stored extends StoredEvent {
  readonly position: number
}

export const open: PeerModule["open"] = async (folder) => {
  const root = openLmdb({ path: folder })
  const events = root.openDB<Stored>({ name: "events" })
  const places = root.openDB<number>({ name: "places" })
  const append = makeAppend(root, events, places)
  const placesOf = (stream: string) => ({ start: [stream, 0], end: [stream, Number.MAX_SAFE_INTEGER] })
  return {
    append: (stream, event) => append([{ stream, event }]),
    appendBatch: append,
    appendExpected: (stream, event, expected) => append([{ stream, event }], expected),
    readStream: (stream) => Array.from(places.getRange(placesOf(stream)), ({ value }) => events.get(value)!),
    readLast: (stream) => {
      const { start, end } = placesOf(stream)
      for (const { value } of places.getRange({ start: end, end: start, reverse: true, limit: 1 })) {
        return events.get(value)
      }
      return undefined
    },
    replay: (visit) => {
      for (const { value } of events.getRange()) visit(value)
    },
    close: () => root.close()
  }
}

const makeAppend = (root: Database<unknown>, events: Database<Stored>, places: Database<number>) => {
  const heads = root.openDB<number>({ name: "heads" })
  let position = 0
  for (const last of events.getKeys({ reverse: true, limit: 1 })) position = Number(last) + 1
  return async (batch: ReadonlyArray<Addressed>, expected?: number): Promise<void> => {
    await root.transaction(() => {
      const time = new Date().toISOString()
      for (const { stream, event } of batch) {
        const known = heads.get(stream) ?? -1
        if (expected !== undefined && known !== expected) throw new Error("the stream is at another revision")
        const revision = known + 1
        void events.put(position, { ...event, id: randomUUID(), position, revision, stream, tags: [], time } as Stored)
        void places.put([stream, revision], position)
        void heads.put(stream, revision)
        position++
      }
    })
    await root.flushed
  }
}
