/** The event store over a tape that is recovered while its streams are in use. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { changeRoot } from "../../support/changeRoot.ts"
import { flipped } from "../../support/copyLib.ts"
import { damagedLib, segmentFile } from "../../support/damagedLib.ts"
import { spoilEvents } from "../../support/forgedBatch.ts"
import { flush, storeOf, type StorageService, tagOf, tapeOf } from "../../support/openLib.ts"
import { Given } from "../../support/salvaged.ts"
import { rewrite, type TransformKind, withLib } from "../../support/transformGround.ts"

/** Delays every read of an index. */
const slowIndexes = (storage: StorageService): StorageService => ({
  open: (location, mode) =>
    Effect.map(storage.open(location, mode), (root) =>
      changeRoot(root, {
        derived: { getRanges: (key, ranges) => Effect.delay(root.derived.getRanges(key, ranges), "10 millis") }
      })
    )
})

export const recoverStreamsContract = (kind: TransformKind): void => {
  describe("recover", () => {
    it.live("makes concurrent appends to a shortened stream continue after what it may have lost", () =>
      Effect.gen(function* () {
        const five = Array.from({ length: 5 }, () => ({ type: "Happened" }))
        const { at, loseMeta, storage } = yield* damagedLib(kind, {
          write: (lib) =>
            Effect.gen(function* () {
              const store = yield* storeOf(lib)
              for (const _ of [1, 2]) {
                yield* store.append("order-1", five)
                yield* flush(lib, "order")
              }
            }),
          damage: (root) => rewrite(root, "order", segmentFile(2), (bytes) => flipped(bytes, 20, 1))
        })
        yield* withLib(slowIndexes(storage), at, (lib) =>
          Effect.gen(function* () {
            const store = yield* storeOf(lib)
            assert.deepInclude(yield* store.append("order-1", []), { lastRevision: 9 })
            yield* loseMeta(at, "order")
            assert.deepInclude(yield* lib.recoverTape("order"), { records: 5 })
            const append = store.append("order-1", [{ type: "Again" }])
            const results = yield* Effect.all([append, append, append], { concurrency: "unbounded" })
            assert.deepStrictEqual(
              results.map(({ firstRevision }) => firstRevision).toSorted((a, b) => a - b),
              [10, 11, 12]
            )
            assert.strictEqual(yield* store.revision("order-1"), 12)
          })
        )
      })
    )

    for (const gone of [[], [1], [2], [3], [1, 3]]) {
      it.live(`gives no revision again that was lost with segments [${gone.join(", ")}] and the meta`, () =>
        Effect.gen(function* () {
          const { loseMeta, at, open, written } = yield* damagedLib(kind, {
            write: (lib) =>
              Effect.gen(function* () {
                const store = yield* storeOf(lib)
                for (const n of [1, 2, 3]) {
                  for (const stream of ["a-1", "b-1", `a-${n + 1}`]) yield* store.append(stream, [{ type: "Happened" }])
                  yield* flush(lib, "a")
                }
                return yield* Stream.runCollect(store.readAll())
              }),
            damage: (root) =>
              Effect.forEach(gone, (n) => rewrite(root, "a", segmentFile(n), (bytes) => flipped(bytes, 20, 1)))
          })
          yield* loseMeta(at, "a")
          yield* open((lib) =>
            Effect.gen(function* () {
              const { losses } = yield* lib.recoverTape("a")
              assert.lengthOf(losses, gone.length)
              const { ok, lost } = yield* lib.verify()
              assert.isTrue(ok)
              assert.lengthOf(lost, gone.length)
              const store = yield* storeOf(lib)
              const given = new Given()
              for (const event of written) given.add(event)
              for (const stream of ["a-1", "a-2", "a-3", "a-4", "a-5"]) {
                const { firstPosition, firstRevision } = yield* store.append(stream, [{ type: "After" }])
                given.add({ stream, revision: firstRevision, position: firstPosition })
              }
              const whole = yield* Effect.result(Stream.runCollect(store.readAll()))
              assert.strictEqual(
                whole._tag === "Failure" ? whole.failure._tag : "all",
                gone.length > 0 ? "EventsLost" : "all"
              )
              yield* lib.acceptLoss("a")
              assert.lengthOf(yield* Stream.runCollect(store.readAll()), 9 - 2 * gone.length + 5)
            })
          )
        })
      )
    }

    it.live("refuses a tape with a committed line that is not an event, and stops no writer", () =>
      Effect.gen(function* () {
        const { open } = yield* damagedLib(kind, {
          crash: (lib) =>
            Effect.gen(function* () {
              const store = yield* storeOf(lib)
              for (const type of ["Made", "Paid", "Sent"]) yield* store.append("order-1", [{ type }])
            }),
          damage: (root) => spoilEvents(root, "Paid"),
          lose: ["order"]
        })
        yield* open((lib) =>
          Effect.gen(function* () {
            const notes = yield* tapeOf(lib, "notes")
            assert.strictEqual(yield* tagOf(lib.recoverTape("order")), "SegmentCorrupt")
            assert.deepInclude(yield* notes.append([{ n: 1 }]), { firstOrdinal: 0, records: 1 })
          })
        )
      })
    )
  })
}
