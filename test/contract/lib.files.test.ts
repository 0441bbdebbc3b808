/** What people and programs do to a lib's folder, and the consequences. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import * as path from "node:path"
import * as NodeStorage from "litetapes/NodeStorage"
import {
  existingTape,
  type LibService,
  openSession,
  recordsOf,
  type StorageService,
  tagOf,
  withLib
} from "../support/openLib.ts"
import { temporaryFolder } from "../support/temporaryFolder.ts"
import { watched } from "../support/watchedStorage.ts"
import { withoutRoom } from "../support/copyLib.ts"

const newPlace = temporaryFolder()

const live = (name: string, body: (storage: StorageService, at: string) => Effect.Effect<void, unknown>) =>
  it.live(name, () => Effect.flatMap(NodeStorage.make, (storage) => body(storage, newPlace())))

const namesIn = (folder: string): ReadonlyArray<string> =>
  fs.readdirSync(folder, { recursive: true, encoding: "utf8" }).toSorted()

/** Creates tapes `a` and `b`, each with one segment and one record that is in no segment yet. */
const write = Effect.fnUntraced(function* (lib: LibService) {
  for (const name of ["a", "b"]) yield* lib.createTape(name)
  const append = (n: number) => lib.commit(["a", "b"].map((tape) => ({ tape, records: [{ n }] })))
  yield* append(0)
  for (const name of ["a", "b"]) yield* Effect.flatMap(existingTape(lib, name), (tape) => tape.appendSegment)
  yield* append(1)
})

const records = [{ n: 0 }, { n: 1 }]

/** Copies the state that an interrupted writer leaves to `at`. */
const crashed = Effect.fnUntraced(function* (storage: StorageService, at: string) {
  const watch = watched(storage)
  const writer = newPlace()
  const { lib, close } = yield* openSession(watch.storage, writer)
  yield* write(lib)
  yield* watch.frozen(Effect.sync(() => fs.cpSync(writer, at, { recursive: true })))
  yield* close
})

