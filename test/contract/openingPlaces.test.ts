/** What opening says about a folder that it cannot use, and which folders it can use. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { spawnSync } from "node:child_process"
import nodeFs from "node:fs"
import * as fs from "node:fs"
import { hostname } from "node:os"
import * as path from "node:path"
import { pathToFileURL } from "node:url"
import * as NodeStorage from "litetapes/NodeStorage"
import type { LibLocked } from "litetapes/Errors"
import type * as Lib from "litetapes/Lib"
import { copyFixture, fixtureNames } from "../support/fixtures.ts"
import { replaced } from "../support/fsHooks.ts"
import { existingTape, recordsOf, tapeOf, withLib } from "../support/openLib.ts"
import { root } from "../support/documents.ts"
import { temporaryFolder } from "../support/temporaryFolder.ts"

const place = temporaryFolder()

const opening = (at: string, options: Lib.Options = {}) =>
  Effect.flatMap(NodeStorage.make, (storage) => withLib(storage, at, (lib) => Effect.succeed(lib.report), options))

const appending = (at: string) =>
  Effect.flatMap(NodeStorage.make, (storage) =>
    withLib(storage, at, (lib) =>
      Effect.gen(function* () {
        const tape = yield* tapeOf(lib, "notes")
        yield* tape.append([{ n: 1 }])
        return (yield* recordsOf(lib, "notes")).length
      })
    )
  )

/** Names that systems and tools put into folders by themselves; `/` marks a folder. */
const bySystems = ["lost+found/", ".gitkeep", ".gitignore", ".DS_Store", "desktop.ini", "Thumbs.db", "._x", ".Trash-0/"]

const put = (at: string, name: string) => {
  if (name.endsWith("/")) fs.mkdirSync(path.join(at, name))
  else fs.writeFileSync(path.join(at, name), "x")
}

describe("a folder that is not empty", () => {
  it.live("takes a new lib if it holds only what systems put there, which stays as it is", () =>
    Effect.gen(function* () {
      for (const names of [...bySystems.map((name) => [name]), bySystems]) {
        const at = place()
        fs.mkdirSync(at)
        for (const name of names) put(at, name)
        assert.isTrue((yield* opening(at, { create: "must" })).created)
        assert.isFalse((yield* opening(at, { create: "never" })).created)
        assert.strictEqual(yield* appending(at), 1)
        for (const name of names) assert.isTrue(fs.existsSync(path.join(at, name)), name)
      }
    })
  )

  it.live("is refused by the names of what is in the way, and nothing is put into it", () =>
    Effect.gen(function* () {
      for (const [names, says] of [
        [["notes.txt"], /has "notes\.txt"; choose another folder, or move that away/],
        [["a", "b", "c", "d", "lost+found/"], /has "a", "b", "c" and 1 more; choose/],
        [['say "x"\n'], /has "say \\"x\\"\\n"; choose/],
        [["x".repeat(200)], /has "x{60}…"; choose/]
      ] as const) {
        const at = place()
        fs.mkdirSync(at)
        for (const name of names) put(at, name)
        for (const create of ["if-absent", "must"] as const) {
          const error = yield* Effect.flip(opening(at, { create }))
          assert.strictEqual(error._tag, "LibInvalid")
          assert.match(error.message, says)
        }
        assert.strictEqual((yield* Effect.flip(opening(at, { create: "never" })))._tag, "LibNotFound")
        assert.strictEqual(fs.readdirSync(at).length, names.length)
      }
    })
  )
})

