/** Files that are swapped between the check and the open, and files with a second hard link. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { execFileSync } from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"
import * as NodeDisk from "../../src/layers/NodeDisk.ts"
import * as NodeStorage from "../../src/layers/NodeStorage.ts"
import type { DiskError, File } from "../../src/services/ports/Disk.ts"
import { beforeOpens } from "../support/fsHooks.ts"
import { copyFiles, segmentsOf, treeOf } from "../support/hostileLib.ts"
import { recordsOf, tagOf, tapeOf, withLib } from "../support/openLib.ts"
import { temporaryFolder } from "../support/temporaryFolder.ts"
import { doEverything, makeVictim, notes, outcomeOf, wordFor } from "../support/victimLib.ts"

const place = temporaryFolder()

/** Replaces `file` by something else, once, directly before it is opened. */
const swapping = (file: string, put: () => void) => {
  let done = false
  return (at: string) => {
    if (at !== file || done) return
    done = true
    fs.rmSync(file)
    put()
  }
}

describe("a file that is swapped between the check and the open", () => {
  const disk = NodeDisk.make
  const opens: { readonly [name: string]: (at: string) => Effect.Effect<File, DiskError> } = {
    openRead: disk.openRead,
    openWrite: disk.openWrite
  }
  const swaps: { readonly [name: string]: (at: string) => void } = {
    "a link": (at) => fs.symlinkSync("/etc/hostname", at),
    "a link to nothing": (at) => fs.symlinkSync(`${at}.absent`, at),
    "a FIFO, which does not block": (at) => execFileSync("mkfifo", [at]),
    "a folder": (at) => fs.mkdirSync(at)
  }
  for (const [name, open] of Object.entries(opens)) {
    for (const [what, put] of Object.entries(swaps)) {
      it.live(`is refused by ${name} if it becomes ${what}`, () =>
        Effect.gen(function* () {
          const at = place()
          fs.writeFileSync(at, "before")
          const hook = swapping(at, () => put(at))
          const error = yield* Effect.flip(beforeOpens(hook, open(at)))
          assert.include(["EUNSAFE", "ELOOP", "EISDIR"], error.code)
          assert.isFalse(fs.existsSync(`${at}.absent`))
        })
      )
    }
  }

  it.live("is refused by every read of the lib", () =>
    Effect.gen(function* () {
      const storage = yield* NodeStorage.make
      const template = place()
      yield* makeVictim(storage, template, "open")
      const names = ["litelib.meta.jsonl", "litelib.dynamic-000001.jsonl", "notes/tape.meta.jsonl"]
      const segments = segmentsOf(template, "notes").map((name) => `notes/${name}`)
      assert.lengthOf(segments, 2)
      for (const name of [...names, ...segments]) {
        const at = place()
        copyFiles(template, at)
        const file = path.join(at, name)
        const real = fs.readFileSync(file)
        fs.mkdirSync(`${at}.outside`)
        fs.writeFileSync(`${at}.outside/real`, real)
        const hook = swapping(file, () => fs.symlinkSync(`${at}.outside/real`, file))
        const before = treeOf(`${at}.outside`)
        const read = withLib(storage, at, (lib) => recordsOf(lib, "notes"), { mode: "read" })
        const outcome = yield* outcomeOf<unknown, unknown>(beforeOpens(hook, read))
        assert.strictEqual("error" in outcome ? wordFor(outcome.error) : "read", "StorageError unsafe", name)
        yield* doEverything(storage, at)
        assert.deepStrictEqual(treeOf(`${at}.outside`), before, name)
      }
    })
  )
})

describe("files with a second hard link", () => {
  it.live("are never modified: a copy made of hard links stays unchanged and opens", () =>
    Effect.gen(function* () {
      const storage = yield* NodeStorage.make
      const at = place()
      yield* makeVictim(storage, at, "closed")
      const copy = `${at}.copy`
      execFileSync("cp", ["-al", at, copy])
      const before = treeOf(copy)
      yield* withLib(storage, at, (lib) => Effect.flatMap(tapeOf(lib, "notes"), (tape) => tape.append(notes(8, 20))))
      yield* doEverything(storage, at)
      assert.deepStrictEqual(treeOf(copy), before)
      const records = yield* withLib(storage, copy, (lib) => recordsOf(lib, "notes"))
      assert.deepStrictEqual<unknown>(records, notes(0, 8))
    })
  )

  it.live("share the lock of the writer, so only one of the two libs can be open for writing", () =>
    Effect.gen(function* () {
      const storage = yield* NodeStorage.make
      const at = place()
      yield* makeVictim(storage, at, "closed")
      execFileSync("cp", ["-al", at, `${at}.copy`])
      yield* withLib(storage, at, () =>
        Effect.gen(function* () {
          assert.strictEqual(yield* tagOf(withLib(storage, `${at}.copy`, () => Effect.void)), "LibLocked")
          yield* withLib(storage, `${at}.copy`, () => Effect.void, { mode: "read" })
        })
      )
    })
  )

  it.live("are not overwritten if they have the name of the hint", () =>
    Effect.gen(function* () {
      const storage = yield* NodeStorage.make
      const at = place()
      yield* makeVictim(storage, at, "open")
      const precious = `${at}.precious`
      fs.writeFileSync(precious, "x".repeat(10_000))
      fs.rmSync(path.join(at, "litelib.acked"))
      fs.linkSync(precious, path.join(at, "litelib.acked"))
      assert.notInclude([...(yield* doEverything(storage, at))].join(), "StorageError")
      assert.strictEqual(fs.readFileSync(precious, "utf8"), "x".repeat(10_000))
      assert.strictEqual(fs.statSync(precious).nlink, 1)
    })
  )

  it.live("are refused as the lock file unless they are empty", () =>
    Effect.gen(function* () {
      const storage = yield* NodeStorage.make
      const at = place()
      yield* makeVictim(storage, at, "open")
      const precious = `${at}.precious`
      // A valid database too: SQLite would open it and might roll back its journal.
      execFileSync(process.execPath, [
        "-e",
        `new (require("node:sqlite").DatabaseSync)(${JSON.stringify(precious)}).exec("CREATE TABLE t (x); INSERT INTO t VALUES (1)")`
      ])
      fs.linkSync(precious, path.join(at, "litelib.lock"))
      const content = fs.readFileSync(precious)
      const refused = yield* Effect.flip(withLib(storage, at, () => Effect.void))
      assert.strictEqual(wordFor(refused), "StorageError unsafe")
      assert.deepStrictEqual(fs.readFileSync(precious), content)
    })
  )
})
