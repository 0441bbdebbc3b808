/** Queries, facts and subscriptions of a category: which events they have, under which types, and what they refuse. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Category from "litetapes/Category"
import * as EventStore from "litetapes/EventStore"
import * as MemoryStorage from "litetapes/MemoryStorage"
import * as PromiseStore from "litetapes/PromiseStore"

const Course = Category.make(
  "course",
  {
    Defined: Schema.Struct({ room: Schema.Int, at: Schema.Date }),
    Subscribed: Schema.Struct({ student: Schema.String })
  },
  { retired: { Closed: Schema.Struct({}) }, renamed: { Enrolled: "Subscribed" } }
)

const at = new Date(0)
const defined = { type: "Defined", data: { room: 2, at }, tags: ["course:1"] } as const
const subscribed = (student: string) =>
  ({ type: "Subscribed", data: { student }, tags: ["course:1", `student:${student}`] }) as const

const test = (title: string, body: Effect.Effect<void, unknown, EventStore.EventStore>) =>
  it.effect(title, () => Effect.provide(body, Layer.provide(EventStore.layer("place"), MemoryStorage.layer)))

const tagOf = (effect: Effect.Effect<unknown, Error & { readonly _tag: string }, EventStore.EventStore>) =>
  Effect.map(Effect.flip(effect), ({ _tag, message }) => `${_tag}: ${message}`)

/** What a later release, another category and an earlier release stored. */
const fill = Effect.gen(function* () {
  const store = yield* EventStore.EventStore
  yield* Course.append("1", [defined, subscribed("ada")])
  yield* store.append("course-1", [{ type: "Enrolled", data: { student: "bob" }, tags: ["course:1", "student:bob"] }])
  yield* store.append("other-1", [{ type: "Subscribed", data: 7, tags: ["course:1"] }])
  yield* store.append("course-1", [{ type: "Moved", tags: ["course:1", "moved"] }])
  return store
})

describe("a query of a category", () => {
  test(
    "returns decoded events of these types, under their present names, and a condition that knows the former ones",
    Effect.gen(function* () {
      const store = yield* fill
      const { boundary, condition, events } = yield* Course.query([{ types: ["Subscribed"], tags: ["course:1"] }])
      const students: ReadonlyArray<string> = events.map(({ data }) => data.student)
      assert.deepStrictEqual(students, ["ada", "bob"])
      assert.deepStrictEqual(new Set(events.map(({ type }) => type)), new Set(["Subscribed"] as const))
      assert.strictEqual(condition.after, boundary)
      assert.deepStrictEqual(condition.failIfEventsMatch, [{ types: ["Subscribed", "Enrolled"], tags: ["course:1"] }])
      const rooms = (yield* Course.query([{ types: ["Defined"] }])).events.map(({ data }) => [data.room, data.at])
      assert.deepStrictEqual(rooms, [[2, at]])
      yield* Course.append("1", [subscribed("eve")], { condition })
      const again = Course.append("1", [subscribed("dan")], { condition })
      assert.match(yield* tagOf(again), /^ConditionFailed: .* at position 5/)
      const later = yield* Course.query([{ types: ["Subscribed"] }], { after: boundary, direction: "backward" })
      assert.lengthOf(later.events, 1)
      yield* store.append("other-1", [{ type: "Enrolled", tags: ["course:1"] }])
      // Types and tags do not name a category: the condition counts an event of another one, which is not returned.
      assert.match(yield* tagOf(Course.append("1", [], { condition: later.condition })), /^ConditionFailed: .*other-1/)
      assert.lengthOf((yield* Course.query([{ types: ["Subscribed"] }], { after: later.boundary })).events, 0)
    })
  )

  test(
    "does what its policy says about events of types that it does not know",
    Effect.gen(function* () {
      yield* fill
      const query = [{ tags: ["course:1"] }] as const
      assert.match(yield* tagOf(Course.query(query)), /^EventSchemaError: .*Moved/)
      const skipped = yield* Course.query(query, { unreadable: "skip" })
      assert.deepStrictEqual(
        skipped.events.map(({ position }) => position),
        [0, 1, 2]
      )
      const raw = yield* Course.query(query, { unreadable: "raw" })
      assert.deepStrictEqual(
        raw.events.map((event) => (event.raw ? event.type : "")),
        ["", "", "", "Moved"]
      )
      // Every type may match an item that names none.
      const all = yield* Course.query([{ types: ["Defined"] }, { tags: ["student:bob"] }])
      assert.deepStrictEqual(
        all.events.map((event) => (event.type === "Subscribed" ? event.data.student : event.type)),
        ["Defined", "bob"]
      )
    })
  )

  test(
    "refuses a type that the category does not have, by its types and when the program runs",
    Effect.gen(function* () {
      // @ts-expect-error: the former name
      const former = Course.query([{ types: ["Enrolled"] }])
      assert.match(
        yield* tagOf(former),
        /^InvalidArgument: Category\.query: query\[0\]\.types has "Enrolled", .* its types/
      )
      assert.match(
        yield* tagOf(Course.query("all" as never)),
        /^InvalidArgument: Category\.query: query must be an array of items/
      )
      assert.match(yield* tagOf(Course.query([])), /^InvalidArgument: Category\.query: query must not be empty/)
      const limited = Course.query([{ types: ["Closed"] }], { limit: 1 } as object)
      assert.match(yield* tagOf(limited), /^InvalidArgument: Category\.query: options\.limit is not known/)
      const wanted = { query: [{ types: ["Enrolled"] }], initialState: () => 0, evolve: () => 1 }
      assert.throws(() => Course.fact(wanted as never), /^Category\.fact: fact\.query\[0\]\.types has/)
      for (const one of [
        null,
        {},
        { ...wanted, query: [{ types: ["Closed"] }], evolve: 7 },
        { initial: 1 },
        { ...wanted, initialState: 0 },
        { ...wanted, initialState: undefined }
      ])
        assert.throws(() => Course.fact(one as never), /^Category\.fact: fact/)
    })
  )
})

