/** Exports to files, which continue wherever they were cut, and imports from files. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as EventStore from "litetapes/EventStore"
import * as Interchange from "litetapes/Interchange"
import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { newStore, type Store } from "../support/interchange.ts"
import { temporaryFolder } from "../support/temporaryFolder.ts"

const newPlace = temporaryFolder()
let folder: string | undefined

/** Returns a folder that is there. */
const place = (): string => {
  if (folder === undefined) mkdirSync((folder = newPlace()))
  return folder
}

const append = (store: Store, from: number, to: number) =>
  store.appendAll(
    Array.from({ length: to - from }, (_, n) => ({
      stream: `order-${(from + n) % 2}`,
      events: [{ type: "Placed", data: { n: from + n }, tags: ["web"], metadata: { by: "é" } }]
    }))
  )

const using = <A, E, R>(store: Store, effect: Effect.Effect<A, E, R | EventStore.EventStore>) =>
  Effect.provideService(effect, EventStore.EventStore, store)

const toFile = (store: Store, path: string, options?: Interchange.ExportOptions) =>
  using(store, Interchange.exportFile(path, options))

const formats: ReadonlyArray<Interchange.Format> = ["jsonl", "cloudevents"]

describe("an export to a file", () => {
  it.live.each(formats)("continues after any byte at which it was cut: %s", (format) =>
    Effect.gen(function* () {
      const store = yield* newStore
      yield* append(store, 0, 3)
      const path = join(place(), `cut.${format}`)
      const { bytes, events, next, resumed } = yield* toFile(store, path, { format })
      const whole = readFileSync(path)
      assert.deepStrictEqual([events, next, resumed, bytes], [3, 3, false, whole.length])
      assert.strictEqual(statSync(path).mode & 0o777, 0o600)
      for (let size = 0; size < whole.length; size += format === "jsonl" ? 11 : 41) {
        writeFileSync(path, whole.subarray(0, size))
        const report = yield* toFile(store, path, { format })
        assert.isTrue(readFileSync(path).equals(whole), `cut at byte ${size}`)
        assert.deepStrictEqual([report.next, report.fileBytes], [3, whole.length])
      }
    }).pipe(Effect.scoped)
  )

  it.live("never leaves out events without a word", () =>
    Effect.gen(function* () {
      const store = yield* newStore
      yield* append(store, 0, 3)
      const path = join(place(), "gap")
      yield* toFile(store, path)
      yield* append(store, 3, 8)
      const before = readFileSync(path, "utf8")
      const { message } = yield* Effect.flip(toFile(store, path, { from: 6 }))
      assert.match(message, /options\.from must not be above 3/)
      assert.strictEqual(readFileSync(path, "utf8"), before)
      assert.strictEqual((yield* toFile(store, path, { from: 3 })).next, 8)
    }).pipe(Effect.scoped)
  )

  it.live("adds what was appended since, also of one stream and of a filter", () =>
    Effect.gen(function* () {
      const store = yield* newStore
      const options: ReadonlyArray<Interchange.ExportOptions> = [
        {},
        { stream: "order-1" },
        { filter: { tags: ["web"] } }
      ]
      for (let n = 0; n < 3; n++) {
        yield* append(store, n * 4, n * 4 + 4)
        yield* store.append("order-0", [{ type: "Other" }])
        for (const [at, one] of options.entries()) {
          yield* toFile(store, join(place(), `grown-${at}`), one)
          yield* toFile(store, join(place(), `fresh-${at}-${n}`), one)
          const [grown, fresh] = [`grown-${at}`, `fresh-${at}-${n}`].map((name) =>
            readFileSync(join(place(), name), "utf8")
          )
          assert.strictEqual(grown, fresh)
        }
      }
      const again = yield* toFile(store, join(place(), "grown-0"))
      assert.deepStrictEqual([again.events, again.bytes, again.resumed, again.next], [0, 0, true, 15])
    }).pipe(Effect.scoped)
  )

  it.live("removes a line that was cut, although no event is exported after it", () =>
    Effect.gen(function* () {
      const store = yield* newStore
      yield* append(store, 0, 3)
      const path = join(place(), "ends")
      yield* toFile(store, path)
      const whole = readFileSync(path, "utf8")
      const first = whole.slice(0, whole.indexOf("\n") + 1)
      writeFileSync(path, `${first}${first.slice(0, 60)}`)
      yield* toFile(store, path, { to: 1 })
      assert.strictEqual(readFileSync(path, "utf8"), first)
      writeFileSync(path, whole)
      const { next } = yield* toFile(store, path, { to: 1 })
      assert.deepStrictEqual([readFileSync(path, "utf8"), next], [whole, 3])
    }).pipe(Effect.scoped)
  )

  it.live("drops what comes after a hole that a power loss left", () =>
    Effect.gen(function* () {
      const store = yield* newStore
      yield* append(store, 0, 6)
      const path = join(place(), "hole")
      yield* toFile(store, path)
      const whole = readFileSync(path)
      const holed = Buffer.from(whole)
      holed.fill(0, whole.length / 2, whole.length / 2 + 20)
      writeFileSync(path, holed)
      yield* toFile(store, path)
      assert.isTrue(readFileSync(path).equals(whole))
    }).pipe(Effect.scoped)
  )

  it.live("leaves a file as it is that is something else", () =>
    Effect.gen(function* () {
      const [store, other] = [yield* newStore, yield* newStore]
      yield* append(store, 0, 3)
      yield* append(other, 0, 3)
      yield* toFile(other, join(place(), "of-another-lib"))
      yield* toFile(store, join(place(), "of-a-stream"), { stream: "order-0" })
      const path = join(place(), "else")
      const contents = [
        "my notes",
        "my notes\n",
        '{"position":0,"revision":0}\n',
        readFileSync(join(place(), "of-another-lib")),
        "\0\0\0"
      ]
      for (const content of contents) {
        writeFileSync(path, content)
        const error = yield* Effect.flip(toFile(store, path))
        assert.strictEqual(error._tag, "NotAnExport")
        assert.match(error.message, /could be continued: .*It was not changed/)
        assert.strictEqual(readFileSync(path, "utf8"), content.toString())
      }
      const ofStream = yield* Effect.flip(
        toFile(store, join(place(), "of-a-stream"), { format: "cloudevents", stream: "order-0" })
      )
      assert.strictEqual(ofStream._tag, "NotAnExport")
      const missing = yield* Effect.flip(toFile(store, join(place(), "no-folder", "x")))
      assert.deepInclude(missing, { _tag: "DiskError", operation: "open", code: "ENOENT" })
    }).pipe(Effect.scoped)
  )
})

