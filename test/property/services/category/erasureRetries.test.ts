/**
 * Retries of appends with encrypted fields, in any order with rotations and erasures: each gets its first result. Equal
 * events give equal bytes while the keys are the same.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as fc from "fast-check"
import * as Category from "litetapes/Category"
import * as Erasable from "litetapes/Erasable"
import * as EventStore from "litetapes/EventStore"
import * as KeyStore from "litetapes/KeyStore"
import * as MemoryStorage from "litetapes/MemoryStorage"
import { Storage } from "litetapes/Storage"
import { isDeepStrictEqual } from "node:util"
import { assert, describe, it } from "vitest"
import { openSession, storeOf } from "../../../support/openLib.ts"
import { runs } from "../../../support/runs.ts"

const schema = Schema.Struct({
  who: Schema.String,
  n: Schema.Int,
  texts: Schema.Array(Erasable.field(Schema.String, { subject: "who" })),
  other: Schema.optionalKey(Erasable.field(Schema.Unknown, { subject: () => "other" }))
})
const Noted = Category.versions(schema)
const Before = Category.make("note", { Noted })
// A later program: what it appends has another version, and a field more.
const After = Category.make("note", {
  Noted: Noted.next(Schema.Struct({ ...schema.fields, added: Schema.Int }), (data) => ({ ...data, added: 0 }))
})

interface Data {
  readonly who: string
  readonly n: number
  readonly texts: ReadonlyArray<string>
  readonly other?: unknown
}

const subject = fc.constantFrom("ada", "grace", "other")

const data: fc.Arbitrary<Data> = fc.record(
  {
    who: subject,
    n: fc.nat(3),
    texts: fc.array(fc.string({ maxLength: 4, unit: "grapheme" }), { maxLength: 3 }),
    // A record has no key `__proto__`, encrypted or not.
    other: fc.jsonValue().filter((value) => !JSON.stringify(value).includes("__proto__"))
  },
  { requiredKeys: ["who", "n", "texts"] }
)

/** How events are named and appended. */
const way = fc.constantFrom("ids", "command", "appendAll", "newer")

const append = fc.record({
  stream: fc.constantFrom("1", "2"),
  events: fc.array(data, { minLength: 1, maxLength: 3 }),
  way
})

type Append = typeof append extends fc.Arbitrary<infer A> ? A : never

const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ append }) },
  { weight: 1, arbitrary: fc.record({ rotate: subject }) },
  { weight: 1, arbitrary: fc.record({ forget: subject }) }
)

const subjectsOf = ({ events }: Append): ReadonlyArray<string> =>
  events.flatMap(({ other, texts, who }) => [
    ...(texts.length > 0 ? [who] : []),
    ...(other === undefined ? [] : ["other"])
  ])

const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

const appending = (
  store: EventStore.EventStore["Service"],
  n: number,
  { events, stream, way }: Append,
  isRetry: boolean
) => {
  const named = events.map((data, at) => ({
    type: "Noted" as const,
    data,
    ...(way === "command" ? {} : { id: `${n}-${at}` })
  }))
  if (way === "appendAll") {
    return Effect.flatMap(Effect.forEach(named, Before.encode), (encoded) =>
      Effect.map(store.appendAll([{ stream: `note-${stream}`, events: encoded }]), ([first]) => first!)
    )
  }
  const options = way === "command" ? { commandId: `${n}` } : {}
  if (way !== "newer" || !isRetry) return Before.append(stream, named, options)
  return After.append(
    stream,
    named.map((event) => ({ ...event, data: { ...event.data, added: 0 } })),
    options
  )
}

const isErasedOr = (read: unknown, given: unknown, isForgotten: boolean): boolean =>
  isForgotten ? Erasable.isErased(read) : isDeepStrictEqual(read, plain(given))

describe("appends with encrypted fields", () => {
  it("give the first result again, with keys that are there, rotated or destroyed, and the values until then", () =>
    fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 8 }), (steps) =>
        Effect.gen(function* () {
          const storage = yield* MemoryStorage.make
          const { close, lib } = yield* openSession(storage, "lib")
          const store = yield* storeOf(lib)
          const keys = yield* KeyStore.makeMemory
          const done: Array<{ readonly n: number; readonly append: Append; readonly result: EventStore.AppendResult }> =
            []
          const forgotten = new Set<string>()
          const run = Effect.gen(function* () {
            for (const [n, step] of steps.entries()) {
              if ("forget" in step) {
                yield* keys.forget(step.forget)
                forgotten.add(step.forget)
              } else if ("rotate" in step) {
                yield* Effect.result(keys.rotate(step.rotate))
              } else {
                const result = yield* Effect.result(appending(store, n, step.append, false))
                const isRefused = subjectsOf(step.append).some((one) => forgotten.has(one))
                assert.strictEqual(Result.isFailure(result), isRefused)
                if (Result.isSuccess(result)) done.push({ n, append: step.append, result: result.success })
                else assert.strictEqual(result.failure._tag, "SubjectForgotten")
              }
              const position = yield* store.position
              for (const { append, n, result } of done) {
                assert.deepStrictEqual(yield* appending(store, n, append, true), { ...result, repeated: true })
              }
              assert.strictEqual(yield* store.position, position)
            }
            // Other content is still a conflict, as far as it can be compared.
            for (const { append, n } of done) {
              const [first, ...rest] = append.events
              const other = { ...append, events: [{ ...first!, n: first!.n + 1 }, ...rest] }
              const conflict = yield* Effect.flip(appending(store, n, other, true))
              assert.strictEqual(conflict._tag, "EventIdConflict")
            }
            const read = yield* Stream.runCollect(Before.readAll())
            const given = done.flatMap(({ append }) => append.events)
            assert.strictEqual(read.length, given.length)
            for (const [at, { data }] of read.entries()) {
              const { n, other, texts, who } = given[at]!
              assert.strictEqual(data.n, n)
              for (const [i, text] of data.texts.entries())
                assert.isTrue(isErasedOr(text, texts[i], forgotten.has(who)))
              if (other !== undefined) assert.isTrue(isErasedOr(data.other, other, forgotten.has("other")))
            }
          })
          yield* run.pipe(
            Effect.provideService(EventStore.EventStore, store),
            Effect.provideService(KeyStore.KeyStore, keys),
            Effect.provideService(Storage, storage)
          )
          yield* close
        }).pipe(Effect.scoped, Effect.runPromise)
      ),
      { numRuns: Math.ceil(runs / 3) }
    ))
})
