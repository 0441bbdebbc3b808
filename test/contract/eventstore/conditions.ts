/** Queries, and appends on condition of a query: results, refusals, and what a decision costs. */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as EventStore from "litetapes/EventStore"
import { settle } from "../../support/openLib.ts"
import { type Contract, failing, flush, gate } from "./support.ts"

const course: EventStore.Query = [{ types: ["Subscribed"], tags: ["course:1"] }, { tags: ["course:1", "closed"] }]

const subscribed = (student: number, of = 1): EventStore.NewEvent => ({
  type: "Subscribed",
  tags: [`course:${of}`, `student:${student}`]
})

const closed: EventStore.NewEvent = { type: "Closed", tags: ["closed", "course:1"] }

const positions = ({ events }: EventStore.QueryResult) => events.map(({ position }) => position)

const after = ({ boundary }: EventStore.QueryResult, failIfEventsMatch = course) => ({
  condition: { failIfEventsMatch, after: boundary }
})

const atOnce = { condition: { failIfEventsMatch: course, after: "nothing" as const } }

const queries: Contract = (test) => {
  test("returns the events that match a query, from any stream, after a boundary, and in both directions", ({ use }) =>
    use((store) =>
      Effect.gen(function* () {
        yield* store.append("course-1", [subscribed(1), subscribed(2, 2), closed])
        const first = yield* store.query(course)
        assert.deepStrictEqual([positions(first), first.boundary.position], [[0, 2], 3])
        yield* store.append("student-3", [subscribed(3), { type: "Closed", tags: ["course:1"] }])
        yield* flush(store, "course")
        const all = yield* store.query("all")
        assert.deepStrictEqual(positions(all), [0, 1, 2, 3, 4])
        assert.deepStrictEqual(positions(yield* store.query(course, { after: first.boundary })), [3])
        assert.deepStrictEqual(positions(yield* store.query(course, { direction: "backward" })), [3, 2, 0])
        assert.deepStrictEqual(positions(yield* store.query([{ types: ["Closed"] }])), [2, 4])
        assert.deepStrictEqual(positions(yield* store.query([{ tags: ["nobody"] }])), [])
        assert.deepStrictEqual(positions(yield* store.query(course, { after: "nothing", limit: 0 })), [])
      })
    ))

  test("says that a boundary is not decidable if a limit left events out", ({ use }) =>
    use((store) =>
      Effect.gen(function* () {
        yield* store.append("course-1", [subscribed(1), subscribed(2), closed])
        for (const direction of ["forward", "backward"] as const) {
          const found = yield* Effect.forEach([0, 2, 3, 4], (limit) => store.query(course, { direction, limit }))
          assert.deepStrictEqual(
            found.map(({ boundary, events }) => [events.length, boundary.isDecidable]),
            [
              [0, false],
              [2, false],
              [3, true],
              [3, true]
            ]
          )
        }
        const { boundary } = yield* store.query(course, { limit: 2 })
        const refused = { _tag: "InvalidArgument", argument: "options.condition.after" }
        for (const one of [boundary, EventStore.Boundary.decode(boundary.encode())]) {
          const condition = { failIfEventsMatch: course, after: one }
          assert.deepStrictEqual(yield* failing(store.append("course-1", [closed], { condition }), refused), refused)
          const query = { _tag: "InvalidArgument", argument: "options.after" }
          assert.deepStrictEqual(yield* failing(store.query(course, { after: one }), query), query)
        }
        assert.strictEqual(yield* store.position, 3)
      })
    ))
}

