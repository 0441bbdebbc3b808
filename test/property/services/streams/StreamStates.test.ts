/** The states of streams in use: who keeps a state, when it is looked up again, and when it is forgotten. */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as fc from "fast-check"
import type { OpenTape } from "../../../../src/services/lib/OpenTape.ts"
import { StreamState, StreamStates } from "../../../../src/services/streams/StreamStates.ts"
import { bareTape, recoverBare } from "../../../support/openTapes.ts"
import { runs } from "../../../support/runs.ts"

/**
 * The number of states kept for streams that are not in use, and how many of these are dropped together if there are
 * more.
 */
const kept = 100_000
const evicted = kept / 10

/** Changes a state as a look-up does. */
const found = (state: StreamState, tape: OpenTape, revision = -1): void => {
  state.tape = tape
  state.generation = tape.generation
  state.revision = revision
  state.durable = revision
  state.loaded = true
}

const load = (states: StreamStates, state: StreamState, tape: OpenTape) =>
  states.load(state, (one) => Effect.sync(() => found(one, tape)))

/** Makes a stream known: it was looked up, and is not in use. */
const known = (states: StreamStates, name: string, tape: OpenTape): void => {
  const state = states.pin(name)
  found(state, tape)
  states.release(state)
}

const entriesOf = (...streams: ReadonlyArray<string>) =>
  streams.map((stream) => ({ stream, state: new StreamState("nobody's") }))

type Op =
  | { readonly op: "pin" | "find" | "recover"; readonly stream: number }
  | { readonly op: "release"; readonly nth: number }
  | { readonly op: "acquire"; readonly streams: ReadonlyArray<number> }

const op: fc.Arbitrary<Op> = fc.oneof(
  fc.record({ op: fc.constantFrom("pin" as const, "find" as const, "recover" as const), stream: fc.nat(3) }),
  fc.record({ op: fc.constant("release" as const), nth: fc.nat(9) }),
  fc.record({ op: fc.constant("acquire" as const), streams: fc.array(fc.nat(3), { minLength: 1, maxLength: 3 }) })
)

describe("the states of streams", () => {
  it("are one for each stream while it is in use, and afterwards if it was looked up", () => {
    fc.assert(
      fc.property(fc.array(op, { maxLength: 60 }), (ops) => {
        const states = new StreamStates()
        const names = ["a", "b", "c", "d"]
        const tapes = names.map((name) => bareTape(name))
        /** The model: the state of each known stream, and the pins that are held. */
        const model = new Map<string, StreamState>()
        const held: Array<StreamState> = []
        for (const one of ops) {
          if (one.op === "acquire") {
            const entries = entriesOf(...one.streams.map((stream) => names[stream]!))
            const isReady = entries.every(({ stream }) => {
              const state = model.get(stream)
              return state !== undefined && state.loaded && !state.isStale
            })
            assert.strictEqual(states.acquireAllLoaded(entries), isReady)
            if (!isReady) continue
            for (const { stream, state } of entries) {
              assert.strictEqual(state, model.get(stream))
              held.push(state)
            }
          } else if (one.op === "pin") {
            const name = names[one.stream]!
            const state = states.pin(name)
            assert.strictEqual(state, model.get(name) ?? state)
            model.set(name, state)
            held.push(state)
          } else if (one.op === "find") {
            const state = held.find(({ name }) => name === names[one.stream])
            if (state !== undefined) found(state, tapes[one.stream]!)
          } else if (one.op === "recover") {
            recoverBare(tapes[one.stream]!)
          } else if (one.op === "release") {
            const [state] = held.splice(one.nth % Math.max(1, held.length), 1)
            if (state === undefined) continue
            states.release(state)
            if (!held.includes(state) && !state.loaded) model.delete(state.name)
          }
          for (const name of names) {
            assert.strictEqual(states.isKnown(name), model.has(name))
            const state = model.get(name)
            if (state !== undefined) assert.strictEqual(state.pins, held.filter((one) => one === state).length)
          }
        }
      }),
      { numRuns: runs }
    )
  })

  it("keep no state of a stream whose look-up did not succeed", () => {
    const states = new StreamStates()
    const state = states.pin("order-1")
    assert.isTrue(states.isKnown("order-1"))
    states.release(state)
    assert.isFalse(states.isKnown("order-1"))
    assert.notStrictEqual(states.pin("order-1"), state)
  })

  it("are given to all entries of an append, or to none of them", () => {
    const states = new StreamStates()
    const tape = bareTape("a")
    known(states, "order-1", tape)
    assert.isFalse(states.acquireAllLoaded(entriesOf("order-1", "order-2")))
    const state = states.pin("order-1")
    assert.strictEqual(state.pins, 1)
    const entries = entriesOf("order-1", "order-1")
    assert.isTrue(states.acquireAllLoaded(entries))
    assert.deepStrictEqual(
      entries.map((entry) => entry.state),
      [state, state]
    )
    assert.strictEqual(state.pins, 3)
    recoverBare(tape)
    assert.isFalse(states.acquireAllLoaded(entriesOf("order-1")))
    assert.strictEqual(state.pins, 3)
  })

  it("are dropped in tenths, the oldest first, if more than 100,000 are not in use, but never while in use", () => {
    const states = new StreamStates()
    const tape = bareTape("a")
    const nameOf = (n: number) => `order-${n}`
    const used = [states.pin(nameOf(0)), states.pin(nameOf(7))]
    for (const state of used) found(state, tape, 5)
    for (let n = 0; n < kept; n++) known(states, nameOf(n), tape)
    for (const n of [0, 1, evicted, kept - 1]) assert.isTrue(states.isKnown(nameOf(n)), `${n}`)
    known(states, nameOf(kept), tape)
    for (let n = 0; n <= kept; n++) {
      if (states.isKnown(nameOf(n)) !== (n === 0 || n === 7 || n >= evicted)) assert.fail(`${n}`)
    }
    assert.strictEqual(states.pin(nameOf(7)), used[1])
    // A forgotten stream is looked up again.
    assert.isFalse(states.pin(nameOf(1)).loaded)
  })
})

