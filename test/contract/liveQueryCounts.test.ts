/** What queries and live subscriptions cost in dynamic segments, in counts: as much as there is to return, however long the file is. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import type * as EventStore from "litetapes/EventStore"
import type * as Lib from "litetapes/Lib"
import { vi } from "vitest"
import { TermTable } from "../../src/domain/segment/TermTable.ts"
import { DynamicEvents } from "../../src/services/journal/DynamicEvents.ts"
import { bytesOf, countParses, ground, isDynamic } from "../support/countedDisk.ts"

type Store = EventStore.EventStore["Service"]

const large: Lib.Options = { closeBytes: 1 << 26, mergeSegments: false }

const eventAt = (n: number) => ({
  type: n % 10 === 0 ? "Seldom" : "Noted",
  tags: ["all", n % 3 === 0 ? "third" : "other", ...(n % 1000 === 999 ? ["rare"] : [])],
  data: { n }
})

const load = Effect.fnUntraced(function* (store: Store, count: number, streamAt: (n: number) => string, from = 0) {
  for (let first = from; first < from + count; first += 500) {
    const entries = new Map<string, Array<ReturnType<typeof eventAt>>>()
    for (let n = first; n < Math.min(first + 500, from + count); n++)
      entries.set(streamAt(n), [...(entries.get(streamAt(n)) ?? []), eventAt(n)])
    yield* store.appendAll([...entries].map(([stream, events]) => ({ stream, events })))
  }
})

/** Counts rows that were looked up, and looks at rows of events, during `effect`. */
const countRows = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    let listed = 0
    const { rowsAt } = TermTable.prototype
    const spy = vi.spyOn(TermTable.prototype, "rowsAt").mockImplementation(function (this: TermTable, ...given) {
      const rows = rowsAt.apply(this, given)
      listed += rows.length
      return rows
    })
    const looks = [vi.spyOn(DynamicEvents.prototype, "offsetAt"), vi.spyOn(DynamicEvents.prototype, "positionAt")]
    return Effect.ensuring(
      Effect.map(effect, () => ({ listed, looks: looks.reduce((sum, { mock }) => sum + mock.calls.length, 0) })),
      Effect.sync(() => [spy, ...looks].forEach((one) => one.mockRestore()))
    )
  })

/** Counts the elements that `slice` copies during `effect`. */
const countCopies = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    let copied = 0
    const slice = Array.prototype.slice
    const spy = vi.spyOn(Array.prototype, "slice").mockImplementation(function (this: Array<unknown>, ...given) {
      const copy = slice.apply(this, given)
      copied += copy.length
      return copy
    })
    return Effect.ensuring(
      Effect.map(effect, () => copied),
      Effect.sync(() => spy.mockRestore())
    )
  })

/** Runs `effect`. Returns what it cost. */
const count = Effect.fnUntraced(function* <A, E, R>(
  take: ReturnType<typeof ground>["take"],
  effect: Effect.Effect<A, E, R>
) {
  take()
  let parses = 0
  const rows = yield* countRows(Effect.map(countParses(effect), (counted) => (parses = counted)))
  return { ...rows, parses, bytes: bytesOf(take(), "read", isDynamic) }
})

const filters: ReadonlyArray<EventStore.EventFilter> = [
  { types: ["Noted"] },
  { tags: ["all"] },
  { tags: ["all", "other"], types: ["Noted", "Seldom"] },
  { tags: ["none"] }
]

/** Returns what five batches of one event each cost a subscription, after `size` events. */
const costOfBatches = Effect.fnUntraced(function* (
  store: Store,
  take: ReturnType<typeof ground>["take"],
  size: number
) {
  const costs: Array<Effect.Success<ReturnType<typeof count>>> = []
  for (const filter of filters) {
    const { position } = (yield* store.query([{ tags: ["rare"] }])).boundary
    let next = -1
    const batches = Stream.runForEach(store.subscribeBatches({ filter }), (batch) =>
      Effect.sync(() => void (next = batch.next))
    )
    const upTo = (wanted: number) => Effect.repeat(Effect.yieldNow, { until: () => next >= wanted })
    // It reads the file from its first event on.
    const fiber = yield* Effect.forkChild(batches)
    yield* upTo(position)
    const appends = Effect.forEach([1, 2, 3, 4, 5], (n) =>
      Effect.andThen(store.append("order-1", [eventAt(n)]), upTo(position + n))
    )
    costs.push(yield* count(take, appends))
    yield* Fiber.interrupt(fiber)
  }
  assert.isAtLeast((yield* store.query([{ tags: ["all"] }])).events.length, size)
  return costs
})

