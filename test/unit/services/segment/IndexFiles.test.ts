import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as MemoryStorage from "../../../../src/layers/MemoryStorage.ts"
import * as IndexFiles from "../../../../src/services/segment/IndexFiles.ts"

/** Returns the derived files of a new lib with one tape. */
const make = Effect.gen(function* () {
  const storage = yield* MemoryStorage.make
  const root = yield* storage.open("lib", "write")
  yield* root.tapes.create("order", new Uint8Array())
  return root.derived
})

const bytes = Buffer.from("an index")

describe("index files", () => {
  it.effect("have the names of the format, also in shards", () =>
    Effect.gen(function* () {
      const derived = yield* make
      for (const segment of ["seg-000001.jsonl", "seg-000002.jsonl.gz", "shard-0001/seg-000123.jsonl.zst"]) {
        yield* IndexFiles.write(derived, "order", segment, bytes)
      }
      assert.deepStrictEqual(yield* derived.list("order", "index"), [
        "seg-000001.jsonl.idx",
        "seg-000002.jsonl.gz.idx",
        "shard-0001_seg-000123.jsonl.zst.idx"
      ])
    })
  )

  it.effect("are written, read in ranges, measured and removed", () =>
    Effect.gen(function* () {
      const derived = yield* make
      const segment = "shard-0001/seg-000123.jsonl"
      assert.isUndefined(yield* IndexFiles.size(derived, "order", segment))
      yield* IndexFiles.write(derived, "order", segment, bytes)
      assert.strictEqual(yield* IndexFiles.size(derived, "order", segment), 8)
      const ranges = yield* IndexFiles.readRanges(derived, "order", segment, [
        [3, 100],
        [0, 2]
      ])
      assert.deepStrictEqual(
        ranges.map((range) => Buffer.from(range).toString()),
        ["index", "an"]
      )
      yield* IndexFiles.remove(derived, "order", segment)
      yield* IndexFiles.remove(derived, "order", segment)
      const error = yield* Effect.flip(IndexFiles.readRanges(derived, "order", segment, [[0, 1]]))
      assert.strictEqual(error.reason, "not-found")
    })
  )

  it.effect("are refused for a name that is not that of a segment", () =>
    Effect.gen(function* () {
      const derived = yield* make
      for (const segment of ["", "..", "../seg-000001.jsonl", "index/seg-000001.jsonl", "seg-1.jsonl", "a/../b"]) {
        for (const effect of [
          IndexFiles.write(derived, "order", segment, bytes),
          IndexFiles.readRanges(derived, "order", segment, []),
          IndexFiles.size(derived, "order", segment),
          IndexFiles.remove(derived, "order", segment)
        ]) {
          const error = yield* Effect.flip<unknown, { readonly reason: string }, never>(effect)
          assert.strictEqual(error.reason, "unsafe", JSON.stringify(segment))
        }
      }
      assert.deepStrictEqual(yield* derived.list("order", "index"), [])
    })
  )
})
