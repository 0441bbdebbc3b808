/**
 * Emmett on SQLite through its own API, over one connection. If concurrent appends share a connection, Emmett puts them
 * into one transaction and acknowledges them before it is committed. So appends are queued here, unless the setting is
 * `unqueued`: that is what Emmett itself does.
 */
import {
  getSQLiteEventStore,
  readMessagesBatch,
  sqliteConnection,
  SQLiteConnectionPool
} from "@event-driven-io/emmett-sqlite"
import { join } from "node:path"
import { byStream } from "./byStream.ts"
import type { NewEvent, PeerModule } from "./peer.ts"

export const open: PeerModule["open"] = async (folder, setting) => {
  const fileName = join(folder, "events.db")
  const connection = sqliteConnection({ fileName })
  await connection.command("PRAGMA synchronous = FULL")
  const pool = SQLiteConnectionPool({ fileName, connectionOptions: { singleton: true, connection } })
  const store = getSQLiteEventStore({ fileName, pool })
  await store.schema.migrate()
  const queued = setting === "unqueued" ? <A>(run: () => Promise<A>): Promise<A> => run() : makeQueue()
  const append = async (stream: string, events: ReadonlyArray<NewEvent>, expected?: number): Promise<void> => {
    const condition = expected === undefined ? {} : { expectedStreamVersion: BigInt(expected + 1) }
    await store.appendToStream(stream, events, condition)
  }
  return {
    append: (stream, event) => queued(() => append(stream, [event])),
    appendExpected: (stream, event, expected) => queued(() => append(stream, [event], expected)),
    appendBatch: (batch) =>
      queued(() =>
        connection.withTransaction(async () => {
          for (const [stream, events] of byStream(batch)) await append(stream, events)
        })
      ),
    readStream: async (stream) => (await store.readStream(stream)).events,
    readLast: async (stream) => (await store.readStream(stream)).events.at(-1),
    replay: async (visit) => {
      for (let after = 0n, more = true; more;) {
        const read = await readMessagesBatch(connection, { after, batchSize: 1000 })
        for (const event of read.messages) visit(event)
        after = read.currentGlobalPosition
        more = read.areEventsLeft
      }
    },
    close: () => connection.close()
  }
}

/** Returns a function that runs what it is given, one after the other. */
const makeQueue = () => {
  let last: Promise<unknown> = Promise.resolve()
  return <A>(run: () => Promise<A>): Promise<A> => {
    const next = last.then(run, run)
    last = next
    return next
  }
}
