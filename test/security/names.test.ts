/** Names in hostile meta: a name becomes a path only if it is the one name that the tape or segment can have. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as fs from "node:fs"
import * as path from "node:path"
import * as Lib from "litetapes/Lib"
import { type DerivedKey, Storage } from "litetapes/Storage"
import * as NodeStorage from "../../src/layers/NodeStorage.ts"
import {
  changing,
  copyFiles,
  type Fields,
  libMetaOf,
  rewriteMeta,
  segmentsOf,
  tapeMetaOf,
  treeOf
} from "../support/hostileLib.ts"
import { existingTape, recordsOf, tagOf, withLib } from "../support/openLib.ts"
import { temporaryFolder } from "../support/temporaryFolder.ts"
import { doEverything, makeVictim, notes, outcomeOf, wordFor } from "../support/victimLib.ts"
import * as IndexFiles from "../../src/services/segment/IndexFiles.ts"

const place = temporaryFolder()

/** Makes a victim two folders deep. A path that leads out of it finds files that look like tapes and segments. */
const prepare = Effect.gen(function* () {
  const storage = yield* NodeStorage.make
  const template = place()
  yield* makeVictim(storage, template, "open")
  return () => {
    const outside = place()
    const at = path.join(outside, "inner", "lib")
    fs.mkdirSync(path.dirname(at), { recursive: true })
    copyFiles(template, at)
    const plain = segmentsOf(at, "notes")[1]!
    for (const folder of [outside, path.dirname(at)]) {
      fs.copyFileSync(tapeMetaOf(at, "notes"), path.join(folder, "tape.meta.jsonl"))
      fs.copyFileSync(path.join(at, "notes", plain), path.join(folder, plain))
    }
    return { storage, at, plain, outside: () => withoutLib(treeOf(outside)) }
  }
})

const withoutLib = (tree: ReadonlyMap<string, string>) => [...tree].filter(([name]) => !name.startsWith("inner/lib"))

const rename = (from: string, to: string) =>
  changing("LiteLib.Tape", (record) => (record["name"] === from ? { ...record, name: to } : record))

const badTapeNames = [
  "..",
  "../..",
  "../../inner",
  ".",
  "./notes",
  "",
  "/",
  "/etc",
  "a/b",
  "a\\b",
  "C:\\notes",
  "notes\0",
  "notes\n",
  "notes ",
  "notes.",
  "-notes",
  ".notes",
  "Notes",
  "CON",
  "nul.txt",
  "caf\u0065\u0301",
  "%2E",
  "%",
  "n".repeat(101),
  "litelib.meta.jsonl",
  "litelib.lock",
  "notes.tmp",
  "notes.aside-1"
]

describe("tape names in lib meta", () => {
  it.live("fail the opening of the lib if they are not valid tape names", () =>
    Effect.gen(function* () {
      const victim = yield* prepare
      for (const name of badTapeNames) {
        const { storage, at, outside } = victim()
        rewriteMeta(libMetaOf(at), rename("notes", name))
        const before = outside()
        for (const mode of ["read", "write"] as const) {
          const error = yield* Effect.flip(withLib(storage, at, () => Effect.void, { mode }))
          assert.strictEqual(error._tag, "InvalidTapeName", JSON.stringify(name))
          assert.isBelow(error.message.length, 600)
          // A name in a message is quoted, so that it cannot begin a new line in a log.
          assert.notMatch(error.message, /\p{Cc}/u)
        }
        yield* doEverything(storage, at)
        assert.deepStrictEqual(outside(), before, JSON.stringify(name))
      }
    })
  )

  it.live("are refused if two tapes have the same name, or one tape has two", () =>
    Effect.gen(function* () {
      const victim = yield* prepare
      for (const change of [
        rename("order", "notes"),
        (records: Array<Fields>) => [...records, { ...records[2], name: "other" }]
      ]) {
        const { storage, at } = victim()
        rewriteMeta(libMetaOf(at), change)
        assert.strictEqual(yield* tagOf(withLib(storage, at, () => Effect.void)), "MetaInvalid")
      }
    })
  )

  it.live("fail with IdentityMismatch if the folder has the meta of another tape or of a tape of another lib", () =>
    Effect.gen(function* () {
      const victim = yield* prepare
      const { storage, at } = victim()
      fs.copyFileSync(tapeMetaOf(at, "order"), tapeMetaOf(at, "notes"))
      const other = victim()
      rewriteMeta(
        tapeMetaOf(other.at, "notes"),
        changing("LiteTape.Meta", (record) => ({ ...record, lib: "00000000-0000-7000-8000-000000000000" }))
      )
      for (const hostile of [at, other.at]) {
        const use = withLib(storage, hostile, (lib) => recordsOf(lib, "notes"))
        assert.strictEqual(yield* tagOf(use), "IdentityMismatch")
      }
    })
  )
})

