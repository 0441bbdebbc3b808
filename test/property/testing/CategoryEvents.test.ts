/** Events that are generated from the schemas of a category keep their promise: they are appended, stored and read. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as fc from "fast-check"
import * as Category from "litetapes/Category"
import * as EventStore from "litetapes/EventStore"
import * as MemoryStorage from "litetapes/MemoryStorage"
import { CategoryEvents } from "litetapes/testing"
import { assert, describe, it } from "vitest"
import { runs } from "../../support/runs.ts"

const Place = Schema.Struct({ city: Schema.String, at: Schema.Date, weights: Schema.Array(Schema.Number) })

const Mail = Category.make(
  "mail",
  {
    Sent: Category.versions(Schema.Struct({ grams: Schema.Int }))
      .merge(
        "Posted",
        Category.versions(Schema.BigInt).next(Schema.Int, (grams) => Number(grams % 1000n)),
        (grams) => ({ grams })
      )
      .next(Schema.Struct({ kilos: Schema.Finite }), ({ grams }) => ({ kilos: grams / 1000 })),
    Arrived: Place
  },
  {
    retired: { Weighed: Category.versions(Schema.Null).next(Schema.Boolean, () => false) },
    renamed: { Dispatched: "Sent" },
    metadata: Schema.Struct({ user: Schema.String, since: Schema.optional(Schema.Date) })
  }
)

const events = CategoryEvents.make(fc, Mail)

const fresh = Layer.provide(EventStore.layer("place"), MemoryStorage.layer)

describe("events that are generated from the schemas of a category", () => {
  it("can be appended, and are read as they were generated", () =>
    fc.assert(
      fc.asyncProperty(fc.array(events.event, { minLength: 1, maxLength: 5 }), (generated) =>
        Effect.gen(function* () {
          yield* Mail.append("1", generated)
          const read = yield* Stream.runCollect(Mail.read("1"))
          assert.deepStrictEqual<unknown>(
            read.map(({ type }) => type),
            generated.map(({ type }) => type)
          )
          // The JSON form of a number has no negative zero.
          const plain = (data: unknown) => JSON.stringify(data)
          assert.deepStrictEqual(
            read.map(({ data }) => plain(data)),
            generated.map(({ data }) => plain(data))
          )
        }).pipe(Effect.provide(fresh), Effect.runPromise)
      ),
      { numRuns: Math.ceil(runs / 4) }
    ))

  it("are read in every version and under every name", () => {
    const seen = new Map<string, string>()
    fc.assert(
      fc.property(events.history, (history) => {
        for (const [revision, event] of history.entries()) {
          assert.strictEqual(event.revision, revision)
          const { type } = Effect.runSync(Mail.decode(event))
          seen.set(`${event.type} ${String(event.metadata["schemaVersion"] ?? 1)}`, type)
        }
      }),
      { numRuns: runs }
    )
    assert.deepStrictEqual(
      [...seen].toSorted(),
      Mail.storedTypes()
        .map(({ name, type, version }) => [`${name} ${version}`, type])
        .toSorted()
    )
  })

  it("are of one type, or of one name and version, if that is asked for", () => {
    fc.assert(
      fc.property(events.eventOf("Arrived"), events.storedOf("Posted", 2), (arrived, posted) => {
        assert.instanceOf(arrived.data.at, Date)
        assert.strictEqual(posted.type, "Posted")
        assert.isTrue(Number.isSafeInteger(posted.data))
      }),
      { numRuns: runs }
    )
    assert.throws(() => events.eventOf("Weighed" as never), /no such event type/)
    assert.throws(() => events.storedOf("Sent", 3), /no such event type/)
  })

  it("are the same ones for the same seed, and shrink to small ones", () => {
    const sample = () => fc.sample(events.stored, { seed: 7, numRuns: 20 })
    assert.deepStrictEqual(sample(), sample())
    const found = fc.check(
      fc.property(events.eventOf("Arrived"), ({ data }) => data.weights.length < 2),
      { seed: 7 }
    )
    assert.isTrue(found.failed)
    assert.isAtMost(JSON.stringify(found.counterexample).length, 400)
  })

  it("are refused with a reason if the schema gives no value that can be stored", () => {
    const Hopeless = Category.make("hopeless", {
      Never: Schema.Int.check(Schema.makeFilter(() => false))
    })
    assert.throws(() => fc.sample(CategoryEvents.make(fc, Hopeless).event, 1), /no event of Never, version 1/)
  })
})
