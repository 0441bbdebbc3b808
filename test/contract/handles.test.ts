import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { make } from "../../src/layers/folder/handles.ts"
import type { File } from "../../src/services/ports/Disk.ts"

/** Files that count how often they are opened and closed. A closed one cannot be read. */
const makeFiles = () => {
  const opened: Array<string> = []
  const closed: Array<string> = []
  const open = (path: string) =>
    Effect.sync((): File => {
      const name = `${path}#${opened.length}`
      opened.push(name)
      const fail = Effect.die(new Error("not meant to be called"))
      return {
        path: name,
        read: () =>
          closed.includes(name) ? Effect.die(new Error(`${name} is closed`)) : Effect.succeed(new Uint8Array()),
        close: Effect.sync(() => closed.push(name)),
        write: () => fail,
        readRanges: () => fail,
        size: fail,
        datasync: fail,
        sync: fail
      }
    })
  return { opened, closed, open }
}

const readName = (file: File) => Effect.as(file.read(0, 0), file.path)

describe("the cache of open files", () => {
  it.effect("opens a file once, until it is dropped", () =>
    Effect.gen(function* () {
      const { opened, closed, open } = makeFiles()
      const handles = make(2)
      assert.strictEqual(yield* handles.use("a", () => open("a"), readName), "a#0")
      assert.strictEqual(yield* handles.use("a", () => open("a"), readName), "a#0")
      yield* handles.drop("a")
      assert.deepStrictEqual(closed, ["a#0"])
      assert.strictEqual(yield* handles.use("a", () => open("a"), readName), "a#1")
      assert.strictEqual(opened.length, 2)
    })
  )

  it.effect("closes the least recently used file if there are too many", () =>
    Effect.gen(function* () {
      const { closed, open } = makeFiles()
      const handles = make(2)
      for (const path of ["a", "b", "a", "c"]) yield* handles.use(path, () => open(path), readName)
      assert.deepStrictEqual(closed, ["b#1"])
    })
  )

  it.effect("keeps a file open while it is read, even if it is dropped, evicted or closed with the others", () =>
    Effect.gen(function* () {
      const ends = [
        (handles: ReturnType<typeof make>) => handles.drop("x/a"),
        (handles: ReturnType<typeof make>) => handles.dropWithin("x"),
        (handles: ReturnType<typeof make>) => handles.close,
        (handles: ReturnType<typeof make>, files: ReturnType<typeof makeFiles>) =>
          Effect.forEach(["b", "c"], (path) => handles.use(path, () => files.open(path), readName))
      ]
      for (const end of ends) {
        const files = makeFiles()
        const handles = make(2)
        const begun = yield* Deferred.make<void>()
        const goOn = yield* Deferred.make<void>()
        const slow = (file: File) =>
          Deferred.succeed(begun, undefined).pipe(Effect.andThen(Deferred.await(goOn)), Effect.andThen(readName(file)))
        const fiber = yield* Effect.forkChild(handles.use("x/a", () => files.open("x/a"), slow))
        yield* Deferred.await(begun)
        yield* end(handles, files)
        assert.notInclude(files.closed, "x/a#0")
        yield* Deferred.succeed(goOn, undefined)
        assert.strictEqual(yield* Fiber.join(fiber), "x/a#0")
        assert.deepStrictEqual(files.closed, ["x/a#0"])
      }
    })
  )

  it.effect("uses no file after a drop that was opened before it", () =>
    Effect.gen(function* () {
      const { closed, open } = makeFiles()
      const handles = make(2)
      const begun = yield* Deferred.make<void>()
      const goOn = yield* Deferred.make<void>()
      const slowOpen = Effect.tap(open("a"), () =>
        Effect.andThen(Deferred.succeed(begun, undefined), Deferred.await(goOn))
      )
      const fiber = yield* Effect.forkChild(handles.use("a", () => slowOpen, readName))
      yield* Deferred.await(begun)
      yield* handles.drop("a")
      yield* Deferred.succeed(goOn, undefined)
      assert.strictEqual(yield* Fiber.join(fiber), "a#0")
      assert.deepStrictEqual(closed, ["a#0"])
      assert.strictEqual(yield* handles.use("a", () => open("a"), readName), "a#1")
    })
  )

  it.effect("keeps one of two files that were opened at the same time, and closes the file after a failed read", () =>
    Effect.gen(function* () {
      const { closed, open } = makeFiles()
      const handles = make(2)
      const slowOpen = Effect.tap(open("a"), () => Effect.yieldNow)
      const read = handles.use("a", () => slowOpen, readName)
      yield* Effect.all([read, read], { concurrency: "unbounded" })
      assert.strictEqual(closed.length, 1)
      yield* Effect.exit(
        handles.use(
          "a",
          () => slowOpen,
          () => Effect.die(new Error("read failed"))
        )
      )
      yield* handles.close
      assert.strictEqual(closed.length, 2)
    })
  )
})
