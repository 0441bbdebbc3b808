import { assert } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { bytes, type Contract, open, openLib, pattern, reasonOf, text, unsafeNames } from "./support.ts"

const segment = "seg-000001.jsonl"
const sharded = "shard-0001/seg-000123.jsonl.zst"

export const segmentContract: Contract = (it, location) => {
  it.effect("a segment is written whole, out of its chunks, and gives what fill gave", () =>
    Effect.gen(function* () {
      const at = location()
      const big = pattern(5 * 1024 * 1024)
      yield* Effect.scoped(
        Effect.gen(function* () {
          const root = yield* openLib(at)
          for (const name of [segment, sharded, "shard-0001/seg-000124.jsonl"]) {
            const result = yield* root.writeSegment("order", name, (append) =>
              Effect.gen(function* () {
                yield* append(bytes("one\n"))
                assert.isUndefined(yield* root.segmentSize("order", name))
                yield* append(new Uint8Array())
                yield* append(big)
                return 42
              })
            )
            assert.strictEqual(result, 42)
          }
        })
      )
      const root = yield* open(at)
      assert.deepStrictEqual(yield* root.listSegments("order"), [segment, sharded, "shard-0001/seg-000124.jsonl"])
      for (const name of [segment, sharded]) {
        assert.strictEqual(yield* root.segmentSize("order", name), big.length + 4)
        assert.deepStrictEqual(yield* root.readSegment("order", name, 4, big.length), big)
      }
    })
  )

  it.effect("an empty segment is one", () =>
    Effect.gen(function* () {
      const root = yield* openLib(location())
      yield* root.writeSegment("order", segment, () => Effect.void)
      assert.strictEqual(yield* root.segmentSize("order", segment), 0)
      assert.strictEqual(text(yield* root.readSegment("order", segment, 0, 10)), "")
    })
  )

  it.effect("a read is short at the end only, and ranges keep their order", () =>
    Effect.gen(function* () {
      const root = yield* openLib(location())
      const all = pattern(200_000)
      yield* root.writeSegment("order", segment, (append) => append(all))
      assert.deepStrictEqual(yield* root.readSegment("order", segment, 199_990, 100), all.slice(199_990))
      assert.deepStrictEqual(yield* root.readSegment("order", segment, 199_990, 100_000), all.slice(199_990))
      assert.deepStrictEqual(yield* root.readSegment("order", segment, 500_000, 100_000), new Uint8Array())
      const many = Array.from({ length: 2000 }, (_, i) => [(i * 7919) % 200_000, 900] as const)
      assert.deepStrictEqual(
        yield* root.readSegmentRanges("order", segment, many),
        many.map(([offset, length]) => all.slice(offset, offset + length))
      )
    })
  )

  it.effect("what is not there is not found, and removing it succeeds", () =>
    Effect.gen(function* () {
      const root = yield* openLib(location())
      for (const name of [segment, sharded]) {
        assert.isUndefined(yield* root.segmentSize("order", name))
        assert.strictEqual(yield* reasonOf(root.readSegment("order", name, 0, 1)), "not-found")
        assert.strictEqual(yield* reasonOf(root.readSegmentRanges("order", name, [[0, 1]])), "not-found")
        yield* root.removeSegment("order", name)
      }
      assert.strictEqual(yield* reasonOf(root.listSegments("absent")), "not-found")
      assert.isUndefined(yield* root.segmentSize("absent", segment))
      const written = root.writeSegment("absent", segment, (append) => append(bytes("x")))
      assert.strictEqual(yield* reasonOf(written), "not-found")
    })
  )

  it.effect("a leftover under the name is replaced, also for who read it before", () =>
    Effect.gen(function* () {
      const root = yield* openLib(location())
      yield* root.writeSegment("order", segment, (append) => append(bytes("a long leftover\n")))
      assert.strictEqual(text(yield* root.readSegment("order", segment, 0, 100)), "a long leftover\n")
      yield* root.writeSegment("order", segment, (append) => append(bytes("new\n")))
      assert.strictEqual(text(yield* root.readSegment("order", segment, 0, 100)), "new\n")
      assert.strictEqual(yield* root.segmentSize("order", segment), 4)
    })
  )

  it.effect("a removed segment is gone, also for who read it before, and its name can be used again", () =>
    Effect.gen(function* () {
      const root = yield* openLib(location())
      yield* root.writeSegment("order", sharded, (append) => append(bytes("old\n")))
      yield* root.readSegment("order", sharded, 0, 10)
      yield* root.removeSegment("order", sharded)
      assert.strictEqual(yield* reasonOf(root.readSegment("order", sharded, 0, 10)), "not-found")
      assert.deepStrictEqual(yield* root.listSegments("order"), [])
      yield* root.writeSegment("order", sharded, (append) => append(bytes("new\n")))
      assert.strictEqual(text(yield* root.readSegment("order", sharded, 0, 10)), "new\n")
    })
  )

  it.effect("when fill fails, nothing is under the name and a second try goes through", () =>
    Effect.gen(function* () {
      const root = yield* openLib(location())
      const failed = yield* Effect.flip(
        root.writeSegment("order", segment, (append) =>
          Effect.andThen(append(bytes("half")), Effect.fail("no more" as const))
        )
      )
      assert.strictEqual(failed, "no more")
      assert.isUndefined(yield* root.segmentSize("order", segment))
      assert.deepStrictEqual(yield* root.listSegments("order"), [])
      yield* root.writeSegment("order", segment, (append) => append(bytes("whole\n")))
      assert.strictEqual(text(yield* root.readSegment("order", segment, 0, 10)), "whole\n")
    })
  )

  it.effect("when fill is interrupted, what was under the name stays", () =>
    Effect.gen(function* () {
      const root = yield* openLib(location())
      yield* root.writeSegment("order", segment, (append) => append(bytes("before\n")))
      const begun = yield* Deferred.make<void>()
      const fiber = yield* Effect.forkChild(
        root.writeSegment("order", segment, (append) =>
          append(bytes("half")).pipe(Effect.andThen(Deferred.succeed(begun, undefined)), Effect.andThen(Effect.never))
        )
      )
      yield* Deferred.await(begun)
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(text(yield* root.readSegment("order", segment, 0, 10)), "before\n")
      assert.deepStrictEqual(yield* root.listSegments("order"), [segment])
    })
  )

  it.effect("two writers of one name at the same time leave one segment, whole", () =>
    Effect.gen(function* () {
      const root = yield* openLib(location())
      const write = (line: string) =>
        root.writeSegment("order", segment, (append) =>
          Effect.forEach([...line], (letter) => Effect.andThen(Effect.yieldNow, append(bytes(letter))), {
            discard: true
          })
        )
      yield* Effect.all([write("aaaaaa\n"), write("bbb\n")], { concurrency: "unbounded" })
      assert.include(["aaaaaa\n", "bbb\n"], text(yield* root.readSegment("order", segment, 0, 100)))
    })
  )

  it.effect("more segments than are kept open read the same, from many readers at once", () =>
    Effect.gen(function* () {
      const root = yield* openLib(location())
      const names = Array.from({ length: 150 }, (_, i) => `seg-${String(i + 1).padStart(6, "0")}.jsonl`)
      yield* Effect.forEach(names, (name) => root.writeSegment("order", name, (append) => append(bytes(name))), {
        concurrency: 16
      })
      const read = yield* Effect.forEach([...names, ...names], (name) => root.readSegment("order", name, 0, 100), {
        concurrency: "unbounded"
      })
      assert.deepStrictEqual(read.map(text), [...names, ...names])
    })
  )

  it.effect("names that could lead elsewhere are no segments", () =>
    Effect.gen(function* () {
      const root = yield* openLib(location())
      for (const name of [...unsafeNames, "a/b/c", "tape.meta.jsonl", "index/x", "seg-000001.jsonl.tmp"]) {
        const written = root.writeSegment("order", name, (append) => append(bytes("x")))
        assert.strictEqual(yield* reasonOf(written), "unsafe", JSON.stringify(name))
        assert.strictEqual(yield* reasonOf(root.readSegment("order", name, 0, 1)), "unsafe")
        assert.strictEqual(yield* reasonOf(root.readSegmentRanges("order", name, [])), "unsafe")
        assert.strictEqual(yield* reasonOf(root.segmentSize("order", name)), "unsafe")
        assert.strictEqual(yield* reasonOf(root.removeSegment("order", name)), "unsafe")
      }
      for (const tape of unsafeNames) {
        assert.strictEqual(yield* reasonOf(root.readSegment(tape, segment, 0, 1)), "unsafe", JSON.stringify(tape))
      }
    })
  )
}
