import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { SqlClient } from "effect/sql/SqlClient"
import * as fs from "node:fs"
import * as path from "node:path"
import { lazy, loadAll } from "../../../../src/services/base/lazy.ts"
import * as CheckpointStore from "litetapes/CheckpointStore"
import * as Lib from "litetapes/Lib"
import * as onDemand from "../../../../src/services/onDemand.ts"

const src = path.join(import.meta.dirname, "../../../../src")

const sources = () =>
  fs
    .readdirSync(src, { recursive: true, encoding: "utf8" })
    // The command is one file when it is published, so nothing of it is loaded later.
    .filter((name) => name.endsWith(".ts") && !name.startsWith(`cli${path.sep}`))
    .map((name) => ({ name, source: fs.readFileSync(path.join(src, name), "utf8") }))

const add = (a: number, b: number): Effect.Effect<number> => Effect.succeed(a + b)

describe("an operation that is loaded on demand", () => {
  it.live("is loaded when an effect of it first runs, and once", () =>
    Effect.gen(function* () {
      let loads = 0
      const later = lazy(async () => {
        loads += 1
        return { add }
      }, "add")
      const sum = later(1, 2)
      assert.strictEqual(loads, 0)
      assert.deepStrictEqual(yield* Effect.all([sum, sum, later(3, 4)]), [3, 3, 7])
      assert.strictEqual(loads, 1)
    })
  )

  it.live("dies if its file cannot be loaded, and is loaded by the next call if it is there again", () =>
    Effect.gen(function* () {
      let isThere = false
      const later = lazy(async () => {
        if (!isThere) throw new Error("no such file")
        return { add }
      }, "add")
      const exit = yield* Effect.exit(later(1, 2))
      assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
      isThere = true
      assert.strictEqual(yield* later(1, 2), 3)
    })
  )

  it.live("takes no more steps the first time than the second, after everything was loaded", () =>
    Effect.gen(function* () {
      const later = lazy(() => Promise.resolve({ add }), "add")
      assert.throws(() => Effect.runSync(later(1, 2)))
      let inner: typeof add | undefined
      const outer = lazy(async () => {
        inner = lazy(() => Promise.resolve({ add }), "add")
        return { add }
      }, "add")
      yield* loadAll
      assert.strictEqual(Effect.runSync(later(1, 2)), 3)
      assert.strictEqual(Effect.runSync(outer(1, 2)), 3)
      assert.strictEqual(Effect.runSync(inner!(1, 2)), 3)
    })
  )

  it("exists in the module that it is loaded from", () => {
    assert.isAbove(Object.keys(onDemand).length, 15)
    for (const operation of Object.values(onDemand)) assert.isFunction(operation)
  })

  it("is the only one: no other module is loaded later than Lib.preload loads it", () => {
    for (const { name, source } of sources()) {
      const imports = source.replaceAll(/\/\*[^]*?\*\/|\/\/.*/g, "").match(/\bimport\(/g) ?? []
      const registered = source.match(/\blazy(Stream)?\(\s*\(\) => import\(/g) ?? []
      assert.strictEqual(imports.length, registered.length, name)
    }
  })

  it.live("includes the stores of checkpoints that need schemas", () =>
    Effect.gen(function* () {
      const make = Effect.provideService(CheckpointStore.makeSql({ table: 7 as never }), SqlClient, {} as never)
      yield* Lib.preload
      assert.strictEqual(Effect.runSync(Effect.flip(make))._tag, "InvalidArgument")
    })
  )
})