describe("a path without a lib", () => {
  it.live("is made with the folders above it, but not with `never`, which makes nothing", () =>
    Effect.gen(function* () {
      const at = place()
      const deep = path.join(at, "a", "b")
      const error = yield* Effect.flip(opening(deep, { create: "never" }))
      assert.strictEqual(error._tag, "LibNotFound")
      assert.match(error.message, /it does not exist; check the path.*volume/)
      assert.isFalse(fs.existsSync(at))
      fs.mkdirSync(at)
      assert.strictEqual((yield* Effect.flip(opening(at, { create: "never" })))._tag, "LibNotFound")
      assert.deepStrictEqual(fs.readdirSync(at), [])
      assert.isTrue((yield* opening(deep)).created)
    })
  )

  it.live("is found again in every format that was ever written, with `never` and not with `must`", () =>
    Effect.gen(function* () {
      for (const state of fixtureNames()) {
        const at = place()
        copyFixture(state, at)
        const before = fs.readdirSync(at)
        assert.strictEqual((yield* Effect.flip(opening(at, { create: "must" })))._tag, "LibExists", state)
        assert.deepStrictEqual(fs.readdirSync(at), before)
        if (state === "backup") continue
        assert.isFalse((yield* opening(at, { create: "never" })).created, state)
      }
    })
  )

  it.live("may be longer than the lock's SQLite opens, and leaves no second name of the lock", () =>
    Effect.gen(function* () {
      const base = place()
      fs.mkdirSync(base)
      for (const bytes of [470, 489, 490, 491, 492, 500, 520, 1000, 3500]) {
        let at = path.join(base, String(bytes))
        while (at.length < bytes - 1) at = path.join(at, "d".repeat(Math.min(200, bytes - at.length - 1)))
        assert.strictEqual(yield* appending(at), 1)
        yield* Effect.flatMap(NodeStorage.make, (storage) =>
          withLib(storage, at, () =>
            Effect.gen(function* () {
              assert.strictEqual((yield* Effect.flip(opening(at)))._tag, "LibLocked")
            })
          )
        )
        assert.strictEqual((yield* opening(at)).recovered, false)
      }
      const left = fs.readdirSync(base, { recursive: true, encoding: "utf8" })
      assert.deepStrictEqual(
        left.filter((name) => path.basename(name).startsWith(".litelib")),
        []
      )
    })
  )

  it.live("says so if it is too long for the system", () =>
    Effect.gen(function* () {
      const at = path.join(place(), ...Array.from({ length: 30 }, () => "d".repeat(200)))
      const error = yield* Effect.flip(opening(at))
      assert.deepInclude(error, { _tag: "StorageError", reason: "failed" })
      assert.match(error.message, /ENAMETOOLONG: the path is too long/)
    })
  )
})

/** Runs a program as somebody who owns nothing, or with options of Node; says how opening and appending went. */
const elsewhere = (at: string, { flags = [], uid }: { flags?: ReadonlyArray<string>; uid?: number } = {}) => {
  const modules = pathToFileURL(path.join(root, "src/layers/PromiseStore.ts")).href
  const program = `
    import * as PromiseStore from ${JSON.stringify(modules)}
    try {
      const store = await PromiseStore.open(${JSON.stringify(at)})
      await store.append("a-1", [{ type: "A" }])
      await store.close()
      console.log("ok")
    } catch (error) {
      console.log(error._tag + ": " + error.message)
    }`
  const command = ["--conditions=litetapes-source", ...flags, "--input-type=module", "-e", program]
  const options = { cwd: root, encoding: "utf8" as const, ...(uid === undefined ? {} : { uid, gid: uid }) }
  return spawnSync(process.execPath, command, options).stdout.trim()
}

