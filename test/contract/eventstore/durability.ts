/** What is reported, and when: nothing that rests on a batch before the batch is durable. */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import { failure } from "../../support/probedStorage.ts"
import { type Contract, dataOf, failing, flush, gate, numbered, numbers, type Place, type Store } from "./support.ts"

const fork = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

const named = { type: "Named", id: "a", data: 1 }

/**
 * One append holds up the disk while `calls` are made, so that these share a batch. Then that append completes, and
 * their batch waits at the gate.
 */
const inOneBatch = Effect.fnUntraced(function* <A, E>(
  { probe }: Place,
  store: Store,
  calls: ReadonlyArray<Effect.Effect<A, E>>
) {
  const first = yield* gate
  const second = yield* gate
  probe.beforeCommit = first.pass
  const blocker = yield* fork(store.append("acc-1", numbered(1, -1)))
  yield* first.reached
  probe.beforeCommit = second.pass
  const fibers = yield* Effect.forEach(calls, fork)
  yield* first.open
  yield* Fiber.join(blocker)
  yield* second.reached
  return { second, fibers }
})

/** Uses the streams, so that they need no look-up any more. */
const warm = (store: Store) =>
  Effect.andThen(store.append("acc-1", numbered(1, -2)), store.append("order-1", numbered(1)))