/** Returns names that the segment with the name `plain` cannot have. */
const badSegmentNames = (plain: string): ReadonlyArray<string> => [
  "../order/seg-000001.jsonl",
  `../../${plain}`,
  `../${plain}`,
  "/etc/hostname",
  `./${plain}`,
  "seg-6.jsonl",
  plain.replace("seg-", "seg-0"),
  "seg-000099.jsonl",
  `${plain}\0`,
  `${plain}.zst`,
  plain.replace("seg", "SEG"),
  `shard-0000/${plain}`,
  `shard-0000/../${plain}`,
  `shard-0000/inner/${plain}`,
  `shard-0000\\${plain}`,
  `index/${plain}`,
  `index/${plain}.idx`,
  "tape.meta.jsonl",
  "../litelib.meta.jsonl",
  ""
]

describe("segment names in tape meta", () => {
  it.live("fail the use of the tape if they are not the names that their numbers give", () =>
    Effect.gen(function* () {
      const victim = yield* prepare
      const { length } = badSegmentNames("")
      for (let n = 0; n < length; n++) {
        const { storage, at, plain, outside } = victim()
        const name = badSegmentNames(plain)[n]!
        rewriteMeta(
          tapeMetaOf(at, "notes"),
          changing("LiteTape.Segment", (record) => (record["name"] === plain ? { ...record, name } : record))
        )
        const before = outside()
        for (const mode of ["read", "write"] as const) {
          const error = yield* Effect.flip(
            withLib<unknown, { readonly _tag: string; readonly message: string }>(
              storage,
              at,
              (lib) => recordsOf(lib, "notes"),
              { mode }
            )
          )
          assert.strictEqual(error._tag, "InvalidSegmentName", JSON.stringify(name))
          assert.notMatch(error.message, /\p{Cc}/u)
        }
        yield* doEverything(storage, at)
        assert.deepStrictEqual(outside(), before, JSON.stringify(name))
      }
    })
  )

  it.live("never become paths in a recovery from a damaged meta", () =>
    Effect.gen(function* () {
      const victim = yield* prepare
      const { storage, at, plain, outside } = victim()
      const file = tapeMetaOf(at, "notes")
      const [inShard] = segmentsOf(at, "notes")
      rewriteMeta(
        file,
        changing("LiteTape.Segment", (record) =>
          record["name"] === plain ? { ...record, name: `../../${plain}` } : record
        )
      )
      fs.appendFileSync(file, "damage\n")
      const before = outside()
      yield* withLib(storage, at, (lib) =>
        Effect.gen(function* () {
          const report = yield* lib.recoverTape("notes")
          assert.deepStrictEqual(report.segments.slice(0, 2), [inShard, plain])
          assert.deepStrictEqual<unknown>(yield* recordsOf(lib, "notes"), notes(0, 8))
        })
      )
      assert.deepStrictEqual(outside(), before)
    })
  )
})

/** Returns keys of derived files with `name` as the tape, the kind or the file name. */
const keysOf = (name: string): ReadonlyArray<DerivedKey> => [
  { tape: name, kind: "index", name: "x" },
  { tape: "notes", kind: name, name: "x" },
  { tape: undefined, kind: name, name: "x" },
  // Names that tapes may not have because the lib uses them are allowed for derived files, which have their own folder.
  ...(/^litelib\.(?!.*\.tmp$)|\.aside-/.test(name)
    ? []
    : [
        { tape: "notes", kind: "index", name },
        { tape: undefined, kind: "index", name }
      ])
]

