import { assert, describe, it } from "@effect/vitest"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as SchemaTransformation from "effect/SchemaTransformation"
import * as Stream from "effect/Stream"
import * as Category from "litetapes/Category"
import * as EventStore from "litetapes/EventStore"
import * as MemoryStorage from "litetapes/MemoryStorage"

/** The stored form since the beginning, in whole euros. */
const StoredWithdrawal = Schema.Struct({ euros: Schema.Int })

const Withdrawal = StoredWithdrawal.pipe(
  Schema.decodeTo(
    Schema.Struct({ cents: Schema.Int }),
    SchemaTransformation.transform({
      decode: ({ euros }) => ({ cents: euros * 100 }),
      encode: ({ cents }) => ({ euros: Math.trunc(cents / 100) })
    })
  )
)

const Account = Category.make("account", {
  Opened: Schema.Struct({ at: Schema.DateTimeUtcFromString, owner: Schema.NonEmptyString }),
  Deposited: Schema.Struct({ cents: Schema.BigIntFromString, memo: Schema.optionalKey(Schema.String) }),
  Withdrawn: Withdrawal,
  Closed: Schema.Null
})

const opened = { type: "Opened" as const, data: { at: DateTime.makeUnsafe(1_000), owner: "ada" } }
const deposited = { type: "Deposited" as const, data: { cents: 9_007_199_254_740_993n } }

const store = Layer.provide(EventStore.layer("place"), MemoryStorage.layer)

const test = (title: string, body: Effect.Effect<void, unknown, EventStore.EventStore>) =>
  it.effect(title, () => Effect.provide(body, store))

