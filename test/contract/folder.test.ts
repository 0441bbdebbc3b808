import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as fs from "node:fs"
import * as path from "node:path"
import * as NodeStorage from "../../src/layers/NodeStorage.ts"
import type { Storage } from "../../src/services/ports/Storage.ts"
import { startLockHolder } from "../support/lockHolder.ts"
import { temporaryFolder } from "../support/temporaryFolder.ts"
import { bytes, open, openLib, reasonOf, text } from "./storage/support.ts"
import { suite } from "./StorageSuite.ts"
import * as IndexFiles from "../../src/services/segment/IndexFiles.ts"

const newPlace = temporaryFolder()

suite("folder", NodeStorage.layer, newPlace)

const namesIn = (folder: string): ReadonlyArray<string> => fs.readdirSync(folder).toSorted()

/** Counts the descriptors of this process that are files under `folder`. */
const filesOpenIn = (folder: string): number =>
  fs.readdirSync("/proc/self/fd").filter((descriptor) => {
    try {
      return fs.readlinkSync(`/proc/self/fd/${descriptor}`).startsWith(folder)
    } catch {
      // The descriptor of the listing itself is already closed.
      return false
    }
  }).length

const live = (name: string, body: (at: string) => Effect.Effect<void, unknown, Storage | Scope.Scope>) =>
  it.live(name, () =>
    Effect.provide(
      Effect.suspend(() => body(newPlace())),
      NodeStorage.layer
    )
  )

/** Returns the own folder of the one writer that has the lib open. */
const ownFolderIn = (at: string): string => {
  const [name, ...others] = namesIn(at).filter((one) => one.startsWith("litelib.writer-"))
  assert.isDefined(name)
  assert.deepStrictEqual(others, [])
  return path.join(at, name!)
}

