import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { bytes, type Contract, open, openLib, pattern, reasonOf, text, unsafeNames } from "./support.ts"

export const dynamicContract: Contract = (it, location) => {
  it.effect("a dynamic segment holds what was appended, in order, also when the lib is opened again", () =>
    Effect.gen(function* () {
      const at = location()
      yield* Effect.scoped(
        Effect.gen(function* () {
          const root = yield* openLib(at)
          const writer = yield* root.createDynamic(4, bytes("header\n"))
          assert.strictEqual(yield* root.dynamicSize(4), 7)
          yield* writer.append(bytes("one\n"))
          yield* writer.append(new Uint8Array())
          yield* writer.append(bytes("two\n"))
          assert.strictEqual(text(yield* root.readDynamic(4, 0, 100)), "header\none\ntwo\n")
        })
      )
      const root = yield* open(at, "read")
      assert.deepStrictEqual(yield* root.listDynamics, [4])
      assert.strictEqual(yield* root.dynamicSize(4), 15)
      assert.strictEqual(text(yield* root.readDynamic(4, 7, 4)), "one\n")
    })
  )

  it.effect("a read is short at the end only, and sees what is appended after the first one", () =>
    Effect.gen(function* () {
      const root = yield* openLib(location())
      const writer = yield* root.createDynamic(1, bytes("0123456789"))
      assert.strictEqual(text(yield* root.readDynamic(1, 8, 10)), "89")
      assert.strictEqual(text(yield* root.readDynamic(1, 10, 10)), "")
      assert.strictEqual(text(yield* root.readDynamic(1, 1000, 10)), "")
      assert.strictEqual(text(yield* root.readDynamic(1, 3, 0)), "")
      yield* writer.append(bytes("ab"))
      assert.strictEqual(text(yield* root.readDynamic(1, 8, 10)), "89ab")
    })
  )

  it.effect("ranges come back in the order in which they were asked for, small and large ones", () =>
    Effect.gen(function* () {
      const root = yield* openLib(location())
      const all = pattern(300_000)
      yield* root.createDynamic(1, all)
      const ranges = [
        [5, 3],
        [0, 200_000],
        [299_999, 10],
        [1, 0],
        [100, 70_000],
        [300_000, 1]
      ] as const
      assert.deepStrictEqual(
        yield* root.readDynamicRanges(1, ranges),
        ranges.map(([offset, length]) => all.slice(offset, offset + length))
      )
      assert.deepStrictEqual(yield* root.readDynamicRanges(1, []), [])
    })
  )

  it.effect("a batch of 5 MiB goes in and comes out", () =>
    Effect.gen(function* () {
      const root = yield* openLib(location())
      const writer = yield* root.createDynamic(1, bytes("header\n"))
      const batch = pattern(5 * 1024 * 1024)
      yield* writer.append(batch)
      assert.deepStrictEqual(yield* root.readDynamic(1, 7, 6 * 1024 * 1024), batch)
    })
  )

  it.effect("a leftover under the number is replaced", () =>
    Effect.gen(function* () {
      const at = location()
      yield* Effect.scoped(Effect.flatMap(openLib(at), (root) => root.createDynamic(2, bytes("a long leftover\n"))))
      const root = yield* open(at)
      assert.strictEqual(text(yield* root.readDynamic(2, 0, 100)), "a long leftover\n")
      const writer = yield* root.createDynamic(2, bytes("new\n"))
      yield* writer.append(bytes("batch\n"))
      assert.strictEqual(text(yield* root.readDynamic(2, 0, 100)), "new\nbatch\n")
    })
  )

  it.effect("a writer keeps no bytes of the caller, and a closed one appends nothing", () =>
    Effect.gen(function* () {
      const root = yield* openLib(location())
      const given = bytes("given\n")
      const writer = yield* root.createDynamic(1, given)
      yield* writer.append(given)
      given.fill(0)
      yield* writer.close
      yield* writer.close
      assert.strictEqual(yield* reasonOf(writer.append(bytes("late\n"))), "failed")
      assert.strictEqual(text(yield* root.readDynamic(1, 0, 100)), "given\ngiven\n")
    })
  )

  it.effect("dropping removes, also what is not there, and lets reads under way end", () =>
    Effect.gen(function* () {
      const root = yield* openLib(location())
      const all = pattern(3 * 1024 * 1024)
      const writer = yield* root.createDynamic(1, all)
      const read = root.readDynamic(1, 0, all.length)
      yield* read
      const results = yield* Effect.all([read, read, Effect.andThen(writer.close, root.dropDynamic(1))], {
        concurrency: "unbounded"
      })
      assert.deepStrictEqual(results[0], all)
      assert.deepStrictEqual(results[1], all)
      assert.isUndefined(yield* root.dynamicSize(1))
      assert.deepStrictEqual(yield* root.listDynamics, [])
      assert.strictEqual(yield* reasonOf(read), "not-found")
      assert.strictEqual(yield* reasonOf(root.readDynamicRanges(1, [[0, 1]])), "not-found")
      yield* root.dropDynamic(1)
    })
  )

  it.effect("numbers are listed in order, beyond six digits too", () =>
    Effect.gen(function* () {
      const root = yield* openLib(location())
      for (const n of [1_000_000, 2, 999_999, 10]) yield* root.createDynamic(n, bytes("header\n"))
      assert.deepStrictEqual(yield* root.listDynamics, [2, 10, 999_999, 1_000_000])
    })
  )

  it.effect("what is set aside is never overwritten, and counts for nothing else", () =>
    Effect.gen(function* () {
      const at = location()
      const places = yield* Effect.scoped(
        Effect.gen(function* () {
          const root = yield* openLib(at)
          const names = ["litelib.dynamic-000001.jsonl", "litelib.dynamic-000001.jsonl", "order/tape.meta.jsonl"]
          const kept = yield* Effect.forEach(names, (name) => root.setAside(name, bytes("torn")), {
            concurrency: "unbounded"
          })
          for (const name of unsafeNames) {
            assert.strictEqual(yield* reasonOf(root.setAside(name, bytes("x"))), "unsafe", JSON.stringify(name))
          }
          return kept
        })
      )
      assert.strictEqual(new Set(places).size, 3)
      for (const place of places) assert.match(place, /\.quarantine$/)
      const root = yield* open(at)
      assert.deepStrictEqual(yield* root.listDynamics, [])
      assert.deepStrictEqual(yield* root.listTapes, ["order"])
    })
  )

  it.effect("the hint is overwritten in place, for readers that were there before it", () =>
    Effect.gen(function* () {
      const at = location()
      const root = yield* openLib(at)
      const reader = yield* open(at, "read")
      assert.isUndefined(yield* reader.readHint)
      yield* root.writeHint(bytes("batch 1\n"))
      assert.strictEqual(text(yield* reader.readHint), "batch 1\n")
      yield* root.writeHint(bytes("batch 2\n"))
      assert.strictEqual(text(yield* reader.readHint), "batch 2\n")
      yield* root.writeHint(bytes("x"))
      assert.strictEqual(text(yield* root.readHint), "xatch 2\n")
    })
  )
}
