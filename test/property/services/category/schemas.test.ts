/** Whatever schema an event type has: its events are read back as they were appended, or nothing is stored. */
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
import * as TaraSON from "litetapes/TaraSON"
import { afterAll, assert, describe, it } from "vitest"
import { runs } from "../../../support/runs.ts"
import { anything, isSame, type Sample, storable } from "../../../support/schemas.ts"

const runtime = ManagedRuntime.make(Layer.provide(EventStore.layer("place"), MemoryStorage.layer))
afterAll(() => runtime.dispose())

let streams = 0

interface Outcome {
  /** Tag of the error that refused the append. */
  readonly refused: string | undefined
  readonly read: unknown
  /** Canonical form of the stored data. */
  readonly stored: string | undefined
  readonly appended: number
}

/** Appends the sample, and reads it through another category, as another process would. */
const roundTrip = ({ sample, schema }: Sample): Effect.Effect<Outcome, unknown, EventStore.EventStore> =>
  Effect.gen(function* () {
    const store = yield* EventStore.EventStore
    const id = `${(streams += 1)}`
    const before = yield* store.position
    const category = () => Category.make("kind", { Happened: schema })
    const result = yield* Effect.result(category().append(id, [{ type: "Happened", data: sample }]))
    const appended = (yield* store.position) - before
    if (Result.isFailure(result)) return { refused: result.failure._tag, read: undefined, stored: undefined, appended }
    const [event] = yield* Stream.runCollect(category().read(id))
    const [stored] = yield* Stream.runCollect(store.read(`kind-${id}`))
    return { refused: undefined, read: event!.data, stored: TaraSON.encodeValue(stored!.data), appended }
  })

const attempt = <A>(run: () => A): A | undefined => {
  try {
    return run()
  } catch {
    return undefined
  }
}

/** Canonical form of what the schema alone encodes the sample to; `undefined` if that is not JSON. */
const plainOf = ({ sample, schema }: Sample): string | undefined => {
  const encoded = attempt(() => Schema.encodeUnknownResult(schema)(sample))
  if (encoded === undefined || Result.isFailure(encoded)) return undefined
  return attempt(() => TaraSON.encodeValue(encoded.success))
}

/** What the schema makes of the sample by itself, in memory. */
const ownOf = ({ sample, schema }: Sample): unknown =>
  attempt(() => Schema.decodeUnknownSync(schema)(Schema.encodeUnknownSync(schema)(sample)))

/** What the schema alone decodes a stored value to. */
const plainlyRead = ({ schema }: Sample, stored: string): Result.Result<unknown, unknown> | undefined =>
  attempt(() => Schema.decodeUnknownResult(schema)(JSON.parse(stored)))

describe("the schema of an event type", () => {
  it("that has a JSON form stores every value, and reads it back", () =>
    fc.assert(
      fc.asyncProperty(storable, async (sample) => {
        const { appended, read, refused } = await runtime.runPromise(roundTrip(sample))
        assert.strictEqual(refused, undefined)
        assert.strictEqual(appended, 1)
        assert.isTrue(isSame(sample.sample, read), fc.stringify(read))
      }),
      { numRuns: runs * 5 }
    ))

  it("of any kind stores nothing that is read back as another value than the schema itself makes of it", () =>
    fc.assert(
      fc.asyncProperty(anything, async (sample) => {
        const { appended, read, refused, stored } = await runtime.runPromise(roundTrip(sample))
        if (refused !== undefined) {
          assert.include(["EventSchemaError", "TaraSONError"], refused)
          return assert.strictEqual(appended, 0)
        }
        if (isSame(sample.sample, read)) return
        // A member of a union may drop fields, or be Void, which takes anything: that is what the schema means.
        assert.isTrue(isSame(ownOf(sample), read), fc.stringify(read))
        // But what is read must be stored as the same, so that it does not change again.
        const again = plainOf({ ...sample, sample: read })
        if (again !== undefined) assert.strictEqual(again, stored)
      }),
      { numRuns: runs * 5 }
    ))

  it("keeps the bytes, and the reading, of every value that it encodes to JSON by itself", () =>
    fc.assert(
      fc.asyncProperty(fc.oneof(storable, anything), async (sample) => {
        const plain = plainOf(sample)
        const own = plain === undefined ? undefined : plainlyRead(sample, plain)
        if (plain === undefined || own === undefined || Result.isFailure(own)) return
        const { refused, stored } = await runtime.runPromise(roundTrip(sample))
        // What the schema itself reads as another value is refused.
        if (refused === undefined) assert.strictEqual(stored, plain)
        else assert.isFalse(isSame(sample.sample, own.success), fc.stringify(sample.sample))
        // Stored by a release that knew only what the schema itself encodes.
        const read = await runtime.runPromise(
          Effect.gen(function* () {
            const store = yield* EventStore.EventStore
            const id = `${(streams += 1)}`
            yield* store.append(`kind-${id}`, [{ type: "Happened", data: JSON.parse(plain) }])
            return yield* Stream.runCollect(Category.make("kind", { Happened: sample.schema }).read(id))
          })
        )
        assert.isTrue(isSame(own.success, read[0]!.data), fc.stringify(read))
      }),
      { numRuns: runs * 5 }
    ))
})