describe("missing rights", () => {
  // Only the superuser can run a program as somebody else.
  it.runIf(process.getuid?.() === 0)("are reported with the file and the name of the error", () => {
    const nobody = 65_534
    const at = place()
    assert.strictEqual(elsewhere(at), "ok")
    const above = path.dirname(at)
    fs.chmodSync(above, 0o755)
    const says = (file: string) =>
      `StorageError: open: denied (EACCES: permission denied; check its owner and mode, and those of the folders above it): ${file}`
    assert.strictEqual(elsewhere(at, { uid: nobody }), says(at))
    fs.chmodSync(at, 0o755)
    assert.strictEqual(elsewhere(at, { uid: nobody }), says(path.join(at, "litelib.lock")))
    assert.strictEqual(elsewhere(path.join(above, "new"), { uid: nobody }), says(path.join(above, "new")))
    assert.isFalse(fs.existsSync(path.join(above, "new")))
  })

  it("under `node --permission` are typed, and say that it disables syncs", () => {
    const at = place()
    const reading = elsewhere(at, { flags: ["--permission", "--allow-fs-read=*"] })
    assert.match(
      reading,
      /^StorageError: open: denied \(ERR_ACCESS_DENIED: Node's permission model refuses it; start Node with/
    )
    const writing = elsewhere(at, { flags: ["--permission", "--allow-fs-read=*", "--allow-fs-write=*"] })
    assert.match(writing, /^StorageError: open: denied \(ERR_ACCESS_DENIED: node --permission disables fsync; /)
    assert.isFalse(fs.existsSync(at))
  })
})

describe("a lib that another writer has open", () => {
  it.live("says that it is in this process, and since when", () =>
    Effect.gen(function* () {
      const at = place()
      const began = Date.now()
      const storage = yield* NodeStorage.make
      const error = yield* withLib(storage, at, () => Effect.flip(opening(at)))
      const { holder } = error as LibLocked
      assert.deepInclude(holder, { here: true, host: hostname(), pid: process.pid })
      assert.isAtLeast(Date.parse(holder!.since), began - 1)
      assert.isAtMost(Date.parse(holder!.since), Date.now() + 1)
      assert.match(error.message, /in this very process .* since \d{4}-/)
    })
  )

  it.live("says which other process it is, and is silent about what it cannot read", () =>
    Effect.gen(function* () {
      const storage = yield* NodeStorage.make
      for (const [owner, says] of [
        [
          '{"host":"elsewhere","pid":17,"since":1700000000000}\n',
          /in process 17 on elsewhere since 2023-11-14T22:13:20/
        ],
        ["", /in another process, or twice in this one/],
        ["{", /in another process, or twice in this one/],
        ['{"host":"elsewhere","pid":17,"since":1e300}\n', /in another process, or twice in this one/],
        [`{"host":"${"x".repeat(5000)}","pid":17,"since":1}\n`, /in another process, or twice in this one/]
      ] as const) {
        const at = place()
        const error = yield* withLib(storage, at, () =>
          Effect.suspend(() => {
            const own = fs.readdirSync(at).find((name) => name.startsWith("litelib.writer-"))!
            fs.writeFileSync(path.join(at, own, "owner"), owner)
            return Effect.flip(opening(at))
          })
        )
        assert.strictEqual(error._tag, "LibLocked")
        assert.match(error.message, says)
      }
    })
  )
})

describe("a runtime that calls back with `undefined` where Node has `null`", () => {
  it.live("makes, writes, reads and closes libs", () => {
    const names = ["rename", "unlink", "fsync", "fdatasync", "read", "close"] as const
    const at = place()
    let hooked: Effect.Effect<void, unknown> = Effect.gen(function* () {
      const storage = yield* NodeStorage.makeWith({ syncs: "background" })
      const large = { text: "x".repeat(900_000) }
      yield* withLib(storage, at, (lib) =>
        Effect.flatMap(tapeOf(lib, "notes"), (tape) => tape.append([large, large, large]))
      )
      yield* withLib(storage, at, (lib) =>
        Effect.gen(function* () {
          const tape = yield* existingTape(lib, "notes")
          assert.strictEqual(yield* tape.size, 3)
          yield* tape.repack({ compression: "zstd" })
          assert.isTrue((yield* lib.verify()).ok)
        })
      )
    })
    for (const name of names) {
      const original = nodeFs[name] as (...given: Array<unknown>) => void
      const changed = (...given: Array<unknown>) => {
        const done = given.pop() as (error: unknown, ...rest: ReadonlyArray<unknown>) => void
        original(...given, (error: unknown, ...rest: ReadonlyArray<unknown>) => done(error ?? undefined, ...rest))
      }
      hooked = replaced(name, changed as never, hooked)
    }
    return hooked
  })
})
