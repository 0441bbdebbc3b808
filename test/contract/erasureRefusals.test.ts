/** What is refused of encrypted fields: by an append, and by a read of what was changed, moved, or encrypted with another key. */
import { it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as SchemaTransformation from "effect/SchemaTransformation"
import * as Stream from "effect/Stream"
import * as Category from "litetapes/Category"
import * as Erasable from "litetapes/Erasable"
import * as EventStore from "litetapes/EventStore"
import * as KeyStore from "litetapes/KeyStore"
import * as MemoryStorage from "litetapes/MemoryStorage"
import { assert, describe } from "vitest"
import { checkedTag } from "../support/messages.ts"
import { openSession, storeOf } from "../support/openLib.ts"

const Person = Category.make("person", {
  Named: Schema.Struct({
    who: Schema.String,
    name: Erasable.field(Schema.Unknown, { subject: "who" }),
    nick: Schema.optionalKey(Erasable.field(Schema.Unknown, { subject: "who" }))
  })
})

const named = (who: string, name: unknown) => ({ type: "Named", data: { who, name } }) as const

const openStore = Effect.gen(function* () {
  const { close, lib } = yield* openSession(yield* MemoryStorage.make, "lib")
  yield* Effect.addFinalizer(() => close)
  return { lib, store: yield* storeOf(lib), keys: yield* KeyStore.makeMemory }
})

type Open = Effect.Success<typeof openStore>

const using =
  ({ keys, store }: Pick<Open, "keys" | "store">) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    effect.pipe(Effect.provideService(EventStore.EventStore, store), Effect.provideService(KeyStore.KeyStore, keys))

const refusal = <A, E extends { readonly _tag: string; readonly message: string }, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.map(Effect.flip(effect), (error) => `${checkedTag(error)}: ${error.message}`)

describe("an append of an encrypted field", () => {
  it.effect("needs a KeyStore, a subject and a value that can be stored", () =>
    Effect.gen(function* () {
      const { keys, store } = yield* openStore
      const append = (event: unknown) => Person.append("1", [event as ReturnType<typeof named>])
      const alone = append(named("ada", "Ada")).pipe(Effect.provideService(EventStore.EventStore, store))
      assert.match(yield* refusal(alone), /^EventSchemaError: event 0 .*provides no KeyStore/)
      const { lone } = { lone: "\ud800" }
      const cases: ReadonlyArray<readonly [event: unknown, says: RegExp]> = [
        [named("", "Ada"), /field \/name is to be encrypted for the subject that the field "who" next to it names/],
        [named("x".repeat(257), "Ada"), /1 to 256 bytes/],
        [named(lone, "Ada"), /1 to 256 bytes/],
        [named("ada", { _tag: "litetapes/Erased", subject: "ada" }), /is Erased, which is only read/],
        [named("ada", { _tag: "litetapes/Erased", subject: "ada", more: 1 }), /is Erased, which is only read/],
        [named("ada", lone), /field \/name cannot be stored/],
        [named("ada", Number.NaN), /field \/name|JSON/]
      ]
      for (const [event, says] of cases) assert.match(yield* refusal(using({ keys, store })(append(event))), says)
      assert.strictEqual(yield* store.position, 0)
      assert.deepStrictEqual([...(yield* keys.find(["ada", ""])).keys()], [])
    }).pipe(Effect.scoped)
  )

  it.effect("fails if the function for the subject does, and never stores what it cannot find in the stored form", () =>
    Effect.gen(function* () {
      const open = yield* openStore
      const throwing = Erasable.field(Schema.String, {
        subject: () => {
          throw new Error("no subject today")
        }
      })
      // Stored as one text, so that the field in it cannot be found.
      const hidden = Schema.Struct({ name: Erasable.field(Schema.String, { subject: () => "ada" }) }).pipe(
        Schema.encodeTo(
          Schema.String,
          SchemaTransformation.transform({
            encode: (value) => JSON.stringify(value),
            decode: (text: string) => JSON.parse(text) as { readonly name: string | Erasable.Erased }
          })
        )
      )
      const Odd = Category.make("odd", {
        Thrown: Schema.Struct({ a: throwing }),
        Hidden: Schema.Struct({ a: hidden as unknown as Schema.Codec<{ readonly name: string }, string> })
      })
      const thrown = Odd.append("1", [{ type: "Thrown", data: { a: "x" } }])
      assert.match(yield* refusal(using(open)(thrown)), /which threw: no subject today/)
      const stored = Odd.append("1", [{ type: "Hidden", data: { a: { name: "secret" } } }])
      assert.match(yield* refusal(using(open)(stored)), /cannot be known where the field is stored/)
      assert.strictEqual(yield* open.store.position, 0)
    }).pipe(Effect.scoped)
  )

  it.effect("is never stored as it is, whatever else its place may hold, or stored as somebody else's", () =>
    Effect.gen(function* () {
      const open = yield* openStore
      const secret = Erasable.field(Schema.String, { subject: () => "ada" })
      const ofName = (subject: string) => Erasable.field(Schema.String, { subject })
      const Odd = Category.make("odd", {
        Either: Schema.Struct({ x: Schema.Union([Schema.Record(Schema.String, Schema.String), Schema.Array(secret)]) }),
        Twice: Schema.Struct({ a: secret, b: Schema.fromJsonString(Schema.Struct({ n: secret })) }),
        Moved: Schema.Union([
          Schema.Struct({ _tag: Schema.Literal("Sent"), from: Schema.String, to: Schema.String, name: ofName("from") }),
          Schema.Struct({
            _tag: Schema.Literal("Received"),
            from: Schema.String,
            to: Schema.String,
            name: ofName("to")
          })
        ])
      })
      const append = using(open)
      for (const x of [{ a: "public" }, ["secret"], { b: "public" }, ["secret"]])
        yield* append(Odd.append("1", [{ type: "Either", data: { x } }]))
      const events = yield* Stream.runCollect(open.store.readAll())
      assert.notInclude(JSON.stringify(events), "secret")
      assert.deepStrictEqual(events[2]?.data, { x: { b: "public" } })
      const twice = Odd.append("1", [{ type: "Twice", data: { a: "secret", b: { n: "secret" } } }])
      assert.match(yield* refusal(append(twice)), /transforms a value that contains an erasable field/)
      const data = { _tag: "Received", from: "ada", to: "bob", name: "Bob" } as const
      assert.match(yield* refusal(append(Odd.append("1", [{ type: "Moved", data }]))), /different subjects/)
    })
  )

  it("is refused where it would not be encrypted", () => {
    const field = Erasable.field(Schema.String, { subject: "who" })
    const metadata = Schema.Struct({ who: Schema.String, name: Schema.optionalKey(field) })
    assert.throws(() => Category.make("a", { A: Schema.Struct({}) }, { metadata }), /metadata is never encrypted/)
    for (const options of [undefined, null, {}, { subject: "" }, { subject: 1 }, { subject: "a", sbject: "b" }]) {
      assert.throws(() => Erasable.field(Schema.String, options as never), /Erasable\.field/)
    }
    assert.throws(() => Erasable.field("text" as never, { subject: "who" }), /must be a Schema/)
  })

  it.effect("never leaves the program as it is, if an encoded event is turned into JSON", () =>
    Effect.gen(function* () {
      const encoded = yield* using(yield* openStore)(Person.encode(named("ada", "Ada")))
      assert.throws(() => JSON.stringify(encoded), /Pass it to the event store as Category\.encode returned it/)
    }).pipe(Effect.scoped)
  )
})

describe("a read of an encrypted field", () => {
  /** The data that is stored for two events of Ada. */
  const stored = Effect.gen(function* () {
    const open = yield* openStore
    yield* using(open)(
      Person.append("1", [
        { ...named("ada", "Ada"), id: "e-1" },
        { ...named("ada", "Augusta"), id: "e-2" }
      ])
    )
    const [first] = yield* Stream.runCollect(open.store.read("person-1"))
    return { ...open, data: first!.data as unknown as { readonly who: string; readonly name: Encrypted } }
  })

  interface Encrypted {
    readonly encrypted: string
    readonly key: number
    readonly subject: string
  }

  /** Reads an event that somebody has stored with this data. */
  const readOf = (open: Pick<Open, "keys">, stream: string, id: string, data: object) =>
    Effect.gen(function* () {
      const other = yield* Effect.orDie(openStore)
      yield* Effect.orDie(other.store.append(stream, [{ type: "Named", id, data }]))
      return yield* using({ keys: open.keys, store: other.store })(Stream.runCollect(Person.readAll()))
    })

  it.effect("succeeds in another lib, with the same stream and id", () =>
    Effect.gen(function* () {
      const { data, ...open } = yield* stored
      const [read] = yield* readOf(open, "person-1", "e-1", data)
      assert.strictEqual(read!.data.name, "Ada")
    }).pipe(Effect.scoped)
  )

  it.effect("fails if its ciphertext was moved to another stream, event, field, subject or key", () =>
    Effect.gen(function* () {
      const { data, ...open } = yield* stored
      yield* open.keys.acquire(["grace"])
      yield* open.keys.rotate("ada")
      const { name } = data
      const moves = [
        ["person-2", "e-1", data],
        ["person-1", "e-2", data],
        ["person-1", "e-1", { who: "ada", name: "x", nick: name }],
        ["person-1", "e-1", { ...data, name: { ...name, subject: "grace" } }],
        ["person-1", "e-1", { ...data, name: { ...name, key: 2 } }]
      ] as const
      for (const [stream, id, moved] of moves) {
        const error = yield* refusal(readOf(open, stream, id, moved))
        assert.match(error, /^EventSchemaError: .*cannot be decrypted with key .*changed, or it was moved/)
      }
    }).pipe(Effect.scoped)
  )

  it.effect("fails for each changed character of the ciphertext, as the option unreadable says", () =>
    Effect.gen(function* () {
      const { data, ...open } = yield* stored
      const { encrypted } = data.name
      const texts = [
        "",
        "1.",
        `${encrypted}A`,
        `${encrypted}=`,
        ` ${encrypted}`,
        `2${encrypted.slice(1)}`,
        encrypted.slice(0, -1),
        ...Array.from({ length: encrypted.length - 2 }, (_, at) => {
          const other = encrypted[at + 2] === "A" ? "B" : "A"
          return encrypted.slice(0, at + 2) + other + encrypted.slice(at + 3)
        })
      ]
      const { store } = yield* openStore
      for (const [n, text] of texts.entries()) {
        yield* store.append("person-1", [
          { type: "Named", id: `${n}`, data: { ...data, name: { ...data.name, encrypted: text } } }
        ])
      }
      const read = using({ keys: open.keys, store })
      const raw = yield* read(Stream.runCollect(Person.readAll({ unreadable: "raw" })))
      assert.strictEqual(raw.length, texts.length)
      for (const event of raw) assert.match(event.raw === true ? event.error.message : "", /cannot be decrypted/)
      assert.deepStrictEqual(yield* read(Stream.runCollect(Person.readAll({ unreadable: "skip" }))), [])
      assert.match(yield* refusal(read(Stream.runCollect(Person.readAll()))), /^EventSchemaError/)
    }).pipe(Effect.scoped)
  )

  it.effect("fails, and is not Erased, if the program has no KeyStore, or one that lacks the key", () =>
    Effect.gen(function* () {
      const { keys, store } = yield* stored
      const read = Stream.runCollect(Person.read("1"))
      assert.match(yield* refusal(Effect.provideService(read, EventStore.EventStore, store)), /provides no KeyStore/)
      const other = yield* KeyStore.makeMemory
      assert.match(
        yield* refusal(using({ keys: other, store })(read)),
        /which the KeyStore does not have and has not destroyed/
      )
      yield* other.forget("ada")
      assert.match(yield* refusal(using({ keys: other, store })(read)), /has not destroyed/)
      yield* keys.forget("ada")
      assert.strictEqual((yield* using({ keys, store })(read)).length, 2)
    }).pipe(Effect.scoped)
  )

  it.effect("returns what was stored before the field was marked, and whatever a cipher of the program makes", () =>
    Effect.gen(function* () {
      const open = yield* openStore
      yield* open.store.append("person-1", [{ type: "Named", data: { who: "ada", name: "Ada" } }])
      const calls: Array<string> = []
      const reversed: Erasable.Cipher = {
        encrypt: (_, place, plain) => {
          calls.push(Buffer.from(place).toString())
          return plain.toReversed()
        },
        decrypt: (_key, _place, bytes) => bytes.toReversed()
      }
      const program = Effect.gen(function* () {
        yield* Person.append("1", [{ ...named("ada", "Augusta"), id: "e" }])
        return yield* Stream.runCollect(Person.read("1"))
      }).pipe(Effect.provideService(Erasable.FieldCipher, reversed))
      const read = yield* using(open)(program)
      assert.deepStrictEqual(
        read.map(({ data }) => data.name),
        ["Ada", "Augusta"]
      )
      assert.deepStrictEqual(calls, ['["litetapes/1","person-1","e","ada",1,"/name"]'])
    }).pipe(Effect.scoped)
  )
})

describe("a category with a schema that is defined later", () => {
  it.effect("knows its encrypted fields once it is there", () =>
    Effect.gen(function* () {
      const open = yield* openStore
      let later: Schema.Codec<{ readonly name: unknown }, unknown> | undefined
      const Late = Category.make("late", {
        Noted: Schema.Struct({ a: Schema.suspend((): Schema.Codec<{ readonly name: unknown }, unknown> => later!) })
      })
      assert.isFalse(Late.isErasable)
      later = Schema.Struct({ name: Erasable.field(Schema.String, { subject: () => "ada" }) })
      yield* using(open)(Late.append("1", [{ type: "Noted", data: { a: { name: "secret" } } }]))
      assert.isTrue(Late.isErasable)
      assert.notMatch(JSON.stringify(yield* Stream.runCollect(open.store.readAll())), /secret/)
    }).pipe(Effect.scoped)
  )
})
