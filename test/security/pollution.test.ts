/** Keys with a meaning in JavaScript: refused where FORMAT.md forbids them, ordinary data everywhere else. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Category from "litetapes/Category"
import * as EventStore from "litetapes/EventStore"
import type { TaraSONError } from "litetapes/TaraSONError"
import type { Json } from "litetapes/TaraSON"
import * as fs from "node:fs"
import { afterEach } from "vitest"
import * as NodeStorage from "../../src/layers/NodeStorage.ts"
import { libMetaOf, rewriteMetaText, rewriteTape, segmentsOf, tapeMetaOf } from "../support/hostileLib.ts"
import { existingTape, type LibService, recordsOf, storeOf, tapeOf, withLib } from "../support/openLib.ts"
import { temporaryFolder } from "../support/temporaryFolder.ts"
import { makeVictim, outcomeOf, wordFor } from "../support/victimLib.ts"

const place = temporaryFolder()

/** Returns polluting keys that every object inherits. There must never be any. */
const inherited = () => ["polluted", "isAdmin"].filter((key) => key in {} || key in [] || key in (() => undefined))

afterEach(() => assert.deepStrictEqual(inherited(), []))

const parse = (text: string) => JSON.parse(text) as Json

const proto = () => parse('{"__proto__":{"polluted":true,"isAdmin":true}}')
const deepProto = () => parse('{"a":[{"b":{"__proto__":{"polluted":true}}}]}')
const constructed = () => parse('{"constructor":{"prototype":{"polluted":true}},"a":[{"constructor":1}]}')

const inLib = <A, E>(use: (lib: LibService) => Effect.Effect<A, E>, at = place()) =>
  Effect.flatMap(NodeStorage.make, (storage) => withLib(storage, at, use))

const reasonOf = <A, E>(effect: Effect.Effect<A, E>) =>
  Effect.map(Effect.flip(effect), (error) =>
    wordFor(error) === "TaraSONError" ? (error as unknown as TaraSONError).reason._tag : wordFor(error)
  )

const numberOf = (segment: string): number => Number(/seg-(\d+)/.exec(segment)![1])

