/** What queries and conditions cost, in counts: they read the events that match, and no others. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type * as EventStore from "litetapes/EventStore"
import type { SimulatedDisk } from "litetapes/testing"
import { bytesOf, countParses, ground, isDynamic, isSegment, shown } from "../support/countedDisk.ts"

type Store = EventStore.EventStore["Service"]

const total = 20_000
const tapes = ["order", "bill", "ship", "post"]

/** Events with the tag `rare`: three each in two tapes, one in the third, three in dynamic segments. */
const rare = new Set([0, 1, 4001, 8000, 8001, 12_004, 15_002, total - 7, total - 6, total - 2])

const eventAt = (n: number) => ({
  type: rare.has(n) && n % 2 === 0 ? "Seldom" : "Noted",
  tags: [`course:${n % 997}`, ...(rare.has(n) ? ["rare"] : []), n % 3 === 0 ? "red" : "blue"],
  data: { n, text: "x".repeat(80) }
})

const streamAt = (n: number): string => `${tapes[n % tapes.length]!}-${n % 40}`

/** Appends the events from `from` up to `to` in large batches, and the last ones in small ones. */
const load = Effect.fnUntraced(function* (store: Store, from: number, to: number) {
  const at = to - from > 1000 ? 1000 : 10
  for (let first = from; first < to; first += at) {
    const numbers = Array.from({ length: Math.min(at, to - first) }, (_, i) => first + i)
    yield* store.appendAll(numbers.map((n) => ({ stream: streamAt(n), events: [eventAt(n)] })))
  }
})

/** Paths of the segments that were read, or opened otherwise than through their index. */
const segmentsIn = (steps: ReadonlyArray<SimulatedDisk.Step>): Set<string> =>
  new Set(steps.map(({ path }) => path).filter(isSegment))

const lineBytesMax = 400

const numbersOf = (events: ReadonlyArray<EventStore.RecordedEvent>) =>
  events.map(({ data }) => (data as { readonly n: number }).n)

const inOrder = [...rare]
const rareQuery: EventStore.Query = [{ tags: ["rare"] }]
const none: EventStore.Query = [{ tags: ["none"] }, { types: ["Never"], tags: ["red"] }, { types: ["Never"] }]

/** Runs a query. Returns what it cost and found. */
const count = Effect.fnUntraced(function* (
  store: Store,
  take: () => ReadonlyArray<SimulatedDisk.Step>,
  query: EventStore.Query,
  options: EventStore.QueryOptions = {}
) {
  take()
  const found: Array<EventStore.QueryResult> = []
  const asked = Effect.map(store.query(query, options), (one) => void found.push(one))
  const parses = yield* countParses(asked)
  return { parses, steps: take(), boundary: found[0]!.boundary, numbers: numbersOf(found[0]!.events) }
})

const check = Effect.fnUntraced(function* (store: Store, take: () => ReadonlyArray<SimulatedDisk.Step>) {
  // Loads the metas of the tapes.
  yield* Stream.runDrain(store.readAll({ limit: 1 }))
  for (let time = 0; time < 2; time++) {
    const all = yield* count(store, take, rareQuery)
    assert.deepStrictEqual(all.numbers, inOrder)
    assert.strictEqual(all.parses, 10)
    assert.isAtMost(segmentsIn(all.steps).size, 10)
    assert.isAtMost(bytesOf(all.steps, "read", isSegment), 10 * lineBytesMax)
    // The first query reads what the dynamic segments hold, to know its terms.
    if (time === 1) assert.isAtMost(bytesOf(all.steps, "read", isDynamic), 10 * lineBytesMax)
  }
  const nothing = yield* count(store, take, none)
  assert.deepStrictEqual([nothing.parses, nothing.numbers, segmentsIn(nothing.steps).size], [0, [], 0])
  const both = yield* count(store, take, [{ tags: ["rare", "red"] }])
  assert.strictEqual(both.parses, inOrder.filter((n) => n % 3 === 0).length)
  const types = yield* count(store, take, [{ types: ["Seldom"] }])
  assert.strictEqual(types.parses, inOrder.filter((n) => n % 2 === 0).length)
  const backward = yield* count(store, take, rareQuery, { direction: "backward", limit: 2 })
  assert.deepStrictEqual(backward.numbers, inOrder.slice(-2).toReversed())
  // Each tape is asked for three, to see whether there are more than two.
  assert.isAtMost(backward.parses, 3 * tapes.length)
  const later = yield* count(store, take, rareQuery, { after: both.boundary })
  assert.deepStrictEqual([later.parses, later.steps, later.numbers], [0, [], []])
  const filter = { tags: ["rare"], types: ["Seldom"] }
  const filtered = yield* countParses(Stream.runCollect(store.readAll({ filter })))
  assert.isAtMost(filtered, 10)
})

