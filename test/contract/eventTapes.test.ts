/** Whatever is done to a lib, `read`, `readAll`, `revision` and `append` agree on every stream, or fail. */
import { it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import * as fc from "fast-check"
import * as EventStore from "litetapes/EventStore"
import * as Lib from "litetapes/Lib"
import * as MemoryStorage from "litetapes/MemoryStorage"
import { assert, describe } from "vitest"
import { internalsOf } from "../../src/services/internals.ts"
import { existingTape, type LibService, openSession, tapeOf } from "../support/openLib.ts"
import { runs } from "../support/runs.ts"

const storeOf = (lib: LibService) => Effect.provideService(EventStore.make, Lib.Lib, lib)

/** The last four are on the shared tape. */
const streams = [
  "order-1",
  "order-2",
  "copy-1",
  "notes-1",
  "copy",
  "notes",
  "events-1",
  "0f1e2d3c-4b5a-4978-8796-a5b4c3d2e1f0"
]

/** What is done to a lib: the clones and the tapes of records take the places of categories. */
const act = fc.oneof(
  fc.record({ op: fc.constant("append" as const), stream: fc.constantFrom(...streams) }),
  fc.record({
    op: fc.constant("clone" as const),
    from: fc.constantFrom("order", "copy", "events"),
    to: fc.constantFrom("copy", "notes", "events")
  }),
  fc.record({ op: fc.constant("records" as const), tape: fc.constantFrom("notes", "copy", "events") }),
  fc.record({ op: fc.constant("flush" as const), tape: fc.constantFrom("order", "copy", "notes", "events") }),
  fc.record({ op: fc.constant("repack" as const), tape: fc.constantFrom("order", "copy", "events") })
)

const perform = (lib: LibService, one: typeof act extends fc.Arbitrary<infer A> ? A : never) =>
  Effect.gen(function* () {
    if (one.op === "append") return yield* (yield* storeOf(lib)).append(one.stream, [{ type: "Happened" }])
    if (one.op === "records") return yield* (yield* tapeOf(lib, one.tape)).append([{ n: 1 }])
    const tape = yield* existingTape(lib, one.op === "clone" ? one.from : one.tape)
    if (one.op === "clone") return yield* tape.clone(lib, one.to)
    return one.op === "flush" ? yield* tape.appendSegment : yield* tape.repack({ force: true })
  })

/** The last revision that each way of asking says: −1 without events, `undefined` if it fails with `TapeNotForEvents`. */
const said = (lib: LibService, stream: string) =>
  Effect.gen(function* () {
    const store = yield* storeOf(lib)
    const orRefused = <E extends { readonly _tag: string }>(effect: Effect.Effect<number, E>) =>
      Effect.flatMap(Effect.result(effect), (result) => {
        if (Result.isSuccess(result)) return Effect.succeed(result.success)
        assert.strictEqual(result.failure._tag, "TapeNotForEvents")
        return Effect.succeed(undefined)
      })
    const category = stream.split("-")[0]!
    const last = (events: ReadonlyArray<EventStore.RecordedEvent>) =>
      events.findLast((event) => event.stream === stream)?.revision ?? -1
    return {
      read: yield* orRefused(Effect.map(Stream.runCollect(store.read(stream)), last)),
      readAll: yield* orRefused(
        Effect.map(Stream.runCollect(store.readAll({ filter: { categories: [category] } })), last)
      ),
      revision: yield* orRefused(
        Effect.map(store.revision(stream), (revision) => (revision === "no-stream" ? -1 : revision))
      )
    }
  })

describe("read, readAll, revision and append", () => {
  it.effect("agree on every stream, or fail, whatever tapes stand in the places of categories", () =>
    Effect.promise(() =>
      fc.assert(
        fc.asyncProperty(fc.array(act, { maxLength: 12 }), (acts) =>
          Effect.runPromise(
            Effect.gen(function* () {
              const storage = yield* MemoryStorage.make
              const { close, lib } = yield* openSession(storage, "place", { closeBytes: 300 })
              for (const one of acts) yield* Effect.ignore(perform(lib, one))
              const reader = yield* openSession(storage, "place", { mode: "read" })
              for (const stream of streams) {
                const { read, readAll, revision } = yield* said(lib, stream)
                assert.strictEqual(revision, read, stream)
                // A category is on two tapes. It is refused as a whole if one of them holds records.
                const category = stream.split("-")[0]!
                const others = [yield* said(lib, category), yield* said(lib, `${category}-1`)]
                const isRefused = others.some((other) => other.revision === undefined)
                assert.strictEqual(readAll, isRefused ? undefined : read, stream)
                assert.deepStrictEqual(yield* said(reader.lib, stream), { read, readAll, revision }, stream)
                const store = yield* storeOf(lib)
                const expected = read === undefined || read === -1 ? "no-stream" : read
                const appended = yield* Effect.result(store.append(stream, [{ type: "Next" }], { expected }))
                if (read === undefined) {
                  assert.isTrue(Result.isFailure(appended) && appended.failure._tag === "TapeNotForEvents", stream)
                } else {
                  assert.isTrue(Result.isSuccess(appended) && appended.success.lastRevision === read + 1, stream)
                }
              }
              yield* reader.close
              yield* close
            })
          )
        ),
        { numRuns: runs }
      )
    )
  )
})

describe("the index of a segment", () => {
  it.effect("is rebuilt if it was made for another role: no stream looks empty", () =>
    Effect.gen(function* () {
      const storage = yield* MemoryStorage.make
      const { close, lib } = yield* openSession(storage, "place")
      const store = yield* storeOf(lib)
      yield* store.append("order-1", [{ type: "Placed" }, { type: "Paid" }])
      yield* (yield* existingTape(lib, "order")).appendSegment
      const { handle } = internalsOf(lib)
      const segment = (yield* handle.tapes.get("order")).state.segments[0]!
      // As a clone of the tape has it, which holds records.
      handle.segments.forget("order", segment.name)
      const asRecords = yield* handle.segments.index("order", "records", segment)
      assert.strictEqual(asRecords.header.kind, "records")
      assert.strictEqual((yield* Stream.runCollect(store.read("order-1"))).length, 2)
      assert.strictEqual(yield* store.revision("order-1"), 1)
      yield* close
      const again = yield* openSession(storage, "place")
      assert.strictEqual(yield* (yield* storeOf(again.lib)).revision("order-1"), 1)
      yield* again.close
    })
  )
})
