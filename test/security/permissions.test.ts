/** Files and folders are private to their owner, whatever the umask. Opening a lib reports those that are not. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import { execFileSync } from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"
import * as MemoryStorage from "../../src/layers/MemoryStorage.ts"
import * as NodeStorage from "../../src/layers/NodeStorage.ts"
import { withLib } from "../support/openLib.ts"
import { temporaryFolder } from "../support/temporaryFolder.ts"

const place = temporaryFolder()

const modesIn = (folder: string): ReadonlyArray<readonly [name: string, mode: string]> =>
  ["", ...fs.readdirSync(folder, { recursive: true, encoding: "utf8" })].toSorted().map((name) => {
    const stats = fs.lstatSync(path.join(folder, name))
    return [name, `${stats.isDirectory() ? "folder" : "file"} ${(stats.mode & 0o777).toString(8)}`]
  })

describe("the modes of folders and files", () => {
  // In a separate process, because all threads of a process share the umask.
  const program = path.join(import.meta.dirname, "../support/programs/useEverything.ts")

  for (const umask of ["000", "022", "077", "027", "777"]) {
    it.live(`are 0700 and 0600 under the umask ${umask}`, () =>
      Effect.sync(() => {
        const at = place()
        fs.mkdirSync(at)
        const node = [process.execPath, "--conditions=litetapes-source", program, path.join(at, "deep", "lib")]
        execFileSync("sh", ["-c", `umask ${umask}; exec "$@"`, "sh", ...node], { encoding: "utf8" })
        const made = modesIn(path.join(at, "deep"))
        const names = made.map(([name]) => name)
        for (const expected of ["lib/litelib.lock", "lib/litelib.acked", "lib/notes/index", "lib/fresh.aside-1"]) {
          assert.include(names, expected)
        }
        assert.isTrue(names.some((name) => name.endsWith(".quarantine")))
        assert.isTrue(names.some((name) => /litelib\.dynamic-\d+\.jsonl$/.test(name)))
        assert.isTrue(names.some((name) => /shard-0000\/seg-\d+\.jsonl\.zst$/.test(name)))
        for (const [name, mode] of made) assert.include(["folder 700", "file 600"], mode, name)
      })
    )
  }
})

/** Opens the lib and returns its warnings and the log. */
const opened = (at: string, mode: "read" | "write") =>
  Effect.gen(function* () {
    const logged: Array<string> = []
    const logger = Logger.make(({ logLevel, message }) => {
      logged.push(`${logLevel} ${String(message)}`)
    })
    const storage = yield* NodeStorage.make
    const { warnings } = yield* withLib(storage, at, (lib) => Effect.succeed(lib.report), { mode }).pipe(
      Effect.provide(Logger.layer([logger]))
    )
    return { warnings: warnings.map(({ place: where, why }) => [path.relative(at, where), why] as const), logged }
  })

describe("a lib that others can write to", () => {
  for (const mode of ["write", "read"] as const) {
    it.live(`is reported and logged when it is opened to ${mode}`, () =>
      Effect.gen(function* () {
        const at = place()
        yield* Effect.flatMap(NodeStorage.make, (storage) => withLib(storage, at, () => Effect.void))
        const meta = path.join(at, "litelib.meta.jsonl")
        assert.deepStrictEqual(yield* opened(at, mode), { warnings: [], logged: [] })
        for (const [folderMode, metaMode, expected] of [
          [0o755, 0o644, []],
          [
            0o770,
            0o600,
            [["", "its group can write to it (mode 770). Run chmod go-w on it, unless this is intended."]]
          ],
          [0o707, 0o600, [["", "everyone can write to it (mode 707). Run chmod go-w on it, unless this is intended."]]],
          [
            0o700,
            0o620,
            [
              [
                "litelib.meta.jsonl",
                "its group can write to it (mode 620). Run chmod go-w on it, unless this is intended."
              ]
            ]
          ]
        ] as const) {
          fs.chmodSync(at, folderMode)
          fs.chmodSync(meta, metaMode)
          const { warnings, logged } = yield* opened(at, mode)
          assert.deepStrictEqual<unknown>(warnings, expected)
          const lines = warnings.map(([name, why]) => `Warn litetapes: ${path.join(at, name)}: ${why}`)
          assert.deepStrictEqual(logged, lines)
        }
        assert.strictEqual(fs.statSync(at).mode & 0o777, 0o700)
      })
    )
  }

  it.live("is not reported by a storage without permissions", () =>
    Effect.gen(function* () {
      const storage = yield* MemoryStorage.make
      assert.deepStrictEqual((yield* withLib(storage, "lib", (lib) => Effect.succeed(lib.report))).warnings, [])
    })
  )
})
