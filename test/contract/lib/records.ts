/** Which records and user values are accepted, and how they are returned. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Segment from "litetapes/Segment"
import * as TaraSON from "litetapes/TaraSON"
import type { TaraSONError } from "litetapes/TaraSONError"
import { Tape } from "litetapes/Tape"
import { existingTape, type Kind, recordsOf, tagOf, tapeOf, withLib } from "../../support/openLib.ts"

/** Returns the reason for which a record or a value was refused. */
const reasonOf = <A, E extends { readonly _tag: string }>(effect: Effect.Effect<A, E>) =>
  Effect.map(Effect.flip(effect), (error) =>
    error._tag === "TaraSONError" ? (error as unknown as TaraSONError).reason._tag : error._tag
  )

const nested = (depth: number): unknown => (depth === 0 ? {} : { a: nested(depth - 1) })

/** Values that are not valid records, with the reason of each refusal. */
const badRecords: ReadonlyArray<readonly [record: unknown, reason: string]> = [
  [{ $type: "LiteTape.Meta" }, "ReservedType"],
  [{ $type: "LiteLib.Commit", batch: 1 }, "ReservedType"],
  [{ $type: "LiteLib." }, "ReservedType"],
  [{ $type: 5 }, "NotJsonValue"],
  [{ text: "x".repeat(1100) }, "RecordTooLarge"],
  [{ text: "é".repeat(500) }, "RecordTooLarge"],
  [nested(10), "NestingTooDeep"],
  [[1], "NotARecord"],
  [null, "NotARecord"],
  ["text", "NotARecord"],
  [undefined, "NotJsonValue"],
  [{ a: undefined }, "NotJsonValue"],
  [{ a: () => 1 }, "NotJsonValue"],
  [{ a: 1n }, "NotJsonValue"],
  [new Map(), "NotJsonValue"],
  [{ a: Number.NaN }, "UnrepresentableNumber"],
  [{ a: "\ud800" }, "IllFormedString"],
  [JSON.parse('{"__proto__":1}'), "ForbiddenKey"]
]

const limits = { recordBytesMax: 1000, depthMax: 10, batchBytesMax: 5000 }

export const recordsContract = ({ storage, place }: Kind): void => {
  describe("records", () => {
    it.live("that are invalid are refused, alone or among others, together with their whole batch", () =>
      Effect.gen(function* () {
        const use = (lib: Parameters<Parameters<typeof withLib>[2]>[0]) =>
          Effect.gen(function* () {
            const order = yield* tapeOf(lib, "order")
            const other = yield* tapeOf(lib, "other")
            for (const [record, reason] of badRecords) {
              assert.strictEqual(yield* reasonOf(order.append([record])), reason)
              assert.strictEqual(yield* reasonOf(order.append([{ n: 1 }, record, { n: 2 }])), reason)
              const both = [
                { tape: "other", records: [{ n: 1 }] },
                { tape: "order", records: [record] }
              ]
              assert.strictEqual(yield* reasonOf(lib.commit(both)), reason)
            }
            assert.deepStrictEqual([yield* order.size, yield* other.size], [0, 0])
            assert.strictEqual((yield* lib.durable).batch, 0)
            assert.strictEqual((yield* order.append([{ n: 1 }])).firstOrdinal, 0)
          })
        yield* withLib(yield* storage, place(), use, { limits })
      })
    )

    it.live("of exactly the largest size and depth are accepted and returned", () =>
      Effect.gen(function* () {
        const base = yield* storage
        const location = place()
        const largest = { t: "x".repeat(1000 - '{"t":""}'.length) }
        const deepest = nested(9) as TaraSON.JsonObject
        const batch = Array.from({ length: 3 }, () => ({ t: "y".repeat(999 - '{"t":""}'.length) }))
        yield* withLib(
          base,
          location,
          (lib) => Effect.flatMap(tapeOf(lib, "order"), (order) => order.append([largest, deepest, ...batch])),
          { limits }
        )
        assert.deepStrictEqual(yield* withLib(base, location, (lib) => recordsOf(lib, "order")), [
          largest,
          deepest,
          ...batch
        ])
      })
    )

    it.live("that exceed a batch together are refused together, and accepted one by one", () =>
      Effect.gen(function* () {
        const record = { t: "y".repeat(999 - '{"t":""}'.length) }
        const use = (lib: Parameters<Parameters<typeof withLib>[2]>[0]) =>
          Effect.gen(function* () {
            const order = yield* tapeOf(lib, "order")
            yield* tapeOf(lib, "other")
            assert.strictEqual((yield* order.append(Array.from({ length: 5 }, () => record))).records, 5)
            const six = Array.from({ length: 6 }, () => record)
            assert.strictEqual(yield* tagOf(order.append(six)), "BatchTooLarge")
            const halves = ["order", "other"].map((tape) => ({ tape, records: six.slice(3) }))
            assert.strictEqual(yield* tagOf(lib.commit(halves)), "BatchTooLarge")
            yield* Effect.forEach(six, (one) => order.append([one]), { concurrency: "unbounded" })
            assert.strictEqual(yield* order.size, 11)
          })
        yield* withLib(yield* storage, place(), use, { limits })
      })
    )

    it.live("are stored as their canonical bytes, whatever the order of their keys", () =>
      Effect.gen(function* () {
        yield* withLib(yield* storage, place(), (lib) =>
          Effect.gen(function* () {
            const order = yield* tapeOf(lib, "order")
            const records = [
              { b: 1, a: "é" },
              { a: "é", b: 1 },
              { n: -0, $type: "Note" }
            ]
            yield* order.append(records)
            const info = yield* order.appendSegment
            assert.isDefined(info)
            const segment = yield* Effect.provideService(Segment.make(info.number), Tape, order)
            assert.deepStrictEqual(segment.info, info)
            const lines = yield* Stream.runCollect(segment.lines)
            assert.deepStrictEqual(
              lines.map((line) => Buffer.from(line).toString()),
              records.map((record) => TaraSON.encode(record))
            )
            assert.deepStrictEqual(yield* Stream.runCollect(segment.records), [
              { a: "é", b: 1 },
              { a: "é", b: 1 },
              { $type: "Note", n: 0 }
            ])
          })
        )
      })
    )
  })
}

