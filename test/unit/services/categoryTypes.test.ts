/** Types of a category's events: for deciders, for appends, after a filter, with metadata. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Category from "litetapes/Category"
import * as EventStore from "litetapes/EventStore"
import * as MemoryStorage from "litetapes/MemoryStorage"

const Account = Category.make("account", {
  Opened: Schema.Struct({ owner: Schema.String }),
  Deposited: Schema.Struct({ cents: Schema.Int }),
  Withdrawn: Schema.Struct({ cents: Schema.Int })
})

type AccountEvent = Category.EventOf<typeof Account>
type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : false) : false

const opened = { type: "Opened", data: { owner: "ada" } } as const
const deposited = (cents: number) => ({ type: "Deposited", data: { cents } }) as const

const test = (title: string, body: Effect.Effect<void, unknown, EventStore.EventStore>) =>
  it.effect(title, () => Effect.provide(body, Layer.provide(EventStore.layer("place"), MemoryStorage.layer)))

const tagOf = (
  effect: Effect.Effect<unknown, { readonly _tag: string; readonly message: string }, EventStore.EventStore>
) => Effect.map(Effect.flip(effect), ({ _tag, message }) => `${_tag}: ${message}`)

describe("the events of a category", () => {
  const balance = (events: ReadonlyArray<AccountEvent>): number =>
    events.reduce((cents, event) => {
      if (event.type === "Opened") return cents
      return event.type === "Deposited" ? cents + event.data.cents : cents - event.data.cents
    }, 0)
  const withdraw = (history: ReadonlyArray<AccountEvent>, cents: number): ReadonlyArray<AccountEvent> =>
    balance(history) < cents ? [] : [{ type: "Withdrawn", data: { cents } }]

  test(
    "have one plain type for deciders, which stored events and events to append fit",
    Effect.gen(function* () {
      const expected: Same<
        AccountEvent,
        | { readonly type: "Opened"; readonly data: { readonly owner: string } }
        | { readonly type: "Deposited" | "Withdrawn"; readonly data: { readonly cents: number } }
      > = true
      assert.isTrue(expected)
      const first: ReadonlyArray<Category.NewOf<typeof Account>> = [
        opened,
        { ...deposited(10), id: "d", tags: ["web"] }
      ]
      // Plain events can be appended, and what is new or recorded can be decided on.
      yield* Account.append("17", [...first, ...withdraw(first, 7)])
      const stored: ReadonlyArray<Category.RecordedOf<typeof Account>> = yield* Stream.runCollect(Account.read("17"))
      assert.strictEqual(balance(stored), 3)
      assert.deepStrictEqual(withdraw(stored, 4), [])
    })
  )

  it("refuse a type, a field or data that does not belong", () => {
    const events: ReadonlyArray<AccountEvent> = [
      // @ts-expect-error: a typing error in the type
      { type: "Deposit", data: { cents: 1 } },
      // @ts-expect-error: the data of another type
      { type: "Deposited", data: { owner: "ada" } },
      // @ts-expect-error: a plain event has no id
      { ...opened, id: "a" }
    ]
    assert.strictEqual(events.length, 3)
  })
})

describe("a filter by type", () => {
  const fill = Account.append("17", [opened, ...Array.from({ length: 1200 }, (_, n) => deposited(n + 1))])

  test(
    "narrows the events that are read",
    Effect.gen(function* () {
      yield* fill
      yield* Account.append("18", [deposited(5), opened])
      const one = yield* Stream.runCollect(Account.read("17", { filter: { types: ["Opened"] } }))
      assert.deepStrictEqual(
        one.map(({ data }) => data.owner satisfies string),
        ["ada"]
      )
      const some = Account.readAll({ filter: { types: ["Deposited", "Withdrawn"] }, direction: "backward", limit: 2 })
      const cents = Stream.map(some, ({ data }) => data.cents satisfies number)
      assert.deepStrictEqual(yield* Stream.runCollect(cents), [5, 1200])
      // @ts-expect-error: without a filter it may be an event without cents
      const all = Stream.map(Account.readAll(), ({ data }) => data.cents)
      assert.strictEqual((yield* Stream.runCollect(all)).length, 1203)
      assert.deepStrictEqual(yield* Stream.runCollect(Account.read("17", { filter: { types: [] } })), [])
    })
  )

  test(
    "counts the events that match, in both directions, over many pages",
    Effect.gen(function* () {
      yield* fill
      yield* Account.append("17", [
        { type: "Withdrawn", data: { cents: 2 } },
        { ...deposited(7), tags: ["web"] }
      ])
      yield* Account.append("17", [{ type: "Withdrawn", data: { cents: 3 } }])
      const revisions = (options: Category.ReadOptions<"Opened" | "Deposited" | "Withdrawn">) =>
        Effect.map(Stream.runCollect(Account.read("17", options)), (events) => events.map(({ revision }) => revision))
      const types = ["Opened", "Withdrawn"] as const
      assert.deepStrictEqual(yield* revisions({ filter: { types } }), [0, 1201, 1203])
      assert.deepStrictEqual(yield* revisions({ filter: { types }, limit: 2 }), [0, 1201])
      assert.deepStrictEqual(yield* revisions({ filter: { types }, limit: 2, direction: "backward" }), [1203, 1201])
      assert.deepStrictEqual(yield* revisions({ filter: { types }, from: 1, to: 1203 }), [1201])
      assert.deepStrictEqual(yield* revisions({ filter: { types: ["Opened"] }, limit: 1, direction: "backward" }), [0])
      assert.deepStrictEqual(yield* revisions({ filter: { tags: ["web"] } }), [1202])
      assert.deepStrictEqual(yield* revisions({ filter: {}, limit: 2 }), [0, 1])
    })
  )

  test(
    "is refused if the category has no such type, or if it names categories",
    Effect.gen(function* () {
      yield* fill
      const typo = { filter: { types: ["Deposited", "Openend"] } } as const
      // @ts-expect-error: a typing error in the type
      const reads = [Account.read("17", typo), Account.readAll(typo)]
      for (const [index, read] of reads.entries()) {
        const error = yield* tagOf(Stream.runCollect(read as Stream.Stream<unknown, never, EventStore.EventStore>))
        assert.strictEqual(
          error,
          `InvalidArgument: Category.${index === 0 ? "read" : "readAll"}: options.filter.types has "Openend", which is not a type of the category "account": its types are "Opened", "Deposited", "Withdrawn". Nothing was done.`
        )
      }
      const { read } = yield* EventStore.EventStore
      const foreign = { filter: { categories: ["order"] } }
      for (const [reading, call] of [
        // @ts-expect-error: the category is that of `Account`
        [Account.readAll(foreign), "Category.readAll"],
        // @ts-expect-error: the category is that of `Account`
        [Account.read("17", foreign), "Category.read"],
        // @ts-expect-error: the stream has one category
        [read("account-17", foreign), "EventStore.read"]
      ] as const) {
        const error = yield* tagOf(Stream.runCollect(reading as Stream.Stream<unknown, never, EventStore.EventStore>))
        assert.isTrue(error.startsWith(`InvalidArgument: ${call}: options.filter.categories would be ignored`), error)
      }
      // Names that every object inherits are not types.
      const inherited = Account.readAll({ filter: { types: ["constructor" as "Opened"] } })
      assert.match(yield* tagOf(Stream.runCollect(inherited)), /^InvalidArgument: .*filter\.types has "constructor"/)
    })
  )
})

describe("the metadata of a category with a schema for it", () => {
  const Invoice = Category.make(
    "invoice",
    { Sent: Schema.Struct({ to: Schema.String }) },
    { metadata: Schema.Struct({ user: Schema.NonEmptyString, amount: Schema.BigIntFromString }) }
  )
  const sent = { type: "Sent", data: { to: "bob" } } as const
  const metadata = { user: "ada", amount: 7n }

  test(
    "is checked and encoded when appended, and decoded when read; the marks of an append stay",
    Effect.gen(function* () {
      yield* Invoice.append("1", [{ ...sent, metadata }], { correlationId: "c" })
      const { append, read } = yield* EventStore.EventStore
      const [stored] = yield* Stream.runCollect(read("invoice-1"))
      assert.deepStrictEqual<unknown>(stored!.metadata, { amount: "7", correlationId: "c", user: "ada" })
      yield* append("invoice-1", [{ ...sent, metadata: { amount: "8", user: "eve" } }], EventStore.causedBy(stored!))
      const [first, second] = yield* Stream.runCollect(Invoice.read("1"))
      assert.deepStrictEqual(first!.metadata, { ...metadata, correlationId: "c" })
      assert.strictEqual(second!.metadata.amount satisfies bigint, 8n)
      assert.strictEqual(second!.metadata.causationId satisfies string | undefined, stored!.id)
    })
  )

  test(
    "is refused if it does not fit, and the error names the event",
    Effect.gen(function* () {
      const bad = { ...sent, metadata: { user: "", amount: 7n } }
      assert.match(
        yield* tagOf(Invoice.append("1", [{ ...sent, metadata }, bad])),
        /^EventSchemaError: event 1 for stream "invoice-1": Sent does not fit .* its metadata: .*user/s
      )
      // @ts-expect-error: metadata is missing
      assert.match(yield* tagOf(Invoice.append("1", [sent])), /its metadata: .*user/s)
      // @ts-expect-error: a field of the metadata is missing
      assert.match(yield* tagOf(Invoice.append("1", [{ ...sent, metadata: { user: "a" } }])), /its metadata: .*amount/s)
      const { append, position } = yield* EventStore.EventStore
      assert.strictEqual(yield* position, 0)
      yield* append("invoice-1", [sent])
      assert.match(
        yield* tagOf(Stream.runCollect(Invoice.read("1"))),
        /^EventSchemaError: event at revision 0 of stream "invoice-1", .* its metadata: .*user/s
      )
    })
  )

  test(
    "can be left out if the schema allows that",
    Effect.gen(function* () {
      const options = { metadata: Schema.Struct({ note: Schema.optionalKey(Schema.String) }) }
      const Lenient = Category.make("lenient", { Sent: Schema.Null }, options)
      yield* Lenient.append("1", [
        { type: "Sent", data: null },
        { type: "Sent", data: null, metadata: { note: "n" } }
      ])
      const stored = yield* Stream.runCollect(Lenient.read("1"))
      assert.deepStrictEqual(
        stored.map((event) => event.metadata),
        [{}, { note: "n" }]
      )
    })
  )
})
