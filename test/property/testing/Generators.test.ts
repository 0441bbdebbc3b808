/**
 * The public generators keep their promise: what they call good is accepted, what they call bad is refused for the
 * given reason.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as fc from "fast-check"
import { InvalidTapeName, checkTapeName } from "litetapes/Names"
import * as EventStore from "litetapes/EventStore"
import * as MemoryStorage from "litetapes/MemoryStorage"
import * as NodeStorage from "litetapes/NodeStorage"
import { checkStreamName, InvalidStreamName } from "litetapes/Placement"
import { History } from "litetapes/testing"
import * as TaraSON from "litetapes/TaraSON"
import { TaraSONError } from "litetapes/TaraSONError"
import { assert, describe, it } from "vitest"
import { temporaryFolder } from "../../support/temporaryFolder.ts"
import { generators } from "../../support/arbitraries.ts"
import { runs } from "../../support/runs.ts"

const check = <Ts extends [unknown, ...Array<unknown>]>(property: fc.IProperty<Ts>, factor = 1) =>
  fc.assert(property, { numRuns: runs * factor })

/** Returns the reason with which `run` throws a `TaraSONError`. */
const reasonOf = (run: () => unknown): string => {
  try {
    run()
  } catch (error) {
    assert.instanceOf(error, TaraSONError)
    return (error as TaraSONError).reason._tag
  }
  return "taken"
}

const depthOf = (value: TaraSON.Json): number =>
  typeof value !== "object" || value === null ? 0 : 1 + Math.max(0, ...Object.values(value).map(depthOf))

describe("generated records", () => {
  it("are accepted, the deepest ones too, which have exactly the largest depth", () =>
    check(
      fc.property(generators.record, generators.deepestRecord, (record, deepest) => {
        TaraSON.encode(record)
        TaraSON.encode(deepest)
        assert.strictEqual(depthOf(deepest), 128)
        assert.strictEqual(
          reasonOf(() => TaraSON.encode({ more: deepest })),
          "NestingTooDeep"
        )
      })
    ))

  it("that are invalid are refused for the given reason", () =>
    check(
      fc.property(generators.refusedRecord, ({ record, reason }) => {
        assert.strictEqual(
          reasonOf(() => TaraSON.encode(record)),
          reason
        )
      }),
      3
    ))

  it("whose lines are invalid in a segment are refused for the given reason", () =>
    check(
      fc.property(generators.refusedLine, ({ line, reason }) => {
        assert.strictEqual(
          reasonOf(() => TaraSON.parseCanonical(line)),
          reason
        )
      }),
      3
    ))

  it("are refused for every possible reason", () => {
    const found = new Set([
      ...fc.sample(generators.refusedRecord, 500).map(({ reason }) => reason),
      ...fc.sample(generators.refusedLine, 500).map(({ reason }) => reason)
    ])
    const all = [
      "NotJsonValue",
      "UnrepresentableNumber",
      "IllFormedString",
      "ForbiddenKey",
      "ReservedType",
      "NotARecord"
    ]
    const ofLines = ["NestingTooDeep", "RecordTooLarge", "InvalidEncoding", "NotJson", "DuplicateKey", "NotCanonical"]
    assert.sameMembers([...found], [...all, ...ofLines])
  })
})

describe("generated lines", () => {
  it("are canonical, and some occur twice", () => {
    let repeats = 0
    check(
      fc.property(generators.lines, (lines) => {
        for (const line of lines) TaraSON.parseCanonical(line)
        if (new Set(lines.map((line) => Buffer.from(line).toString("latin1"))).size < lines.length) repeats++
      })
    )
    assert.isAbove(repeats, 0)
  })
})

