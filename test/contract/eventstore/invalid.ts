/** Refused appends and openings leave no trace. */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { NewEvent } from "litetapes/EventStore"
import type { Placement } from "litetapes/Placement"
import type { TaraSONError } from "litetapes/TaraSONError"
import { type Contract, dataOf, failing, numbered, numbers, tapeNames, tapeOf } from "./support.ts"

const cycle: Array<unknown> = []
cycle.push(cycle)

const deep = (levels: number): unknown => (levels === 0 ? 1 : [deep(levels - 1)])

const invalid: ReadonlyArray<readonly [what: string, tag: string, event: object]> = [
  ["an empty type", "InvalidEvent", { type: "" }],
  ["no type", "InvalidEvent", { data: 1 }],
  ["a type that is not a string", "InvalidEvent", { type: 5 }],
  ["a reserved type", "InvalidEvent", { type: "LiteTape.Segment" }],
  ["another reserved type", "InvalidEvent", { type: "LiteLib.X" }],
  ["a long type", "InvalidEvent", { type: "é".repeat(129) }],
  ["an ill-formed type", "InvalidEvent", { type: "a\ud800" }],
  ["a type with a noncharacter", "InvalidEvent", { type: "a\uffff" }],
  ["an empty id", "InvalidEvent", { type: "A", id: "" }],
  ["an id that is not a string", "InvalidEvent", { type: "A", id: 7 }],
  ["a long id", "InvalidEvent", { type: "A", id: "x".repeat(257) }],
  ["an ill-formed id", "InvalidEvent", { type: "A", id: "\udc00" }],
  ["metadata that is a list", "InvalidEvent", { type: "A", metadata: [] }],
  ["metadata that is null", "InvalidEvent", { type: "A", metadata: null }],
  ["metadata that is a string", "InvalidEvent", { type: "A", metadata: "c" }],
  ["undefined in metadata", "TaraSONError", { type: "A", metadata: { a: undefined } }],
  ["tags that are not a list", "InvalidEvent", { type: "A", tags: "vip" }],
  ["a tag that is not a string", "InvalidEvent", { type: "A", tags: ["vip", 1] }],
  ["an empty tag", "InvalidEvent", { type: "A", tags: ["vip", ""] }],
  ["a tag twice", "InvalidEvent", { type: "A", tags: ["vip", "web", "vip"] }],
  ["a long tag", "InvalidEvent", { type: "A", tags: ["é".repeat(129)] }],
  ["an ill-formed tag", "TaraSONError", { type: "A", tags: ["\ud800"] }],
  ["too many tags", "InvalidEvent", { type: "A", tags: Array.from({ length: 65 }, (_, n) => String(n)) }],
  ["undefined in data", "TaraSONError", { type: "A", data: { a: undefined } }],
  ["a function in data", "TaraSONError", { type: "A", data: [() => 1] }],
  ["a bigint in data", "TaraSONError", { type: "A", data: 1n }],
  ["a date in data", "TaraSONError", { type: "A", data: new Date(0) }],
  ["NaN in data", "TaraSONError", { type: "A", data: { a: Number.NaN } }],
  ["an ill-formed string in data", "TaraSONError", { type: "A", data: "\ud800" }],
  ["a cycle in data", "TaraSONError", { type: "A", data: cycle }],
  ["too deep data", "TaraSONError", { type: "A", data: deep(128) }],
  ["too much data", "TaraSONError", { type: "A", data: "x".repeat(2 ** 20) }]
]

const names = ["", "a\ud800", "a\nb", "a\u0000", "x".repeat(513), "a\ufdd0"]