describe("`__proto__` as a key", () => {
  it.live("is refused in records, event data, event metadata and user values, at any depth", () =>
    inLib((lib) =>
      Effect.gen(function* () {
        const tape = yield* tapeOf(lib, "notes")
        const store = yield* storeOf(lib)
        for (const bad of [proto(), deepProto(), { ok: 1, inner: proto() }]) {
          const metadata = bad as { readonly [key: string]: Json }
          for (const effect of [
            tape.append([bad]),
            tape.append([{ ok: 1 }, bad]),
            lib.commit([{ tape: "notes", records: [bad] }]),
            store.append("a-1", [{ type: "T", data: bad }]),
            store.append("a-1", [{ type: "T", metadata }]),
            // The keys of metadata are copied into one object with those of the options.
            store.append("a-1", [{ type: "T", metadata }], { correlationId: "c", causationId: "d" }),
            store.appendAll([{ stream: "a-1", events: [{ type: "T", data: bad }] }]),
            tape.setUserMeta("key", bad),
            tape.setUserMeta("key", [bad])
          ]) {
            assert.strictEqual(yield* reasonOf<unknown, unknown>(effect), "ForbiddenKey")
          }
        }
        assert.strictEqual(yield* tape.size, 0)
        assert.strictEqual(yield* store.position, 0)
        assert.deepStrictEqual((yield* tape.meta).userMeta, {})
      })
    )
  )

  for (const [name, where] of [
    ["at the end", (line: string) => line.replace(/}$/, ',"z":{"__proto__":{"polluted":true}}}')],
    ["at the top level", (line: string) => line.replace('"n":', '"__proto__":{"polluted":true},"n":')],
    ["escaped", (line: string) => line.replace('"n":', '"\\u005f_proto__":{"polluted":true},"n":')]
  ] as const) {
    it.live(`is refused when a foreign line with matching hashes is read: ${name}`, () =>
      Effect.gen(function* () {
        const storage = yield* NodeStorage.make
        const at = place()
        yield* makeVictim(storage, at, "closed")
        const [, plain] = segmentsOf(at, "notes")
        rewriteTape(at, "notes", (lines, segment) => (segment === 1 ? lines.map(where) : lines))
        rewriteTape(at, "order", (lines) =>
          lines.map((line) => line.replace('"data":{', '"data":{"__proto__":{"polluted":true},'))
        )
        yield* inLib(
          (lib) =>
            Effect.gen(function* () {
              assert.lengthOf(yield* recordsOf(lib, "notes", { to: 4 }), 4)
              const store = yield* storeOf(lib)
              for (const effect of [
                recordsOf(lib, "notes"),
                recordsOf(lib, "notes", { reverse: true }),
                Effect.flatMap(existingTape(lib, "notes"), (tape) => tape.verifySegment(numberOf(plain!))),
                Stream.runCollect(store.readAll()),
                Stream.runCollect(store.read("order-1")),
                store.append("order-1", [{ type: "T", id: "id-1" }])
              ]) {
                assert.strictEqual(yield* reasonOf<unknown, unknown>(effect), "SegmentCorrupt")
              }
              const { bad } = yield* lib.verify()
              assert.includeMembers(
                bad.map(({ file }) => file),
                [`notes/${plain}`, `order/${segmentsOf(at, "order")[0]}`]
              )
            }),
          at
        )
      })
    )
  }

  for (const [name, file, change] of [
    [
      "a record of lib meta",
      libMetaOf,
      (line: string) => line.replace(/^{"\$type":"[^"]*",/, '$&"__proto__":{"polluted":true},')
    ],
    ["the limits", libMetaOf, (line: string) => line.replace('"limits":{', '"limits":{"__proto__":{"polluted":true},')],
    [
      "the placement",
      libMetaOf,
      (line: string) => line.replace('"placement":{', '"placement":{"__proto__":{"polluted":true},')
    ],
    [
      "a record of tape meta",
      notesMeta,
      (line: string) => line.replace(/^{"\$type":"[^"]*",/, '$&"__proto__":{"polluted":true},')
    ],
    [
      "a Merkle state",
      notesMeta,
      (line: string) => line.replace('"merkle":{', '"merkle":{"__proto__":{"polluted":true},')
    ],
    ["a user value", notesMeta, (line: string) => line.replace('"value":{', '"value":{"__proto__":{"polluted":true},')]
  ] as const) {
    it.live(`fails with MetaCorrupt in a sealed meta: in ${name}`, () =>
      Effect.gen(function* () {
        const storage = yield* NodeStorage.make
        const at = place()
        yield* makeVictim(storage, at, "closed")
        yield* inLib((lib) => Effect.flatMap(existingTape(lib, "notes"), (tape) => tape.setUserMeta("k", { z: 1 })), at)
        const before = fs.readFileSync(file(at), "utf8")
        rewriteMetaText(file(at), change)
        assert.notStrictEqual(fs.readFileSync(file(at), "utf8"), before)
        const use = withLib<unknown, unknown>(storage, at, (lib) => recordsOf(lib, "notes"))
        const outcome = yield* outcomeOf(use)
        assert.strictEqual("error" in outcome ? wordFor(outcome.error) : "read", "MetaCorrupt")
      })
    )
  }

  it.live("is the only reason for these errors: a meta that is sealed again without a change opens", () =>
    Effect.gen(function* () {
      const storage = yield* NodeStorage.make
      const at = place()
      yield* makeVictim(storage, at, "closed")
      for (const file of [libMetaOf(at), tapeMetaOf(at, "notes")]) rewriteMetaText(file, (line) => line)
      yield* inLib((lib) => Effect.map(recordsOf(lib, "notes"), (records) => assert.lengthOf(records, 8)), at)
    })
  )
})

function notesMeta(at: string): string {
  return tapeMetaOf(at, "notes")
}

describe("`constructor` as a key", () => {
  it.live("is ordinary data in records and events, and is refused in user values", () =>
    inLib((lib) =>
      Effect.gen(function* () {
        const tape = yield* tapeOf(lib, "notes")
        const store = yield* storeOf(lib)
        const value = constructed() as { readonly [key: string]: Json }
        yield* tape.append([value])
        yield* store.append("a-1", [{ type: "T", data: value, metadata: value, id: "one" }])
        // A repeat is recognised by its contents.
        assert.isTrue((yield* store.append("a-1", [{ type: "T", data: value, metadata: value, id: "one" }])).repeated)
        yield* tape.appendSegment
        const [record] = yield* recordsOf(lib, "notes")
        const [event] = yield* Stream.runCollect(store.readAll())
        for (const read of [record, event!.data, event!.metadata] as ReadonlyArray<object>) {
          assert.deepStrictEqual<unknown>(read, value)
          assert.strictEqual(Object.getPrototypeOf(read), Object.prototype)
          assert.isTrue(Object.hasOwn(read, "constructor"))
        }
        assert.strictEqual(yield* reasonOf(tape.setUserMeta("key", value)), "ForbiddenKey")
      })
    )
  )

  for (const [name, change] of [
    ["a user value", (line: string) => line.replace('"value":{', '"value":{"constructor":{"prototype":{}},')],
    ["a record", (line: string) => line.replace('"created":', '"constructor":1,"created":')]
  ] as const) {
    it.live(`fails with MetaInvalid in a sealed tape meta: in ${name}`, () =>
      Effect.gen(function* () {
        const storage = yield* NodeStorage.make
        const at = place()
        yield* makeVictim(storage, at, "closed")
        yield* inLib((lib) => Effect.flatMap(existingTape(lib, "notes"), (tape) => tape.setUserMeta("k", { z: 1 })), at)
        rewriteMetaText(notesMeta(at), change)
        const error = yield* Effect.flip(withLib<unknown, unknown>(storage, at, (lib) => recordsOf(lib, "notes")))
        assert.strictEqual(wordFor(error), "MetaInvalid")
        assert.match((error as Error).message, /ForbiddenKey/)
      })
    )
  }
})

/** Names of properties that every object inherits. */
const reserved = ["__proto__", "constructor", "prototype", "toString", "hasOwnProperty", "__defineGetter__", "valueOf"]

describe("names of properties that every object inherits", () => {
  it.live("are ordinary names of user values, streams, event types, ids, tags, categories and tapes", () =>
    inLib((lib) =>
      Effect.gen(function* () {
        const tape = yield* tapeOf(lib, "notes")
        const store = yield* storeOf(lib)
        for (const name of reserved) {
          assert.isUndefined(Object.entries((yield* tape.meta).userMeta).find(([key]) => key === name))
          yield* tape.setUserMeta(name, { of: name })
          assert.strictEqual(yield* store.revision(`${name}-1`), "no-stream")
          const event = { type: name, id: name, tags: [name], data: name, metadata: { correlationId: name } }
          yield* store.append(`${name}-1`, [event], { expected: "no-stream" })
          assert.isTrue((yield* store.append(`${name}-1`, [event])).repeated)
          for (const filter of [{ categories: [name] }, { types: [name] }, { tags: [name] }, { correlationId: name }]) {
            const found = yield* Stream.runCollect(store.readAll({ filter }))
            assert.deepStrictEqual(
              found.map(({ stream }) => stream),
              [`${name}-1`],
              JSON.stringify(filter)
            )
          }
        }
        const { userMeta } = yield* tape.meta
        assert.deepStrictEqual(Object.keys(userMeta).toSorted(), reserved.toSorted())
        for (const name of reserved) {
          assert.deepStrictEqual(Object.getOwnPropertyDescriptor(userMeta, name)?.value, { of: name })
        }
        assert.strictEqual(Object.getPrototypeOf(userMeta), Object.prototype)
        yield* tape.removeUserMeta("__proto__")
        assert.isFalse(Object.hasOwn((yield* tape.meta).userMeta, "__proto__"))
        yield* lib.createTape("__proto__-tape")
        yield* lib.createTape("constructor.tape")
      })
    )
  )

  it.live("are event types of a category only if the category defines them", () =>
    inLib((lib) =>
      Effect.gen(function* () {
        const store = yield* storeOf(lib)
        const Strict = Category.make("strict", { toString: Schema.Int })
        const other = { type: "constructor", data: 1 } as unknown as Category.New<typeof Strict.schemas>
        const appending = (event: Category.New<typeof Strict.schemas>) =>
          Effect.provideService(Strict.append("1", [event]), EventStore.EventStore, store)
        yield* appending({ type: "toString", data: 1 })
        assert.strictEqual(yield* reasonOf(appending(other)), "EventSchemaError")
        yield* store.append("strict-1", [{ type: "constructor", data: 1 }])
        const reading = Effect.provideService(Stream.runCollect(Strict.read("1")), EventStore.EventStore, store)
        assert.strictEqual(yield* reasonOf(reading), "EventSchemaError")
      })
    )
  )

  it.live("are refused as fields of the limits or the placement of a lib", () =>
    Effect.gen(function* () {
      const storage = yield* NodeStorage.make
      for (const limits of [parse('{"__proto__":1}'), parse('{"constructor":1}'), parse('{"toString":1}')]) {
        const opening = withLib(storage, place(), () => Effect.void, { limits: limits as object })
        assert.strictEqual(yield* reasonOf(opening), "InvalidArgument", JSON.stringify(limits))
        const at = place()
        yield* withLib(storage, at, () => Effect.void)
        const again = withLib(storage, at, () => Effect.void, { limits: limits as object })
        assert.strictEqual(yield* reasonOf(again), "InvalidArgument", JSON.stringify(limits))
      }
      for (const text of [
        '{"kind":"hashed","tapes":2,"__proto__":{"polluted":true}}',
        '{"kind":"category","constructor":1}',
        '{"kind":"category","more":1}',
        '{"kind":"toString"}'
      ]) {
        const at = place()
        const placement = parse(text) as never
        const opening = withLib(storage, at, () => Effect.void, { placement })
        assert.strictEqual(yield* reasonOf(opening), "InvalidSettings", text)
        assert.isTrue(yield* withLib(storage, at, (lib) => Effect.succeed(lib.report.created)))
      }
    })
  )
})