describe("generated names", () => {
  it("of tapes and streams are accepted or refused as announced", () =>
    check(
      fc.property(
        generators.tapeName,
        generators.refusedTapeName,
        generators.streamName,
        generators.refusedStreamName,
        (tape, noTape, stream, noStream) => {
          assert.strictEqual(checkTapeName(tape), tape)
          assert.throws(() => checkTapeName(noTape), InvalidTapeName)
          assert.strictEqual(checkStreamName(stream), stream)
          assert.throws(() => checkStreamName(noStream), InvalidStreamName)
        }
      ),
      5
    ))
})

describe("generated events", () => {
  it("are stored, or refused with the given error", async () => {
    const property = fc.asyncProperty(
      generators.event,
      generators.refusedEvent,
      async (event, { event: bad, error }) => {
        const tried = Effect.gen(function* () {
          const store = yield* EventStore.open("place")
          const result = yield* store.append("order-1", [event])
          assert.strictEqual(result.lastRevision, 0)
          return yield* store.append("order-1", [bad])
        })
        const exit = await Effect.runPromiseExit(Effect.scoped(Effect.provide(tried, MemoryStorage.layer)))
        assert.isTrue(Exit.isFailure(exit))
        assert.strictEqual(
          (Cause.squash((exit as Exit.Failure<unknown, unknown>).cause) as { _tag: string })._tag,
          error
        )
      }
    )
    await fc.assert(property, { numRuns: runs })
  })
})

describe("generated queries", () => {
  it("are accepted, or refused where they say", async () => {
    const property = fc.asyncProperty(
      generators.query(),
      generators.refusedQuery,
      generators.refusedTags,
      generators.tag,
      async (query, refused, tags, tag) => {
        const tried = Effect.gen(function* () {
          const store = yield* EventStore.open("place")
          yield* store.append("order-1", [{ type: "Opened", tags: [tag] }])
          for (const wanted of [query, [{ tags: [tag] }]]) {
            const { boundary } = yield* store.query(wanted)
            yield* store.append("order-1", [], { condition: { failIfEventsMatch: wanted, after: boundary } })
          }
          const failIfEventsMatch = refused.query as EventStore.Query
          assert.deepInclude(yield* Effect.flip(store.query(failIfEventsMatch)), {
            _tag: "InvalidArgument",
            argument: `query${refused.at}`
          })
          const appending = store.append("order-1", [], { condition: { failIfEventsMatch, after: "nothing" } })
          assert.deepInclude(yield* Effect.flip(appending), {
            _tag: "InvalidArgument",
            argument: `options.condition.failIfEventsMatch${refused.at}`
          })
          const wrong = yield* Effect.flip(store.append("order-1", [{ type: "Opened", tags }]))
          assert.match(`${wrong._tag} ${wrong.message}`, /^InvalidEvent .* its tags\[\d\] must /)
        })
        await Effect.runPromise(Effect.scoped(Effect.provide(tried, MemoryStorage.layer)))
      }
    )
    await fc.assert(property, { numRuns: runs })
  })
})

const newFolder = temporaryFolder()

describe.each([
  { name: "memory", make: MemoryStorage.make, place: () => "place", operationsMax: 20 },
  { name: "a folder", make: NodeStorage.make, place: newFolder, operationsMax: 10 }
])("a lib in $name", ({ make, place, operationsMax }) => {
  it("agrees with any generated history", { timeout: 60_000 + 1000 * runs }, async () => {
    const property = fc.asyncProperty(generators.history({ operationsMax }), (history) =>
      Effect.runPromise(Effect.flatMap(make, (storage) => History.run(storage, place(), history)))
    )
    await fc.assert(property, { numRuns: runs })
  })

  it("does not agree with another history", async () => {
    const history: ReadonlyArray<History.Operation> = [{ op: "append", tape: "alpha", records: [{ n: 1 }] }]
    const failure = await Effect.runPromise(
      Effect.gen(function* () {
        const storage = yield* make
        const at = place()
        yield* History.run(storage, at, history)
        return yield* Effect.flip(History.run(storage, at, history))
      })
    )
    assert.strictEqual(failure._tag, "ConformanceFailure")
    assert.match(failure.what, /whether opening created the lib/)
  })
})