export const metaContract = ({ storage, place }: Kind): void => {
  describe("user metadata", () => {
    it.live("is set, changed and removed durably, and never appears among the records", () =>
      Effect.gen(function* () {
        const base = yield* storage
        const location = place()
        yield* withLib(base, location, (lib) =>
          Effect.gen(function* () {
            const order = yield* tapeOf(lib, "order")
            yield* order.setUserMeta("owner", "Ada")
            yield* order.setUserMeta("tags", ["a", { b: null }])
            yield* order.setUserMeta("owner", { name: "Bob" })
            yield* order.setUserMeta("gone", 1)
            yield* order.removeUserMeta("gone")
            yield* order.removeUserMeta("never there")
            assert.deepStrictEqual((yield* order.meta).userMeta, { owner: { name: "Bob" }, tags: ["a", { b: null }] })
          })
        )
        const meta = yield* withLib(base, location, (lib) => Effect.flatMap(existingTape(lib, "order"), (t) => t.meta))
        assert.deepStrictEqual(meta.userMeta, { owner: { name: "Bob" }, tags: ["a", { b: null }] })
        assert.strictEqual(meta.records, 0)
      })
    )

    it.live("keeps escaped keys apart, whatever the engine does to them", () =>
      Effect.gen(function* () {
        // The shapes that mislead V8: https://github.com/nodejs/node/issues/63785
        for (const key of [String.raw`\\`, String.raw`x\\`, String.raw`x\n`]) JSON.parse(`{"!":1,"${key}":1}`)
        const base = yield* storage
        const location = place()
        const expected = Object.fromEntries(
          ['"', "\\", 'x"', "x\t", "x\u0001"].map((key, n) => [`key ${n}`, { "!": 1, [key]: { v: "\n" } }])
        )
        yield* withLib(base, location, (lib) =>
          Effect.gen(function* () {
            const order = yield* tapeOf(lib, "order")
            for (const [name, value] of Object.entries(expected)) yield* order.setUserMeta(name, value)
            assert.deepStrictEqual((yield* order.meta).userMeta, expected)
          })
        )
        const meta = yield* withLib(base, location, (lib) => Effect.flatMap(existingTape(lib, "order"), (t) => t.meta))
        assert.deepStrictEqual(meta.userMeta, expected)
      })
    )

    it.live("refuses values that cannot be written, with a typed error, and keeps working", () =>
      Effect.gen(function* () {
        yield* withLib(yield* storage, place(), (lib) =>
          Effect.gen(function* () {
            const order = yield* tapeOf(lib, "order")
            const half = "x".repeat(600 * 1024)
            const refused: ReadonlyArray<readonly [string, unknown, string]> = [
              ["", 1, "NotJsonValue"],
              ["\ud800", 1, "IllFormedString"],
              ["a", () => 1, "NotJsonValue"],
              ["a", { constructor: 1 }, "ForbiddenKey"],
              ["a", [{ b: { constructor: 1 } }], "ForbiddenKey"],
              ["a", Number.NaN, "UnrepresentableNumber"],
              ["a", half + half, "RecordTooLarge"],
              [half, half, "RecordTooLarge"],
              ["a", nested(128), "NestingTooDeep"]
            ]
            for (const [key, value, reason] of refused) {
              assert.strictEqual(yield* reasonOf(order.setUserMeta(key, value as TaraSON.Json)), reason)
            }
            yield* order.setUserMeta("a", nested(120) as TaraSON.Json)
            yield* order.append([{ n: 1 }])
            assert.deepStrictEqual(Object.keys((yield* order.meta).userMeta), ["a"])
          })
        )
      })
    )

    it.live("stays small however often it is set, and survives a reopen", () =>
      Effect.gen(function* () {
        const base = yield* storage
        const location = place()
        yield* withLib(base, location, (lib) =>
          Effect.gen(function* () {
            const order = yield* tapeOf(lib, "order")
            for (let n = 0; n < 40; n++) yield* order.setUserMeta("n", n)
          })
        )
        const lines = yield* Effect.scoped(
          Effect.gen(function* () {
            const meta = yield* (yield* base.open(location, "read")).meta.read("order")
            return Buffer.from(meta!.bytes).toString().split("\n").length
          })
        )
        assert.isBelow(lines, 20)
        const meta = yield* withLib(base, location, (lib) => Effect.flatMap(existingTape(lib, "order"), (t) => t.meta))
        assert.deepStrictEqual(meta.userMeta, { n: 39 })
      })
    )
  })

  describe("the structure of a tape", () => {
    it.live("cannot be set: names like its own are user values, and returned values are frozen", () =>
      Effect.gen(function* () {
        yield* withLib(yield* storage, place(), (lib) =>
          Effect.gen(function* () {
            const order = yield* tapeOf(lib, "order")
            yield* order.append([{ n: 1 }])
            const info = (yield* order.appendSegment)!
            const before = yield* order.meta
            for (const key of ["segments", "records", "tape", "role", "$type", "previous", "__proto__"]) {
              yield* order.setUserMeta(key, 7)
            }
            const { userMeta, ...structure } = yield* order.meta
            assert.deepStrictEqual({ ...structure, userMeta: {} }, before)
            assert.lengthOf(Object.keys(userMeta), 7)
            const segments = yield* order.segments
            // @ts-expect-error: segments cannot be set
            assert.throws(() => (segments[0] = info), TypeError)
            // @ts-expect-error: nor can a field of one
            assert.throws(() => (segments[0]!.records = 0), TypeError)
            // @ts-expect-error: nor can one be added
            assert.throws(() => segments.push(info), TypeError)
            const listed = (yield* lib.tapes)[0]!
            // @ts-expect-error: nor can the state of a tape be set, except by archiving and activating it
            assert.throws(() => (listed.state = "archived"), TypeError)
            // @ts-expect-error: nor can a limit
            assert.throws(() => (lib.limits.recordBytesMax = 1), TypeError)
            // @ts-expect-error: nor can meta be replaced: there is no such method
            assert.isUndefined(order.setMeta)
            assert.deepStrictEqual(yield* order.segments, [info])
          })
        )
      })
    )

    it.live("and its user values cannot be changed through a value that was passed in or returned", () =>
      Effect.gen(function* () {
        yield* withLib(yield* storage, place(), (lib) =>
          Effect.gen(function* () {
            const order = yield* tapeOf(lib, "order")
            const given = ["a"]
            yield* order.setUserMeta("tags", given)
            given.push("b")
            const out = (yield* order.meta).userMeta["tags"] as Array<string>
            assert.throws(() => out.push("c"), TypeError)
            assert.deepStrictEqual((yield* order.meta).userMeta, { tags: ["a"] })
          })
        )
      })
    )
  })
}
