import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { bytes, type Contract, open, openLib, reasonOf, text, unsafeNames } from "./support.ts"

export const metaContract: Contract = (it, location) => {
  it.effect("meta is absent until it is written", () =>
    Effect.gen(function* () {
      const root = yield* open(location())
      assert.isUndefined(yield* root.readMeta(undefined))
      assert.isUndefined(yield* root.readMeta("order"))
    })
  )

  it.effect("a change is made against the version that was read, and gives the one that stands now", () =>
    Effect.gen(function* () {
      const root = yield* openLib(location())
      for (const owner of [undefined, "order"]) {
        const first = (yield* root.readMeta(owner))!
        const appended = yield* root.appendMeta(owner, first.version, bytes("more\n"))
        const second = (yield* root.readMeta(owner))!
        assert.strictEqual(text(second.bytes), `${text(first.bytes)}more\n`)
        assert.strictEqual(second.version, appended)
        const replaced = yield* root.replaceMeta(owner, appended, bytes("new\n"))
        assert.strictEqual(text((yield* root.readMeta(owner))!.bytes), "new\n")
        assert.strictEqual((yield* root.readMeta(owner))!.version, replaced)
      }
    })
  )

  it.effect("a change against what is no longer there is refused and changes nothing", () =>
    Effect.gen(function* () {
      const root = yield* openLib(location())
      for (const owner of [undefined, "order"]) {
        const stale = (yield* root.readMeta(owner))!.version
        const version = yield* root.appendMeta(owner, stale, bytes("more\n"))
        assert.strictEqual(yield* reasonOf(root.appendMeta(owner, stale, bytes("x"))), "changed")
        assert.strictEqual(yield* reasonOf(root.replaceMeta(owner, stale, bytes("x"))), "changed")
        assert.strictEqual(yield* reasonOf(root.replaceMeta(owner, undefined, bytes("x"))), "exists")
        assert.strictEqual((yield* root.readMeta(owner))!.version, version)
      }
    })
  )

  it.effect("a change of meta that is not there is refused, and a tape has to be there", () =>
    Effect.gen(function* () {
      const root = yield* open(location())
      const version = yield* root.replaceMeta(undefined, undefined, bytes("lib\n"))
      assert.strictEqual(yield* reasonOf(root.appendMeta("order", version, bytes("x"))), "changed")
      assert.strictEqual(yield* reasonOf(root.replaceMeta("order", version, bytes("x"))), "changed")
      assert.strictEqual(yield* reasonOf(root.replaceMeta("order", undefined, bytes("x"))), "not-found")
    })
  )

  it.effect("of changes at the same time against one version, one is made", () =>
    Effect.gen(function* () {
      const root = yield* openLib(location())
      for (const operations of [
        ["replaceMeta", "replaceMeta", "replaceMeta"],
        ["replaceMeta", "appendMeta", "appendMeta"],
        ["appendMeta", "replaceMeta", "appendMeta"]
      ] as const) {
        const { version } = (yield* root.readMeta("order"))!
        const results = yield* Effect.forEach(
          operations,
          (operation, index) => Effect.result(root[operation]("order", version, bytes(`${version} ${index}\n`))),
          { concurrency: "unbounded" }
        )
        const versions = results.filter(Result.isSuccess).map((result) => result.success)
        assert.deepStrictEqual(versions, [(yield* root.readMeta("order"))!.version])
        const reasons = results.filter(Result.isFailure).map((result) => result.failure.reason)
        assert.deepStrictEqual(reasons, ["changed", "changed"])
      }
    })
  )

  it.effect("meta keeps bytes of its own, and stays when the lib is opened again", () =>
    Effect.gen(function* () {
      const at = location()
      const version = yield* Effect.scoped(
        Effect.gen(function* () {
          const root = yield* open(at)
          const given = bytes("lib\n")
          const made = yield* root.replaceMeta(undefined, undefined, given)
          given.fill(0)
          const read = (yield* root.readMeta(undefined))!
          read.bytes.fill(0)
          return made
        })
      )
      const meta = yield* Effect.flatMap(open(at), (root) => root.readMeta(undefined))
      assert.strictEqual(text(meta!.bytes), "lib\n")
      assert.strictEqual(meta!.version, version)
    })
  )

  it.effect("names that could lead elsewhere are no owners of meta", () =>
    Effect.gen(function* () {
      const root = yield* openLib(location())
      for (const name of [...unsafeNames, "litelib.x", "order/x", "order.tmp", "order.aside-1"]) {
        assert.strictEqual(yield* reasonOf(root.readMeta(name)), "unsafe", JSON.stringify(name))
        assert.strictEqual(yield* reasonOf(root.replaceMeta(name, undefined, bytes("x"))), "unsafe")
        assert.strictEqual(yield* reasonOf(root.appendMeta(name, "", bytes("x"))), "unsafe")
      }
    })
  )
}