describe("the look-up of a stream", () => {
  it.effect("runs once for all callers that wait for it", () =>
    Effect.gen(function* () {
      const states = new StreamStates()
      const state = states.pin("order-1")
      const done = yield* Deferred.make<void>()
      let finds = 0
      const find = (one: StreamState) =>
        Effect.suspend(() => {
          finds++
          return Effect.tap(Deferred.await(done), () => Effect.sync(() => found(one, bareTape("a"), 3)))
        })
      const waiting = yield* Effect.forEach([1, 2, 3], () =>
        Effect.forkChild(states.load(state, find), { startImmediately: true })
      )
      assert.strictEqual(finds, 1)
      yield* Deferred.succeed(done, undefined)
      yield* Effect.forEach(waiting, (fiber) => Fiber.join(fiber))
      yield* states.load(state, find)
      assert.strictEqual(finds, 1)
      assert.deepInclude(state, { loaded: true, revision: 3, durable: 3 })
    })
  )

  it.effect("runs again for the next caller after it failed or was interrupted", () =>
    Effect.gen(function* () {
      const states = new StreamStates()
      const state = states.pin("order-1")
      const begun = yield* Deferred.make<void>()
      const never = () => Effect.andThen(Deferred.succeed(begun, undefined), Effect.never)
      const first = yield* Effect.forkChild(states.load(state, never), { startImmediately: true })
      yield* Deferred.await(begun)
      const second = yield* Effect.forkChild(
        states.load(state, () => Effect.fail("no disk")),
        { startImmediately: true }
      )
      const third = yield* Effect.forkChild(load(states, state, bareTape("a")), { startImmediately: true })
      yield* Fiber.interrupt(first)
      assert.deepStrictEqual(yield* Fiber.await(second), Exit.fail("no disk"))
      yield* Fiber.join(third)
      assert.isTrue(state.loaded)
    })
  )

  it.effect("runs again once the tape was recovered", () =>
    Effect.gen(function* () {
      const states = new StreamStates()
      const state = states.pin("order-1")
      const tape = bareTape("a")
      yield* load(states, state, tape)
      assert.isFalse(state.isStale)
      recoverBare(tape)
      assert.isTrue(state.isStale)
      yield* states.load(state, (one) => Effect.sync(() => found(one, tape, 8)))
      assert.deepInclude(state, { isStale: false, revision: 8 })
    })
  )
})

describe("an event that was accepted recently", () => {
  const accepted = (id: string, batch: number) => ({ id, content: "", revision: batch, position: batch, batch })

  it("is known by its id until its batch is durable", () => {
    const state = new StreamState("order-1")
    state.accept(accepted("one", 4))
    state.accept(accepted("two", 5))
    assert.strictEqual(state.acceptedWith("one")?.batch, 4)
    assert.isUndefined(state.acceptedWith("three"))
    state.settle(4)
    assert.isUndefined(state.acceptedWith("one"))
    assert.strictEqual(state.acceptedWith("two")?.batch, 5)
    state.settle(5)
    assert.isUndefined(state.acceptedWith("two"))
  })

  it("stays known during look-ups that began before its batch was durable", () => {
    const state = new StreamState("order-1")
    const [early, late] = [{ since: 3 }, { since: 4 }]
    state.watch(early)
    state.watch(late)
    state.accept(accepted("one", 4))
    state.accept(accepted("two", 5))
    state.settle(5)
    // Neither look-up sees batch 5 by itself, and the early one does not see batch 4.
    assert.deepStrictEqual([state.acceptedWith("one")?.batch, state.acceptedWith("two")?.batch], [4, 5])
    state.unwatch(early)
    state.settle(6)
    assert.deepStrictEqual([state.acceptedWith("one"), state.acceptedWith("two")?.batch], [undefined, 5])
    state.unwatch(late)
    state.settle(6)
    assert.isUndefined(state.acceptedWith("two"))
  })

  it("moves the durable revision up to the last one once it is durable", () => {
    const state = new StreamState("order-1")
    found(state, bareTape("a"), 2)
    state.revision = 6
    assert.strictEqual(state.durable, 2)
    state.settle(9)
    assert.strictEqual(state.durable, 6)
  })
})