export const durabilityContract: Contract = (test) => {
  test("reports a conflict or a repeat that rests on a pending batch once that batch is durable", (place) =>
    place.use((store) =>
      Effect.gen(function* () {
        yield* warm(store)
        const { second, fibers } = yield* inOneBatch(place, store, [
          Effect.exit(store.append("order-1", [named], { expected: 0 })),
          Effect.exit(store.append("order-1", numbered(1), { expected: 0 })),
          Effect.exit(store.append("order-1", [named], { expected: 0 })),
          Effect.exit(store.append("order-1", [{ ...named, data: 2 }])),
          Effect.exit(store.append("order-1", []))
        ])
        yield* Effect.yieldNow
        assert.isTrue(fibers.every((fiber) => fiber.pollUnsafe() === undefined))
        assert.strictEqual(yield* store.revision("order-1"), 0)
        assert.deepStrictEqual(yield* dataOf(store.read("order-1")), [0])
        yield* second.open
        const [made, stale, repeat, other, empty] = yield* Effect.forEach(fibers, Fiber.join)
        const result = { stream: "order-1", firstRevision: 1, lastRevision: 1, firstPosition: 3, lastPosition: 3 }
        assert.deepStrictEqual(made, Exit.succeed({ ...result, repeated: false }))
        assert.deepStrictEqual(repeat, Exit.succeed({ ...result, repeated: true }))
        assert.deepInclude(yield* Effect.flip(stale!), { _tag: "WrongExpectedRevision", expected: 0, actual: 1 })
        assert.deepInclude(yield* Effect.flip(other!), { _tag: "EventIdConflict", why: "other-content" })
        assert.deepInclude(yield* empty!, { firstRevision: 2, lastRevision: 1 })
      })
    ))

  test("makes a repeat wait for the first append that is under way, and finds it", (place) =>
    place.use((store) =>
      Effect.gen(function* () {
        yield* warm(store)
        const blocked = yield* gate
        place.probe.beforeCommit = blocked.pass
        const first = yield* fork(store.append("order-1", [named]))
        yield* blocked.reached
        const again = yield* fork(store.append("order-1", [named], { expected: "no-stream" }))
        const other = yield* fork(Effect.exit(store.append("order-1", [{ ...named, data: 2 }])))
        const fresh = yield* fork(store.append("order-1", [{ ...named, id: "b" }]))
        yield* blocked.open
        const result = { firstRevision: 1, lastRevision: 1, firstPosition: 2 }
        assert.deepInclude(yield* Fiber.join(first), { ...result, repeated: false })
        assert.deepInclude(yield* Fiber.join(again), { ...result, repeated: true })
        assert.deepInclude(yield* Effect.flip(yield* Fiber.join(other)), { why: "other-content" })
        assert.deepInclude(yield* Fiber.join(fresh), { firstRevision: 2, repeated: false })
        assert.strictEqual(yield* store.position, 4)
      })
    ))

  test("reports an unknown outcome for whatever rests on a failed batch, and stops the writer", (place) =>
    Effect.gen(function* () {
      yield* place.use((store) =>
        Effect.gen(function* () {
          yield* warm(store)
          const { second, fibers } = yield* inOneBatch(place, store, [
            Effect.exit(store.append("order-1", [named], { expected: 0 })),
            Effect.exit(store.append("order-1", numbered(1), { expected: 0 })),
            Effect.exit(store.append("order-1", [named], { expected: 0 })),
            Effect.exit(store.append("order-1", numbered(1), { expected: "no-stream" }))
          ])
          place.probe.broken = true
          place.probe.beforeHint = Effect.fail(failure)
          yield* second.open
          const exits = yield* Effect.forEach(fibers, Fiber.join)
          for (const exit of exits) assert.strictEqual((yield* Effect.flip(exit))._tag, "CommitOutcomeUnknown")
          const poisoned = { _tag: "WriterPoisoned" }
          assert.deepStrictEqual(yield* failing(store.append("order-1", numbered(1)), poisoned), poisoned)
          assert.deepStrictEqual(yield* dataOf(store.readAll()), [-2, 0, -1])
          assert.strictEqual(yield* store.revision("order-1"), 0)
        })
      )
      place.probe.broken = false
      place.probe.beforeCommit = Effect.void
      place.probe.beforeHint = Effect.void
      // The batch was written but not acknowledged: the next writer finds it, whole.
      yield* place.use((store) =>
        Effect.gen(function* () {
          assert.isTrue((yield* store.append("order-1", [named])).repeated)
          assert.deepStrictEqual(yield* dataOf(store.read("order-1")), [0, 1])
        })
      )
    }))

  test("contains nothing of a batch that could not be written", ({ use, probe }) =>
    Effect.gen(function* () {
      yield* use((store) =>
        Effect.gen(function* () {
          yield* store.append("order-1", numbered(1))
          probe.beforeCommit = Effect.fail(failure)
          const unknown = { _tag: "CommitOutcomeUnknown" }
          assert.deepStrictEqual(yield* failing(store.append("order-1", numbered(1, 1)), unknown), unknown)
        })
      )
      probe.beforeCommit = Effect.void
      yield* use((store) =>
        Effect.gen(function* () {
          yield* store.append("order-1", numbered(1, 1), { expected: 0 })
          assert.deepStrictEqual(yield* dataOf(store.readAll()), [0, 1])
        })
      )
    }))

  test("drops an append that is interrupted in the queue, and waits for one that is under way", (place) =>
    place.use((store) =>
      Effect.gen(function* () {
        yield* warm(store)
        const blocked = yield* gate
        place.probe.beforeCommit = blocked.pass
        const sealed = yield* fork(store.append("order-1", numbered(1, 1)))
        yield* blocked.reached
        const queued = yield* fork(store.append("order-1", numbered(1, 2)))
        yield* Fiber.interrupt(queued)
        const interrupt = yield* fork(Fiber.interrupt(sealed))
        yield* Effect.yieldNow
        assert.isUndefined(sealed.pollUnsafe())
        yield* blocked.open
        yield* Fiber.join(interrupt)
        yield* store.append("order-1", numbered(1, 3), { expected: 1 })
        assert.deepStrictEqual(yield* dataOf(store.read("order-1")), [0, 1, 3])
      })
    ))

  test("waits for earlier appends when it closes", ({ open, use, probe }) =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const store = yield* Scope.provide(open(), scope)
      yield* warm(store)
      const blocked = yield* gate
      probe.beforeCommit = blocked.pass
      const last = yield* fork(store.append("order-1", numbered(1, 1)))
      yield* blocked.reached
      const queued = yield* fork(store.append("order-1", numbered(1, 2)))
      const closing = yield* fork(Scope.close(scope, Exit.void))
      yield* Effect.yieldNow
      assert.isUndefined(closing.pollUnsafe())
      yield* blocked.open
      yield* Fiber.join(last)
      yield* Fiber.join(queued)
      yield* Fiber.join(closing)
      yield* use((store) =>
        Effect.map(dataOf(store.read("order-1")), (data) => assert.deepStrictEqual(data, numbers(3)))
      )
    }))

  test("hides unacknowledged events from a reader", ({ open, probe }) =>
    Effect.gen(function* () {
      const store = yield* open()
      yield* warm(store)
      const blocked = yield* gate
      probe.beforeHint = blocked.pass
      const last = yield* fork(
        store.appendAll([
          { stream: "order-1", events: numbered(2, 1) },
          { stream: "order-2", events: numbered(1, 3) }
        ])
      )
      yield* blocked.reached
      const reader = yield* open({ mode: "read" })
      const look = Effect.gen(function* () {
        const streams = [yield* dataOf(reader.read("order-1")), yield* dataOf(reader.read("order-2"))]
        const backward = yield* dataOf(reader.read("order-1", { direction: "backward", limit: 1 }))
        const revisions = [yield* reader.revision("order-1"), yield* reader.revision("order-2")]
        return { all: yield* dataOf(reader.readAll()), streams, backward, revisions, position: yield* reader.position }
      })
      const before = {
        all: [-2, 0],
        streams: [[0], []],
        backward: [0],
        revisions: [0, "no-stream" as const],
        position: 2
      }
      assert.deepStrictEqual(yield* look, before)
      yield* reader.lib.refresh
      assert.deepStrictEqual(yield* look, before)
      probe.beforeHint = Effect.void
      yield* blocked.open
      yield* Fiber.join(last)
      assert.deepStrictEqual(yield* look, before)
      yield* reader.lib.refresh
      const after = {
        all: [-2, 0, 1, 2, 3],
        streams: [[0, 1, 2], [3]],
        backward: [2],
        revisions: [2, 0],
        position: 5
      }
      assert.deepStrictEqual(yield* look, after)
      yield* flush(store, "order")
      yield* reader.lib.refresh
      assert.deepStrictEqual(yield* look, after)
    }))
}
