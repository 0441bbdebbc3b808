import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { bytes, type Contract, open, openLib, reasonOf, text } from "./support.ts"

export const openContract: Contract = (it, location) => {
  it.effect("open for writing makes an absent place, which is a lib once it has meta", () =>
    Effect.gen(function* () {
      const at = location()
      const root = yield* open(at)
      assert.strictEqual(root.mode, "write")
      assert.strictEqual(yield* reasonOf(open(at, "read")), "not-a-lib")
      yield* root.replaceMeta(undefined, undefined, bytes("lib\n"))
      const reader = yield* open(at, "read")
      assert.strictEqual(reader.mode, "read")
      assert.strictEqual(reader.boot, root.boot)
      assert.strictEqual(text((yield* reader.readMeta(undefined))?.bytes), "lib\n")
    })
  )

  it.effect("open for reading or to recover creates nothing, and refuses a place without a lib", () =>
    Effect.gen(function* () {
      const at = location()
      assert.strictEqual(yield* reasonOf(open(at, "read")), "not-a-lib")
      assert.strictEqual(yield* reasonOf(open(at, "recover")), "not-a-lib")
      yield* Effect.scoped(open(at))
      assert.strictEqual(yield* reasonOf(open(at, "read")), "not-a-lib")
      assert.strictEqual(yield* reasonOf(open(at, "recover")), "not-a-lib")
    })
  )

  it.effect("a place that was opened and left empty can be opened again", () =>
    Effect.gen(function* () {
      const at = location()
      yield* Effect.scoped(open(at))
      const root = yield* open(at)
      assert.isUndefined(yield* root.readMeta(undefined))
    })
  )

  it.effect("a second writer is refused while the first one's scope is open, and readers are not", () =>
    Effect.gen(function* () {
      const at = location()
      yield* Effect.scoped(
        Effect.gen(function* () {
          const first = yield* openLib(at)
          assert.strictEqual(yield* reasonOf(open(at)), "locked")
          assert.strictEqual(yield* reasonOf(open(at, "recover")), "locked")
          yield* open(at, "read")
          yield* first.checkLock
        })
      )
      const second = yield* open(at)
      yield* second.checkLock
    })
  )

  it.effect("a refused open takes nothing", () =>
    Effect.gen(function* () {
      const at = location()
      yield* Effect.scoped(Effect.flatMap(open(at), (root) => root.createDynamic(1, bytes("header\n"))))
      assert.strictEqual(yield* reasonOf(open(at)), "not-a-lib")
      // In the same scope: the lock that the refused open took must be free again.
      const root = yield* open(at, "recover")
      assert.deepStrictEqual(yield* root.listDynamics, [1])
    })
  )

  it.effect("what lost its lib meta opens to be recovered only", () =>
    Effect.gen(function* () {
      const at = location()
      yield* Effect.scoped(Effect.flatMap(open(at), (root) => root.createTape("order", bytes("tape\n"))))
      assert.strictEqual(yield* reasonOf(open(at)), "not-a-lib")
      assert.strictEqual(yield* reasonOf(open(at, "read")), "not-a-lib")
      yield* Effect.scoped(
        Effect.gen(function* () {
          const root = yield* open(at, "recover")
          assert.strictEqual(root.mode, "write")
          assert.deepStrictEqual(yield* root.listTapes, ["order"])
          yield* root.replaceMeta(undefined, undefined, bytes("lib\n"))
        })
      )
      const root = yield* open(at)
      assert.strictEqual(text((yield* root.readMeta("order"))?.bytes), "tape\n")
    })
  )

  it.effect("a reader can write nothing", () =>
    Effect.gen(function* () {
      const at = location()
      const writer = yield* openLib(at)
      yield* writer.createDynamic(1, bytes("header\n"))
      const root = yield* open(at, "read")
      const meta = yield* writer.readMeta(undefined)
      const version = meta!.version
      yield* root.checkLock
      const writes = [
        root.appendMeta(undefined, version, bytes("x")),
        root.replaceMeta(undefined, version, bytes("x")),
        root.createTape("other", bytes("x")),
        root.createDynamic(2, bytes("x")),
        root.dropDynamic(1),
        root.setAside("litelib.dynamic-000001.jsonl", bytes("x")),
        root.writeSegment("order", "seg-000001.jsonl", (append) => append(bytes("x"))),
        root.removeSegment("order", "seg-000001.jsonl"),
        root.writeIndex("order", "seg-000001.jsonl", bytes("x")),
        root.removeIndex("order", "seg-000001.jsonl"),
        root.writeHint(bytes("x"))
      ]
      for (const write of writes) assert.strictEqual(yield* reasonOf<unknown, never>(write), "read-only")
      assert.deepStrictEqual(yield* root.listDynamics, [1])
      assert.deepStrictEqual(yield* root.listTapes, ["order"])
      assert.strictEqual((yield* root.readMeta(undefined))?.version, version)
    })
  )

  it.effect("after its scope is closed a root does nothing any more", () =>
    Effect.gen(function* () {
      const at = location()
      const [root, writer] = yield* Effect.scoped(
        Effect.gen(function* () {
          const opened = yield* openLib(at)
          return [opened, yield* opened.createDynamic(1, bytes("header\n"))] as const
        })
      )
      assert.strictEqual(yield* reasonOf(writer.append(bytes("late\n"))), "failed")
      assert.strictEqual(yield* reasonOf(root.createDynamic(2, bytes("late\n"))), "failed")
      assert.strictEqual(yield* reasonOf(root.readDynamic(1, 0, 10)), "failed")
      assert.strictEqual(yield* reasonOf(root.checkLock), "lock-lost")
      const again = yield* open(at)
      assert.deepStrictEqual(yield* again.listDynamics, [1])
      assert.strictEqual(text(yield* again.readDynamic(1, 0, 100)), "header\n")
    })
  )
}
