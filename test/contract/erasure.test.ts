/** Encrypted fields: what is stored, what is read before and after a subject was forgotten, and in which copies. */
import { it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Reactivity from "effect/reactivity/Reactivity"
import * as SqlClient from "effect/sql/SqlClient"
import * as Category from "litetapes/Category"
import * as CheckpointStore from "litetapes/CheckpointStore"
import * as Consumer from "litetapes/Consumer"
import * as Decider from "litetapes/Decider"
import * as Erasable from "litetapes/Erasable"
import * as EventStore from "litetapes/EventStore"
import * as KeyStore from "litetapes/KeyStore"
import * as Lib from "litetapes/Lib"
import * as MemoryStorage from "litetapes/MemoryStorage"
import * as Projection from "litetapes/Projection"
import * as PromiseStore from "litetapes/PromiseStore"
import * as SqliteClient from "litetapes/SqliteClient"
import { Storage } from "litetapes/Storage"
import * as View from "litetapes/View"
import { CategoryEvents, GivenEvents } from "litetapes/testing"
import * as fc from "fast-check"
import { assert, describe } from "vitest"
import { existingTape, flush, openSession, storeOf, tagOf } from "../support/openLib.ts"

const personal = { subject: "customer" } as const

const Customer = Category.make("customer", {
  Registered: Schema.Struct({
    customer: Schema.NonEmptyString,
    country: Schema.String,
    name: Erasable.field(Schema.String, personal)
  }),
  Moved: Schema.Struct({
    customer: Schema.NonEmptyString,
    address: Erasable.field(Schema.Struct({ street: Schema.String, since: Schema.Date }), personal)
  }),
  Forgotten: Schema.Struct({ customer: Schema.NonEmptyString })
})

type CustomerEvent = Category.EventOf<typeof Customer>

const registered = (customer: string, name: string) =>
  ({ type: "Registered", data: { customer, country: "GB", name } }) as const
const moved = (customer: string, street: string) =>
  ({ type: "Moved", data: { customer, address: { street, since: new Date(0) } } }) as const

const erased = (subject: string): Erasable.Erased => ({ _tag: "litetapes/Erased", subject })

/** A lib with two customers, and their keys. */
const openShop = Effect.gen(function* () {
  const storage = yield* MemoryStorage.make
  const { close, lib } = yield* openSession(storage, "lib")
  yield* Effect.addFinalizer(() => close)
  const store = yield* storeOf(lib)
  const keys = yield* KeyStore.makeMemory
  const shop = { storage, lib, store, keys }
  const using = inShop(shop)
  yield* using(Customer.append("1", [registered("ada", "Ada Lovelace"), moved("ada", "St James's Square")]))
  yield* using(Customer.append("2", [registered("grace", "Grace Hopper")]))
  return { ...shop, close, using }
})

const inShop =
  ({ keys, storage, store }: { readonly keys: Keys; readonly storage: Storage["Service"]; readonly store: Store }) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    effect.pipe(
      Effect.provideService(EventStore.EventStore, store),
      Effect.provideService(KeyStore.KeyStore, keys),
      Effect.provideService(Storage, storage)
    )

type Store = EventStore.EventStore["Service"]
type Keys = KeyStore.KeyStore["Service"]

/** What is personal in an event. */
const personalIn = (event: CustomerEvent): unknown => {
  if (event.type === "Registered") return event.data.name
  return event.type === "Moved" ? event.data.address : undefined
}

const allOf = <E, R>(events: Stream.Stream<CustomerEvent, E, R>) =>
  Effect.map(Stream.runCollect(events), (some) => some.map(personalIn))

const known = ["Ada Lovelace", { street: "St James's Square", since: new Date(0) }, "Grace Hopper"]
const withoutAda = [erased("ada"), erased("ada"), "Grace Hopper"]

const recordsIn = (store: Store) => Stream.runCollect(store.readAll())

describe("an encrypted field", () => {
  it.effect("is stored with its subject and the version of its key, and nowhere as it is", () =>
    Effect.gen(function* () {
      const { store, using } = yield* openShop
      const stored = yield* recordsIn(store)
      assert.notMatch(JSON.stringify(stored), /Lovelace|Square|Hopper/)
      const { name, ...rest } = stored[0]!.data as { readonly name: object }
      assert.deepStrictEqual(rest, { customer: "ada", country: "GB" })
      assert.deepStrictEqual({ ...name, encrypted: "" }, { encrypted: "", key: 1, subject: "ada" })
      assert.deepStrictEqual(yield* using(allOf(Customer.readAll())), known)
    }).pipe(Effect.scoped)
  )

  it.effect("has a type that says that it may be erased", () =>
    Effect.sync(() => {
      const name = (event: Extract<CustomerEvent, { readonly type: "Registered" }>): string =>
        // @ts-expect-error It may be Erased.
        event.data.name
      const handled = (event: Extract<CustomerEvent, { readonly type: "Registered" }>): string =>
        Erasable.isErased(event.data.name) ? "forgotten" : event.data.name
      assert.isFunction(name)
      assert.isFunction(handled)
    })
  )

  it.effect("is read as Erased by every kind of read once its subject was forgotten", () =>
    Effect.gen(function* () {
      const { keys, store, using } = yield* openShop
      const reads = {
        read: allOf(Customer.read("1")),
        filtered: allOf(Customer.readAll({ filter: { types: ["Registered"] } })),
        backwards: allOf(Customer.readAll({ direction: "backward" })),
        subscribed: allOf(Stream.take(Customer.subscribe(), 3)),
        subscribedToStream: allOf(Stream.take(Customer.subscribeToStream("1"), 2)),
        queried: Effect.map(Customer.query([{ types: ["Registered", "Moved"] }]), ({ events }) =>
          events.map(personalIn)
        ),
        decided: Effect.map(
          store.decisionModel({
            all: Customer.fact({
              query: [{ types: ["Registered", "Moved"] }],
              initialState: (): ReadonlyArray<unknown> => [],
              evolve: (state, event) => [...state, personalIn(event)]
            })
          }),
          ({ state }) => state.all
        ),
        decoded: Effect.flatMap(recordsIn(store), (events) =>
          Effect.forEach(events, (event) => Effect.map(Customer.decode(event), personalIn))
        )
      }
      const before = yield* using(Effect.all(reads))
      assert.deepStrictEqual(before.decided, known)
      assert.deepStrictEqual(before.queried, known)
      yield* keys.forget("ada")
      const [name, address, other] = withoutAda
      assert.deepStrictEqual<unknown>(yield* using(Effect.all(reads)), {
        read: [name, address],
        filtered: [name, other],
        backwards: [other, address, name],
        subscribed: withoutAda,
        subscribedToStream: [name, address],
        queried: withoutAda,
        decided: withoutAda,
        decoded: withoutAda
      })
      assert.deepStrictEqual(
        (yield* keys.forgotten).map(({ subject }) => subject),
        ["ada"]
      )
    }).pipe(Effect.scoped)
  )

  it.effect("is encrypted wherever a schema has it: in arrays, records, unions, options and renamed fields", () =>
    Effect.gen(function* () {
      const { store, using } = yield* openShop
      const text = Erasable.field(Schema.String, {
        subject: ({ data }: Erasable.Event<{ readonly who: string }>) => data.who
      })
      interface Tree {
        readonly label: string | Erasable.Erased
        readonly below: ReadonlyArray<Tree>
      }
      const tree = Schema.Struct({
        label: text,
        below: Schema.Array(Schema.suspend((): Schema.Codec<Tree, unknown> => tree as never))
      })
      const Note = Category.make("note", {
        Noted: Schema.Struct({
          who: Schema.String,
          list: Schema.Array(text),
          byName: Schema.Record(Schema.String, text),
          either: Schema.Union([Schema.Struct({ a: text }), Schema.Struct({ b: Schema.Int })]),
          maybe: Schema.Option(text),
          absent: Schema.optionalKey(text),
          nothing: Schema.NullOr(text),
          renamed: text,
          number: Erasable.field(Schema.FiniteFromString, { subject: "who" }),
          any: Erasable.field(Schema.Unknown, { subject: "who" }),
          tree
        }).pipe(Schema.encodeKeys({ renamed: "a/b~c" }))
      })
      const [event] = yield* Effect.map(
        using(
          Effect.andThen(
            Note.append("1", [
              {
                type: "Noted",
                data: {
                  who: "ada",
                  list: ["secret-1", "secret-2"],
                  byName: { x: "secret-3", "": "secret-4" },
                  either: { a: "secret-5" },
                  maybe: Option.some("secret-6"),
                  nothing: null,
                  renamed: "secret-7",
                  number: 1234567,
                  any: { deep: ["secret-8"] },
                  tree: { label: "secret-9", below: [{ label: "secret-0", below: [] }] }
                }
              }
            ]),
            Stream.runCollect(Note.read("1"))
          )
        ),
        (events) => events
      )
      const stored = JSON.stringify(yield* Stream.runCollect(store.read("note-1")))
      assert.notMatch(stored, /secret|1234567/)
      assert.deepStrictEqual(event!.data.list, ["secret-1", "secret-2"])
      assert.deepStrictEqual(event!.data.byName, { x: "secret-3", "": "secret-4" })
      assert.deepStrictEqual(event!.data.maybe, Option.some("secret-6"))
      assert.deepStrictEqual(event!.data.renamed, "secret-7")
      assert.strictEqual(event!.data.number, 1234567)
      assert.deepStrictEqual(event!.data.any, { deep: ["secret-8"] })
      assert.deepStrictEqual(event!.data.tree, { label: "secret-9", below: [{ label: "secret-0", below: [] }] })
    }).pipe(Effect.scoped)
  )
})

describe("after a subject was forgotten", () => {
  it.effect("the tape verifies and has the same root, and nothing of the subject can be appended", () =>
    Effect.gen(function* () {
      const { keys, lib, store, using } = yield* openShop
      yield* flush(lib, "customer")
      const tape = yield* existingTape(lib, "customer")
      const head = yield* tape.head
      yield* keys.forget("ada")
      const refused = yield* Effect.flip(using(Customer.append("1", [moved("ada", "elsewhere")])))
      assert.strictEqual(refused._tag, "SubjectForgotten")
      assert.match(refused.message, /"ada" was forgotten.*renew/)
      assert.strictEqual(yield* store.position, 3)
      assert.isTrue((yield* lib.verify()).ok)
      yield* tape.checkHead(head)
    }).pipe(Effect.scoped)
  )

  it.effect("and renewed, only new data of it is read", () =>
    Effect.gen(function* () {
      const { keys, using } = yield* openShop
      yield* keys.forget("ada")
      yield* keys.renew("ada")
      yield* using(Customer.append("1", [registered("ada", "Augusta Ada King")]))
      assert.deepStrictEqual(yield* using(allOf(Customer.read("1"))), [
        erased("ada"),
        erased("ada"),
        "Augusta Ada King"
      ])
      assert.deepStrictEqual(yield* keys.forgotten, [])
      yield* keys.forget("ada")
      assert.deepStrictEqual(yield* using(allOf(Customer.read("1"))), [erased("ada"), erased("ada"), erased("ada")])
    }).pipe(Effect.scoped)
  )

  it.effect("a rotated key reads what it has encrypted, until its subject is forgotten", () =>
    Effect.gen(function* () {
      const { keys, using } = yield* openShop
      yield* keys.rotate("ada")
      yield* using(Customer.append("1", [registered("ada", "Augusta Ada King")]))
      assert.deepStrictEqual(yield* using(allOf(Customer.read("1"))), [...known.slice(0, 2), "Augusta Ada King"])
      yield* keys.forget("ada")
      assert.deepStrictEqual(yield* using(allOf(Customer.read("1"))), [erased("ada"), erased("ada"), erased("ada")])
      assert.strictEqual(yield* tagOf(keys.rotate("ada")), "SubjectForgotten")
    }).pipe(Effect.scoped)
  )

  it.live("a clone, a repacked tape, a backup and a restored lib give Erased, and before that the value", () =>
    Effect.gen(function* () {
      const { close, keys, lib, storage, using } = yield* openShop
      yield* flush(lib, "customer")
      const tape = yield* existingTape(lib, "customer")
      yield* lib.backup("backup")
      yield* Effect.provideService(Lib.restore("backup", "restored"), Storage, storage)
      const other = yield* openSession(storage, "other")
      yield* tape.clone(other.lib, "copy")
      yield* tape.repack({ compression: "zstd" })
      const inLib = (place: string) =>
        Effect.scoped(
          Effect.flatMap(EventStore.open(place), (store) => inShop({ keys, storage, store })(allOf(Customer.readAll())))
        ).pipe(Effect.provideService(Storage, storage))
      const inBackup = Effect.scoped(
        Effect.flatMap(EventStore.open("backup", { mode: "read" }), (store) =>
          inShop({ keys, storage, store })(allOf(Customer.readAll()))
        )
      ).pipe(Effect.provideService(Storage, storage))
      const inClone = Effect.flatMap(existingTape(other.lib, "copy"), (copy) =>
        Effect.map(Stream.runCollect(copy.records()), (records) => JSON.stringify(records))
      )
      const clone = yield* inClone
      const all = Effect.all([using(allOf(Customer.readAll())), inLib("restored"), inBackup])
      assert.deepStrictEqual(yield* all, [known, known, known])
      yield* keys.forget("ada")
      assert.deepStrictEqual(yield* all, [withoutAda, withoutAda, withoutAda])
      assert.strictEqual(yield* inClone, clone)
      assert.notMatch(clone, /Lovelace|Square|Hopper/)
      yield* other.close
      yield* close
    }).pipe(Effect.scoped)
  )
})

describe("a decider", () => {
  const Names = Decider.make({
    name: "names",
    category: Customer,
    initialState: (): ReadonlyArray<unknown> => [],
    evolve: (state, event) => [...state, personalIn(event)],
    decide: (command: string) => registered("ada", command)
  })

  it.effect("keeps no state in memory that a forgotten subject would be in", () =>
    Effect.gen(function* () {
      const { keys, using } = yield* openShop
      const handled = yield* using(Decider.handle(Names, "1", "Augusta"))
      assert.deepStrictEqual(handled.state, [...known.slice(0, 2), "Augusta"])
      assert.deepStrictEqual(handled.events, [registered("ada", "Augusta")])
      yield* keys.forget("ada")
      assert.deepStrictEqual((yield* using(Decider.load(Names, "1"))).state, [
        erased("ada"),
        erased("ada"),
        erased("ada")
      ])
      assert.strictEqual(yield* tagOf(using(Decider.handle(Names, "1", "again"))), "SubjectForgotten")
    }).pipe(Effect.scoped)
  )

  it.effect("gives a repeated command its first result, whatever has become of the keys", () =>
    Effect.gen(function* () {
      const { keys, using } = yield* openShop
      const handle = using(Decider.handle(Names, "3", "Augusta", { commandId: "c" }))
      const first = yield* handle
      yield* keys.rotate("ada")
      assert.deepStrictEqual(yield* handle, { ...first, repeated: true })
      yield* keys.forget("ada")
      const { position, revision } = first
      const data = { customer: "ada", country: "GB", name: erased("ada") }
      assert.deepStrictEqual<unknown>(yield* handle, {
        events: [{ type: "Registered", data }],
        state: [erased("ada")],
        position,
        revision,
        repeated: true
      })
    }).pipe(Effect.scoped)
  )

  it("cannot have snapshots, which would hold what was erased", () => {
    const made = () =>
      Decider.make({
        name: "names",
        category: Customer,
        initialState: (): number => 0,
        evolve: (state) => state,
        decide: () => undefined,
        snapshot: { every: 1, state: Schema.Int }
      })
    assert.throws(made, /options\.snapshot must be left out.*encrypted/)
  })
})

describe("what holds data that was read drops it at an event that says that a subject was forgotten", () => {
  const people = (version: number) =>
    Projection.make({
      name: "people",
      version,
      init: ({ sql, table }) => sql`CREATE TABLE ${sql(table("person"))} (id TEXT PRIMARY KEY, name TEXT)`,
      drop: ({ sql, table }) => sql`DROP TABLE ${sql(table("person"))}`,
      events: [
        Projection.on(Customer, {
          Registered: ({ data: { customer, name } }, { sql, table }) =>
            sql`INSERT INTO ${sql(table("person"))} VALUES (${customer}, ${Erasable.isErased(name) ? null : name})`,
          Moved: "ignore",
          Forgotten: ({ data }, { sql, table }) =>
            sql`UPDATE ${sql(table("person"))} SET name = NULL WHERE id = ${data.customer}`
        })
      ]
    })

  it.effect("in a projection, which a rebuild makes equal", () =>
    Effect.gen(function* () {
      const { keys, using } = yield* openShop
      const sql = yield* Effect.provide(SqliteClient.make(":memory:"), Reactivity.layer)
      const scope = yield* Scope.make()
      const start = (version: number) =>
        using(Projection.run(people(version))).pipe(
          Effect.provideService(SqlClient.SqlClient, sql),
          Effect.provideService(Scope.Scope, scope)
        )
      const rows = (version: number) => sql.unsafe(`SELECT id, name FROM person_v${version} ORDER BY id`)
      const running = yield* start(1)
      yield* running.whenCaughtUp
      const [ada, grace] = [
        { id: "ada", name: "Ada Lovelace" },
        { id: "grace", name: "Grace Hopper" }
      ]
      assert.deepStrictEqual<unknown>(yield* rows(1), [ada, grace])
      yield* keys.forget("ada")
      const { lastPosition } = yield* using(Customer.append("1", [{ type: "Forgotten", data: { customer: "ada" } }]))
      yield* running.whenProcessed(lastPosition)
      assert.deepStrictEqual<unknown>(yield* rows(1), [{ id: "ada", name: null }, grace])
      const rebuilt = yield* start(2)
      yield* rebuilt.whenCaughtUp
      assert.deepStrictEqual<unknown>(yield* rows(2), [{ id: "ada", name: null }, grace])
      yield* Scope.close(scope, Exit.void)
    }).pipe(Effect.scoped)
  )

  it.effect("in a view, and a consumer reads Erased", () =>
    Effect.gen(function* () {
      const { keys, using } = yield* openShop
      const names = View.make({
        name: "names",
        initialState: () => new Map<string, unknown>(),
        events: (on) => [
          on(Customer, {
            Registered: (state, { data }) => state.set(data.customer, data.name),
            Moved: "ignore",
            Forgotten: (state, { data }) => (state.delete(data.customer), state)
          })
        ]
      })
      const seen: Array<unknown> = []
      const consumer = Consumer.make({
        name: "mailing",
        filter: Customer.filter(),
        handler: (event) => Effect.map(Customer.decode(event), (decoded) => void seen.push(personalIn(decoded)))
      })
      const view = yield* using(View.run(names))
      assert.deepStrictEqual([...(yield* view.read).keys()], ["ada", "grace"])
      yield* keys.forget("ada")
      yield* using(Customer.append("1", [{ type: "Forgotten", data: { customer: "ada" } }]))
      assert.deepStrictEqual([...(yield* view.read).keys()], ["grace"])
      const running = yield* using(Consumer.run(consumer)).pipe(Effect.provide(CheckpointStore.layerMemory))
      yield* running.whenCaughtUp
      assert.deepStrictEqual(seen, [...withoutAda, undefined])
    }).pipe(Effect.scoped)
  )
})

describe("in tests of an application", () => {
  it("events are generated, encoded and decoded without keys", () => {
    const { event, stored } = CategoryEvents.make(fc, Customer)
    fc.assert(
      fc.property(event, stored, (made, kept) => {
        assert.isFalse(JSON.stringify(made).includes("litetapes/Erased"))
        Effect.runSync(Customer.decode(kept))
      }),
      { numRuns: 20 }
    )
  })

  it.effect("a projection is given events as they are appended, and may be given Erased", () =>
    Effect.gen(function* () {
      const given = GivenEvents.of(Customer, "1", [registered("ada", "Ada Lovelace")])
      assert.deepStrictEqual(yield* given.events as Effect.Effect<unknown>, [registered("ada", "Ada Lovelace")])
      const data = { customer: "ada", country: "GB", name: { ...erased("ada") } }
      const [decoded] = yield* Effect.forEach([{ ...placeless, type: "Registered", data }], Customer.decode)
      assert.deepStrictEqual(personalIn(decoded!), erased("ada"))
    })
  )

  const placeless = { stream: "customer-1", id: "e", revision: 0, position: 0, time: "", tags: [], metadata: {} }
})

describe("without Effect", () => {
  it("fields are encrypted with the keys that the store was opened with", async () => {
    const { layer: storage } = MemoryStorage.makeShared()
    const keys = await Effect.runPromise(KeyStore.makeMemory)
    const options = { storage, keyStore: Layer.succeed(KeyStore.KeyStore, keys) }
    await using store = await PromiseStore.open("lib", options)
    const customers = store.category(Customer)
    await customers.append("1", [registered("ada", "Ada Lovelace")])
    const namesIn = async (events: AsyncIterable<CustomerEvent>) => {
      const names: Array<unknown> = []
      for await (const event of events) names.push(personalIn(event))
      return names
    }
    const decoded = async () => customers.decode((await store.find("customer-1", ids[0]!))!)
    const ids: Array<string> = []
    for await (const { id } of store.readAll()) ids.push(id)
    assert.deepStrictEqual(await namesIn(customers.read("1")), ["Ada Lovelace"])
    assert.strictEqual(personalIn(await decoded()), "Ada Lovelace")
    await Effect.runPromise(keys.forget("ada"))
    assert.deepStrictEqual(await namesIn(customers.readAll()), [erased("ada")])
    assert.deepStrictEqual(personalIn(await decoded()), erased("ada"))
    const refused = await customers.append("1", [registered("ada", "again")]).catch((error: unknown) => error)
    assert.strictEqual((refused as { readonly _tag: string })._tag, "SubjectForgotten")
  })
})