const conflicts: Contract = (test) => {
  test("fails with the event that matches a condition, and appends nothing", ({ use }) =>
    use((store) =>
      Effect.gen(function* () {
        const empty = yield* store.query(course)
        assert.strictEqual(empty.boundary.position, 0)
        yield* store.append("student-1", [subscribed(1)], after(empty))
        // The event at position 0 counts for a decider that has seen nothing.
        const first = { _tag: "ConditionFailed", index: null, stream: "student-1", revision: 0, position: 0 }
        for (const options of [after(empty), atOnce]) {
          assert.deepStrictEqual(yield* failing(store.append("student-2", [subscribed(2)], options), first), first)
        }
        const found = yield* store.query(course)
        yield* store.append("student-2", [subscribed(2, 2), subscribed(2), subscribed(3)], after(found))
        const second = { _tag: "ConditionFailed", stream: "student-2", revision: 1, position: 2, type: "Subscribed" }
        assert.deepStrictEqual(yield* failing(store.append("course-1", [closed], after(found)), second), second)
        assert.strictEqual(yield* store.position, 4)
        const error = yield* Effect.flip(store.append("course-1", [closed], after(found)))
        assert.match(error.message, /"Subscribed" of stream "student-2" at position 2, revision 1, .* query again/)
        yield* store.append("course-1", [closed], after(yield* store.query(course)))
      })
    ))

  test("checks each condition of several appends in order, all or nothing, and names the one that failed", ({ use }) =>
    use((store) =>
      Effect.gen(function* () {
        const found = yield* store.query(course)
        const other: EventStore.Query = [{ tags: ["course:2"] }]
        yield* store.append("student-9", [subscribed(9)])
        const appends: Array<EventStore.StreamAppend> = [
          { stream: "student-1", events: [subscribed(1, 2)], ...after(found, other) },
          { stream: "student-2", events: [], ...after(found) }
        ]
        const failed = { _tag: "ConditionFailed", index: 1, stream: "student-9", position: 0 }
        assert.deepStrictEqual(yield* failing(store.appendAll(appends), failed), failed)
        // As if they were appended one after the other.
        const twice = [appends[0]!, { ...appends[0]!, stream: "student-2" }]
        const pending = { _tag: "ConditionFailed", index: 1, stream: "student-1", revision: null, position: null }
        assert.deepStrictEqual(yield* failing(store.appendAll(twice), pending), pending)
        // One condition of the whole call looks only at what was there before it.
        const free = twice.map(({ events, stream }) => ({ events, stream }))
        assert.lengthOf(yield* store.appendAll(free, after(found, other)), 2)
        const whole = { _tag: "ConditionFailed", index: null, stream: "student-1", position: 1 }
        assert.deepStrictEqual(yield* failing(store.appendAll(free, after(found, other)), whole), whole)
        assert.deepStrictEqual(yield* failing(store.appendAll([], after(found, other)), whole), whole)
        assert.deepStrictEqual(yield* store.appendAll([], after(yield* store.query(other), other)), [])
        assert.strictEqual(yield* store.position, 3)
      })
    ))

  test("checks a condition without events, and one together with an expected revision", ({ use }) =>
    use((store) =>
      Effect.gen(function* () {
        const alone = yield* store.append("course-1", [], atOnce)
        assert.deepInclude(alone, { firstRevision: 0, lastRevision: -1, firstPosition: -1, repeated: false })
        yield* store.append("course-1", [subscribed(1)], { ...atOnce, expected: "no-stream" })
        const failed = { _tag: "ConditionFailed", position: 0 }
        assert.deepStrictEqual(yield* failing(store.append("course-1", [], atOnce), failed), failed)
        const options = { ...after(yield* store.query(course)), expected: 7 }
        const wrong = { _tag: "WrongExpectedRevision", actual: 0 }
        assert.deepStrictEqual(yield* failing(store.append("course-1", [closed], options), wrong), wrong)
      })
    ))

  test("returns the first result of a repeat, although its condition no longer holds", ({ use }) =>
    use((store) =>
      Effect.gen(function* () {
        const named = [{ ...subscribed(1), id: "s1" }]
        const first = yield* store.append("student-1", named, atOnce)
        const byCommand = { condition: { failIfEventsMatch: [{ tags: ["course:2"] }], after: "nothing" as const } }
        const done = yield* store.append("student-1", [subscribed(1, 2)], { ...byCommand, commandId: "c1" })
        for (const again of [named, named]) {
          assert.deepStrictEqual(yield* store.append("student-1", again, atOnce), { ...first, repeated: true })
        }
        assert.deepStrictEqual(
          yield* store.append("student-1", [subscribed(1, 2)], { ...byCommand, commandId: "c1" }),
          { ...done, repeated: true }
        )
        assert.strictEqual(yield* store.position, 2)
      })
    ))
}

