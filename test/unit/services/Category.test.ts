import { runInNewContext } from "node:vm"
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as SchemaGetter from "effect/SchemaGetter"
import * as SchemaTransformation from "effect/SchemaTransformation"
import * as Stream from "effect/Stream"
import * as Category from "litetapes/Category"
import type { EventSchemaError } from "litetapes/EventErrors"
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

/** The category as a later program declares it. */
const Present = Category.make(
  "account",
  { Deposited: Schema.Struct({ cents: Schema.BigIntFromString }) },
  { retired: { Audited: Schema.String }, renamed: { Added: "Deposited" } }
)

const opened = { type: "Opened" as const, data: { at: DateTime.makeUnsafe(1_000), owner: "ada" } }
const deposited = { type: "Deposited" as const, data: { cents: 9_007_199_254_740_993n } }

const store = Layer.provide(EventStore.layer("place"), MemoryStorage.layer)

const test = (title: string, body: Effect.Effect<void, unknown, EventStore.EventStore>) =>
  it.effect(title, () => Effect.provide(body, store))

describe("a category", () => {
  test(
    "does a command once, in one of its streams and in several",
    Effect.gen(function* () {
      const store = yield* EventStore.EventStore
      const first = yield* Account.append("17", [opened, deposited], { commandId: "c" })
      const again = { ...first, repeated: true }
      assert.deepStrictEqual(yield* store.findCommand(Account.stream("17"), "c"), again)
      assert.deepStrictEqual(yield* Account.append("17", [opened], { commandId: "c", expected: "no-stream" }), again)
      const appends = [{ stream: Account.stream("17"), events: [yield* Account.encode(opened)] }]
      assert.deepStrictEqual(yield* store.appendAll(appends, { commandId: "c" }), [again])
      assert.strictEqual(yield* store.position, 2)
    })
  )

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
        const decoded = yield* Stream.runCollect(stream as Stream.Stream<Category.RecordedOf<typeof Account>>)
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
      assert.deepInclude(error, { stream: "account-1", index: 1 })
      assert.isFalse("revision" in error)
      assert.match(
        error.message,
        /^event 1 for stream "account-1": Opened does not fit the schema of .*account: .*owner/s
      )
      assert.match(error.message, /Correct the data/)
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
      yield* append("account-1", [
        { type: "Closed", data: null },
        { type: "Deposited", data: { cents: 5 }, id: "d" }
      ])
      yield* append("account-2", [{ type: "Toaster", data: 1, id: "t" }])
      const [, deposit, toaster] = yield* Stream.runCollect((yield* EventStore.EventStore).readAll())
      for (const [id, stored] of [
        ["1", deposit!],
        ["2", toaster!]
      ] as const) {
        const { position, revision, stream, type } = stored
        for (const reading of [
          Stream.runCollect(Account.read(id)),
          Stream.runCollect(Account.readAll({ from: position })),
          Account.decode(stored)
        ]) {
          const error = yield* Effect.flip(reading as Effect.Effect<unknown, EventSchemaError, EventStore.EventStore>)
          assert.deepInclude(error, { _tag: "EventSchemaError", category: "account", type })
          assert.deepInclude(error, { stream, revision, position, id: stored.id })
          assert.isFalse("index" in error)
          const place = `event at revision ${revision} of stream "${stream}", position ${position}, id "${stored.id}": `
          assert.isTrue(error.message.startsWith(`${place}${type} does not fit`), error.message)
        }
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

  test(
    "stores values beyond JSON in their JSON form, and keeps the bytes of every schema that encodes to JSON by itself",
    Effect.gen(function* () {
      const store = yield* EventStore.EventStore
      const kept = Schema.Struct({ n: Schema.Number, o: Schema.optional(Schema.String), u: Schema.Unknown })
      const forms: ReadonlyArray<readonly [schema: Schema.Codec<unknown, unknown>, data: unknown, stored: unknown]> = [
        [Schema.Struct({ at: Schema.Date }), { at: new Date(0) }, { at: "1970-01-01T00:00:00.000Z" }],
        [Schema.Struct({ n: Schema.BigInt }), { n: 12n }, { n: "12" }],
        [Schema.Struct({ o: Schema.Option(Schema.Int) }), { o: Option.some(1) }, { o: { _tag: "Some", value: 1 } }],
        [Schema.ReadonlyMap(Schema.String, Schema.Int), new Map([["a", 1]]), [["a", 1]]],
        [Schema.Uint8Array, new Uint8Array([1, 2]), "AQI="],
        [Schema.Undefined, undefined, null],
        [kept, { n: 1.5, o: "x", u: { a: [1] } }, { n: 1.5, o: "x", u: { a: [1] } }],
        [kept, { n: 1, o: undefined, u: null }, { n: 1, o: null, u: null }],
        [kept, { n: Number.NaN, u: null }, { n: "NaN", u: null }],
        // A text that looks like a bigint stays a text, as it did before bigints could be stored.
        [Schema.Union([Schema.BigInt, Schema.String]), "12", "12"]
      ]
      for (const [index, [schema, data, stored]] of forms.entries()) {
        const Kind = Category.make("kind", { Happened: schema })
        yield* Kind.append(`${index}`, [{ type: "Happened", data }])
        const [raw] = yield* Stream.runCollect(store.read(`kind-${index}`))
        assert.deepStrictEqual<unknown>(raw!.data, stored)
        const [read] = yield* Stream.runCollect(Kind.read(`${index}`))
        assert.deepStrictEqual(read!.data, data)
      }
    })
  )

  test(
    "refuses what would never be read back, or as another value, and says why",
    Effect.gen(function* () {
      const { position } = yield* EventStore.EventStore
      const through = (decode: SchemaGetter.Getter<string, string>) =>
        Schema.String.pipe(Schema.decodeTo(Schema.String, { decode, encode: SchemaGetter.transform((one) => one) }))
      const referenced = Schema.Struct({ reference: Schema.Union([Schema.FiniteFromString, Schema.String]) })
      const longer = SchemaTransformation.transform({
        decode: (key: string) => `${key}!`,
        encode: (key: string) => key
      })
      const shortKey = Schema.String.pipe(Schema.decodeTo(Schema.String.check(Schema.isMaxLength(2)), longer))
      const textLength = Schema.String.pipe(
        Schema.decodeTo(Schema.Int, SchemaTransformation.transform({ decode: (text) => text.length, encode: String }))
      )
      class Hidden {
        readonly secret = 1
      }
      const refused: ReadonlyArray<readonly [schema: Schema.Codec<unknown, unknown>, data: unknown, why: RegExp]> = [
        [Schema.Any, undefined, /its data is undefined, .* use null/],
        [Schema.Unknown, undefined, /Expected JSON value/],
        [Schema.Struct({ v: Schema.instanceOf(Hidden) }), { v: new Hidden() }, /Expected JSON value\n {2}at \["v"\]/],
        [Schema.NullishOr(Schema.String), undefined, /read back as another value, .* tag/],
        [Schema.Union([Schema.BigInt, Schema.String]), 12n, /read back as another value/],
        [referenced, { reference: "0012" }, /read back as another value, because its schema decodes/],
        [referenced, { reference: "12" }, /read back as another value, because its schema decodes/],
        [
          Schema.Struct({ at: Schema.Date, ...referenced.fields }),
          { at: new Date(0), reference: "12" },
          /another value/
        ],
        [Schema.Union([Schema.Trim, Schema.String]), " a ", /another value/],
        [Schema.OptionFromNullOr(Schema.NullOr(Schema.String)), Option.some(null), /another value/],
        [textLength, 1234, /another value/],
        [Schema.Record(shortKey, Schema.Int), { ab: 1 }, /never be read again: .* length of at most 2/],
        [through(SchemaGetter.forbidden(() => "one way")), "a", /never be read again: one way/],
        [
          through(SchemaGetter.transformEffect((one) => Effect.as(Effect.sleep(1), one))),
          "a",
          /its schema threw, or is asynchronous/
        ]
      ]
      for (const [schema, data, why] of refused) {
        const Kind = Category.make("kind", { Happened: schema })
        const error = yield* Effect.flip(Kind.append("1", [{ type: "Happened", data }]))
        assert.strictEqual(error._tag, "EventSchemaError")
        assert.match(error.message, why)
      }
      assert.strictEqual(yield* position, 0)
    })
  )

  test(
    "reads retired types, and former names as the present ones, but appends neither",
    Effect.gen(function* () {
      const { append, position } = yield* EventStore.EventStore
      yield* append("account-1", [
        { type: "Added", data: { cents: "5" } },
        { type: "Audited", data: "eve" }
      ])
      const events = yield* Stream.runCollect(Present.read("1"))
      const seen = events.map((event) => {
        switch (event.type) {
          case "Deposited":
            return event.data.cents satisfies bigint
          case "Audited":
            return event.data satisfies string
        }
      })
      assert.deepStrictEqual(seen, [5n, "eve"])
      const deposited = yield* Stream.runCollect(Present.readAll({ filter: { types: ["Deposited"] } }))
      assert.strictEqual(deposited.length, 1)
      assert.strictEqual((yield* Present.decode({ ...events[0]!, data: { cents: "7" } })).type, "Deposited")
      for (const [type, why] of [
        ["Added", /renamed: append Deposited/],
        ["Audited", /retired/]
      ] as const) {
        // @ts-expect-error: the type cannot be appended
        const error = yield* Effect.flip(Present.append("1", [{ type, data: { cents: 5n } }]))
        assert.match(error.message, why)
      }
      assert.strictEqual(yield* position, 2)
    })
  )

  test(
    "reads around an event that it cannot decode, with types that tell such events from the others",
    Effect.gen(function* () {
      const { append } = yield* EventStore.EventStore
      yield* append("account-1", [
        { type: "Deposited", data: { cents: "1" } },
        { type: "Toaster", data: [1] },
        { type: "Deposited", data: { cents: "2" } }
      ])
      const skipped = yield* Stream.runCollect(Present.read("1", { unreadable: "skip", limit: 2 }))
      assert.deepStrictEqual(
        skipped.map(({ revision }) => revision),
        [0, 2]
      )
      const raw = yield* Stream.runCollect(Present.read("1", { unreadable: "raw" }))
      const shown = raw.map((event) => {
        if (event.raw) return `${event.type satisfies string} at ${event.position}: ${event.error._tag}`
        // @ts-expect-error: an event that was decoded has no error
        assert.isUndefined(event.error)
        return event.type === "Deposited" ? (event.data.cents satisfies bigint) : event.data
      })
      assert.deepStrictEqual(shown, [1n, "Toaster at 1: EventSchemaError", 2n])
      // Only `fail` can fail with EventSchemaError.
      const reads: ReadonlyArray<Stream.Stream<unknown, EventStore.StreamReadError, EventStore.EventStore>> = [
        Present.read("1", { unreadable: "skip" }),
        Present.read("1", { unreadable: "raw" }),
        // @ts-expect-error: the error of a schema is not among those of the store
        Present.read("1")
      ]
      assert.strictEqual(reads.length, 3)
      // @ts-expect-error: no such policy
      const wrong = yield* Effect.exit(Stream.runCollect(Present.read("1", { unreadable: "ignore" })))
      assert.match(String(Exit.isFailure(wrong) && Cause.squash(wrong.cause)), /options.unreadable must be/)
    })
  )

  it("refuses declarations that contradict each other, and schemas that can have no JSON form", () => {
    const { String: text } = Schema
    const key = Symbol("key")
    const refused: ReadonlyArray<readonly [make: () => unknown, why: RegExp]> = [
      [() => Category.make("a", { A: text }, { retired: { A: text } }), /declares the event type "A" twice/],
      [() => Category.make("a", { A: text, B: text }, { renamed: { A: "B" } }), /declares the event type "A" twice/],
      [
        () => Category.make("a", { A: text }, { renamed: { B: "C" as "A" } }),
        /renames "B" to "C", for which it has no/
      ],
      [
        () => Category.make("a", { A: {} as typeof text }),
        /schema of A in category a cannot be used: it is not a Schema/
      ],
      [() => Category.make("a", { A: Schema.Struct({ [key]: text }) }), /its key Symbol\(key\) is not a string/],
      [() => Category.make("a", { A: Schema.Array(Schema.UniqueSymbol(key)) }), /Symbol\(key\) has no JSON form/]
    ]
    for (const [make, why] of refused) assert.throws(make, why)
  })

  test(
    "stores plain objects and arrays of another realm",
    Effect.gen(function* () {
      const foreign: unknown = runInNewContext("({ a: 1, b: [1, { c: 2 }] })")
      const own = { a: 1, b: [1, { c: 2 }] }
      const forms: ReadonlyArray<readonly [schema: Schema.Codec<unknown, unknown>, data: unknown, read: unknown]> = [
        [Schema.ObjectKeyword, foreign, own],
        [Schema.Struct({ u: Schema.Unknown }), { u: foreign }, { u: own }],
        [
          Schema.Struct({ at: Schema.Date, u: Schema.Unknown }),
          { at: new Date(0), u: foreign },
          { at: new Date(0), u: own }
        ]
      ]
      for (const [index, [schema, data, read]] of forms.entries()) {
        const Kind = Category.make("kind", { Happened: schema })
        yield* Kind.append(`${index}`, [{ type: "Happened", data }])
        const [event] = yield* Stream.runCollect(Kind.read(`${index}`))
        assert.deepStrictEqual(event!.data, read)
      }
    })
  )

  test(
    "fails, and does not die, of events that are no events, and of fields that cannot be read",
    Effect.gen(function* () {
      const { position } = yield* EventStore.EventStore
      const { proxy, revoke } = Proxy.revocable({}, {})
      revoke()
      const throwing = (name: string) =>
        Object.defineProperty({ type: "Happened", data: {} }, name, {
          enumerable: true,
          get: () => {
            throw new Error("mine")
          }
        })
      const types = [Symbol("x"), null, 5n, { toString: () => proxy }, proxy, () => 1]
      const data = [proxy, throwing("inner")]
      const metadata = [proxy, throwing("correlationId")]
      const events: ReadonlyArray<unknown> = [
        null,
        undefined,
        5,
        "x",
        Symbol("x"),
        proxy,
        {},
        [],
        ...["type", "data", "metadata"].map(throwing),
        ...data.map((one) => ({ type: "Happened", data: one })),
        ...metadata.map((one) => ({ type: "Happened", data: {}, metadata: one })),
        ...types.map((type) => ({ type, data: {} }))
      ]
      const schemas: ReadonlyArray<Schema.Codec<unknown, unknown>> = [
        Schema.Struct({ inner: Schema.Date }),
        Schema.Struct({ inner: Schema.String }),
        Schema.Record(Schema.String, Schema.Any)
      ]
      for (const schema of schemas) {
        const Kind = Category.make("kind", { Happened: schema }, { metadata: Schema.Struct({ user: Schema.String }) })
        for (const event of events) {
          const calls: ReadonlyArray<
            Effect.Effect<unknown, EventStore.EventAppendError | EventSchemaError, EventStore.EventStore>
          > = [Kind.encode(event as never), Kind.decode(event as never), Kind.append("1", [event as never])]
          for (const call of calls) {
            const error: { readonly _tag: string; readonly message: string } = yield* Effect.flip(call)
            assert.include(["EventSchemaError", "InvalidEvent"], error._tag)
            assert.notInclude(error.message, "mine")
          }
        }
      }
      assert.strictEqual(yield* position, 0)
    })
  )

  it("refuses options that it does not know, and values of another kind", () => {
    const make = Category.make as (...given: ReadonlyArray<unknown>) => unknown
    const { String: text } = Schema
    class Made extends Schema.Class<Made>("Made")({ user: text }) {}
    const withMetadata = (metadata: unknown) => () => make("a", {}, { metadata })
    const refused: ReadonlyArray<readonly [make: () => unknown, why: RegExp]> = [
      [() => make("a", {}, { retierd: { B: text } }), /options.retierd is not known; did you mean retired\?/],
      [() => make("a", {}, { metdata: Schema.Struct({}) }), /options.metdata is not known; did you mean metadata\?/],
      [() => make("a", {}, { retired: null }), /options.retired must be an object, not null/],
      [() => make("a", {}, { renamed: "B" }), /options.renamed must be an object, not "B"/],
      [() => make("a", {}, { renamed: { B: Symbol("A") } }), /renames "B" to a symbol, for which it has no schema/],
      [() => make("a", {}, null), /options must be an object, not null/],
      [() => make("a", {}, [1]), /options must be an object, not an array/],
      [() => make("a", null), /schemas must be an object, not null/],
      [() => make("a"), /schemas must be an object, not null/],
      [() => make("a", [text]), /schemas must be an object, not an array/],
      [() => make(5, {}), /category name must be a text .* is 5/],
      [() => make(Symbol("a"), {}), /category name must be a text .* is a symbol/],
      [withMetadata({ user: text }), /schema of the metadata in category a cannot be used: it is not a Schema/],
      [withMetadata(null), /schema of the metadata in category a cannot be used: it is not a Schema/],
      [withMetadata(Schema.Struct({ [Symbol("x")]: text })), /its key Symbol\(x\) is not a string/],
      [withMetadata(Made), /is read as a plain object, but this schema is one of instances/],
      [withMetadata(Schema.Union([Schema.Struct({}), Made])), /is read as a plain object/],
      [withMetadata(Schema.Struct({}).pipe(Schema.decodeTo(Schema.Date as never))), /is read as a plain object/],
      [withMetadata(Schema.ReadonlyMap(text, text)), /is read as a plain object/],
      [withMetadata(Schema.NullOr(text)), /metadata must be an object/],
      [withMetadata(Schema.Array(text)), /metadata must be an object/],
      [withMetadata(Schema.fromJsonString(Schema.Struct({}))), /metadata must be an object/]
    ]
    for (const [make, why] of refused) assert.throws(make, why)
    const taken = [
      Schema.Struct(Made.fields),
      Schema.Record(text, text),
      Schema.NullOr(Schema.Struct({})),
      Schema.Json,
      Schema.Unknown,
      Schema.suspend(() => Made)
    ]
    for (const metadata of taken) assert.doesNotThrow(withMetadata(metadata))
  })

  test(
    "compiles a schema at the first event of its type, so that schemas may refer to later ones",
    Effect.gen(function* () {
      let compiled = 0
      const later = Schema.suspend(() => {
        compiled++
        return Schema.Date
      })
      const Kind = Category.make("kind", { Happened: Schema.Struct({ at: later }), Other: Schema.Int })
      yield* Kind.append("1", [{ type: "Other", data: 1 }])
      assert.strictEqual(compiled, 0)
      yield* Kind.append("1", [{ type: "Happened", data: { at: new Date(0) } }])
      assert.isAbove(compiled, 0)
    })
  )

  it("has a name with which its streams begin", () => {
    assert.strictEqual(Account.stream("17-a"), "account-17-a")
    for (const name of ["", "a-b", "-"]) assert.throws(() => Category.make(name, {}), /category name/)
  })

  it("has typed events", () => {
    type Stored = Category.RecordedOf<typeof Account>
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