describe("names that a storage gets", () => {
  // The library checks names before. The storage refuses bad ones even if a caller does not.
  for (const name of badTapeNames.filter((bad) => /[/\\\0]|^\.*$|^litelib\.|\.tmp$|\.aside-/.test(bad))) {
    it.live(`fail every operation on a tape: ${JSON.stringify(name)}`, () =>
      Effect.gen(function* () {
        const victim = yield* prepare
        const { storage, at, plain, outside } = victim()
        const before = outside()
        yield* Effect.scoped(
          Effect.gen(function* () {
            const root = yield* storage.open(at, "write")
            const bytes = Buffer.from("x")
            const segments = [name, "notes"].flatMap((tape) =>
              [...badSegmentNames(plain), "seg-000001.jsonl"].map((segment) => [tape, segment] as const)
            )
            const isBad = ([tape, segment]: readonly [string, string]) =>
              tape === name || /^\/|^\.|\\|\0|\.\.|\/.*\/|^index|^tape|^$/.test(segment)
            for (const [tape, segment] of segments.filter(isBad)) {
              for (const effect of [
                root.segments.read(tape, segment, 0, 1),
                root.segments.readRanges(tape, segment, [[0, 1]]),
                root.segments.size(tape, segment),
                root.segments.remove(tape, segment),
                root.segments.write(tape, segment, (append) => append(bytes)),
                IndexFiles.write(root.derived, tape, segment, bytes),
                IndexFiles.readRanges(root.derived, tape, segment, [[0, 1]]),
                IndexFiles.size(root.derived, tape, segment),
                IndexFiles.remove(root.derived, tape, segment)
              ]) {
                const outcome = yield* outcomeOf<unknown, unknown>(effect)
                const word = "error" in outcome ? wordFor(outcome.error) : "done"
                assert.strictEqual(word, "StorageError unsafe", JSON.stringify([tape, segment]))
              }
            }
            for (const effect of [
              root.meta.read(name),
              root.meta.append(name, "", bytes),
              root.meta.replace(name, undefined, bytes),
              root.tapes.create(name, bytes),
              root.segments.list(name),
              root.derived.list(name, "index"),
              ...keysOf(name).flatMap((key) => [
                root.derived.put(key, bytes),
                root.derived.get(key, 1),
                root.derived.getRanges(key, [[0, 1]]),
                root.derived.size(key),
                root.derived.delete(key)
              ])
            ]) {
              const outcome = yield* outcomeOf<unknown, unknown>(effect)
              assert.strictEqual("error" in outcome ? wordFor(outcome.error) : "done", "StorageError unsafe")
            }
          })
        )
        assert.deepStrictEqual(outside(), before)
      })
    )
  }

  it.live("fail the quarantine if they lead out of the lib", () =>
    Effect.gen(function* () {
      const victim = yield* prepare
      const { storage, at, outside } = victim()
      const before = outside()
      yield* Effect.scoped(
        Effect.gen(function* () {
          const root = yield* storage.open(at, "write")
          for (const name of ["../escaped", "..", "/etc/escaped", "a\\b", ""]) {
            const outcome = yield* outcomeOf(root.quarantine.keep(name, Buffer.from("x")))
            assert.strictEqual("error" in outcome ? wordFor(outcome.error) : "done", "StorageError unsafe", name)
          }
        })
      )
      assert.deepStrictEqual(outside(), before)
    })
  )
})

describe("the folder of a tape", () => {
  it.live("is adopted by a recovery of the lib only if its name is a valid tape name", () =>
    Effect.gen(function* () {
      const victim = yield* prepare
      const { storage, at } = victim()
      fs.rmSync(libMetaOf(at))
      fs.renameSync(path.join(at, "order"), path.join(at, "Order\u202e"))
      const report = yield* Effect.provideService(Lib.recover(at), Storage, storage)
      assert.deepStrictEqual(
        report.tapes.map(({ name }) => name),
        ["notes"]
      )
      assert.lengthOf(report.invalid, 1)
      yield* withLib(storage, at, (lib) =>
        Effect.gen(function* () {
          const tape = yield* existingTape(lib, "notes")
          assert.strictEqual(yield* Stream.runCount(tape.records()), 8)
        })
      )
    })
  )
})