const places: Contract = (test) => {
  test("keeps a boundary across closing, encoding and repacking", ({ use }) =>
    Effect.gen(function* () {
      const text = yield* use((store) =>
        Effect.gen(function* () {
          yield* store.append("student-1", [subscribed(1)])
          const { boundary } = yield* store.query(course)
          yield* store.append("note", [{ type: "Noted" }])
          assert.strictEqual(JSON.parse(JSON.stringify(boundary)), boundary.encode())
          return boundary.encode()
        })
      )
      const condition = { failIfEventsMatch: course, after: EventStore.Boundary.decode(text) }
      yield* use((store) =>
        Effect.gen(function* () {
          yield* flush(store, "student")
          yield* store.append("student-2", [subscribed(2)], { condition })
        })
      )
      yield* use((store) =>
        Effect.gen(function* () {
          const failed = { _tag: "ConditionFailed", position: 2 }
          assert.deepStrictEqual(yield* failing(store.append("course-1", [closed], { condition }), failed), failed)
        })
      )
    }))

  test("refuses a boundary of another lib, and one that is ahead of the lib", ({ use }) =>
    use((store) =>
      Effect.gen(function* () {
        yield* store.append("student-1", [subscribed(1)])
        const { boundary } = yield* store.query(course)
        const { lib, lineage } = boundary
        const other = "00000000-0000-4000-8000-000000000000"
        const foreign = [`b1.${other}.${lineage}.1`, `b1.${lib}.${other}.0`, `b1.${lib}.${lineage}.2`]
        for (const text of foreign) {
          const one = EventStore.Boundary.decode(text)
          const refused = { _tag: "NotInHistory", after: one.position - 1 }
          const condition = { failIfEventsMatch: course, after: one }
          assert.deepStrictEqual(yield* failing(store.append("note", [closed], { condition }), refused), refused)
          assert.deepStrictEqual(yield* failing(store.query(course, { after: one }), refused), refused)
        }
        for (const text of ["", "b1", `${boundary.encode()}.`, boundary.encode().replace("b1", "b2"), 7 as never]) {
          assert.throws(() => EventStore.Boundary.decode(text), /Boundary\.decode: text must be a text that/)
        }
        assert.strictEqual(yield* store.position, 1)
      })
    ))

  test("refuses what is not a query or a condition, and says where", ({ use }) =>
    use((store) =>
      Effect.gen(function* () {
        const { boundary } = yield* store.query("all")
        const bad: ReadonlyArray<readonly [at: string, query: unknown]> = [
          ["", undefined],
          ["", "everything"],
          ["", []],
          ["", { types: ["A"] }],
          ["[0]", ["A"]],
          ["[0]", [{}]],
          ["[0]", [{ types: undefined }]],
          ["[1].types", [{ types: ["A"] }, { types: [] }]],
          ["[0].tags", [{ tags: [] }]],
          ["[0].tags", [{ tags: "course:1" }]],
          ["[0].types", [{ types: [7] }]],
          ["[0].tags[0]", [{ tags: [""] }]],
          ["[1].tags[2]", [{ types: ["A"] }, { tags: ["a", "b", "a"] }]],
          ["[0].tags[0]", [{ tags: ["é".repeat(129)] }]],
          ["[0].tags[1]", [{ tags: ["a", "\ud800"] }]],
          ["[0].tags[0]", [{ tags: ["\uffff"] }]],
          ["[0].tags", [{ tags: Array.from({ length: 65 }, (_, n) => String(n)) }]],
          ["[0].types[1]", [{ types: ["A", ""] }]],
          ["[0].types[0]", [{ types: ["LiteTape.Meta"] }]],
          ["[0].types[0]", [{ types: ["é".repeat(129)] }]],
          ["[0].types", [{ types: Array.from({ length: 4097 }, (_, n) => String(n)) }]],
          ["", Array.from({ length: 1024 }, () => ({ types: ["A", "B", "C"], tags: ["a", "b"] }))],
          ["", Array.from({ length: 1025 }, () => ({ types: ["A"] }))],
          ["[0].type", [{ type: ["A"] }]]
        ]
        for (const [at, query] of bad) {
          const found = { _tag: "InvalidArgument", call: "EventStore.query", argument: `query${at}` }
          assert.deepStrictEqual(yield* failing(store.query(query as never), found), found)
          const condition = { failIfEventsMatch: query, after: boundary } as never
          const one = { ...found, call: "EventStore.append", argument: `options.condition.failIfEventsMatch${at}` }
          assert.deepStrictEqual(yield* failing(store.append("note", [closed], { condition }), one), one)
          const all = { ...one, call: "EventStore.appendAll", argument: `appends[0].${one.argument.slice(8)}` }
          const appends = [{ stream: "note", events: [closed], condition }]
          assert.deepStrictEqual(yield* failing(store.appendAll(appends), all), all)
        }
        // An event that matches several times is one match.
        const repeated = [{ types: ["A", "A"] }, { types: ["A"] }, { types: ["A"], tags: ["a"] }]
        assert.deepStrictEqual((yield* store.query(repeated)).events, [])
        const conditions: ReadonlyArray<readonly [at: string, condition: unknown]> = [
          ["", undefined],
          ["", null],
          [".after", { failIfEventsMatch: "all" }],
          [".failIfEventsMatch", { after: "nothing" }],
          [".after", { failIfEventsMatch: "all", after: undefined }],
          [".after", { failIfEventsMatch: "all", after: 0 }],
          [".after", { failIfEventsMatch: "all", after: "start" }],
          [".after", { failIfEventsMatch: "all", after: { ...boundary } }],
          [".after", { failIfEventsMatch: "all", after: boundary.encode() }],
          [".failIf", { failIf: "all", after: "nothing" }]
        ]
        for (const [at, condition] of conditions) {
          const found = { _tag: "InvalidArgument", argument: `options.condition${at}` }
          const options = { condition } as never
          for (const append of [store.append("note", [closed], options), store.appendAll([], options)]) {
            const failure = failing(append as Effect.Effect<unknown, object>, found)
            assert.deepStrictEqual(yield* failure, found, JSON.stringify(condition))
          }
        }
        assert.strictEqual(yield* store.position, 0)
      })
    ))
}

