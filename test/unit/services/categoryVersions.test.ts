/** Versions of event types: what is stored of them, what reads and repeats make of it, and what is refused. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Category from "litetapes/Category"
import * as CheckpointStore from "litetapes/CheckpointStore"
import * as Consumer from "litetapes/Consumer"
import * as Decider from "litetapes/Decider"
import type { EventSchemaError } from "litetapes/EventErrors"
import * as EventContext from "litetapes/EventContext"
import * as EventStore from "litetapes/EventStore"
import * as MemoryStorage from "litetapes/MemoryStorage"
import * as PromiseStore from "litetapes/PromiseStore"

const first = Category.versions(Schema.Struct({ euros: Schema.Int }))
const second = first.next(Schema.Struct({ cents: Schema.Int }), ({ euros }) => ({ cents: euros * 100 }))
const third = second.next(Schema.Struct({ cents: Schema.Int, at: Schema.NullOr(Schema.Date) }), ({ cents }) => ({
  cents,
  at: null
}))

const Oldest = Category.make("account", { Deposited: first })
const Older = Category.make("account", { Deposited: second })
const Account = Category.make("account", { Deposited: third, Closed: Schema.Null })

const at = new Date(5)

const test = (title: string, body: Effect.Effect<void, unknown, EventStore.EventStore>) =>
  it.effect(title, () => Effect.provide(body, Layer.provide(EventStore.layer("place"), MemoryStorage.layer)))

const fill = Effect.gen(function* () {
  yield* Oldest.append("1", [{ type: "Deposited", data: { euros: 1 }, id: "a", metadata: { user: "ada" } }])
  yield* Older.append("1", [{ type: "Deposited", data: { cents: 2 }, id: "b" }])
  yield* Account.append("1", [
    { type: "Deposited", data: { cents: 3, at }, id: "c" },
    { type: "Closed", data: null, id: "d" }
  ])
})

const stored = (stream = "account-1") =>
  Effect.flatMap(EventStore.EventStore, (store) => Stream.runCollect(store.read(stream)))

const errorOf = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.map(Effect.result(effect), (result) =>
    Result.isFailure(result) ? (result.failure as EventSchemaError) : assert.fail("it succeeded")
  )

describe("a type with versions", () => {
  test(
    "is stored in its newest version, which is part of the metadata unless it is 1",
    Effect.gen(function* () {
      yield* fill
      assert.deepStrictEqual<unknown>(
        (yield* stored()).map(({ data, metadata, type }) => ({ type, data, metadata })),
        [
          { type: "Deposited", data: { euros: 1 }, metadata: { user: "ada" } },
          { type: "Deposited", data: { cents: 2 }, metadata: { schemaVersion: 2 } },
          { type: "Deposited", data: { cents: 3, at: at.toISOString() }, metadata: { schemaVersion: 3 } },
          { type: "Closed", data: null, metadata: {} }
        ]
      )
    })
  )

  test(
    "is read as its newest version, without the version in the metadata",
    Effect.gen(function* () {
      yield* fill
      const events: ReadonlyArray<Category.RecordedOf<typeof Account>> = yield* Stream.runCollect(Account.read("1"))
      assert.deepStrictEqual<unknown>(
        events.map(({ data, metadata }) => ({ data, metadata })),
        [
          { data: { cents: 100, at: null }, metadata: { user: "ada" } },
          { data: { cents: 2, at: null }, metadata: {} },
          { data: { cents: 3, at }, metadata: {} },
          { data: null, metadata: {} }
        ]
      )
    })
  )

  test(
    "is refused in a version that the program does not know, with both versions",
    Effect.gen(function* () {
      yield* fill
      const error = yield* errorOf(Stream.runDrain(Older.read("1")))
      assert.deepInclude(error, {
        _tag: "EventSchemaError",
        category: "account",
        type: "Deposited",
        stream: "account-1",
        revision: 2,
        position: 2,
        id: "c",
        storedVersion: 3,
        presentVersion: 2
      })
      assert.match(error.message, /version 3, which is newer than version 2 of this program.*Run a newer program/)
      assert.strictEqual((yield* Stream.runCollect(Older.read("1", { unreadable: "skip" }))).length, 2)
    })
  )

  test(
    "is refused if its upcaster throws, or returns what the schema refuses, and names the versions",
    Effect.gen(function* () {
      yield* fill
      const throwing = first.next(Schema.Struct({ cents: Schema.Int }), (): { cents: number } => {
        throw new Error("no rate")
      })
      const lying = first.next(Schema.Struct({ cents: Schema.Int }), ({ euros }) => ({ cents: euros + 0.5 }))
      const none = first.next(Schema.Any, () => undefined)
      for (const [deposited, why] of [
        [throwing, /from version 1 of Deposited to version 2 of Deposited threw: no rate/],
        [lying, /from version 1 of Deposited to version 2 of Deposited returned what the schema.* refuses: .*int/i],
        [none, /to version 2 of Deposited returned what the schema/]
      ] as const) {
        const error = yield* errorOf(
          Stream.runDrain(Category.make("account", { Deposited: deposited as never }).read("1"))
        )
        assert.deepInclude(error, { type: "Deposited", revision: 0, storedVersion: 1, presentVersion: 2 })
        assert.match(error.message, why)
      }
    })
  )

  test(
    "is read as if what its upcaster returns had been appended",
    Effect.gen(function* () {
      yield* fill
      const Dated = Schema.Struct({ at: Schema.Date, sum: Schema.BigIntFromString })
      const Now = Category.make("account", {
        Deposited: first.next(Dated, ({ euros }) => ({ at: new Date(euros), sum: BigInt(euros), more: "dropped" }))
      })
      const [event] = yield* Stream.runCollect(Now.read("1", { limit: 1 }))
      assert.deepStrictEqual<unknown>(event!.data, { at: new Date(1), sum: 1n })
    })
  )

  test(
    "is refused with a version that is not a count",
    Effect.gen(function* () {
      const store = yield* EventStore.EventStore
      for (const schemaVersion of [0, -1, 1.5, "2", null, {}]) {
        yield* store.append("account-1", [{ type: "Closed", data: null, metadata: { schemaVersion } }])
      }
      const events = yield* Stream.runCollect(Account.read("1", { unreadable: "raw" }))
      for (const event of events) {
        assert.match(event.raw === true ? event.error.message : "", /schemaVersion, which must be a whole number/)
      }
      // Version 1 may be written out.
      yield* store.append("account-2", [{ type: "Closed", data: null, metadata: { schemaVersion: 1 } }])
      assert.deepStrictEqual<unknown>((yield* Stream.runCollect(Account.read("2")))[0]!.metadata, {})
    })
  )

  test(
    "is stored as it was, whatever an upcaster does with what it gets",
    Effect.gen(function* () {
      const open = Schema.Record(Schema.String, Schema.Any)
      const events = [{ type: "Noted" as const, data: { list: [1, 2], text: "a" } }]
      yield* Category.make("note", { Noted: open }).append("1", events)
      const before = yield* stored("note-1")
      let throws = false
      const Notes = Category.make("note", {
        Noted: Category.versions(open).next(open, (data) => {
          ;(data["list"] as Array<number>).push(3)
          ;(data as Record<string, unknown>)["text"] = "b"
          if (throws) throw new Error("too late")
          return data
        })
      })
      for (let time = 0; time < 2; time++) {
        const [read] = yield* Effect.forEach(before, Notes.decode)
        assert.deepStrictEqual<unknown>(read!.data, { list: [1, 2, 3], text: "b" })
      }
      throws = true
      const [raw] = yield* Stream.runCollect(Notes.read("1", { unreadable: "raw" }))
      assert.deepStrictEqual<unknown>(raw!.data, events[0]!.data)
      assert.deepStrictEqual(yield* stored("note-1"), before)
    })
  )

  test(
    "may be merged with another one, at any of its versions",
    Effect.gen(function* () {
      const store = yield* EventStore.EventStore
      const letter = Category.versions(Schema.Struct({ grams: Schema.Int })).next(
        Schema.Struct({ kilos: Schema.Finite }),
        ({ grams }) => ({ kilos: grams / 1000 })
      )
      const Before = Category.make("mail", { LetterSent: letter, ParcelSent: Schema.Struct({ kg: Schema.Finite }) })
      yield* Before.append("1", [
        { type: "LetterSent", data: { kilos: 0.5 } },
        { type: "ParcelSent", data: { kg: 2 } }
      ])
      yield* store.append("mail-1", [{ type: "LetterSent", data: { grams: 20 } }])
      const Mail = Category.make(
        "mail",
        {
          ItemSent: Category.versions(Schema.Struct({ kg: Schema.Finite }))
            .merge("LetterSent", letter, ({ kilos }) => ({ kg: kilos }))
            .next(Schema.Struct({ grams: Schema.Finite }), ({ kg }) => ({ grams: kg * 1000 }))
        },
        { renamed: { ParcelSent: "ItemSent" } }
      )
      const events = yield* Stream.runCollect(Mail.readAll({ filter: { types: ["ItemSent"] } }))
      assert.deepStrictEqual<unknown>(
        events.map(({ data, type }) => [type, data.grams]),
        [
          ["ItemSent", 500],
          ["ItemSent", 2000],
          ["ItemSent", 20]
        ]
      )
      assert.match(
        (yield* errorOf(Mail.append("1", [{ type: "LetterSent" as never, data: { grams: 1 } }]))).why,
        /append ItemSent/
      )
      // The versions of the other type are not those of this one.
      const newer = { type: "LetterSent", data: { grams: 20 }, metadata: { schemaVersion: 3 } }
      yield* store.append("mail-2", [newer])
      const error = yield* errorOf(Stream.runDrain(Mail.read("2")))
      assert.deepInclude(error, { type: "LetterSent", storedVersion: 3, presentVersion: 2 })
      assert.match(error.message, /newer than version 2 of this program.*Run a newer program/)
      assert.deepStrictEqual(
        Mail.storedTypes().map(({ isPresent, name, type, version }) => [name, version, type, isPresent]),
        [
          ["ItemSent", 1, "ItemSent", false],
          ["ItemSent", 2, "ItemSent", true],
          ["LetterSent", 1, "ItemSent", false],
          ["LetterSent", 2, "ItemSent", false],
          ["ParcelSent", 1, "ItemSent", false],
          ["ParcelSent", 2, "ItemSent", false]
        ]
      )
    })
  )

  test(
    "is decided on, and appended by a decider, in its newest version",
    Effect.gen(function* () {
      yield* fill
      const deposits = Decider.make({
        name: "deposits",
        category: Account,
        initialState: () => 0,
        evolve: (cents, event) => (event.type === "Deposited" ? cents + event.data.cents : cents),
        decide: (_: "double", cents) => ({ type: "Deposited", data: { cents, at } })
      })
      const { events, state } = yield* Decider.handle(deposits, "1", "double")
      assert.strictEqual(state, 210)
      assert.deepStrictEqual<unknown>(events, [{ type: "Deposited", data: { cents: 105, at } }])
      const last = (yield* stored()).at(-1)
      assert.deepStrictEqual<unknown>(last!.metadata, { schemaVersion: 3 })
    })
  )

  test(
    "reaches consumers by the filter of the category, under every name",
    Effect.gen(function* () {
      yield* fill
      const store = yield* EventStore.EventStore
      yield* store.append("account-2", [{ type: "Paid", data: { euros: 7 } }])
      yield* store.append("other-2", [{ type: "Deposited", data: null }])
      const Now = Category.make(
        "account",
        { Deposited: third, Closed: Schema.Null },
        { renamed: { Paid: "Deposited" } }
      )
      const sums: Array<number> = []
      const consumer = Consumer.make({
        name: "sums",
        maxAttempts: 1,
        filter: Now.filter({ types: ["Deposited"] }),
        handler: (event) =>
          Effect.map(Now.decode(event), (decoded) => {
            if (decoded.type === "Deposited") sums.push(decoded.data.cents)
          })
      })
      yield* Effect.gen(function* () {
        const running = yield* Consumer.run(consumer)
        yield* running.whenCaughtUp
      }).pipe(Effect.scoped, Effect.provide(CheckpointStore.layerMemory))
      assert.deepStrictEqual(sums, [100, 2, 3, 700])
    })
  )
})

describe("an event that is appended again in a newer version", () => {
  test(
    "is a repeat, by its id or that of its command, also together with others",
    Effect.gen(function* () {
      yield* fill
      yield* Oldest.append("2", [{ type: "Deposited", data: { euros: 4 } }], { commandId: "pay", correlationId: "x" })
      const again = yield* Account.append("1", [
        { type: "Deposited", data: { cents: 100, at: null }, id: "a" },
        { type: "Deposited", data: { cents: 2, at: null }, id: "b" }
      ])
      assert.deepInclude(again, { repeated: true, firstRevision: 0, lastRevision: 1 })
      const command = [{ type: "Deposited" as const, data: { cents: 400, at: null } }]
      assert.deepInclude(yield* Account.append("2", command, { commandId: "pay" }), {
        repeated: true,
        firstRevision: 0
      })
      assert.strictEqual((yield* stored("account-2")).length, 1)
    })
  )

  test(
    "is a conflict if it means something else, even if the stored data is the same",
    Effect.gen(function* () {
      const number = Category.versions(Schema.Int)
      const Before = Category.make("sum", { Added: number })
      const Sum = Category.make("sum", { Added: number.next(Schema.Int, (euros) => euros * 100) })
      yield* Before.append("1", [{ type: "Added", data: 5, id: "a" }])
      assert.deepInclude(yield* Sum.append("1", [{ type: "Added", data: 500, id: "a" }]), { repeated: true })
      const error = yield* errorOf(Sum.append("1", [{ type: "Added", data: 5, id: "a" }]))
      assert.deepInclude<object>(error, { _tag: "EventIdConflict", id: "a", why: "other-content" })
      // It is another type, whose events look the same now.
      const Both = Category.make("sum", { Added: number.next(Schema.Int, (euros) => euros * 100), Found: Schema.Int })
      const other = yield* errorOf(Both.append("1", [{ type: "Found", data: 500, id: "a" }]))
      assert.deepInclude<object>(other, { _tag: "EventIdConflict", why: "other-content" })
      // In the newest version, only what is stored counts.
      yield* Sum.append("1", [{ type: "Added", data: 5, id: "b" }])
      assert.deepInclude(yield* Sum.append("1", [{ type: "Added", data: 5, id: "b" }]), { repeated: true })
      assert.strictEqual((yield* stored("sum-1")).length, 2)
    })
  )
})

describe("metadata of a type with versions", () => {
  test(
    "cannot set the version, with or without a schema",
    Effect.gen(function* () {
      const metadata = { schemaVersion: 7 }
      const events: ReadonlyArray<Category.NewOf<typeof Account>> = [
        { type: "Deposited", data: { cents: 1, at }, metadata },
        { type: "Closed", data: null, metadata }
      ]
      for (const event of events) {
        assert.match((yield* errorOf(Account.append("1", [event]))).message, /leave it out/)
      }
      assert.throws(() => EventContext.provide({ metadata }), /schemaVersion must be left out/)
      const named = Schema.Struct({ schemaVersion: Schema.Int })
      assert.throws(() => Category.make("a", { A: Schema.Null }, { metadata: named }), /which the category sets/)
    })
  )

  test(
    "has its own schema, which does not see the version",
    Effect.gen(function* () {
      const strict = Schema.Struct({ user: Schema.String }).annotate({ parseOptions: { onExcessProperty: "error" } })
      const Strict = Category.make("strict", { Deposited: second }, { metadata: strict })
      const event = { type: "Deposited" as const, data: { cents: 1 }, metadata: { user: "ada" } }
      yield* Strict.append("1", [event], { correlationId: "x" })
      const [read] = yield* Stream.runCollect(Strict.read("1"))
      assert.deepStrictEqual<unknown>(read!.metadata, { user: "ada", correlationId: "x" })
      const [raw] = yield* stored("strict-1")
      assert.deepStrictEqual<unknown>(raw!.metadata, { user: "ada", correlationId: "x", schemaVersion: 2 })
    })
  )
})

describe("the declaration of versions", () => {
  it("is checked by the compiler", () => {
    // @ts-expect-error: the data of the version before has no dollars
    first.next(Schema.Struct({ cents: Schema.Int }), ({ dollars }) => ({ cents: dollars }))
    // @ts-expect-error: the next version has cents
    first.next(Schema.Struct({ cents: Schema.Int }), ({ euros }) => ({ euros }))
    // @ts-expect-error: the kind is not one of them
    first.next(Schema.Struct({ kind: Schema.Literals(["a", "b"]) }), () => ({ kind: "c" }))
    first.next(Schema.Struct({ kind: Schema.Literals(["a", "b"]) }), () => ({ kind: "b" }))
    // @ts-expect-error: there is no null
    first.next(Schema.Struct({ cents: Schema.Int }), () => null)
    // @ts-expect-error: it becomes the version before it is added
    second.merge("Paid", Schema.Struct({ sum: Schema.Int }), ({ sum }) => ({ euros: sum }))
    const newest: Category.EventOf<typeof Account> = { type: "Deposited", data: { cents: 1, at: null } }
    // @ts-expect-error: that is the oldest version
    const oldest: Category.NewOf<typeof Account> = { type: "Deposited", data: { euros: 1 } }
    assert.notStrictEqual<unknown>(newest, oldest)
    assert.isTrue(Schema.isSchema(Account.schemas.Deposited.schema))
  })

  it("leaves the types of a category as they are if it only has former names", () => {
    const Renamed = Category.make("account", { Deposited: third }, { renamed: { Paid: "Deposited" } })
    const cents = (event: Category.EventOf<typeof Renamed>): number => event.data.cents
    assert.strictEqual(cents({ type: "Deposited", data: { cents: 1, at: null } }), 1)
    // @ts-expect-error: the category has no such type
    assert.throws(() => Category.make("account", { Deposited: third }, { renamed: { Paid: "Deposit" } }))
  })

  it("is checked when the program runs", () => {
    const cents = Schema.Struct({ cents: Schema.Int })
    const wrong: ReadonlyArray<readonly [() => unknown, RegExp]> = [
      [() => Category.versions("x" as never), /Category.versions: schema must be a Schema, not "x"/],
      [() => first.next(null as never, () => null as never), /Versions.next: schema must be a Schema, not null/],
      [() => first.next(cents, "up" as never), /Versions.next: upcast must be a function/],
      [() => first.merge(1 as never, cents, () => ({ euros: 1 })), /Versions.merge: former must be a text, not 1/],
      [() => first.merge("A", {} as never, () => ({ euros: 1 })), /Versions.merge: was must be a Schema/],
      [() => first.merge("A", cents, undefined as never), /Versions.merge: upcast must be a function/],
      [
        () => Category.make("a", { A: first.merge("B", cents, () => ({ euros: 1 })), B: Schema.Null }),
        /declares the event type "B" twice/
      ],
      [
        () => Category.make("a", { A: first.next(Schema.UniqueSymbol(Symbol("x")) as never, () => null as never) }),
        /version 2 of A in category a cannot be used/
      ],
      [() => Account.filter({ types: ["Deposit" as never] }), /filter.types has "Deposit", which is not a type/],
      [() => Account.filter({ categories: ["a"] as never }), /filter.categories must be left out/]
    ]
    for (const [call, message] of wrong) assert.throws(call, message)
  })

  it("holds for promises too", async () => {
    await using store = await PromiseStore.open("place", { storage: MemoryStorage.layer })
    await store.category(Oldest).append("1", [{ type: "Deposited", data: { euros: 1 }, id: "a" }])
    const account = store.category(Account)
    for await (const event of account.read("1")) assert.deepStrictEqual<unknown>(event.data, { cents: 100, at: null })
    const again = await account.append("1", [{ type: "Deposited", data: { cents: 100, at: null }, id: "a" }])
    assert.isTrue(again.repeated)
    const decoded: Array<unknown> = []
    await using consumer = await store.consume({
      name: "sums",
      checkpoints: new Map(),
      filter: account.filter({ types: ["Deposited"] }),
      handler: (event) => void decoded.push(account.decode(event).data)
    })
    await consumer.whenCaughtUp()
    assert.deepStrictEqual(decoded, [{ cents: 100, at: null }])
    assert.throws(() => account.decode({ type: "Stolen" } as never), /has no schema for this type/)
    assert.throws(() => account.decode(null as never), /must be an object, not null/)
  })
})
