/** Compares a lib with its model: everything that can be read. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { Accumulator } from "../../../domain/merkle/Merkle.ts"
import { tapeOf } from "../../../domain/format/Placement.ts"
import { toBytes } from "../../../domain/json/TaraSON.ts"
import type { EventStore, Query, RecordedEvent } from "../../../services/EventStore.ts"
import { Lib } from "../../../services/Lib.ts"
import * as Tape from "../../../services/Tape.ts"
import { same } from "../conformance/expect.ts"
import { contentOf, linesOf, type Model, type ModelEvent, type ModelTape, textOf } from "./model.ts"

/** Throws unless the lib holds exactly what the model holds. */
export const compare = (store: EventStore["Service"], model: Model): Effect.Effect<void, unknown> =>
  Effect.gen(function* () {
    const { lib } = store
    const listed = yield* lib.tapes
    const ofRecords = [...model.tapes].map(([name, { state }]) => ({ name, state }))
    same(
      "the tapes of records",
      listed.filter(({ role }) => role === "records").map(({ name, state }) => ({ name, state })),
      ofRecords.toSorted((a, b) => (a.name < b.name ? -1 : 1))
    )
    // A tape for events may be created before an append turns out to have nothing to put there.
    const ofEvents = listed.filter(({ role }) => role === "events").map(({ name }) => name)
    const needed = new Set([...model.streams].map((stream) => tapeOf(lib.placement, stream)))
    same(
      "the tapes of events",
      ofEvents.filter((name) => needed.has(name) || !model.touched.has(name)),
      [...needed].toSorted()
    )
    for (const [name, tape] of model.tapes) {
      yield* compareTape(yield* Effect.provideService(Tape.make(name), Lib, lib), tape)
    }
    yield* compareEvents(store, model)
  })

const compareTape = Effect.fnUntraced(function* (tape: Tape.Tape["Service"], { lines, state, userMeta }: ModelTape) {
  const { name } = tape
  same(`the records of ${name}`, linesOf(yield* Stream.runCollect(tape.records())), lines)
  const backwards = yield* Stream.runCollect(tape.records({ reverse: true }))
  same(`the records of ${name}, backwards`, linesOf(backwards), lines.toReversed())
  const range = { from: Math.floor(lines.length / 3), to: Math.ceil((lines.length * 2) / 3) }
  const part = yield* Stream.runCollect(tape.records(range))
  same(`the records of ${name} from ${range.from} to ${range.to}`, linesOf(part), lines.slice(range.from, range.to))
  const meta = yield* tape.meta
  same(`the meta of ${name}`, { records: meta.records, state: meta.state }, { records: lines.length, state })
  const values = Object.entries(meta.userMeta).map(([key, value]) => [key, textOf(value)] as const)
  same(`the user metadata of ${name}`, values.toSorted(byKey), [...userMeta].toSorted(byKey))
})

const byKey = ([a]: readonly [string, string], [b]: readonly [string, string]): number => (a < b ? -1 : 1)

/** Returns the RFC 9162 tree hash of these lines. */
export const rootOf = (lines: ReadonlyArray<string>): string => {
  const tree = new Accumulator()
  for (const line of lines) tree.add(toBytes(line))
  return tree.root()
}

const compareEvents = Effect.fnUntraced(function* (store: EventStore["Service"], model: Model) {
  same("the position of the next event", yield* store.position, model.events.length)
  const all = yield* Stream.runCollect(store.readAll())
  same("all events, by position", all.map(plain), model.events)
  const positions = all.map(({ position }) => position)
  same("their positions", positions, [...positions.keys()])
  for (const query of queriesFor(all)) {
    const { boundary, events } = yield* store.query(query)
    const found = events.map(({ position }) => position)
    same(`the positions of the events that match ${JSON.stringify(query)}`, found, model.matching(query))
    same("the position of the boundary", boundary.position, model.events.length)
  }
  for (const stream of [...model.streams, "nobody-0"]) {
    const events = model.stream(stream)
    same(`the events of ${stream}`, (yield* Stream.runCollect(store.read(stream))).map(plain), events)
    const backwards = yield* Stream.runCollect(store.read(stream, { direction: "backward" }))
    same(`the events of ${stream}, backwards`, backwards.map(plain), events.toReversed())
    const revision = events.length === 0 ? "no-stream" : events.length - 1
    same(`the revision of ${stream}`, yield* store.revision(stream), revision)
  }
})

/** Returns queries by a type, by a tag and by both, of events in the middle and at the end. */
const queriesFor = (events: ReadonlyArray<RecordedEvent>): ReadonlyArray<Query> => {
  const tagged = events.filter(({ tags }) => tags.length > 0)
  return [tagged[Math.floor(tagged.length / 2)], tagged.at(-1)].flatMap((event) =>
    event === undefined
      ? []
      : [[{ tags: event.tags.slice(0, 64) }], [{ types: [event.type], tags: [event.tags[0]!] }, { types: ["nothing"] }]]
  )
}

const plain = (event: RecordedEvent): ModelEvent => ({
  stream: event.stream,
  revision: event.revision,
  id: event.id,
  content: contentOf(event)
})
