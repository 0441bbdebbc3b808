/** The event store that a user would write on LevelDB: events by position, and their places by stream. */
import { ClassicLevel } from "classic-level"
import { randomUUID } from "node:crypto"
import { digits } from "../workloads/orderEvent.ts"
import { batched } from "./batcher.ts"
import type { Addressed, PeerModule, Store, StoredEvent } from "./peer.ts"

const eventKey = (position: number): string => `e${digits(position, 12)}`
const placeKey = (stream: string, revision: number): string => `s${stream}\0${digits(revision, 12)}`
const headKey = (stream: string): string => `h${stream}`
const placesOf = (stream: string) => ({ gte: `s${stream}\0`, lt: `s${stream}\x01` })
const allEvents = { gte: "e", lt: "f" }

/** Opens the store. Every write uses `sync: true`. With the setting `batched` a group commit wraps the appends. */
export const open: PeerModule["open"] = async (folder, setting) => {
  const database = new ClassicLevel(folder)
  await database.open()
  const writer = new Writer(database)
  await writer.start()
  const appendBatch: Store["appendBatch"] = (batch) => writer.append(batch)
  const at = async (places: ReadonlyArray<string>): Promise<ReadonlyArray<StoredEvent>> =>
    (await database.getMany(places)).map((text) => JSON.parse(text!) as StoredEvent)
  return {
    append: setting === "batched" ? batched(appendBatch) : (stream, event) => writer.append([{ stream, event }]),
    appendBatch,
    appendExpected: (stream, event, expected) => writer.append([{ stream, event }], expected),
    readStream: async (stream) => at(await database.values(placesOf(stream)).all()),
    readLast: async (stream) =>
      (await at(await database.values({ ...placesOf(stream), reverse: true, limit: 1 }).all()))[0],
    replay: async (visit) => {
      const values = database.values(allEvents)
      for (let page = await values.nextv(1000); page.length > 0; page = await values.nextv(1000)) {
        for (const text of page) visit(JSON.parse(text) as StoredEvent)
      }
      await values.close()
    },
    repack: () => database.compactRange("\0", "\x7f"),
    close: () => database.close()
  }
}

/**
 * Assigns revisions and positions. It caches the heads of streams, which is safe as long as this process is the only
 * writer.
 */
class Writer {
  readonly #database: ClassicLevel
  readonly #heads = new Map<string, number>()
  #position = 0

  constructor(database: ClassicLevel) {
    this.#database = database
  }

  async start(): Promise<void> {
    const [last] = await this.#database.values({ ...allEvents, reverse: true, limit: 1 }).all()
    this.#position = last === undefined ? 0 : (JSON.parse(last) as { position: number }).position + 1
  }

  async append(batch: ReadonlyArray<Addressed>, expected?: number): Promise<void> {
    await this.#learnHeads(batch)
    const time = new Date().toISOString()
    const puts = batch.flatMap(({ stream, event }) => {
      const known = this.#heads.get(stream)!
      if (expected !== undefined && known !== expected) throw new Error("the stream is at another revision")
      const position = this.#position++
      const revision = known + 1
      this.#heads.set(stream, revision)
      const stored = { ...event, id: randomUUID(), position, revision, stream, tags: [], time }
      return [
        { type: "put", key: eventKey(position), value: JSON.stringify(stored) },
        { type: "put", key: placeKey(stream, revision), value: eventKey(position) },
        { type: "put", key: headKey(stream), value: String(revision) }
      ] as const
    })
    await this.#database.batch(puts, { sync: true })
  }

  async #learnHeads(batch: ReadonlyArray<Addressed>): Promise<void> {
    const unknown = [...new Set(batch.map(({ stream }) => stream))].filter((stream) => !this.#heads.has(stream))
    if (unknown.length === 0) return
    const heads = await this.#database.getMany(unknown.map(headKey))
    for (const [index, stream] of unknown.entries()) {
      // Another append may have loaded and advanced this head meanwhile.
      if (!this.#heads.has(stream)) this.#heads.set(stream, heads[index] === undefined ? -1 : Number(heads[index]))
    }
  }
}
