/** The command as it is published: one file, run by Node in a folder without packages. */
import { execFileSync, spawn, spawnSync } from "node:child_process"
import { mkdirSync, readFileSync, statSync } from "node:fs"
import { join } from "node:path"
import { parseSync } from "oxc-parser"
import { assert, beforeAll, describe, it } from "vitest"
import * as PromiseStore from "litetapes/PromiseStore"
import { buildCli } from "../../scripts/build/cli.ts"
import { root } from "../support/documents.ts"
import { temporaryFolder } from "../support/temporaryFolder.ts"

const place = temporaryFolder()
const folder = place()
const lib = place()
let file: string

beforeAll(async () => {
  mkdirSync(folder)
  file = await buildCli(root, folder)
  await using store = await PromiseStore.open(lib)
  for (let n = 0; n < 20; n++) {
    await store.append(
      "order-1",
      Array.from({ length: 1000 }, () => ({ type: "Placed", data: "x".repeat(50) }))
    )
  }
})

const litetapes = (...args: ReadonlyArray<string>) =>
  spawnSync(process.execPath, [file, ...args], { cwd: folder, encoding: "utf8" })

describe("the command", () => {
  it("is one file of at most 1.1 MB, which npm links to", () => {
    const { bin, man, version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
      readonly bin: { readonly litetapes: string }
      readonly man: string
      readonly version: string
    }
    assert.strictEqual(bin.litetapes, "./dist/cli/litetapes.js")
    assert.isTrue(statSync(join(root, man)).isFile())
    assert.isAtMost(statSync(file).size, 1_100_000)
    const text = readFileSync(file, "latin1")
    assert.match(text, /^#!\/usr\/bin\/env node\n[\0-\x7f]*$/)
    const { module } = parseSync("litetapes.js", text)
    const outside = module.staticImports.map(({ moduleRequest }) => moduleRequest.value)
    assert.isNotEmpty(outside)
    for (const name of outside) assert.match(name, /^node:/)
    for (const { moduleRequest } of module.dynamicImports) {
      assert.match(text.slice(moduleRequest.start, moduleRequest.end), /^["`]node:/)
    }
    assert.strictEqual(litetapes("--version").stdout, `${version}\n`)
  })

  it("runs what a command needs only when it runs", () => {
    const { status, stderr, stdout } = litetapes("--lib", lib, "ls")
    assert.deepStrictEqual([status, stderr], [0, ""])
    assert.match(stdout, /\norder +events +active +\d+ +20,000 /)
    assert.deepStrictEqual(litetapes("show").status, 2)
  })

  it("ends quietly if nobody reads its output any more", () => {
    const shell = `"$NODE" "$FILE" --lib "$LIB" cat; echo "code $?" >&2`
    const env = { ...process.env, NODE: process.execPath, FILE: file, LIB: lib }
    const { stderr, stdout } = spawnSync("sh", ["-c", `{ ${shell}; } | head -1`], { env, encoding: "utf8" })
    assert.lengthOf(stdout.split("\n"), 2)
    assert.strictEqual(stderr, "code 0\n")
  })

  it("ends with 130 after Ctrl-C, and leaves a lib that opens", async () => {
    const child = spawn(process.execPath, [file, "--lib", lib, "tail", "-f", "-n", "1"], {
      stdio: ["ignore", "pipe", "inherit"]
    })
    child.stdout.once("data", () => child.kill("SIGINT"))
    const code = await new Promise((resolve) => child.once("exit", resolve))
    assert.strictEqual(code, 130)
    assert.strictEqual(litetapes("--lib", lib, "verify", "--depth", "files").status, 0)
  })

  it("ends with 130 in the middle of appending, with whole batches, and the lock is free", async () => {
    const args = [file, "--lib", lib, "append", "order-3", "--batch", "10", "--json"]
    const child = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "inherit"] })
    child.stdin.on("error", () => {})
    child.stdout.once("data", () => child.kill("SIGINT"))
    child.stdin.write('{"type":"Paid"}\n'.repeat(20_000))
    const code = await new Promise((resolve) => child.once("exit", resolve))
    assert.strictEqual(code, 130)
    const { status, stdout } = litetapes("--lib", lib, "append", "order-3", "Last", "--json")
    assert.strictEqual(status, 0)
    const { firstRevision } = JSON.parse(stdout) as { readonly firstRevision: number }
    assert.isAbove(firstRevision, 0)
    assert.strictEqual(firstRevision % 10, 0)
  })

  it("appends what is piped into it", () => {
    const input = '{"type":"Paid"}\n{"type":"Sent"}'
    const options = { cwd: folder, input, encoding: "utf8" } as const
    const out = execFileSync(process.execPath, [file, "--lib", lib, "append", "order-2", "--json"], options)
    assert.deepInclude(JSON.parse(out), { stream: "order-2", firstRevision: 0, lastRevision: 1 })
  })
})