const costs: Contract = (test) => {
  test("decides without a read while the boundary is recent", ({ probe, use }) =>
    use((store) =>
      Effect.gen(function* () {
        for (let n = 0; n < 20; n++) yield* store.append(`student-${n}`, [subscribed(n, 2)])
        const found = yield* store.query(course)
        yield* store.append("course-1", [closed], after(found))
        const [before, next] = [found, yield* store.query(course)]
        for (let n = 0; n < 20; n++) yield* store.append(`student-${n}`, [subscribed(n, 2)])
        probe.reads = []
        yield* store.append("student-1", [subscribed(1)], after(next))
        const failed = { _tag: "ConditionFailed", position: 41 }
        assert.deepStrictEqual(yield* failing(store.append("student-2", [subscribed(1)], after(next)), failed), failed)
        assert.deepStrictEqual(probe.reads, [])
        // Older than what is kept in memory.
        yield* failing(store.append("student-3", [subscribed(1)], after(before)), failed)
        yield* failing(store.append("student-3", [subscribed(1)], atOnce), failed)
        // What may match is looked up in memory, and only that is read.
        assert.deepStrictEqual(probe.reads, [])
        const early = { _tag: "ConditionFailed", position: 0 }
        const full = { condition: { failIfEventsMatch: [{ tags: ["course:2"] }], after: "nothing" } } as const
        assert.deepStrictEqual(yield* failing(store.append("student-3", [subscribed(1)], full), early), early)
        assert.isAbove(probe.reads.length, 0)
      })
    ))

  test("reads what a decision rests on once, however many facts it has", ({ probe, use }) =>
    use((store) =>
      Effect.gen(function* () {
        for (let n = 0; n < 20; n++) yield* store.append(`student-${n}`, [subscribed(n, n % 3)])
        yield* flush(store, "student")
        yield* store.append("course-1", [closed])
        const counting = (query: EventStore.Query): EventStore.Fact<number> => ({
          query,
          initialState: () => 0,
          evolve: (count) => count + 1
        })
        // The first query also reads the dynamic segment, to know its terms.
        yield* store.query(course)
        probe.reads = []
        yield* store.query(course)
        const once = probe.reads.length
        assert.isAbove(once, 0)
        probe.reads = []
        const { condition, state } = yield* store.decisionModel({
          all: counting(course),
          taken: counting([course[0] as EventStore.QueryItem]),
          isClosed: { query: [course[1] as EventStore.QueryItem], initialState: () => false, evolve: () => true }
        })
        assert.lengthOf(probe.reads, once)
        assert.deepStrictEqual(state, { all: 8, taken: 7, isClosed: true })
        assert.deepStrictEqual(condition.failIfEventsMatch, course)
        yield* store.append("course-1", [closed], { condition })
        const failed = { _tag: "ConditionFailed", position: 21 }
        const again = store.append("course-1", [closed], { condition })
        assert.deepStrictEqual(yield* failing(again, failed), failed)
      })
    ))

  test("tells nobody of a conflict with an event that is not durable yet", ({ probe, use }) =>
    use((store) =>
      Effect.gen(function* () {
        const found = yield* store.query(course)
        yield* store.append("student-0", [subscribed(0, 2)], after(found))
        const first = yield* gate
        probe.beforeCommit = first.pass
        const busy = yield* Effect.forkChild(store.append("note", [{ type: "Noted" }]))
        yield* first.reached
        const second = yield* gate
        probe.beforeCommit = second.pass
        const winner = yield* Effect.forkChild(store.append("student-1", [subscribed(1)], after(found)))
        const loser = yield* Effect.forkChild(Effect.flip(store.append("student-2", [subscribed(2)], after(found))))
        yield* settle
        yield* first.open
        yield* second.reached
        yield* settle
        // Both are in the same batch, which is being written.
        assert.strictEqual(loser.pollUnsafe(), undefined)
        probe.beforeCommit = Effect.void
        yield* second.open
        yield* Fiber.join(busy)
        const { firstPosition } = yield* Fiber.join(winner)
        assert.deepInclude(yield* Fiber.join(loser), { _tag: "ConditionFailed", position: firstPosition })
      })
    ))
}

export const conditionContract: Contract = (test) => {
  for (const contract of [queries, conflicts, places, costs]) contract(test)
}