export const invalidContract: Contract = (test) => {
  test("fails with its error for an event that cannot be stored, and stores nothing", ({ use }) =>
    use((store) =>
      Effect.gen(function* () {
        for (const [what, tag, event] of invalid) {
          const bad = event as NewEvent
          const alone = yield* failing(store.append("order-1", [bad]), { _tag: tag })
          assert.deepStrictEqual(alone, { _tag: tag }, what)
          const behind = [
            { stream: "acc-1", events: numbered(1) },
            { stream: "order-1", events: [...numbered(1), bad] }
          ]
          assert.deepStrictEqual(yield* failing(store.appendAll(behind), { _tag: tag }), { _tag: tag }, what)
        }
        assert.deepStrictEqual(yield* tapeNames(store), [])
        assert.strictEqual(yield* store.position, 0)
        yield* store.append("order-1", numbered(1), { expected: "no-stream" })
      })
    ))

  test("refuses events that are not an array, and never appends nothing instead", ({ use }) =>
    use((store) =>
      Effect.gen(function* () {
        const event = { type: "A" }
        for (const events of [event, new Set([event]), [event].values(), () => [event], 7, { length: 1, 0: event }]) {
          const given = events as unknown as ReadonlyArray<NewEvent>
          const one = Effect.asVoid(store.append("order-1", given))
          const all = Effect.asVoid(store.appendAll([{ stream: "order-1", events: given }]))
          for (const append of [one, all]) {
            const refused = { _tag: "InvalidArgument" }
            assert.deepStrictEqual(yield* failing(append, refused), refused)
          }
        }
        assert.strictEqual(yield* store.position, 0)
      })
    ))

  test("names each event that cannot be stored by its stream and its index", ({ use }) =>
    use((store) =>
      Effect.gen(function* () {
        const fieldOf = (event: object) => (["data", "metadata", "tags"] as const).find((field) => field in event)!
        for (const [what, tag, event] of invalid) {
          const appends = [
            { stream: "acc-1", events: numbered(3) },
            { stream: "order-1", events: [...numbered(2), event as NewEvent, { type: "" }] }
          ]
          const error = yield* Effect.flip(store.appendAll(appends))
          assert.strictEqual(error._tag, tag, what)
          assert.deepInclude(error, { stream: "order-1", index: 2 }, what)
          assert.match(error.message, /event 2 for stream .*order-1/, what)
          if (tag !== "TaraSONError") continue
          assert.deepInclude(error, { field: fieldOf(event) }, what)
          assert.isTrue(error.message.startsWith(`the ${fieldOf(event)} of event 2 for stream "order-1" cannot`), what)
        }
        const half = "x".repeat(2 ** 19)
        const large = yield* Effect.flip(store.append("a-1", [{ type: "A", data: half, metadata: { a: half } }]))
        assert.deepInclude(large, { _tag: "TaraSONError", stream: "a-1", index: 0, field: "metadata" })
        // Once each field fits, the event may still be too large.
        const tooLarge = (length: number) =>
          Effect.flip(store.append("a-1", [{ type: "A", data: "x".repeat(length) }])) as Effect.Effect<TaraSONError>
        let length = 2 ** 20 - 100
        while ((yield* tooLarge(length)).field !== undefined) length -= 10
        const whole = yield* tooLarge(length)
        assert.deepInclude(whole, { _tag: "TaraSONError", stream: "a-1", index: 0 })
        assert.match(whole.message, /^event 0 for stream "a-1" cannot be stored: RecordTooLarge: /)
      })
    ))

  test("stores values of exactly the largest size", ({ use }) =>
    use((store) =>
      Effect.gen(function* () {
        const events = [
          {
            type: "é".repeat(128),
            id: "x".repeat(256),
            tags: Array.from({ length: 64 }, (_, n) => String(n)),
            data: deep(127)
          },
          { type: "A", data: "x".repeat(2 ** 20 - 1200) },
          { type: "lite", metadata: {}, data: { __proto: 1 } }
        ]
        yield* store.append("x".repeat(512), events)
        const stored = yield* dataOf(store.read("x".repeat(512)))
        assert.deepStrictEqual(
          stored,
          events.map(({ data }) => data)
        )
      })
    ))

  test("refuses a text that cannot name a stream, in every call that takes a stream", ({ use }) =>
    use((store) =>
      Effect.gen(function* () {
        const refused = { _tag: "InvalidStreamName" }
        for (const name of names) {
          assert.deepStrictEqual(yield* failing(store.append(name, numbered(1)), refused), refused)
          const second = [
            { stream: "order-1", events: numbered(1) },
            { stream: name, events: [] }
          ]
          assert.deepStrictEqual(yield* failing(store.appendAll(second), refused), refused)
          assert.deepStrictEqual(yield* failing(dataOf(store.read(name)), refused), refused)
          assert.deepStrictEqual(yield* failing(store.revision(name), refused), refused)
        }
        assert.deepStrictEqual(yield* tapeNames(store), [])
        assert.strictEqual(yield* store.position, 0)
      })
    ))

  test("refuses events for a tape of records, and leaves that tape unchanged", ({ use }) =>
    use((store) =>
      Effect.gen(function* () {
        yield* store.lib.createTape("order")
        const refused = { _tag: "TapeNotForEvents", tape: "order", stream: "order-1" }
        assert.deepStrictEqual(yield* failing(store.append("order-1", numbered(1)), refused), refused)
        const both = [
          { stream: "acc-1", events: numbered(1) },
          { stream: "order-1", events: numbered(1) }
        ]
        assert.deepStrictEqual(yield* failing(store.appendAll(both), refused), refused)
        const tape = yield* tapeOf(store, "order")
        yield* tape.append([{ $type: "Counted", stream: "order-1", revision: 0, position: 0 }])
        assert.strictEqual(yield* store.position, 0)
        assert.deepStrictEqual(yield* dataOf(store.readAll()), [])
        yield* store.append("acc-1", numbered(1))
        const owned = { _tag: "TapeOwned", tape: "acc" }
        const events = yield* tapeOf(store, "acc")
        assert.deepStrictEqual(yield* failing(events.append([{ a: 1 }]), owned), owned)
      })
    ))

  test("opens a lib only with the placement that it was created with, or none", ({ use, open }) =>
    Effect.gen(function* () {
      const hashed: Placement = { kind: "hashed", tapes: 4 }
      yield* use((store) => store.append("order-1", numbered(1)), { placement: hashed })
      const mismatch = { _tag: "SettingsMismatch", setting: "placement" }
      for (const placement of [
        { kind: "category" },
        { kind: "stream" },
        { kind: "single" },
        { kind: "hashed", tapes: 5 }
      ] as const) {
        assert.deepStrictEqual(yield* failing(Effect.scoped(open({ placement })), mismatch), mismatch)
        assert.deepStrictEqual(yield* failing(open({ placement, mode: "read" }), mismatch), mismatch)
      }
      for (const options of [{}, { placement: hashed }, { mode: "read" as const }]) {
        yield* use((store) => Effect.map(dataOf(store.readAll()), (data) => assert.deepStrictEqual(data, [0])), options)
      }
    }))

  test("appends nothing through a reader or a closed store, and reads nothing through a closed one", ({ use, open }) =>
    Effect.gen(function* () {
      const closed = yield* use((store) => Effect.as(store.append("order-1", numbered(2)), store))
      const ended = { _tag: "LibClosed" }
      assert.deepStrictEqual(yield* failing(closed.append("order-1", numbered(1)), ended), ended)
      assert.deepStrictEqual(yield* failing(dataOf(closed.read("order-1")), ended), ended)
      assert.deepStrictEqual(yield* failing(dataOf(closed.readAll()), ended), ended)
      assert.deepStrictEqual(yield* failing(closed.revision("order-1"), ended), ended)
      const reader = yield* open({ mode: "read" })
      const refused = { _tag: "ReadOnly" }
      assert.deepStrictEqual(yield* failing(reader.append("order-1", numbered(1)), refused), refused)
      assert.deepStrictEqual(yield* failing(reader.appendAll([]), refused), refused)
      assert.deepStrictEqual(yield* dataOf(reader.read("order-1")), numbers(2))
    }))

  test("refuses an append that exceeds the largest batch, whole", ({ use }) =>
    use(
      (store) =>
        Effect.gen(function* () {
          const large = { _tag: "BatchTooLarge", batchBytesMax: 2 ** 16 }
          const events = Array.from({ length: 80 }, () => ({ type: "A", data: "x".repeat(1000) }))
          assert.deepStrictEqual(yield* failing(store.append("order-1", events), large), large)
          assert.strictEqual(yield* store.position, 0)
          yield* store.append("order-1", events.slice(0, 50))
          assert.strictEqual(yield* store.revision("order-1"), 49)
        }),
      { limits: { batchBytesMax: 2 ** 16 } }
    ))
}