describe("a live subscription with a filter", () => {
  it.live("costs each batch the same, however many events the dynamic segment has", () =>
    Effect.gen(function* () {
      const measure = (size: number) => {
        const { take, use } = ground()
        return use(
          (store) =>
            Effect.andThen(
              load(store, size, () => "order-1"),
              costOfBatches(store, take, size)
            ),
          large
        )
      }
      const few = yield* measure(1000)
      const many = yield* measure(10_000)
      many.forEach(({ bytes, ...cost }, at) => {
        const { bytes: bytesOfFew, ...costOfFew } = few[at]!
        assert.deepStrictEqual(cost, costOfFew)
        // The numbers in the lines are a little longer.
        assert.isAtMost(bytes, bytesOfFew + 200)
        assert.isAtMost(cost.listed, 5 * 4)
      })
    })
  )
})

describe("a read with a filter", () => {
  it.live("looks events of a dynamic segment up once for all tapes", () =>
    Effect.gen(function* () {
      const measure = (tapes: number) => {
        const { take, use } = ground()
        return use(
          (store) =>
            Effect.gen(function* () {
              yield* load(store, 10_000, (n) => `s${n % tapes}`)
              yield* store.query([{ tags: ["rare"] }])
              const filter = { tags: ["third"] }
              const first = yield* count(take, Stream.runDrain(store.readAll({ filter, limit: 1 })))
              const last = yield* count(
                take,
                Stream.runDrain(store.readAll({ filter, limit: 1, direction: "backward" }))
              )
              const all = yield* count(take, Stream.runDrain(store.readAll({ filter })))
              return [first, last, all]
            }),
          { ...large, placement: { kind: "stream" } }
        )
      }
      const few = yield* measure(5)
      const many = yield* measure(100)
      many.forEach(({ listed }, at) => assert.strictEqual(listed, few[at]!.listed))
      for (const { listed } of many) assert.isAtMost(listed, 3334)
      // Each tape shows its first event.
      for (const { parses } of many.slice(0, 2)) assert.isAtMost(parses, 100)
    })
  )

  it.live("returns what a search through all events does, from files with many windows of events", () => {
    const { use } = ground()
    return use(
      (store) =>
        Effect.gen(function* () {
          yield* load(store, 6000, (n) => `s${n % 3}`)
          // A large part of one tape, then small ones.
          yield* store.append(
            "s1",
            Array.from({ length: 9000 }, (_, n) => eventAt(n))
          )
          yield* load(store, 3000, (n) => (n < 2000 ? `s${n % 40}` : "s1"))
          const all = yield* Stream.runCollect(store.readAll())
          assert.lengthOf(all, 18_000)
          for (const filter of [{ types: ["Noted"] }, { tags: ["third"] }, { tags: ["rare"], types: ["Noted"] }]) {
            for (const [from, to] of [
              [0, 18_000],
              [100, 17_000],
              [7000, 12_000],
              [16_500, 17_001]
            ] as const) {
              const isWanted = ({ tags, type }: EventStore.RecordedEvent) =>
                filter.types?.includes(type) !== false && filter.tags?.every((tag) => tags.includes(tag)) !== false
              const wanted = all.slice(from, to).filter(isWanted)
              for (const direction of ["forward", "backward"] as const) {
                for (const limit of [Number.POSITIVE_INFINITY, 3]) {
                  const found = yield* Stream.runCollect(store.readAll({ filter, from, to, direction, limit }))
                  const expected = (direction === "forward" ? wanted : wanted.toReversed()).slice(0, limit)
                  assert.deepStrictEqual(
                    found.map(({ position }) => position),
                    expected.map(({ position }) => position)
                  )
                }
              }
            }
          }
        }),
      { ...large, placement: { kind: "stream" } }
    )
  })

  it.live("copies no more than it returns, however many events match", () => {
    const { use } = ground()
    return use(
      (store) =>
        Effect.gen(function* () {
          yield* load(store, 12_000, () => "order-1")
          const filter = { tags: ["third"] }
          yield* store.query([{ tags: ["rare"] }])
          for (const direction of ["forward", "backward"] as const) {
            const found: Array<EventStore.RecordedEvent> = []
            const copied = yield* countCopies(
              Stream.runForEachArray(store.readAll({ filter, direction }), (page) =>
                Effect.sync(() => void found.push(...page))
              )
            )
            assert.lengthOf(found, 4000)
            assert.isAtMost(copied, 12 * 4000)
          }
        }),
      large
    )
  })
})