describe("a fact of a category", () => {
  const taken = Course.fact({
    query: [{ types: ["Subscribed"], tags: ["course:1"] }],
    initialState: (): ReadonlyArray<string> => [],
    evolve: (students, { data }) => [...students, data.student]
  })
  const room = Course.fact({
    query: [{ types: ["Defined"], tags: ["course:1"] }],
    initialState: () => 0,
    evolve: (_, { data }) => data.room
  })
  const any = Course.fact({
    query: [{ tags: ["moved"] }],
    initialState: () => 0,
    evolve: (count, { type }) => (type === "Closed" ? 0 : count + 1)
  })

  test(
    "gets decoded events of its category, and fails the decision model at one that it cannot decode",
    Effect.gen(function* () {
      const store = yield* fill
      const { condition, state } = yield* store.decisionModel({ room, taken })
      assert.deepStrictEqual(state, { room: 2, taken: ["ada", "bob"] })
      yield* Course.append("1", [{ type: "Defined", data: { room: 3, at } }], { condition })
      assert.match(yield* tagOf(store.decisionModel({ room, any })), /^EventSchemaError: .*Moved/)
    })
  )
})

describe("a subscription to a category", () => {
  test(
    "returns decoded events of these types as they are appended",
    Effect.gen(function* () {
      const store = yield* fill
      const students = Course.subscribe({ filter: { types: ["Subscribed"] } })
      const first = yield* Effect.forkChild(Stream.runCollect(Stream.take(students, 3)))
      const stream = Course.subscribeToStream("1", { from: "end" })
      const second = yield* Effect.forkChild(Stream.runCollect(Stream.take(stream, 1)))
      while ((yield* store.position) < 6) {
        yield* Effect.yieldNow
        if (first.pollUnsafe() === undefined && (yield* store.position) === 5)
          yield* Course.append("1", [subscribed("eve")])
      }
      assert.deepStrictEqual(
        (yield* Fiber.join(first)).map(({ data }) => data.student),
        ["ada", "bob", "eve"]
      )
      yield* Fiber.interrupt(second)
    })
  )

  test(
    "ends at an event that it cannot decode, after those before it, unless it is to skip it",
    Effect.gen(function* () {
      yield* fill
      const seen: Array<string> = []
      const each = ({ type }: { readonly type: string }) => Effect.sync(() => seen.push(type))
      const both = [Stream.runForEach(Course.subscribe(), each), Stream.runForEach(Course.subscribeToStream("1"), each)]
      for (const ending of both) assert.match(yield* tagOf(ending), /^EventSchemaError: .*Moved/)
      assert.deepStrictEqual(seen, ["Defined", "Subscribed", "Subscribed", "Defined", "Subscribed", "Subscribed"])
      const skipping = Course.subscribe({ unreadable: "skip", from: { after: 0 } })
      assert.lengthOf(yield* Stream.runCollect(Stream.take(skipping, 2)), 2)
      const raw = yield* Stream.runCollect(Stream.take(Course.subscribe({ unreadable: "raw", from: { after: 2 } }), 1))
      assert.isTrue(raw[0]!.raw)
      // @ts-expect-error: no such type
      const wrong = Course.subscribe({ filter: { types: ["Enrolled"] } })
      assert.match(
        yield* tagOf(Stream.runDrain(wrong)),
        /^InvalidArgument: Category\.subscribe: options\.filter\.types has/
      )
    })
  )
})

