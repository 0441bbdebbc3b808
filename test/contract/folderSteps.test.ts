/**
 * The order of the steps is the protocol. A sync that comes too late, or not at all, is noticed only by these tests and
 * by those that lose power.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as fs from "node:fs"
import * as path from "node:path"
import * as FolderStorage from "../../src/layers/FolderStorage.ts"
import type { Storage } from "../../src/services/ports/Storage.ts"
import { type Recording, recordingDisk } from "../support/recordingDisk.ts"
import { temporaryFolder } from "../support/temporaryFolder.ts"
import { bytes, open, openLib, reasonOf, text } from "./storage/support.ts"
import * as IndexFiles from "../../src/services/segment/IndexFiles.ts"

const newPlace = temporaryFolder()

const live = (
  name: string,
  body: (at: string, disk: Recording) => Effect.Effect<void, unknown, Storage | Scope.Scope>
) =>
  it.live(name, () => {
    const at = newPlace()
    const disk = recordingDisk(() => at)
    return Effect.provide(body(at, disk), Layer.provide(FolderStorage.layer, disk.layer))
  })

describe("the folder storage", () => {
  live("makes a new folder durable before lib meta, and replaces lib meta whole", (at, disk) =>
    Effect.gen(function* () {
      const root = yield* open(at)
      // The folders above it too: whoever made one of them may have been killed before it was synced.
      const above = Array.from(at.slice(1).split("/"), (_, n) => `syncFolder ${"../".repeat(n + 1).slice(0, -1)}`)
      const own = ["makeFolder own", "create own/owner", String.raw`write 0+N own/owner`, "close own/owner"]
      const steps = disk.take().map((step) => step.replace(/^write 0\+\d+ own.owner$/, own[2]!))
      assert.deepStrictEqual(steps, ["makeFolder .", "syncFolder ..", "lock litelib.lock", ...above, ...own])
      yield* root.meta.replace(undefined, undefined, bytes("lib\n"))
      assert.deepStrictEqual(disk.take(), [
        "create own/1",
        "write 0+4 own/1",
        "sync own/1",
        "close own/1",
        "rename own/1 litelib.meta.jsonl",
        "syncFolder .",
        "create own/2",
        `write 0+${fs.statSync(path.join(at, "litelib.place")).size} own/2`,
        "close own/2",
        "rename own/2 litelib.place"
      ])
    })
  )

  live("takes no lock in a foreign folder", (at, disk) =>
    Effect.gen(function* () {
      fs.mkdirSync(at)
      fs.writeFileSync(path.join(at, "notes.txt"), "mine")
      assert.strictEqual(yield* reasonOf(open(at)), "not-a-lib")
      assert.deepStrictEqual(disk.take(), [])
    })
  )

  live("appends to meta with one write at its end and one datasync", (at, disk) =>
    Effect.gen(function* () {
      const root = yield* openLib(at)
      const { version } = (yield* root.meta.read(undefined))!
      disk.take()
      yield* root.meta.append(undefined, version, bytes("more\n"))
      assert.deepStrictEqual(disk.take(), [
        "open litelib.meta.jsonl",
        "write 4+5 litelib.meta.jsonl",
        "datasync litelib.meta.jsonl",
        "close litelib.meta.jsonl"
      ])
    })
  )

  live("refuses to append to a lib meta that is no longer as it left it, and touches nothing", (at) =>
    Effect.gen(function* () {
      const root = yield* openLib(at)
      const file = path.join(at, "litelib.meta.jsonl")
      const long = bytes(`${"x".repeat(3000)}\n`)
      let version = yield* root.meta.append(undefined, (yield* root.meta.read(undefined))!.version, long)
      version = yield* root.meta.append(undefined, version, bytes("last\n"))
      const left = fs.readFileSync(file)
      const others: ReadonlyArray<(line: Buffer) => Buffer | undefined> = [
        (all) => Buffer.concat([all, Buffer.from("more\n")]),
        (all) => all.subarray(0, all.length - 5),
        (all) => Buffer.concat([all.subarray(0, all.length - 5), Buffer.from("LAST\n")]),
        (all) => Buffer.concat([all.subarray(0, all.length - 1000), Buffer.alloc(1000, "y")]),
        () => Buffer.from("last\n"),
        () => Buffer.alloc(0)
      ]
      for (const other of others) {
        const changed = other(left)!
        fs.writeFileSync(file, changed)
        assert.strictEqual(yield* reasonOf(root.meta.append(undefined, version, bytes("next\n"))), "changed")
        assert.deepStrictEqual(fs.readFileSync(file), changed)
        fs.writeFileSync(file, left)
        // Refused once, it compares all of it, and continues where it was.
        const next = yield* root.meta.append(undefined, version, bytes("next\n"))
        const meta = (yield* root.meta.read(undefined))!
        assert.strictEqual(meta.version, next)
        assert.deepStrictEqual(Buffer.from(meta.bytes), Buffer.concat([left, Buffer.from("next\n")]))
        fs.writeFileSync(file, left)
        yield* root.meta.append(undefined, version, new Uint8Array())
      }
      fs.rmSync(file)
      assert.strictEqual(yield* reasonOf(root.meta.append(undefined, version, bytes("next\n"))), "changed")
      assert.isFalse(fs.existsSync(file))
    })
  )

  live(
    "makes a dynamic segment and its entry durable before it returns it, and appends a batch with one write, room included, and one datasync",
    (at, disk) =>
      Effect.gen(function* () {
        const root = yield* openLib(at)
        const name = "litelib.dynamic-000001.jsonl"
        disk.take()
        const writer = yield* root.journal.create(1, bytes("header\n"))
        assert.deepStrictEqual(disk.take(), [
          "create own/4",
          "write 0+7 own/4",
          "sync own/4",
          `rename own/4 ${name}`,
          "syncFolder ."
        ])
        yield* writer.append(bytes("batch\n"))
        yield* writer.append(bytes("next\n"))
        yield* root.hint.write(bytes("hint\n"))
        yield* root.hint.write(bytes("hint\n"))
        assert.deepStrictEqual(disk.take(), [
          `write 7+${512 - 7} ${name}`,
          `datasync ${name}`,
          `write 13+5 ${name}`,
          `datasync ${name}`,
          "create own/5",
          "write 0+5 own/5",
          "rename own/5 litelib.acked",
          "write 0+5 litelib.acked"
        ])
        // A leftover that has the number is replaced.
        yield* root.journal.create(1, bytes("header\n"))
        assert.deepStrictEqual(disk.take().slice(-2), [`rename own/6 ${name}`, "syncFolder ."])
        yield* root.journal.drop(1)
        assert.deepStrictEqual(disk.take(), [`rename ${name} own/7`, "unlink own/7"])
      })
  )

  live("makes a segment durable before its name, and its name before it returns", (at, disk) =>
    Effect.gen(function* () {
      const root = yield* openLib(at)
      const name = "order/seg-000001.jsonl"
      const write = root.segments.write("order", "seg-000001.jsonl", (append) =>
        Effect.andThen(append(bytes("one\n")), append(bytes("two\n")))
      )
      disk.take()
      yield* write
      const steps = (made: string) => [
        `create ${made}`,
        `write 0+4 ${made}`,
        `write 4+4 ${made}`,
        `sync ${made}`,
        `close ${made}`,
        `rename ${made} ${name}`,
        "syncFolder order"
      ]
      assert.deepStrictEqual(disk.take(), steps("own/4"))
      yield* write
      // One that is there is replaced: there is a whole file under the name at every moment.
      assert.deepStrictEqual(disk.take(), steps("own/5"))
      yield* root.segments.remove("order", "seg-000001.jsonl")
      assert.deepStrictEqual(disk.take(), [`rename ${name} own/6`, "unlink own/6"])
    })
  )

  live("makes a shard folder durable before its first segment, even if the folder exists already", (at, disk) =>
    Effect.gen(function* () {
      const write = (number: number) =>
        Effect.scoped(
          Effect.gen(function* () {
            const root = yield* open(at)
            disk.take()
            for (const n of [number, number + 1]) {
              yield* root.segments.write("order", `shard-0000/seg-00000${n}.jsonl`, (append) => append(bytes("x\n")))
            }
            return disk.take().filter((step) => /^(?:makeFolder|syncFolder|rename)/.test(step))
          })
        )
      yield* Effect.scoped(openLib(at))
      const folder = "order/shard-0000"
      const rest = (made: number) => [
        "syncFolder order",
        `rename own/${made} ${folder}/seg-000001.jsonl`,
        `syncFolder ${folder}`,
        `rename own/${made + 1} ${folder}/seg-000002.jsonl`,
        `syncFolder ${folder}`
      ]
      assert.deepStrictEqual(yield* write(1), ["makeFolder own/1", `rename own/1 ${folder}`, ...rest(2)])
      assert.deepStrictEqual(yield* write(1), rest(1))
    })
  )

  live("makes a tape durable before its name, and moves a namesake aside first", (at, disk) =>
    Effect.gen(function* () {
      const root = yield* openLib(at)
      disk.take()
      yield* root.tapes.create("account", bytes("meta\n"))
      const steps = (made: string) => [
        `makeFolder ${made}`,
        `create ${made}/tape.meta.jsonl`,
        `write 0+5 ${made}/tape.meta.jsonl`,
        `sync ${made}/tape.meta.jsonl`,
        `close ${made}/tape.meta.jsonl`,
        `syncFolder ${made}`,
        `rename ${made} account`,
        "syncFolder ."
      ]
      assert.deepStrictEqual(disk.take(), steps("own/4-account"))
      yield* root.tapes.create("account", bytes("meta\n"))
      const aside = ["rename account own/6-account", "rename own/6-account account.aside-1"]
      assert.deepStrictEqual(disk.take(), steps("own/5-account").toSpliced(6, 0, ...aside))
    })
  )

  live("never syncs a derived file", (at, disk) =>
    Effect.gen(function* () {
      const root = yield* openLib(at)
      disk.take()
      yield* IndexFiles.write(root.derived, "order", "seg-000001.jsonl", bytes("x"))
      const name = "order/index/seg-000001.jsonl.idx"
      assert.deepStrictEqual(disk.take(), [
        "makeFolder order/index",
        "create own/4",
        "write 0+1 own/4",
        "close own/4",
        `rename own/4 ${name}`
      ])
      const ofLib = { tape: undefined, kind: "stream-state", name: "all.bin" }
      yield* root.derived.put(ofLib, bytes("x"))
      const file = "litelib.derived/stream-state/all.bin"
      assert.deepStrictEqual(disk.take(), [
        "makeFolder litelib.derived",
        "makeFolder litelib.derived/stream-state",
        "create own/5",
        "write 0+1 own/5",
        "close own/5",
        `rename own/5 ${file}`
      ])
      yield* root.derived.delete(ofLib)
      assert.deepStrictEqual(disk.take(), [`rename ${file} own/6`, "unlink own/6"])
    })
  )

  live("refuses every append after a failed one", (at, disk) =>
    Effect.gen(function* () {
      const root = yield* openLib(at)
      for (const [n, step] of [/^write/, /^datasync/].entries()) {
        const writer = yield* root.journal.create(n + 1, bytes("header\n"))
        yield* writer.append(bytes("one\n"))
        disk.refuse(step, "ENOSPC")
        const error = yield* Effect.flip(writer.append(bytes("two\n")))
        assert.strictEqual(error.reason, "failed")
        assert.match(error.detail, /^ENOSPC: /)
        disk.refuse(undefined)
        disk.take()
        assert.strictEqual(yield* reasonOf(writer.append(bytes("two\n"))), "failed")
        assert.deepStrictEqual(disk.take(), [])
      }
    })
  )

  live("fails a segment if a chunk could not be written, even if `fill` ignores that", (at, disk) =>
    Effect.gen(function* () {
      const root = yield* openLib(at)
      disk.take()
      disk.refuse(/^write 4/)
      const written = root.segments.write("order", "seg-000001.jsonl", (append) =>
        Effect.andThen(append(bytes("one\n")), Effect.ignore(append(bytes("two\n"))))
      )
      assert.strictEqual(yield* reasonOf(written), "failed")
      assert.isUndefined(yield* root.segments.size("order", "seg-000001.jsonl"))
      assert.deepStrictEqual(
        disk.take().filter((step) => step.startsWith("rename")),
        []
      )
    })
  )

  live(
    "leaves meta unchanged if a replacement of it fails before its rename, and accepts a later replacement",
    (at, disk) =>
      Effect.gen(function* () {
        const root = yield* openLib(at)
        const { version } = (yield* root.meta.read("order"))!
        for (const step of [/^create/, /^write/, /^sync/, /^rename/]) {
          disk.refuse(step)
          assert.strictEqual(yield* reasonOf(root.meta.replace("order", version, bytes("new\n"))), "failed")
          disk.refuse(undefined)
          assert.strictEqual(text((yield* root.meta.read("order"))?.bytes), "tape\n")
        }
        yield* root.meta.replace("order", version, bytes("new\n"))
        assert.strictEqual(text((yield* root.meta.read("order"))?.bytes), "new\n")
      })
  )

  live("removes a new folder whose name could not be synced, and makes and syncs it again next time", (at, disk) =>
    Effect.gen(function* () {
      disk.refuse(/^syncFolder/)
      for (const place of [at, `${at}/in/a/folder`]) {
        assert.strictEqual(yield* reasonOf(open(place)), "failed")
        assert.isFalse(fs.existsSync(at))
      }
      disk.refuse(undefined)
      disk.take()
      yield* openLib(at)
      assert.deepStrictEqual(disk.take().slice(0, 2), ["makeFolder .", "syncFolder .."])
    })
  )

  live("reports the failure of any step of opening or writing as a typed error", (at, disk) =>
    Effect.gen(function* () {
      for (const [code, reason] of [
        ["EROFS", "denied"],
        ["EACCES", "denied"],
        ["EPERM", "denied"],
        ["EMFILE", "failed"]
      ] as const) {
        disk.refuse(/^makeFolder/, code)
        assert.strictEqual(yield* reasonOf(open(at)), reason)
      }
      disk.refuse(undefined)
      const stopped = Effect.gen(function* () {
        const root = yield* openLib(at)
        const create = reasonOf(root.tapes.create("account", bytes("meta\n")))
        for (const step of [/^makeFolder/, /^create/, /^write/, /^sync /, /^rename/, /^syncFolder/]) {
          disk.refuse(step)
          assert.strictEqual(yield* create, "failed", String(step))
        }
        disk.refuse(undefined)
        // I6: a folder that could not be synced stops all that writes.
        assert.strictEqual(yield* create, "failed")
        assert.strictEqual(yield* reasonOf(root.checkLock), "failed")
      })
      yield* Effect.scoped(stopped)
      const root = yield* open(at)
      yield* root.tapes.create("account", bytes("meta\n"))
      assert.deepStrictEqual(yield* root.tapes.list, ["account", "order"])
    })
  )
})
