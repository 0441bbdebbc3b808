/** Reading while events move: nothing is missing, nothing is repeated, and nothing that was appended later is shown. */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import type { RecordedEvent } from "litetapes/EventStore"
import { type Contract, dataOf, flush, gate, numbered, numbers, type Store, tapeOf } from "./support.ts"

/** Collects the data of a reader that pulls slowly: `between` runs after each piece. */
const slowly = <E, E2>(stream: Stream.Stream<RecordedEvent, E>, between: Effect.Effect<unknown, E2>) =>
  Effect.gen(function* () {
    const data: Array<unknown> = []
    let pieces = 0
    yield* Stream.runForEachArray(stream, (events) => {
      pieces++
      data.push(...events.map((event) => event.data))
      return between
    })
    return { data, pieces }
  })

const filler = "x".repeat(20_000)

/** Appends until the writer has moved to the next dynamic segment and dropped an earlier one. */
const roll = Effect.fnUntraced(function* (store: Store, dropped: () => number) {
  const before = dropped()
  for (let n = 0; dropped() === before && n < 500; n++) {
    yield* store.append("acc-1", [{ type: "Rolled", data: filler }])
  }
  assert.isAbove(dropped(), before)
})

/** Appends six streams in turn, over several segments and the dynamic segment. */
const setUp = Effect.fnUntraced(function* (store: Store) {
  for (const n of numbers(60)) {
    yield* store.append(`order-${n % 6}`, numbered(1, n))
    if (n % 7 === 6) yield* flush(store, "order")
  }
})

export const movingContract: Contract = (test) => {
  for (const direction of ["forward", "backward"] as const) {
    const inOrder = (values: Array<number>): Array<number> => (direction === "forward" ? values : values.toReversed())

    test(`shows a stream, read ${direction}, as it was at the start while its tape grows and is flushed`, ({ use }) =>
      Effect.andThen(
        use(setUp, { mergeSegments: false }),
        use(
          (store) =>
            Effect.gen(function* () {
              const grow = Effect.andThen(store.append("order-1", numbered(1, 99)), flush(store, "order"))
              const read = yield* slowly(store.read("order-1", { direction }), grow)
              assert.deepStrictEqual(read.data, inOrder(numbers(60).filter((n) => n % 6 === 1)))
              assert.isAbove(read.pieces, 5)
              const events = yield* slowly(store.readAll({ to: 60, direction }), grow)
              assert.deepStrictEqual(events.data, inOrder(numbers(60)))
            }),
          { mergeSegments: false }
        )
      ))

    test(`shows all events, read ${direction}, as they were at the start while they grow and are flushed`, ({ use }) =>
      use((store) =>
        Effect.gen(function* () {
          yield* setUp(store)
          const grow = Effect.andThen(store.append("order-1", numbered(1, 99)), flush(store, "order"))
          const read = yield* slowly(store.readAll({ direction }), grow)
          assert.deepStrictEqual(read.data, inOrder(numbers(60)))
          assert.isAbove(read.pieces, 5)
        })
      ))

    test(`loses nothing, read ${direction}, while dynamic segments are closed`, ({ use, probe }) =>
      use(
        (store) =>
          Effect.gen(function* () {
            // Three pieces of a stream, four of all events. The fillers of another tape force the next dynamic segment.
            yield* store.append("order-1", numbered(1500))
            yield* store.append("acc-1", numbered(3000, 1500))
            const dropped = () => probe.dynamicsDropped
            const stream = yield* slowly(store.read("order-1", { direction }), roll(store, dropped))
            assert.deepStrictEqual(stream.data, inOrder(numbers(1500)))
            assert.isAbove(stream.pieces, 2)
            const position = yield* store.position
            yield* store.append("order-1", numbered(1500, 1500))
            const later = store.readAll({ from: position, filter: { types: ["Counted"] }, direction })
            const read = yield* slowly(later, roll(store, dropped))
            assert.deepStrictEqual(read.data, inOrder(numbers(1500, 1500)))
          }),
        { closeBytes: 900_000, backlogMax: 1 }
      ))

    test(`loses nothing, read ${direction} by a separate reader, while dynamic segments are closed`, ({
      open,
      probe
    }) =>
      Effect.gen(function* () {
        const store = yield* open({ closeBytes: 900_000, backlogMax: 1 })
        yield* store.append("order-1", numbered(1500))
        const reader = yield* open({ mode: "read" })
        const rolled = roll(store, () => probe.dynamicsDropped)
        const stream = yield* slowly(reader.read("order-1", { direction }), rolled)
        assert.deepStrictEqual(stream.data, inOrder(numbers(1500)))
        yield* reader.lib.refresh
        const events = yield* slowly(reader.readAll({ to: 1500, direction }), rolled)
        assert.deepStrictEqual(events.data, inOrder(numbers(1500)))
      }))
  }

  test("finds a repeat whose event moves to a segment during the look-up", ({ use, probe }) =>
    use(
      (store) =>
        Effect.gen(function* () {
          const named = { type: "Named", id: "a", data: 1 }
          yield* store.append("order-1", [named])
          yield* store.append("acc-1", numbered(1))
          const blocked = yield* gate
          probe.beforeDynamicRead = blocked.pass
          const repeat = yield* Effect.forkChild(store.append("order-1", [named]), { startImmediately: true })
          yield* blocked.reached
          probe.beforeDynamicRead = Effect.void
          yield* roll(store, () => probe.dynamicsDropped)
          yield* blocked.open
          assert.deepInclude(yield* Fiber.join(repeat), { firstRevision: 0, lastRevision: 0, repeated: true })
        }),
      { closeBytes: 100_000, backlogMax: 1 }
    ))

  test("returns no event twice if segments and the dynamic segment overlap", ({ use }) =>
    use((store) =>
      Effect.gen(function* () {
        // The flushed events are still in the dynamic segment too, next to later ones.
        yield* store.append("order-1", numbered(3))
        yield* flush(store, "order")
        yield* store.append("order-1", numbered(3, 3))
        yield* flush(store, "order")
        yield* store.append("order-1", numbered(2, 6))
        const tape = yield* tapeOf(store, "order")
        assert.strictEqual((yield* tape.segments).length, 2)
        for (const from of numbers(8)) {
          assert.deepStrictEqual(yield* dataOf(store.read("order-1", { from })), numbers(8 - from, from))
          assert.deepStrictEqual(yield* dataOf(store.readAll({ from })), numbers(8 - from, from))
          const backward = { to: from, direction: "backward" as const }
          assert.deepStrictEqual(yield* dataOf(store.read("order-1", backward)), numbers(from).toReversed())
          assert.deepStrictEqual(yield* dataOf(store.readAll(backward)), numbers(from).toReversed())
        }
        assert.strictEqual(yield* store.revision("order-1"), 7)
      })
    ))
}