describe("the same without Effect", () => {
  it("queries, decides and subscribes", async () => {
    await using store = await PromiseStore.open("place", { storage: MemoryStorage.layer })
    const courses = store.category(Course)
    await courses.append("1", [defined, subscribed("ada")])
    const { condition, events } = await courses.query([{ types: ["Subscribed"] }])
    assert.deepStrictEqual(
      events.map(({ data }) => data.student),
      ["ada"]
    )
    const taken = courses.fact({
      query: [{ types: ["Subscribed"], tags: ["course:1"] }],
      initialState: () => 0,
      evolve: (count, { data }) => count + data.student.length
    })
    const model = await store.decisionModel({ taken })
    assert.deepStrictEqual(model.state, { taken: 3 })
    await courses.append("1", [subscribed("bob")], { condition })
    const late = courses.append("1", [subscribed("eve")], { condition: model.condition })
    assert.strictEqual(await late.catch((error: { readonly _tag: string }) => error._tag), "ConditionFailed")
    const seen: Array<string> = []
    for await (const { data } of courses.subscribe({ filter: { types: ["Subscribed"] } })) {
      seen.push(data.student)
      if (seen.length === 2) break
    }
    for await (const event of courses.subscribeToStream("1")) {
      seen.push(event.type)
      break
    }
    assert.deepStrictEqual(seen, ["ada", "bob", "Defined"])
  })
})

describe("the stream of a tag", () => {
  it("is named like the tag, with its kind as the category", () => {
    const names = ["course:17", "order:17:line:3", "web", ":1", "my-course:17"].map(EventStore.streamOfTag)
    assert.deepStrictEqual(names, ["course-17", "order-17:line:3", "web", "-1", "my-course-17"])
  })

  test(
    "is refused by the append if streams cannot have that name",
    Effect.gen(function* () {
      const store = yield* EventStore.EventStore
      for (const tag of ["a\n:1", undefined as unknown as string]) {
        assert.match(yield* tagOf(store.append(EventStore.streamOfTag(tag), [{ type: "A" }])), /^InvalidStreamName/)
      }
    })
  )
})

describe("a decision on many events", () => {
  test(
    "lets others have their turn between pages, and decodes each event once for all facts of a category",
    Effect.gen(function* () {
      let decodes = 0
      const counted = Schema.Int.check(Schema.makeFilter(() => (decodes += 1) > 0))
      const Sensor = Category.make("sensor", { Measured: Schema.Struct({ n: counted }) })
      const total = 3000
      for (let first = 0; first < total; first += 1000) {
        const events = Array.from({ length: 1000 }, (_, n) => ({ type: "Measured", data: { n: first + n } }) as const)
        yield* Sensor.append("1", events)
      }
      let turn = 0
      let inTurn = 0
      let most = 0
      const note = () => (most = Math.max(most, (inTurn += 1)))
      let timer = setImmediate(function next() {
        turn++
        inTurn = 0
        timer = setImmediate(next)
      })
      const sum = () =>
        Sensor.fact({
          query: [{ types: ["Measured"] }],
          initialState: () => 0,
          evolve: (state: number, { data }) => (note(), state + data.n)
        })
      decodes = 0
      const store = yield* EventStore.EventStore
      const { state } = yield* store.decisionModel({ a: sum(), b: sum(), c: sum() })
      assert.strictEqual(decodes, total)
      const before = turn
      assert.lengthOf((yield* store.query("all")).events, total)
      assert.isAtLeast(turn - before, 1)
      const between = turn
      assert.lengthOf((yield* Sensor.query([{ types: ["Measured"] }])).events, total)
      assert.isAtLeast(turn - between, Math.floor(total / 256))
      clearImmediate(timer)
      const all = (total * (total - 1)) / 2
      assert.deepStrictEqual(state, { a: all, b: all, c: all })
      assert.isAtMost(most, 3 * 256)
      assert.isAtLeast(turn, Math.floor(total / 256))
    })
  )
})