describe("a query of 10 among 20,000 events in four tapes and many segments", () => {
  it.live("reads these events and no others, whatever the direction, the boundary and the limit", () => {
    const { take, use } = ground()
    return Effect.gen(function* () {
      yield* use((store) => load(store, 0, 16_000), { closeBytes: 250_000, mergeSegments: false })
      yield* use(
        (store) =>
          Effect.gen(function* () {
            yield* load(store, 16_000, total - 100)
            yield* load(store, total - 100, total - 5)
            take()
            yield* Effect.forEach(inOrder, () => store.query(rareQuery), { concurrency: "unbounded", discard: true })
            // Ten queries at once, of about 1.2 MB: the first of them reads it, and the others wait for that.
            assert.isAtMost(bytesOf(take(), "read", isDynamic), 2_000_000)
            const early = yield* count(store, take, rareQuery)
            assert.deepStrictEqual(early.numbers, inOrder.slice(0, -1))
            // From here on, the writer knows the terms of what it appends.
            yield* load(store, total - 5, total)
            const late = yield* count(store, take, rareQuery)
            assert.isAtMost(bytesOf(late.steps, "read", isDynamic), 10 * lineBytesMax)
            yield* check(store, take)
          }),
        { closeBytes: 1 << 24, mergeSegments: false }
      )
      yield* use((store) => check(store, take), { mode: "read" })
      // Merges in the background would read segments.
      yield* use((store) => check(store, take), { mergeSegments: false })
    })
  })

  it.live("is what a condition costs that rests on an early boundary; a recent one costs nothing", () => {
    const { take, use } = ground()
    return Effect.gen(function* () {
      yield* use((store) => load(store, 0, 4000), { closeBytes: 250_000, mergeSegments: false })
      yield* use(
        (store) =>
          Effect.gen(function* () {
            const { boundary } = yield* store.query(rareQuery)
            yield* load(store, 4000, 5000)
            const append = (failIfEventsMatch: EventStore.Query, after: EventStore.Boundary | "nothing") =>
              store.append("order-1", [eventAt(5)], { condition: { failIfEventsMatch, after } })
            // The writer has not seen a condition, so it reads what was appended since: the only event that matches.
            take()
            const lost = Effect.map(Effect.flip(append(rareQuery, boundary)), (error) => error._tag)
            assert.isAtMost(yield* countParses(lost), 1)
            const recent = yield* store.query(rareQuery)
            for (let time = 0; time < 3; time++) {
              take()
              yield* append(rareQuery, recent.boundary)
              const steps = take()
                .map(shown)
                .map((step) => step.replace(/\d+/, "N"))
              assert.deepStrictEqual(steps, [
                "write litelib.dynamic-N.jsonl",
                "datasync litelib.dynamic-N.jsonl",
                "stat owner",
                "write litelib.acked"
              ])
            }
            take()
            const parses = yield* countParses(append(none, "nothing"))
            // The type and the tags of the event that is appended.
            assert.strictEqual(parses, 2)
            assert.strictEqual(segmentsIn(take()).size, 0)
          }),
        { mergeSegments: false }
      )
    })
  })
})
