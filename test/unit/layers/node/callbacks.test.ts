/** Runtimes differ in what a callback of `node:fs` receives on success: Node passes `null`, Deno `undefined`. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import { type Descriptors, make } from "../../../../src/layers/node/file.ts"
import { temporaryFolder } from "../../../support/temporaryFolder.ts"

const newPath = temporaryFolder()

/** Returns `node:fs` whose callbacks receive `nothing` instead of `null`. */
const calling = (nothing: null | undefined): Descriptors =>
  new Proxy(fs, {
    get: (target, name) => {
      const call = Reflect.get(target, name) as (...args: ReadonlyArray<unknown>) => unknown
      return (...args: ReadonlyArray<unknown>) =>
        call(
          ...args.map((arg) =>
            typeof arg === "function"
              ? (cause: unknown, ...rest: ReadonlyArray<unknown>) => arg(cause === null ? nothing : cause, ...rest)
              : arg
          )
        )
    }
  })

describe.each([[null], [undefined]])("callbacks that report success with %s", (nothing) => {
  it.live("let a file be written, synced, read at once and in the thread pool, and closed", () =>
    Effect.gen(function* () {
      const path = newPath()
      const file = make(path, fs.openSync(path, "wx+"), "background", calling(nothing))
      const bytes = new Uint8Array(300_000).fill(7)
      yield* file.write(bytes, 0)
      yield* file.datasync
      yield* file.sync
      assert.deepStrictEqual(yield* file.read(1000, bytes.length), bytes.subarray(1000))
      assert.deepStrictEqual(yield* file.read(0, 10), bytes.subarray(0, 10))
      fs.unlinkSync(path)
      yield* file.write(bytes, 1024 * 1024)
      yield* file.close
    })
  )

  it.live("still report failures", () =>
    Effect.gen(function* () {
      const path = newPath()
      const descriptor = fs.openSync(path, "wx+")
      const file = make(path, descriptor, "background", calling(nothing))
      fs.closeSync(descriptor)
      const error = yield* Effect.flip(file.sync)
      assert.deepInclude(error, { _tag: "DiskError", operation: "sync", code: "EBADF" })
    })
  )
})