describe("a lib's folder", () => {
  live("has the files that the format names, readable by their owner only", (at) =>
    Effect.gen(function* () {
      const root = yield* openLib(at)
      yield* root.journal.create(4, bytes("header\n"))
      yield* root.segments.write("order", "seg-000001.jsonl", (append) => append(bytes("one\n")))
      yield* root.segments.write("order", "shard-0001/seg-001001.jsonl.zst", (append) => append(bytes("two\n")))
      yield* IndexFiles.write(root.derived, "order", "shard-0001/seg-001001.jsonl.zst", bytes("index"))
      yield* root.derived.put({ tape: "order", kind: "stream-state", name: "all.bin" }, bytes("derived"))
      yield* root.derived.put({ tape: undefined, kind: "stream-state", name: "all.bin" }, bytes("derived"))
      yield* root.hint.write(bytes("hint"))
      const kept = yield* root.quarantine.keep("litelib.dynamic-000004.jsonl", bytes("torn"))
      const names = fs
        .readdirSync(at, { recursive: true, encoding: "utf8" })
        .map((name) => name.replace(/(?<=^litelib\.writer-)[\da-f-]{36}/, "uuid"))
        .toSorted()
      assert.deepStrictEqual(names, [
        "litelib.acked",
        "litelib.derived",
        "litelib.derived/stream-state",
        "litelib.derived/stream-state/all.bin",
        "litelib.dynamic-000004.jsonl",
        "litelib.dynamic-000004.jsonl.quarantine",
        "litelib.lock",
        "litelib.meta.jsonl",
        "litelib.place",
        "litelib.writer-uuid",
        "litelib.writer-uuid/owner",
        "order",
        "order/index",
        "order/index/shard-0001_seg-001001.jsonl.zst.idx",
        "order/seg-000001.jsonl",
        "order/shard-0001",
        "order/shard-0001/seg-001001.jsonl.zst",
        "order/stream-state",
        "order/stream-state/all.bin",
        "order/tape.meta.jsonl"
      ])
      assert.strictEqual(fs.readFileSync(kept, "utf8"), "torn")
      for (const shown of ["", ...names]) {
        const name = shown.replace("writer-uuid", path.basename(ownFolderIn(at)).slice("litelib.".length))
        const stats = fs.statSync(path.join(at, name))
        assert.strictEqual(stats.mode & 0o777, stats.isDirectory() ? 0o700 : 0o600, name)
      }
    })
  )

  live("is refused and left unchanged if it contains foreign files", (at) =>
    Effect.gen(function* () {
      fs.mkdirSync(at)
      fs.writeFileSync(path.join(at, "notes.txt"), "mine")
      for (const mode of ["write", "read", "recover"] as const) {
        assert.strictEqual(yield* reasonOf(open(at, mode)), "not-a-lib", mode)
      }
      assert.deepStrictEqual(namesIn(at), ["notes.txt"])
      const file = path.join(at, "notes.txt")
      for (const mode of ["write", "read", "recover"] as const) {
        assert.strictEqual(yield* reasonOf(open(file, mode)), "not-a-lib", mode)
      }
      assert.strictEqual(fs.readFileSync(file, "utf8"), "mine")
    })
  )

  live("counts as empty if it has only the leftovers of an interrupted creation", (at) =>
    Effect.gen(function* () {
      fs.mkdirSync(at)
      fs.writeFileSync(path.join(at, "litelib.lock"), "")
      fs.writeFileSync(path.join(at, "litelib.meta.jsonl.tmp"), "half")
      const root = yield* open(at)
      yield* root.meta.replace(undefined, undefined, bytes("lib\n"))
      assert.strictEqual(text((yield* root.meta.read(undefined))?.bytes), "lib\n")
      const own = path.basename(ownFolderIn(at))
      assert.deepStrictEqual(namesIn(at), ["litelib.lock", "litelib.meta.jsonl", "litelib.place", own])
    })
  )

  live("is refused with advice to recover if lib meta is missing", (at) =>
    Effect.gen(function* () {
      yield* Effect.scoped(openLib(at))
      fs.unlinkSync(path.join(at, "litelib.meta.jsonl"))
      const error = yield* Effect.flip(open(at))
      assert.strictEqual(error.reason, "not-a-lib")
      assert.match(error.detail, /recover/)
    })
  )

  live("can be opened for recovery even if only derived files are left", (at) =>
    Effect.gen(function* () {
      const key = { tape: undefined, kind: "stream-state", name: "all.bin" }
      yield* Effect.scoped(Effect.flatMap(open(at), (root) => root.derived.put(key, bytes("derived"))))
      const error = yield* Effect.flip(open(at))
      assert.strictEqual(error.reason, "not-a-lib")
      assert.match(error.detail, /recover/)
      const root = yield* open(at, "recover")
      assert.deepStrictEqual(yield* root.derived.list(undefined, "stream-state"), ["all.bin"])
    })
  )

  live("may contain anything among derived files: other entries are not listed, and links are not followed", (at) =>
    Effect.gen(function* () {
      const root = yield* openLib(at)
      const key = { tape: "order", kind: "index", name: "seg-000001.jsonl.idx" }
      yield* root.derived.put(key, bytes("index"))
      const folder = path.join(at, "order", "index")
      fs.writeFileSync(path.join(folder, ".DS_Store"), "")
      fs.writeFileSync(path.join(folder, "seg-000002.jsonl.idx.tmp"), "half")
      assert.deepStrictEqual(yield* root.derived.list("order", "index"), [key.name])
      fs.mkdirSync(`${at}.elsewhere`)
      fs.writeFileSync(path.join(`${at}.elsewhere`, "secret"), "secret")
      fs.symlinkSync(path.join(`${at}.elsewhere`, "secret"), path.join(folder, "link"))
      fs.mkdirSync(path.join(folder, "folder"))
      fs.symlinkSync(`${at}.elsewhere`, path.join(at, "order", "linked"))
      fs.symlinkSync(`${at}.elsewhere`, path.join(at, "litelib.derived"))
      const keys = [
        { ...key, name: "link" },
        { ...key, name: "folder" },
        { ...key, kind: "linked", name: "secret" },
        { tape: undefined, kind: "linked", name: "secret" }
      ]
      for (const bad of keys) {
        assert.strictEqual(yield* reasonOf(root.derived.get(bad, 100)), "unsafe", bad.name)
        assert.strictEqual(yield* reasonOf(root.derived.getRanges(bad, [[0, 1]])), "unsafe", bad.name)
        assert.strictEqual(yield* reasonOf(root.derived.size(bad)), "unsafe", bad.name)
      }
      for (const bad of keys.slice(2)) {
        assert.strictEqual(yield* reasonOf(root.derived.put(bad, bytes("x"))), "unsafe", bad.name)
        assert.strictEqual(yield* reasonOf(root.derived.delete(bad)), "unsafe", bad.name)
        assert.strictEqual(yield* reasonOf(root.derived.list(bad.tape, bad.kind)), "unsafe", bad.name)
      }
      // A link under the name of a derived file is itself replaced or removed, not its target.
      yield* root.derived.put({ ...key, name: "link" }, bytes("derived"))
      assert.strictEqual(text(yield* root.derived.get({ ...key, name: "link" }, 100)), "derived")
      assert.deepStrictEqual(namesIn(`${at}.elsewhere`), ["secret"])
      assert.strictEqual(fs.readFileSync(path.join(`${at}.elsewhere`, "secret"), "utf8"), "secret")
    })
  )

  live("is created together with its missing parent folders", (at) =>
    Effect.gen(function* () {
      const deep = path.join(at, "one", "two")
      yield* Effect.scoped(openLib(deep))
      assert.isTrue(fs.existsSync(path.join(deep, "litelib.meta.jsonl")))
    })
  )

  live("is one place, also if it is reached through a link", (at) =>
    Effect.gen(function* () {
      yield* openLib(at)
      const alias = newPlace()
      fs.symlinkSync(at, alias)
      assert.strictEqual(yield* reasonOf(open(alias)), "locked")
      assert.strictEqual(yield* reasonOf(open(`${at}/`)), "locked")
      const reader = yield* open(alias, "read")
      assert.deepStrictEqual(yield* reader.tapes.list, ["order"])
    })
  )

  live("is lost to its writer once somebody removes the owner file of that writer", (at) =>
    Effect.gen(function* () {
      const root = yield* openLib(at)
      yield* root.checkLock
      fs.unlinkSync(path.join(ownFolderIn(at), "owner"))
      assert.strictEqual(yield* reasonOf(root.checkLock), "lock-lost")
    })
  )

  live("can be opened for writing by one process only", (at) =>
    Effect.gen(function* () {
      yield* Effect.scoped(openLib(at))
      const child = yield* Effect.promise(() => startLockHolder(path.join(at, "litelib.lock")))
      yield* Effect.ensuring(
        Effect.gen(function* () {
          assert.strictEqual(child.said, "held")
          assert.strictEqual(yield* reasonOf(open(at)), "locked")
          yield* open(at, "read")
        }),
        Effect.promise(child.kill)
      )
      yield* open(at)
    })
  )

  live("refuses links and folders in the place of files", (at) =>
    Effect.gen(function* () {
      const root = yield* openLib(at)
      fs.writeFileSync(`${at}.secret`, "secret")
      fs.symlinkSync(`${at}.secret`, path.join(at, "order", "seg-000001.jsonl"))
      fs.mkdirSync(path.join(at, "order", "seg-000002.jsonl"))
      fs.mkdirSync(`${at}.elsewhere`)
      fs.writeFileSync(path.join(`${at}.elsewhere`, "seg-000003.jsonl"), "secret")
      fs.writeFileSync(path.join(`${at}.elsewhere`, "tape.meta.jsonl"), "secret")
      fs.symlinkSync(`${at}.elsewhere`, path.join(at, "order", "shard-0000"))
      fs.symlinkSync(`${at}.elsewhere`, path.join(at, "linked"))
      for (const [tape, segment] of [
        ["order", "seg-000001.jsonl"],
        ["order", "seg-000002.jsonl"],
        ["order", "shard-0000/seg-000003.jsonl"],
        ["linked", "seg-000003.jsonl"]
      ] as const) {
        assert.strictEqual(yield* reasonOf(root.segments.read(tape, segment, 0, 10)), "unsafe", `${tape}/${segment}`)
      }
      assert.strictEqual(yield* reasonOf(root.meta.read("linked")), "unsafe")
      const into = root.segments.write("linked", "seg-000004.jsonl", (append) => append(bytes("x")))
      assert.strictEqual(yield* reasonOf(into), "unsafe")
      // Recovery is shown the links and folders, so that it can name them.
      assert.deepStrictEqual(yield* root.segments.list("order"), ["seg-000001.jsonl", "seg-000002.jsonl"])
      assert.deepStrictEqual(yield* root.tapes.list, ["order"])
    })
  )

  live("keeps an unlisted namesake of a new tape, empty or not", (at) =>
    Effect.gen(function* () {
      const root = yield* openLib(at)
      fs.mkdirSync(path.join(at, "account"))
      yield* root.tapes.create("account", bytes("second\n"))
      fs.writeFileSync(path.join(at, "account", "notes.txt"), "mine")
      fs.mkdirSync(path.join(at, "account.tmp"))
      fs.writeFileSync(path.join(at, "account.tmp", "tape.meta.jsonl"), "half")
      yield* root.tapes.create("account", bytes("third\n"))
      assert.deepStrictEqual(
        namesIn(at).filter((name) => name.startsWith("account")),
        ["account", "account.aside-1", "account.aside-2"]
      )
      assert.deepStrictEqual(namesIn(path.join(at, "account.aside-1")), [])
      assert.deepStrictEqual(namesIn(path.join(at, "account.aside-2")), ["notes.txt", "tape.meta.jsonl"])
      assert.deepStrictEqual(yield* root.tapes.list, ["account", "order"])
    })
  )

  live("keeps nothing of a segment if `fill` fails", (at) =>
    Effect.gen(function* () {
      const root = yield* openLib(at)
      const half = root.segments.write("order", "seg-000001.jsonl", (append) =>
        Effect.andThen(append(bytes("half")), Effect.fail("no more"))
      )
      yield* Effect.flip(half)
      assert.deepStrictEqual(namesIn(path.join(at, "order")), ["tape.meta.jsonl"])
    })
  )

  live("has no open descriptors after its scope has closed", (at) =>
    Effect.gen(function* () {
      yield* Effect.scoped(
        Effect.gen(function* () {
          const root = yield* openLib(at)
          const first = yield* root.journal.create(1, bytes("header\n"))
          yield* first.append(bytes("batch\n"))
          yield* root.journal.create(2, bytes("header\n"))
          yield* root.hint.write(bytes("hint"))
          yield* root.journal.read(1, 0, 100)
          yield* root.journal.drop(1)
          for (let n = 1; n <= 140; n++) {
            const name = `seg-${String(n).padStart(6, "0")}.jsonl`
            yield* root.segments.write("order", name, (append) => append(bytes(name)))
            yield* root.segments.read("order", name, 0, 100)
          }
          // 128 for reading, two dynamic segments, the hint and the lock.
          assert.strictEqual(filesOpenIn(at), 132)
          yield* first.close
          assert.strictEqual(filesOpenIn(at), 131)
        })
      )
      assert.strictEqual(filesOpenIn(at), 0)
    })
  )
})
