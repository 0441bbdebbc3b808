import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { bytes, type Contract, open, openLib, reasonOf, text, unsafeNames } from "./support.ts"

const segment = "seg-000001.jsonl"
const sharded = "shard-0001/seg-000123.jsonl"

export const indexContract: Contract = (it, location) => {
  it.effect("an index is written, read in ranges, replaced, removed", () =>
    Effect.gen(function* () {
      const at = location()
      yield* Effect.scoped(
        Effect.gen(function* () {
          const root = yield* openLib(at)
          for (const name of [segment, sharded]) {
            yield* root.writeIndex("order", name, bytes(`first of ${name}`))
            yield* root.readIndexRanges("order", name, [[0, 5]])
            yield* root.writeIndex("order", name, bytes(`second of ${name}`))
            assert.deepStrictEqual(
              (yield* root.readIndexRanges("order", name, [
                [7, 2],
                [0, 6]
              ])).map(text),
              ["of", "second"]
            )
          }
        })
      )
      const root = yield* open(at)
      assert.strictEqual(yield* root.indexSize("order", segment), `second of ${segment}`.length)
      yield* root.readIndexRanges("order", segment, [[0, 5]])
      yield* root.removeIndex("order", segment)
      assert.isUndefined(yield* root.indexSize("order", segment))
      assert.strictEqual(yield* reasonOf(root.readIndexRanges("order", segment, [[0, 5]])), "not-found")
      assert.deepStrictEqual((yield* root.readIndexRanges("order", sharded, [[10, 100]])).map(text), [sharded])
    })
  )

  it.effect("an index that is not there is not found, and removing it succeeds", () =>
    Effect.gen(function* () {
      const root = yield* openLib(location())
      assert.isUndefined(yield* root.indexSize("order", segment))
      assert.strictEqual(yield* reasonOf(root.readIndexRanges("order", segment, [[0, 1]])), "not-found")
      yield* root.removeIndex("order", segment)
      assert.strictEqual(yield* reasonOf(root.writeIndex("absent", segment, bytes("x"))), "not-found")
    })
  )

  it.effect("an index is no segment, and writers of one at the same time leave one whole", () =>
    Effect.gen(function* () {
      const root = yield* openLib(location())
      const versions = ["aaaa", "bbbb", "cccc"]
      yield* Effect.forEach(versions, (version) => root.writeIndex("order", segment, bytes(version)), {
        concurrency: "unbounded"
      })
      const [read] = yield* root.readIndexRanges("order", segment, [[0, 100]])
      assert.include(versions, text(read))
      assert.deepStrictEqual(yield* root.listSegments("order"), [])
    })
  )

  it.effect("names that could lead elsewhere have no index", () =>
    Effect.gen(function* () {
      const root = yield* openLib(location())
      for (const name of unsafeNames) {
        assert.strictEqual(yield* reasonOf(root.writeIndex("order", name, bytes("x"))), "unsafe", JSON.stringify(name))
        assert.strictEqual(yield* reasonOf(root.readIndexRanges("order", name, [])), "unsafe")
        assert.strictEqual(yield* reasonOf(root.indexSize("order", name)), "unsafe")
        assert.strictEqual(yield* reasonOf(root.removeIndex("order", name)), "unsafe")
      }
    })
  )
}