describe("an import from a file", () => {
  it.live("reads the file, or the rest of it", () =>
    Effect.gen(function* () {
      const store = yield* newStore
      yield* append(store, 0, 2000)
      const path = join(place(), "moved")
      yield* toFile(store, path)
      const other = yield* newStore
      const seen: Array<Interchange.ImportProgress> = []
      const onProgress = (progress: Interchange.ImportProgress) => Effect.sync(() => void seen.push(progress))
      const report = yield* using(other, Interchange.importFile(path, { onProgress, revisions: "check" }))
      assert.deepStrictEqual([report.appended, report.end.byte], [2000, statSync(path).size])
      assert.deepStrictEqual(
        seen.map(({ done }) => done.events),
        [1000, 2000]
      )
      assert.strictEqual(seen[1]!.fraction, 1)
      const rest = yield* newStore
      assert.strictEqual((yield* using(rest, Interchange.importFile(path, { startsAt: seen[0]!.next }))).appended, 1000)
      const back = join(place(), "back")
      yield* toFile(other, back)
      assert.isTrue(readFileSync(back).equals(readFileSync(path)))
      const missing = yield* Effect.flip(using(other, Interchange.importFile(join(place(), "missing"))))
      assert.deepInclude(missing, { _tag: "DiskError", code: "ENOENT" })
    }).pipe(Effect.scoped)
  )
})
