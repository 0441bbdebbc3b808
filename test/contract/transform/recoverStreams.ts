/** The event store over a tape that is recovered while its streams are in use. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { flipped } from "../../support/copyLib.ts"
import { existingTape, storeOf, type StorageService, withLib } from "../../support/openLib.ts"
import { rewrite, tamper, type TransformKind } from "../../support/transformGround.ts"

/** Every look into an index takes its time. */
const slowIndexes = (storage: StorageService): StorageService => ({
  open: (location, mode) =>
    Effect.map(storage.open(location, mode), (root) => ({
      ...root,
      readIndexRanges: (tape, segment, ranges) => Effect.delay(root.readIndexRanges(tape, segment, ranges), "10 millis")
    }))
})

export const recoverStreamsContract = ({ ground, place }: TransformKind): void => {
  describe("recover", () => {
    it.live("streams that it made shorter go on from where they are now, however many ask at once", () =>
      Effect.gen(function* () {
        const { loseMeta, storage } = yield* ground
        const at = place()
        const five = Array.from({ length: 5 }, () => ({ type: "Happened" }))
        yield* withLib(storage, at, (lib) =>
          Effect.gen(function* () {
            const store = yield* storeOf(lib)
            for (const _ of [1, 2]) {
              yield* store.append("order-1", five)
              yield* Effect.flatMap(existingTape(lib, "order"), (tape) => tape.appendSegment)
            }
          })
        )
        yield* tamper(storage, at, (root) =>
          rewrite(root, "order", "seg-000002.jsonl", (bytes) => flipped(bytes, 20, 1))
        )
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
              [5, 6, 7]
            )
            assert.strictEqual(yield* store.revision("order-1"), 7)
          })
        )
      })
    )
  })
}
