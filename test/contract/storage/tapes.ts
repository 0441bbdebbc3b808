import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { bytes, type Contract, open, openLib, reasonOf, text, unsafeNames } from "./support.ts"

export const tapeContract: Contract = (it, location) => {
  it.effect("a tape appears with its meta and is there when the lib is opened again", () =>
    Effect.gen(function* () {
      const at = location()
      yield* Effect.scoped(
        Effect.gen(function* () {
          const root = yield* openLib(at)
          yield* root.createTape("account", bytes("account\n"))
        })
      )
      const root = yield* open(at)
      assert.deepStrictEqual(yield* root.listTapes, ["account", "order"])
      assert.strictEqual(text((yield* root.readMeta("account"))?.bytes), "account\n")
      assert.deepStrictEqual(yield* root.listSegments("account"), [])
    })
  )

  it.effect("a namesake makes way with all that it had", () =>
    Effect.gen(function* () {
      const root = yield* openLib(location())
      for (const made of ["first", "second", "third"]) {
        yield* root.writeSegment("order", "seg-000001.jsonl", (append) => append(bytes("old\n")))
        yield* root.writeSegment("order", "shard-0001/seg-000002.jsonl", (append) => append(bytes("old\n")))
        yield* root.writeIndex("order", "seg-000001.jsonl", bytes("index"))
        // Read, so that they are open when the tape is moved.
        yield* root.readSegment("order", "seg-000001.jsonl", 0, 10)
        yield* root.readIndexRanges("order", "seg-000001.jsonl", [[0, 1]])
        yield* root.createTape("order", bytes(made))
        assert.strictEqual(text((yield* root.readMeta("order"))?.bytes), made)
        assert.deepStrictEqual(yield* root.listSegments("order"), [])
        assert.isUndefined(yield* root.segmentSize("order", "seg-000001.jsonl"))
        assert.strictEqual(yield* reasonOf(root.readSegment("order", "seg-000001.jsonl", 0, 10)), "not-found")
        assert.strictEqual(yield* reasonOf(root.readIndexRanges("order", "seg-000001.jsonl", [[0, 1]])), "not-found")
      }
      assert.deepStrictEqual(yield* root.listTapes, ["order"])
    })
  )

  it.effect("names that could lead elsewhere are no tapes", () =>
    Effect.gen(function* () {
      const root = yield* openLib(location())
      for (const name of [...unsafeNames, "litelib.x", "order/x", "order.tmp"]) {
        assert.strictEqual(yield* reasonOf(root.createTape(name, bytes("x"))), "unsafe", JSON.stringify(name))
        assert.strictEqual(yield* reasonOf(root.listSegments(name)), "unsafe", JSON.stringify(name))
      }
      assert.deepStrictEqual(yield* root.listTapes, ["order"])
    })
  )
}
