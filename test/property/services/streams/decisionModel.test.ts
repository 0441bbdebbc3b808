/** A decision model is what each of its facts is alone, and its condition fails for what matters to one of them. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as fc from "fast-check"
import * as EventStore from "litetapes/EventStore"
import * as MemoryStorage from "litetapes/MemoryStorage"
import { assert, describe, it } from "vitest"
import { generators } from "../../../support/arbitraries.ts"
import { runs } from "../../../support/runs.ts"

const fresh = Layer.provide(EventStore.layer("place"), MemoryStorage.layer)

const event = fc.record({
  stream: fc.constantFrom("order-1", "order-2", "bill-1"),
  type: fc.constantFrom("Opened", "Changed", "Closed", "Other"),
  tags: fc.subarray(["a", "b", "c"])
})

type Tagged = Pick<EventStore.RecordedEvent, "type" | "tags">

const names = fc.uniqueArray(fc.constantFrom("one", "two", "three", "__proto__", "toString", ""), { minLength: 1 })

/** Independent of the implementation on purpose. */
const isWanted = (query: EventStore.Query, { tags, type }: Tagged): boolean =>
  query === "all" ||
  query.some((item) => (item.types ?? [type]).includes(type) && (item.tags ?? []).every((tag) => tags.includes(tag)))

/** Collects the positions of the events that it is evolved with. */
const positionsOf = (query: EventStore.Query): EventStore.Fact<ReadonlyArray<number>> => ({
  query,
  initialState: () => [],
  evolve: (seen, { position }) => [...seen, position]
})

describe("a decision model", () => {
  it("has the state that each fact has alone, and the condition of all of them", async () => {
    const queries = fc.array(generators.query(), { minLength: 6, maxLength: 6 })
    const counts = { kept: 0, failed: 0 }
    const property = fc.asyncProperty(
      fc.array(event, { maxLength: 25 }),
      names,
      queries,
      event,
      (events, all, drawn, next) =>
        Effect.gen(function* () {
          const store = yield* EventStore.EventStore
          for (const { stream, ...one } of events) yield* store.append(stream, [one])
          const facts = Object.fromEntries(all.map((name, at) => [name, positionsOf(drawn[at]!)]))
          const { boundary, condition, state } = yield* store.decisionModel(facts)
          assert.sameMembers(Object.keys(state), all)
          assert.strictEqual(boundary.position, events.length)
          assert.strictEqual(condition.after, boundary)
          for (const [at, name] of all.entries()) {
            const query = drawn[at]!
            const alone = yield* store.query(query)
            assert.deepStrictEqual(
              state[name],
              alone.events.map(({ position }) => position)
            )
            assert.deepStrictEqual(
              state[name],
              [...events.keys()].filter((position) => isWanted(query, events[position]!))
            )
          }
          const { stream, ...later } = next
          const { firstPosition } = yield* store.append(stream, [later])
          const matters = all.some((_, at) => isWanted(drawn[at]!, later))
          counts[matters ? "failed" : "kept"]++
          const appending = store.append("order-1", [{ type: "Decided" }], { condition })
          if (!matters) return void (yield* appending)
          assert.deepInclude(yield* Effect.flip(appending), { _tag: "ConditionFailed", position: firstPosition })
        }).pipe(Effect.provide(fresh), Effect.runPromise)
    )
    await fc.assert(property, { numRuns: runs })
    if (runs >= 100) assert.isTrue(counts.kept > 5 && counts.failed > 5, JSON.stringify(counts))
  })

  it("infers the type of each state, and refuses what is not a fact", () =>
    Effect.gen(function* () {
      const store = yield* EventStore.EventStore
      yield* store.append("course-1", [{ type: "Defined", tags: ["course:1"], data: { room: 3 } }])
      const course = [{ types: ["Defined"], tags: ["course:1"] }]
      const { state } = yield* store.decisionModel({
        exists: { query: course, initialState: () => false, evolve: () => true },
        seen: { query: "all", initialState: () => 0, evolve: (count) => count + 1 },
        last: { query: "all", initialState: () => "", evolve: (_, { type }) => type }
      })
      const typed: { readonly exists: boolean; readonly seen: number; readonly last: string } = state
      assert.deepStrictEqual(typed, { exists: true, seen: 1, last: "Defined" })
      // @ts-expect-error: there is no such fact
      assert.isUndefined(state.room)
      const good = { query: "all", initialState: () => 0, evolve: () => 1 } as const
      const many = (from: number) => Array.from({ length: 600 }, (_, n) => ({ tags: [`n:${from + n}`] }))
      const refused: ReadonlyArray<readonly [at: string, facts: unknown]> = [
        ["facts", {}],
        ["facts", null],
        ["facts", [good]],
        ["facts.one", { one: null }],
        ["facts.one.evolve", { one: { query: "all", initialState: () => 0 } }],
        ["facts.one.evolve", { one: { ...good, evolve: 7 } }],
        ["facts.one.initialState", { one: { query: "all", evolve: () => 1 } }],
        ["facts.one.initialState", { one: { ...good, initialState: undefined } }],
        ["facts.one.initialState", { one: { ...good, initialState: 0 } }],
        ["facts.one.initial", { one: { ...good, initial: 7 } }],
        ["facts.two.query", { one: good, two: { ...good, query: [] } }],
        ['facts."a b".query[0].tags[0]', { "a b": { ...good, query: [{ tags: [""] }] } }],
        ["facts", { one: { ...good, query: many(0) }, two: { ...good, query: many(600) } }]
      ]
      for (const [argument, facts] of refused) {
        const error = yield* Effect.flip(store.decisionModel(facts as EventStore.Facts<object>))
        assert.deepInclude(error, { _tag: "InvalidArgument", call: "EventStore.decisionModel", argument })
      }
      // An item that several facts have counts once.
      yield* store.decisionModel({ one: { ...good, query: many(0) }, two: { ...good, query: many(0) } })
      // Each decision begins with a state of its own.
      const types = {
        query: "all",
        initialState: (): Array<string> => [],
        evolve: (seen: Array<string>, { type }: EventStore.RecordedEvent) => {
          seen.push(type)
          return seen
        }
      } as const
      for (let n = 0; n < 2; n++)
        assert.deepStrictEqual((yield* store.decisionModel({ types })).state.types, ["Defined"])
      const broken = new Error("a mistake in evolve")
      const evolve = (): number => {
        throw broken
      }
      assert.strictEqual(
        yield* Effect.catchDefect(store.decisionModel({ one: { ...good, evolve } }), Effect.succeed),
        broken
      )
      const initialState = evolve
      assert.strictEqual(
        yield* Effect.catchDefect(store.decisionModel({ one: { ...good, initialState } }), Effect.succeed),
        broken
      )
    }).pipe(Effect.provide(fresh), Effect.runPromise))
})
