/** After a crash, deciders that race still decide as if they came one after the other. */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Category from "litetapes/Category"
import * as Decider from "litetapes/Decider"
import * as EventStore from "litetapes/EventStore"
import type { Step } from "../../../src/testing/SimulatedDisk.ts"
import { type Session, turns, Wrong } from "./session.ts"

/** How long the steps of a disk take. */
export class Pace {
  #isSlow = false

  /** Turns of other fibres before a step. */
  readonly turns = ({ operation }: Step): number => (this.#isSlow ? (operation === "read" ? 12 : 1) : 0)

  /** From here on reads take longer than commits, so that something is appended while a decider reads. */
  slowDown(): void {
    this.#isSlow = true
  }
}

const places: EventStore.Query = [{ types: ["Taken"], tags: ["place:1"] }]

const taken = [{ type: "Taken", tags: ["place:1"], data: { t: "race" } }]

type Store = Session["store"]

/** How a condition is given: for an append, for a call, or for an entry that is not the first. */
const ways = ["append", "call", "entry"] as const

/** Appends unless an event that the decision did not know of matches. Returns whether it did. */
const take = (
  store: Store,
  stream: string,
  after: EventStore.AppendCondition["after"],
  way: (typeof ways)[number] = "append"
) => {
  const condition = { failIfEventsMatch: places, after }
  const noted = { stream: "race-0", events: [{ type: "Noted", data: { t: "race" } }] }
  const appending = {
    append: () => store.append(stream, taken, { condition }),
    call: () => store.appendAll([{ stream, events: taken }, noted], { condition }),
    entry: () => store.appendAll([noted, { stream, events: taken, condition }])
  }[way]()
  return Effect.as(appending as Effect.Effect<unknown, EventStore.EventAppendError>, true).pipe(
    Effect.catchTag("ConditionFailed", () => Effect.succeed(false))
  )
}

const positionsOf = (seen: ReadonlyArray<number>, { position }: EventStore.RecordedEvent) => [...seen, position]

const Seats = Category.make("race", { Seated: Schema.Struct({ t: Schema.String }) })

const seated = { type: "Seated", data: { t: "race" } } as const

/** Takes a seat while there are fewer than `limit`; keeps the number of those that are taken. */
const seatsUpTo = (limit: number) =>
  Decider.make({
    name: "seats",
    category: Seats,
    initialState: () => 0,
    evolve: (count) => count + 1,
    decide: (_: void, count) => (count < limit ? seated : new Error("all seats are taken"))
  })

/** Commands for one stream, while somebody appends past their decider. */
const seatAll = Effect.fnUntraced(function* (store: Store) {
  const before = (yield* Decider.load(seatsUpTo(0), "7")).state
  const seats = seatsUpTo(before + 3)
  const take = Effect.exit(Decider.handle(seats, "7", undefined))
  yield* take
  const passing = yield* Effect.forkChild(store.append("race-7", [seated]))
  yield* turns(2)
  yield* Effect.forEach([take, take, take], (one) => one, { concurrency: "unbounded" })
  yield* Fiber.join(passing)
  // The decider has the state before this one in memory.
  yield* store.append("race-7", [seated])
  const { revision, state } = yield* Decider.load(seats, "7")
  const stored = (yield* Stream.runCollect(store.read("race-7"))).length
  if (state !== before + 4 || revision + 1 !== stored || stored !== state)
    throw new Wrong(`a decider knows of ${state} seats at revision ${revision}: ${stored} are taken, not ${before + 4}`)
})

export const raceAll = Effect.fnUntraced(function* ({ store }: Session, pace: Pace) {
  pace.slowDown()
  const noted = [{ type: "Noted", data: { t: "race" } }]
  yield* store.append("race-0", noted)
  // The first condition of a writer, while an event that matches is being written.
  const first = yield* store.query(places)
  yield* Effect.forkChild(store.append("race-0", taken))
  yield* turns(2)
  if (yield* take(store, "race-6", first.boundary)) throw new Wrong("the first decider of a writer missed an event")
  // Deciders that have seen the same, and whose appends are queued while another one is written.
  const { boundary } = yield* store.query(places)
  yield* Effect.forkChild(store.append("race-0", noted))
  yield* Effect.yieldNow
  const won = yield* Effect.forEach(ways, (way, n) => take(store, `race-${n + 1}`, boundary, way), {
    concurrency: "unbounded"
  })
  const winners = won.filter((one) => one).length
  if (winners !== 1) throw new Wrong(`of three deciders that had seen the same, ${winners} won`)
  // An event that is appended while the decider reads.
  const fact = { query: places, initialState: (): ReadonlyArray<number> => [], evolve: positionsOf }
  const reading = yield* Effect.forkChild(store.decisionModel({ fact }))
  yield* turns(2)
  const { firstPosition } = yield* store.append("race-4", taken)
  const seen = yield* Fiber.join(reading)
  const isKnown = seen.state.fact.includes(firstPosition)
  if ((yield* take(store, "race-5", seen.boundary)) !== isKnown)
    throw new Wrong("a decider that had not seen an event won over it, or one that had seen it lost")
  yield* Effect.provideService(seatAll(store), EventStore.EventStore, store)
})