describe("a category", () => {
  test(
    "stores the encoded form of its schemas, and reads the decoded one",
    Effect.gen(function* () {
      const events = [opened, deposited, { type: "Withdrawn", data: { cents: 500 } }, { type: "Closed", data: null }]
      yield* Account.append("17", events as Array<Category.New<typeof Account.schemas>>, { expected: "no-stream" })
      const { read, readAll } = yield* EventStore.EventStore
      const stored = yield* Stream.runCollect(read("account-17"))
      assert.deepStrictEqual<ReadonlyArray<unknown>>(
        stored.map(({ data }) => data),
        [{ at: "1970-01-01T00:00:01.000Z", owner: "ada" }, { cents: "9007199254740993" }, { euros: 5 }, null]
      )
      yield* Effect.flatMap(EventStore.EventStore, (plain) =>
        plain.append("order-1", [{ type: "Opened", data: "foreign" }])
      )
      for (const stream of [Account.read("17"), Account.readAll()]) {
        const decoded = yield* Stream.runCollect(stream as Stream.Stream<Category.Event<typeof Account>>)
        assert.deepStrictEqual<ReadonlyArray<unknown>>(
          decoded.map(({ type, data, revision }) => ({ type, data, revision })),
          events.map((event, revision) => ({ ...event, revision }))
        )
      }
      assert.strictEqual((yield* Stream.runCollect(readAll())).length, 5)
    })
  )

  test(
    "passes ids, metadata, tags and ranges through",
    Effect.gen(function* () {
      const event = { ...deposited, id: "a", metadata: { m: 1 }, tags: ["t"] }
      yield* Account.append("1", [event], { correlationId: "c" })
      assert.isTrue((yield* Account.append("1", [event], { correlationId: "c" })).repeated)
      yield* Account.append("1", [opened])
      yield* Account.append("2", [opened])
      const [first] = yield* Stream.runCollect(Account.read("1", { limit: 1 }))
      assert.deepInclude(first, { id: "a", metadata: { correlationId: "c", m: 1 }, tags: ["t"], stream: "account-1" })
      const last = yield* Stream.runCollect(Account.readAll({ direction: "backward", filter: { types: ["Opened"] } }))
      assert.deepStrictEqual(
        last.map(({ stream }) => stream),
        ["account-2", "account-1"]
      )
    })
  )

  test(
    "encodes events for an append over several categories",
    Effect.gen(function* () {
      const Order = Category.make("order", { Placed: Schema.Struct({ total: Schema.BigIntFromString }) })
      const { appendAll } = yield* EventStore.EventStore
      yield* appendAll([
        { stream: Account.stream("1"), events: [yield* Account.encode(deposited)] },
        { stream: Order.stream("9"), events: [yield* Order.encode({ type: "Placed", data: { total: 7n } })] }
      ])
      const [placed] = yield* Stream.runCollect(Order.read("9"))
      assert.strictEqual(placed!.data.total, 7n)
      assert.deepStrictEqual(placed!.stream, "order-9")
    })
  )

  test(
    "refuses data that does not fit its schema, names category and type, and appends none of the events",
    Effect.gen(function* () {
      const bad = { type: "Opened", data: { at: opened.data.at, owner: "" } } as const
      const error = yield* Effect.flip(Account.append("1", [deposited, bad]))
      assert.deepInclude(error, { _tag: "EventSchemaError", category: "account", type: "Opened" })
      assert.match(error.message, /Opened does not fit the schema of category account: .*owner/s)
      const unknown = { type: "Stolen", data: {} } as never
      const stranger = yield* Effect.flip(Account.append("1", [unknown]))
      assert.deepInclude(stranger, { _tag: "EventSchemaError", category: "account", type: "Stolen" })
      const { position } = yield* EventStore.EventStore
      assert.strictEqual(yield* position, 0)
    })
  )

  test(
    "names a stored event that does not fit its schema",
    Effect.gen(function* () {
      const { append } = yield* EventStore.EventStore
      yield* append("account-1", [{ type: "Deposited", data: { cents: 5 } }])
      yield* append("account-2", [{ type: "Toaster", data: 1 }])
      for (const [id, type] of [
        ["1", "Deposited"],
        ["2", "Toaster"]
      ] as const) {
        const error = yield* Effect.flip(Stream.runCollect(Account.read(id)))
        assert.deepInclude(error, { _tag: "EventSchemaError", category: "account", type })
      }
      const known = Account.readAll({ filter: { types: ["Opened"] } })
      assert.deepStrictEqual(yield* Stream.runCollect(known), [])
    })
  )

  test(
    "reads an old shape as the new one",
    Effect.gen(function* () {
      const { append } = yield* EventStore.EventStore
      yield* append("account-1", [{ type: "Withdrawn", data: { euros: 12 } }])
      const [event] = yield* Stream.runCollect(Account.read("1"))
      assert.deepStrictEqual<unknown>(event!.data, { cents: 1200 })
    })
  )

  it("has a name with which its streams begin", () => {
    assert.strictEqual(Account.stream("17-a"), "account-17-a")
    for (const name of ["", "a-b", "-"]) assert.throws(() => Category.make(name, {}), /category name/)
  })

  it("has typed events", () => {
    type Stored = Category.Event<typeof Account>
    const cents = (event: Stored): bigint | number => {
      switch (event.type) {
        case "Deposited":
          return event.data.cents satisfies bigint
        case "Withdrawn":
          return event.data.cents satisfies number
        case "Closed":
          return event.data === null ? 0 : 1
        case "Opened":
          // @ts-expect-error: the data of `Opened` has no cents
          return event.data.cents === undefined ? 0 : 1
      }
    }
    const append = () => [
      Account.append("1", [deposited]),
      // @ts-expect-error: a number is not a bigint
      Account.append("1", [{ type: "Deposited", data: { cents: 5 } }]),
      // @ts-expect-error: the data of another type
      Account.append("1", [{ type: "Deposited", data: opened.data }]),
      // @ts-expect-error: no such type
      Account.append("1", [{ type: "Stolen", data: {} }]),
      // @ts-expect-error: a field is missing
      Account.append("1", [{ type: "Opened", data: { at: opened.data.at } }])
    ]
    assert.strictEqual(append().length, 5)
    const at = { id: "", metadata: {}, tags: [], stream: "", revision: 0, position: 0, time: "" }
    assert.strictEqual(cents({ ...at, type: "Deposited", data: { cents: 5n } }), 5n)
    assert.strictEqual(cents({ ...at, type: "Withdrawn", data: { cents: 6 } }), 6)
  })
})
