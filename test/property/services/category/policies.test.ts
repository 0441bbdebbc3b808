/** What a read of a category makes of any mix of known, retired, renamed, unknown and undecodable events. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as fc from "fast-check"
import * as Category from "litetapes/Category"
import * as EventStore from "litetapes/EventStore"
import * as MemoryStorage from "litetapes/MemoryStorage"
import { assert, describe, it } from "vitest"
import { runs } from "../../../support/runs.ts"

const fresh = Layer.provide(EventStore.layer("place"), MemoryStorage.layer)

/** Stored type and data, and the type and data that they are read as; without these, the event cannot be decoded. */
interface Stored {
  readonly type: string
  readonly data: unknown
  readonly read?: readonly [type: string, data: unknown]
}

const at = new Date(0)
const kinds: ReadonlyArray<Stored> = [
  { type: "Placed", data: { at: at.toISOString() }, read: ["Placed", { at }] },
  { type: "Dropped", data: "why", read: ["Dropped", "why"] },
  { type: "Ordered", data: { at: at.toISOString() }, read: ["Placed", { at }] },
  { type: "Abandoned", data: "x", read: ["Dropped", "x"] },
  { type: "Unheard", data: null },
  { type: "toString", data: {} },
  { type: "Placed", data: { at: 5 } },
  { type: "Ordered", data: null },
  { type: "Dropped", data: 1 }
]

const Mixed = Category.make(
  "mixed",
  { Placed: Schema.Struct({ at: Schema.Date }) },
  { retired: { Dropped: Schema.String }, renamed: { Ordered: "Placed", Abandoned: "Dropped" } }
)

interface Case {
  readonly events: ReadonlyArray<Stored>
  readonly backward: boolean
  readonly limit: number | undefined
  readonly all: boolean
  readonly types: ReadonlyArray<"Placed" | "Dropped"> | undefined
}

const cases: fc.Arbitrary<Case> = fc.record({
  events: fc.array(fc.constantFrom(...kinds), { maxLength: 20 }),
  backward: fc.boolean(),
  limit: fc.option(fc.nat(12), { nil: undefined }),
  all: fc.boolean(),
  types: fc.option(fc.uniqueArray(fc.constantFrom("Placed", "Dropped"), { minLength: 1 }), { nil: undefined })
})

/** Stores the events, and returns a read of them. */
const reading = ({ all, backward, events, limit, types }: Case) =>
  Effect.gen(function* () {
    const store = yield* EventStore.EventStore
    if (events.length > 0)
      yield* store.append(
        "mixed-1",
        events.map(({ read: _, ...event }) => ({ ...event, tags: ["mixed"] }))
      )
    const range = { direction: backward ? "backward" : "forward", ...(limit === undefined ? {} : { limit }) } as const
    const filter = all && types !== undefined ? { filter: { types } } : {}
    return <P extends Category.Unreadable>(unreadable: P, from = 0): Read<P> =>
      all ? Mixed.readAll({ ...range, ...filter, unreadable }) : Mixed.read("1", { ...range, from, unreadable })
  })

type Read<P extends Category.Unreadable> = Stream.Stream<
  Category.Readable<typeof Mixed.schemas, typeof Mixed.retired, P>,
  unknown,
  EventStore.EventStore
>

/** The stored events that a read sees, in its order. */
const seenIn = ({ all, backward, events, types }: Case) => {
  const numbered = events.map((event, revision) => ({ ...event, revision }))
  const wanted =
    all && types !== undefined
      ? numbered.filter(({ type }) => types.some((one) => one === type || one === renamed[type]))
      : numbered
  return backward ? wanted.toReversed() : wanted
}
const renamed: Readonly<Record<string, string | undefined>> = { Ordered: "Placed", Abandoned: "Dropped" }

const check = (title: string, body: (given: Case) => Effect.Effect<void, unknown, EventStore.EventStore>) =>
  it(title, () =>
    fc.assert(
      fc.asyncProperty(cases, (given) => Effect.runPromise(Effect.provide(body(given), fresh))),
      { numRuns: runs }
    )
  )

/** A raw event has an error, which is another one each time. */
const shown = (event: Category.Readable<typeof Mixed.schemas, typeof Mixed.retired, Category.Unreadable>) =>
  event.raw ? { ...event, error: event.error.message } : event

const errorOf = (exit: Exit.Exit<unknown, unknown>): string =>
  Exit.isFailure(exit) ? String(Cause.squash(exit.cause)) : "none"

const decodedForm = (event: { readonly type: string; readonly data: unknown; readonly revision: number }) => ({
  type: event.type,
  data: event.data,
  revision: event.revision
})