describe("a lib's folder", () => {
  live("is refused and left unchanged if it lost its lib meta", (storage, at) =>
    Effect.gen(function* () {
      yield* withLib(storage, at, write)
      fs.rmSync(path.join(at, "litelib.meta.jsonl"))
      const names = namesIn(at)
      for (const mode of ["write", "read", "write"] as const) {
        assert.strictEqual(yield* tagOf(withLib(storage, at, () => Effect.void, { mode })), "LibInvalid")
      }
      assert.deepStrictEqual(namesIn(at), names)
    })
  )

  live("is refused and left unchanged if it contains foreign files", (storage, at) =>
    Effect.gen(function* () {
      const fillings: ReadonlyArray<(folder: string) => void> = [
        (folder) => fs.writeFileSync(path.join(folder, "notes.txt"), "mine"),
        (folder) => fs.mkdirSync(path.join(folder, "order"))
      ]
      for (const [index, fill] of fillings.entries()) {
        const folder = `${at}-${index}`
        fs.mkdirSync(folder)
        fill(folder)
        const names = namesIn(folder)
        for (const mode of ["write", "read"] as const) {
          assert.strictEqual(yield* tagOf(withLib(storage, folder, () => Effect.void, { mode })), "LibInvalid")
        }
        assert.deepStrictEqual(namesIn(folder), names)
      }
      const empty = `${at}-empty`
      fs.mkdirSync(empty)
      assert.isTrue(yield* withLib(storage, empty, (lib) => Effect.succeed(lib.report.created)))
      fs.writeFileSync(`${at}-file`, "mine")
      assert.strictEqual(yield* tagOf(withLib(storage, `${at}-file`, () => Effect.void)), "LibInvalid")
    })
  )

  live("may contain files that meta does not list, which are ignored", (storage, at) =>
    Effect.gen(function* () {
      yield* withLib(storage, at, write)
      for (const folder of ["folder", "folder.aside-1", "a/deep", "a/shard-0000", "empty", "b.tmp"]) {
        fs.mkdirSync(path.join(at, folder), { recursive: true })
      }
      const stray = [
        ".DS_Store",
        "a/.DS_Store",
        "a/index/.DS_Store",
        "notes.txt",
        "folder/seg-000001.jsonl",
        "folder/tape.meta.jsonl",
        "a/seg-000009.jsonl",
        "a/seg-000003.jsonl",
        "a/seg-000003.jsonl.tmp",
        "a/shard-0000/seg-000004.jsonl",
        "a/tape.meta.jsonl.tmp",
        "litelib.meta.jsonl.tmp",
        "litelib.dynamic-000001.jsonl",
        "litelib.dynamic-000999.jsonl.bak"
      ]
      for (const name of stray) fs.writeFileSync(path.join(at, name), '{"stray":true}\n')
      yield* withLib(
        storage,
        at,
        (lib) =>
          Effect.gen(function* () {
            assert.deepStrictEqual(
              (yield* lib.tapes).map(({ name }) => name),
              ["a", "b"]
            )
            assert.deepStrictEqual(yield* recordsOf(lib, "a"), records)
          }),
        { mode: "read" }
      )
      for (const n of [2, 3]) {
        yield* withLib(storage, at, (lib) =>
          Effect.gen(function* () {
            const found = yield* recordsOf(lib, "a")
            assert.deepStrictEqual(
              found,
              [0, 1, 2, 3].slice(0, n).map((m) => ({ n: m }))
            )
            const tape = yield* existingTape(lib, "a")
            yield* tape.append([{ n }])
            const { number } = (yield* tape.appendSegment)!
            yield* tape.verifySegment(number)
          })
        )
      }
    })
  )

  live("still opens if a tape lost its meta, and its other tapes keep working", (storage, at) =>
    Effect.gen(function* () {
      yield* withLib(storage, at, write)
      fs.rmSync(path.join(at, "a/tape.meta.jsonl"))
      for (const mode of ["write", "read"] as const) {
        yield* withLib(
          storage,
          at,
          (lib) =>
            Effect.gen(function* () {
              assert.lengthOf(yield* lib.tapes, 2)
              assert.strictEqual(yield* tagOf(existingTape(lib, "a")), "TapeInvalid")
              assert.deepStrictEqual(yield* recordsOf(lib, "b", { to: 2 }), records)
              if (mode === "read") return
              assert.strictEqual(yield* tagOf(lib.commit([{ tape: "a", records: [{}] }])), "TapeInvalid")
              assert.strictEqual(yield* tagOf(lib.createTape("a")), "TapeExists")
              yield* lib.commit([{ tape: "b", records: [{ n: 2 }] }])
            }),
          { mode }
        )
      }
    })
  )

  live("keeps the committed records of a tape without meta until its meta is restored", (storage, at) =>
    Effect.gen(function* () {
      yield* crashed(storage, at)
      const meta = path.join(at, "a/tape.meta.jsonl")
      fs.renameSync(meta, `${meta}.kept`)
      for (let n = 2; n < 5; n++) {
        yield* withLib(storage, at, (lib) =>
          Effect.gen(function* () {
            assert.strictEqual(yield* tagOf(existingTape(lib, "a")), "TapeInvalid")
            yield* lib.commit([{ tape: "b", records: [{ n }] }])
            assert.lengthOf(yield* recordsOf(lib, "b"), n + 1)
          })
        )
      }
      fs.renameSync(`${meta}.kept`, meta)
      for (const expected of [records, [...records, { back: true }]]) {
        yield* withLib(storage, at, (lib) =>
          Effect.gen(function* () {
            assert.deepStrictEqual(yield* recordsOf(lib, "a"), expected)
            assert.deepStrictEqual(
              yield* recordsOf(lib, "b"),
              [0, 1, 2, 3, 4].map((n) => ({ n }))
            )
            if (expected === records) yield* lib.commit([{ tape: "a", records: [{ back: true }] }])
          })
        )
      }
      assert.deepStrictEqual(
        namesIn(at).filter((name) => name.startsWith("litelib.dynamic")),
        []
      )
    })
  )

  live("gets a new file with the discarded bytes for each torn tail", (storage, at) =>
    Effect.gen(function* () {
      const aside: Array<string> = []
      for (const torn of ['{"half', '{"n":7}\n{"$type":"LiteLib.Commit","batch":']) {
        const name = aside.length === 0 ? at : `${at}-again`
        yield* crashed(storage, name)
        if (aside.length > 0) fs.copyFileSync(aside[0]!, path.join(name, path.basename(aside[0]!)))
        const dynamic = fs.readdirSync(name).find((file) => file.startsWith("litelib.dynamic"))!
        const content = withoutRoom(fs.readFileSync(path.join(name, dynamic)))
        const size = content.length
        fs.writeFileSync(path.join(name, dynamic), Buffer.concat([content, Buffer.from(torn)]))
        const report = yield* withLib(storage, name, (lib) =>
          Effect.gen(function* () {
            assert.deepStrictEqual(yield* recordsOf(lib, "a"), records)
            return lib.report
          })
        )
        const { tailDiscarded } = report
        assert.deepInclude(tailDiscarded, { file: dynamic, offset: size, bytes: torn.length })
        assert.strictEqual(fs.readFileSync(tailDiscarded!.aside, "utf8"), torn)
        aside.push(tailDiscarded!.aside)
      }
      assert.notStrictEqual(path.basename(aside[0]!), path.basename(aside[1]!))
    })
  )

  live("is read as before if its index folders and its hint are missing", (storage, at) =>
    Effect.gen(function* () {
      yield* crashed(storage, at)
      fs.rmSync(path.join(at, "a/index"), { recursive: true })
      fs.rmSync(path.join(at, "litelib.acked"))
      yield* withLib(storage, at, (lib) => checkRecords(lib), { mode: "read" })
      assert.isFalse(fs.existsSync(path.join(at, "a/index")))
      yield* withLib(storage, at, (lib) => checkRecords(lib))
      assert.isTrue(fs.existsSync(path.join(at, "a/index/seg-000001.jsonl.idx")))
    })
  )
})

const checkRecords = Effect.fnUntraced(function* (lib: LibService) {
  for (const name of ["a", "b"]) assert.deepStrictEqual(yield* recordsOf(lib, name), records)
})
