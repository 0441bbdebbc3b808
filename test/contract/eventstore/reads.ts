/** Reading: any part in any direction, with few reads from the disk. */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { EventFilter, TypeFilter } from "litetapes/EventStore"
import type { Placement } from "litetapes/Placement"
import type { Read } from "../../support/probedStorage.ts"
import { all, type Contract, dataOf, failing, flush, numbered, numbers, type Store } from "./support.ts"

const bytesOf = (reads: ReadonlyArray<Read>, kind?: Read["kind"]): number =>
  reads.filter((read) => kind === undefined || read.kind === kind).reduce((sum, { bytes }) => sum + bytes, 0)

/** Appends 10,000 events of 1,000 streams in turn, about 2.5 MB. */
const many = Effect.fnUntraced(function* (store: Store) {
  for (const round of numbers(20)) {
    yield* store.appendAll(
      numbers(500).map((n) => ({
        stream: `order-${(round * 500 + n) % 1000}`,
        events: [{ type: "Counted", data: { n: round * 500 + n, filler: "x".repeat(60) } }]
      }))
    )
  }
})

export const readContract: Contract = (test) => {
  test("reads a stream that does not exist as empty", ({ use }) =>
    use((store) =>
      Effect.gen(function* () {
        const empty = Effect.gen(function* () {
          for (const direction of ["forward", "backward"] as const) {
            for (const stream of ["order-2", "nothing", "acc-1"]) {
              assert.deepStrictEqual(yield* all(store.read(stream, { direction })), [])
              assert.deepStrictEqual(yield* all(store.read(stream, { direction, from: 1, to: 2 })), [])
              assert.strictEqual(yield* store.revision(stream), "no-stream")
            }
          }
        })
        assert.deepStrictEqual(yield* all(store.readAll()), [])
        assert.deepStrictEqual(yield* all(store.readAll({ direction: "backward" })), [])
        yield* empty
        yield* store.append("order-1", numbered(3))
        yield* empty
        yield* flush(store, "order")
        yield* empty
      })
    ))

  test("reads any part of a stream and of all events, in any direction", ({ use }) =>
    use((store) =>
      Effect.gen(function* () {
        for (const n of numbers(12)) {
          yield* store.append("order-1", numbered(1, n))
          if (n % 5 === 4) yield* flush(store, "order")
        }
        const places = [undefined, 0, 1, 4, 5, 9, 10, 11, 12, 13, 1e9, Number.POSITIVE_INFINITY]
        for (const from of places) {
          for (const to of places) {
            for (const limit of [undefined, 0, 1, 5, 1e9, Number.POSITIVE_INFINITY]) {
              const part = numbers(12).slice(Math.max(0, from ?? 0), Math.max(0, to ?? 12))
              const count = Math.max(0, limit ?? 12)
              const range = {
                ...(from === undefined ? {} : { from }),
                ...(to === undefined ? {} : { to }),
                ...(limit === undefined ? {} : { limit })
              }
              const backward = { ...range, direction: "backward" as const }
              const first = part.slice(0, count)
              const last = part.toReversed().slice(0, count)
              const which = JSON.stringify(range)
              assert.deepStrictEqual(yield* dataOf(store.read("order-1", range)), first, which)
              assert.deepStrictEqual(yield* dataOf(store.read("order-1", backward)), last, which)
              assert.deepStrictEqual(yield* dataOf(store.readAll(range)), first, which)
              assert.deepStrictEqual(yield* dataOf(store.readAll(backward)), last, which)
            }
          }
        }
      })
    ))

  test("refuses bounds and directions that are not valid, instead of reading something else", ({ use }) =>
    use((store) =>
      Effect.gen(function* () {
        yield* store.append("order-1", numbered(3))
        for (const option of ["from", "to", "limit", "direction", "allowGaps", "filter"]) {
          for (const value of [-1, 0.5, Number.NaN, 3n, "3", null, "backwards", [], 2 ** 53]) {
            const given = { [option]: value } as object
            const refused = { _tag: "InvalidArgument", argument: `options.${option}` }
            assert.deepStrictEqual(yield* failing(dataOf(store.readAll(given)), refused), refused, String(value))
            assert.deepStrictEqual(
              yield* failing(dataOf(store.read("order-1", given)), refused),
              refused,
              String(value)
            )
          }
        }
      })
    ))

  const placements: ReadonlyArray<Placement> = [
    { kind: "category-or-shared" },
    { kind: "category" },
    { kind: "hashed", tapes: 2 }
  ]
  for (const placement of placements) {
    test(`filters events by category, type, tags and correlation, placed by ${placement.kind}`, ({ use }) =>
      use(
        (store) =>
          Effect.gen(function* () {
            const types = ["A", 'A"', "AB", "A\u2028"]
            const streams = ["order-1", "acc-1", "order", "é-1", "e\u0301-1", "-1"]
            for (const n of numbers(48)) {
              const event = {
                type: types[n % 4]!,
                data: n,
                tags: ["even", "third"].filter((_, i) => n % (i + 2) === 0),
                metadata: { correlationId: `c-${n % 5}` }
              }
              yield* store.append(streams[n % 6]!, [event])
              if (n === 20) yield* Effect.forEach(yield* store.lib.tapes, ({ name }) => flush(store, name))
            }
            const filters: ReadonlyArray<readonly [EventFilter, wanted: (n: number) => boolean]> = [
              [{}, () => true],
              [{ categories: ["order"] }, (n) => n % 6 === 0 || n % 6 === 2],
              [{ categories: ["é"] }, (n) => n % 6 === 3],
              [{ categories: ["e\u0301", "", "order-1"] }, (n) => n % 6 > 3],
              [{ categories: ["\ud800", "nobody"] }, () => false],
              [{ categories: [] }, () => false],
              [{ types: ["A"] }, (n) => n % 4 === 0],
              [{ types: ['A"', "A\u2028", "a"] }, (n) => n % 4 === 1 || n % 4 === 3],
              [{ types: [] }, () => false],
              [{ tags: ["even"] }, (n) => n % 2 === 0],
              [{ tags: ["third", "even"] }, (n) => n % 6 === 0],
              [{ tags: ["eve"] }, () => false],
              [{ tags: [] }, () => false],
              [{ tags: [], types: ["A"] }, () => false],
              [{ correlationId: "c-3" }, (n) => n % 5 === 3],
              [{ types: ["AB"], categories: ["order"], correlationId: "c-4" }, (n) => n % 12 === 2 && n % 5 === 4]
            ]
            for (const [filter, wanted] of filters) {
              const data = numbers(48).filter(wanted)
              const options = JSON.stringify(filter)
              assert.deepStrictEqual(yield* dataOf(store.readAll({ filter })), data, options)
              const backward = yield* dataOf(store.readAll({ filter, direction: "backward" }))
              assert.deepStrictEqual(backward, data.toReversed(), options)
              const some = yield* dataOf(store.readAll({ filter, from: 10, to: 40, limit: 3 }))
              assert.deepStrictEqual(some, data.filter((n) => n >= 10 && n < 40).slice(0, 3), options)
              if (filter.categories !== undefined) continue
              const within = filter as TypeFilter
              const own = data.filter((n) => n % 6 === 4)
              assert.deepStrictEqual(yield* dataOf(store.read("e\u0301-1", { filter: within })), own, options)
              const last = yield* dataOf(
                store.read("e\u0301-1", { filter: within, direction: "backward", limit: 2, to: 7 })
              )
              assert.deepStrictEqual(
                last,
                own
                  .filter((n) => n < 42)
                  .toReversed()
                  .slice(0, 2),
                options
              )
            }
          }),
        { placement }
      ))
  }

  test("reads hardly more than its own events for one stream", ({ use, probe }) =>
    Effect.gen(function* () {
      const tapeBytes = yield* use((store) =>
        Effect.gen(function* () {
          yield* many(store)
          probe.reads = []
          const live = yield* all(store.read("order-77"))
          assert.strictEqual(live.length, 10)
          assert.isBelow(bytesOf(probe.reads), 10_000)
          const segment = yield* flush(store, "order")
          return segment!.bytes
        })
      )
      yield* use((store) =>
        Effect.gen(function* () {
          probe.reads = []
          const events = yield* all(store.read("order-77"))
          assert.deepStrictEqual(
            events.map(({ data }) => (data as { readonly n: number }).n),
            numbers(10).map((n) => 77 + 1000 * n)
          )
          assert.isBelow(bytesOf(probe.reads, "segment"), tapeBytes / 500)
          assert.isBelow(bytesOf(probe.reads), tapeBytes / 50)
          probe.reads = []
          assert.strictEqual(yield* store.revision("order-78"), 9)
          yield* store.append("order-79", [{ type: "A", id: "unknown" }], { expected: 9 })
          assert.isBelow(bytesOf(probe.reads), tapeBytes / 50)
        })
      )
    }))

  test("reads all events in pieces, and each once", ({ use, probe }) =>
    Effect.gen(function* () {
      const check = (store: Store, direction: "forward" | "backward") =>
        Effect.gen(function* () {
          probe.reads = []
          const events = yield* all(store.readAll({ direction }))
          assert.deepStrictEqual(
            events.map(({ position }) => position),
            direction === "forward" ? numbers(10_000) : numbers(10_000).toReversed()
          )
          assert.isAtMost(Math.max(...probe.reads.map(({ bytes }) => bytes)), 2 ** 20)
          assert.isBelow(bytesOf(probe.reads), 6e6)
        })
      yield* use((store) =>
        Effect.gen(function* () {
          yield* many(store)
          yield* check(store, "forward")
          yield* check(store, "backward")
        })
      )
      yield* use((store) => Effect.andThen(check(store, "forward"), check(store, "backward")))
    }))

  test("finds a part of all events without reading what is before it", ({ use, probe }) =>
    Effect.gen(function* () {
      yield* use(many)
      yield* use((store) =>
        Effect.gen(function* () {
          for (const direction of ["forward", "backward"] as const) {
            probe.reads = []
            const events = yield* all(store.readAll({ from: 7000, to: 7010, direction }))
            assert.strictEqual(events.length, 10)
            assert.isBelow(bytesOf(probe.reads), 800_000)
            probe.reads = []
            assert.strictEqual((yield* all(store.readAll({ direction, limit: 10 }))).length, 10)
            assert.isBelow(bytesOf(probe.reads), 800_000)
          }
        })
      )
    }))
}