describe("a read of a category", () => {
  check("that skips returns all events that can be decoded, by their present names, up to the limit", (given) =>
    Effect.gen(function* () {
      const read = yield* reading(given)
      const events = yield* Stream.runCollect(read("skip"))
      const expected = seenIn(given)
        .filter(({ read }) => read !== undefined)
        .slice(0, given.limit ?? Infinity)
      assert.deepStrictEqual<unknown>(
        events.map(decodedForm),
        expected.map(({ read, revision }) => ({ type: read![0], data: read![1], revision }))
      )
    })
  )

  check("that is raw returns every event, and what cannot be decoded as it is stored", (given) =>
    Effect.gen(function* () {
      const read = yield* reading(given)
      const events = yield* Stream.runCollect(read("raw"))
      const seen = seenIn(given).slice(0, given.limit ?? Infinity)
      assert.strictEqual(events.length, seen.length)
      for (const [index, event] of events.entries()) {
        const { data, read, revision, type } = seen[index]!
        assert.strictEqual(event.raw, read === undefined ? true : undefined)
        const expected = read === undefined ? { type, data, revision } : { type: read[0], data: read[1], revision }
        assert.deepStrictEqual<unknown>(decodedForm(event), expected)
        if (event.raw) assert.strictEqual(event.error.type, type)
      }
    })
  )

  check("that fails returns the events before the first one that it cannot decode", (given) =>
    Effect.gen(function* () {
      const read = yield* reading(given)
      const seen = seenIn(given).slice(0, given.limit ?? Infinity)
      const bad = seen.findIndex(({ read }) => read === undefined)
      const returned: Array<number> = []
      const each = (event: { readonly revision: number }) => Effect.sync(() => returned.push(event.revision))
      const exit = yield* Effect.exit(Stream.runForEach(read("fail"), each))
      const good = bad === -1 ? seen : seen.slice(0, bad)
      assert.deepStrictEqual(
        returned,
        good.map(({ revision }) => revision)
      )
      if (bad === -1) return assert.isTrue(Exit.isSuccess(exit))
      assert.deepInclude(Exit.isFailure(exit) ? Cause.squash(exit.cause) : exit, {
        _tag: "EventSchemaError",
        type: seen[bad]!.type
      })
    })
  )

  check("is the same by a query or a subscription, whatever the policy", (given) =>
    Effect.gen(function* () {
      yield* reading(given)
      const types = given.types ?? (["Placed", "Dropped"] as const)
      const filter = given.types === undefined ? {} : { filter: { types: given.types } }
      // An item without types matches events of types that the category does not know.
      const query = given.types === undefined ? [{ tags: ["mixed"] }] : [{ types }, { types, tags: ["mixed"] }]
      for (const unreadable of ["fail", "skip", "raw"] as const) {
        const read = yield* Effect.exit(Stream.runCollect(Mixed.readAll({ ...filter, unreadable })))
        const queried = yield* Effect.exit(Mixed.query(query, { unreadable }))
        assert.strictEqual(errorOf(queried), errorOf(read))
        if (Exit.isFailure(read) || Exit.isFailure(queried)) continue
        assert.deepStrictEqual<unknown>(queried.value.events.map(shown), read.value.map(shown))
        const expected = read.value
        const subscriptions: ReadonlyArray<Read<Category.Unreadable>> = [
          Mixed.subscribe({ ...filter, unreadable }),
          ...(given.types === undefined ? [Mixed.subscribeToStream("1", { unreadable })] : [])
        ]
        for (const subscription of subscriptions) {
          const followed = yield* Stream.runCollect(Stream.take(subscription, expected.length))
          assert.deepStrictEqual<unknown>(followed.map(shown), expected.map(shown))
        }
      }
    })
  )

  check(
    "that fails can continue after each event that it cannot decode, and so finds what a read that skips does",
    (given) =>
      Effect.gen(function* () {
        const read = yield* reading({ ...given, all: false, backward: false, limit: undefined })
        const found: Array<unknown> = []
        let from = 0
        const each = (event: Parameters<typeof decodedForm>[0]) =>
          Effect.sync(() => {
            found.push(decodedForm(event))
            from = event.revision + 1
          })
        // `from` is then the revision of the event that could not be decoded.
        while (Exit.isFailure(yield* Effect.exit(Stream.runForEach(read("fail", from), each)))) from++
        assert.deepStrictEqual(found, (yield* Stream.runCollect(read("skip"))).map(decodedForm))
      })
  )
})
