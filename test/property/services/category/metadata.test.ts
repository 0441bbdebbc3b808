/** Whatever schema the metadata of a category has, and with whatever marks: it is read back, or nothing is stored. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as fc from "fast-check"
import * as Category from "litetapes/Category"
import * as EventStore from "litetapes/EventStore"
import * as MemoryStorage from "litetapes/MemoryStorage"
import { afterAll, assert, describe, it } from "vitest"
import { runs } from "../../../support/runs.ts"
import { isSame } from "../../../support/schemas.ts"

const runtime = ManagedRuntime.make(Layer.provide(EventStore.layer("place"), MemoryStorage.layer))
afterAll(() => runtime.dispose())

type Given = { readonly [key: string]: unknown }

interface Sample {
  readonly schema: Schema.Codec<unknown, unknown>
  readonly metadata: Given
}

const text = fc.oneof(
  fc.constantFrom("checkout", "0012", "12", " a ", "", crypto.randomUUID()),
  fc.string({ maxLength: 4 })
)

/** Schemas of one value, with values that they accept. */
const value: fc.Arbitrary<{ readonly schema: Schema.Codec<unknown, unknown>; readonly value: unknown }> = fc.oneof(
  fc.record({ schema: fc.constant(Schema.String), value: text }),
  fc.record({ schema: fc.constant(Schema.Int), value: fc.integer() }),
  fc.record({ schema: fc.constant(Schema.FiniteFromString), value: fc.integer() }),
  fc.record({ schema: fc.constant(Schema.Date), value: fc.date({ noInvalidDate: true }) }),
  fc.record({ schema: fc.constant(Schema.Trim), value: fc.constantFrom("a", "b c") }),
  fc.record({ schema: fc.constant(Schema.String.check(Schema.isUUID())), value: fc.uuid() }),
  fc.record({ schema: fc.constant(Schema.String.check(Schema.isMaxLength(3))), value: fc.string({ maxLength: 3 }) })
)

const key = fc.constantFrom("user", "correlationId", "causationId", "a")

const struct: fc.Arbitrary<Sample> = fc
  .uniqueArray(fc.record({ key, value, isGiven: fc.boolean() }), { selector: (field) => field.key, maxLength: 3 })
  .map((fields) => ({
    schema: Schema.Struct(Object.fromEntries(fields.map((field) => [field.key, Schema.optional(field.value.schema)]))),
    metadata: Object.fromEntries(fields.flatMap((field) => (field.isGiven ? [[field.key, field.value.value]] : [])))
  }))

const record: fc.Arbitrary<Sample> = fc.tuple(value, fc.array(key, { maxLength: 2 })).map(([one, keys]) => ({
  schema: Schema.Record(Schema.String, one.schema),
  metadata: Object.fromEntries(keys.map((name) => [name, one.value]))
}))

const rest: fc.Arbitrary<Sample> = fc.tuple(record, fc.boolean()).map(([one, isGiven]) => ({
  schema: Schema.StructWithRest(Schema.Struct({ named: Schema.optional(Schema.Any) }), [one.schema as never]),
  metadata: isGiven ? one.metadata : {}
}))

const strict: fc.Arbitrary<Sample> = struct.map(({ metadata, schema }) => ({
  schema: schema.annotate({ parseOptions: { onExcessProperty: "error" } }),
  metadata
}))

const union: fc.Arbitrary<Sample> = fc.tuple(struct, fc.oneof(struct, record), fc.boolean()).map(([a, b, isFirst]) => ({
  schema: Schema.Union([a.schema, b.schema]),
  metadata: isFirst ? a.metadata : b.metadata
}))

const marks = fc.record({ correlationId: text, causationId: text }, { requiredKeys: [] })

/** A mark that the caller gave although the schema does not name it. */
const besides = fc.record({ correlationId: fc.oneof(text, fc.integer()) }, { requiredKeys: [] })

let streams = 0

describe("the metadata of a category", () => {
  it("is read back with the marks of the append, or nothing is stored", () =>
    fc.assert(
      fc.asyncProperty(fc.oneof(struct, record, rest, strict, union), marks, besides, async (sample, options, more) => {
        const metadata = { ...more, ...sample.metadata }
        const category = () =>
          Category.make("kind", { Happened: Schema.Null }, { metadata: sample.schema as Schema.Codec<Given, unknown> })
        const outcome = await runtime.runPromise(
          Effect.gen(function* () {
            const store = yield* EventStore.EventStore
            const id = `${(streams += 1)}`
            const before = yield* store.position
            const events = [{ type: "Happened" as const, data: null, metadata }]
            const result = yield* Effect.result(category().append(id, events, options))
            const appended = (yield* store.position) - before
            if (Result.isFailure(result)) return { refused: result.failure._tag, appended, read: undefined }
            const [event] = yield* Stream.runCollect(category().read(id))
            return { refused: undefined, appended, read: event!.metadata as Given }
          })
        )
        if (outcome.refused !== undefined) {
          assert.include(["EventSchemaError", "TaraSONError"], outcome.refused)
          return assert.strictEqual(outcome.appended, 0)
        }
        for (const [name, mark] of Object.entries(options)) {
          if (!Object.hasOwn(metadata, name)) assert.strictEqual(String(outcome.read![name]), mark)
        }
        for (const [name, read] of Object.entries(outcome.read!)) {
          // A member of a union may drop fields of another one, and a mark then takes the place.
          const wanted: ReadonlyArray<unknown> = [metadata[name as never], options[name as never]]
          assert.isTrue(wanted.some((one) => isSame(one, read)) || String(read) === wanted[1], name)
        }
      }),
      { numRuns: runs * 5 }
    ))
})
