/** What becomes of the published packages in the bundle of a program. */
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs"
import { execFileSync } from "node:child_process"
import { join } from "node:path"
import { rolldown } from "rolldown"
import { assert, beforeAll, describe, it } from "vitest"
import { buildPackages, type Installed, runIn } from "../support/builtPackages.ts"
import { root } from "../support/documents.ts"
import { temporaryFolder } from "../support/temporaryFolder.ts"

const place = temporaryFolder()
let library: Installed
let standalone: Installed

beforeAll(async () => {
  const built = await buildPackages(place())
  library = built.library
  standalone = built.standalone
})

/** Bundles a program, everything but Node inside, as bundlers do for publishing. Returns the files by name. */
const bundle = async (folder: string, code: string): Promise<ReadonlyMap<string, string>> => {
  const entry = join(folder, "entry.mjs")
  writeFileSync(entry, code)
  const build = await rolldown({ input: entry, external: /^node:/, platform: "node" })
  const { output } = await build.generate({ format: "esm", minify: true, comments: false })
  await build.close()
  return new Map(output.map((chunk) => [chunk.fileName, chunk.type === "chunk" ? chunk.code : ""]))
}

/** Appends 9 MiB, closes the lib, and prints how many threads were started and what was logged. */
const sealingProgram = (name: string) => `
import * as PromiseStore from "${name}"
let threads = 0
process.on("worker", () => threads++)
const said = []
for (const method of ["log", "warn", "error"]) console[method] = (...all) => said.push(all.join(" "))
const store = await PromiseStore.open("./orders-" + process.argv[2])
const text = "x".repeat(100_000)
for (let n = 0; n < 95; n++) await store.append("order-1", [{ type: "Filled", data: { text } }])
await store.close()
let read = 0
const reader = await PromiseStore.open("./orders-" + process.argv[2], { mode: "read" })
for await (const event of reader.readAll()) read++
await reader.close()
process.stdout.write(JSON.stringify({ threads, said, read }))
`

/** Writes a bundle to a folder without packages and runs it. */
const runBundle = (files: ReadonlyMap<string, string>): unknown => {
  const folder = place()
  mkdirSync(folder)
  for (const [name, code] of files)
    writeFileSync(join(folder, name.replace(/\.js$/, ".mjs")), code.replaceAll(/\.js(?=["'`])/g, ".mjs"))
  return JSON.parse(execFileSync(process.execPath, ["entry.mjs", "bundled"], { cwd: folder, encoding: "utf8" }))
}

describe("a bundle", () => {
  it("of litetapes/TaraSON has at most 20 KB, and nothing of Effect", async () => {
    const code = 'export * from "litetapes/TaraSON"\nexport { TaraSONError } from "litetapes/TaraSONError"\n'
    const files = await bundle(library.folder, code)
    assert.strictEqual(files.size, 1)
    const [text = ""] = files.values()
    assert.isAtMost(Buffer.byteLength(text), 20_000)
    assert.notInclude(text, "~effect")
    writeFileSync(join(library.folder, "tarason.mjs"), text)
    const program = `import * as TaraSON from "./tarason.mjs"
      console.log(TaraSON.encode({ b: 1, a: [true] }))
      try { TaraSON.encode({ a: Number.NaN }) } catch (error) {
        console.log(error instanceof TaraSON.TaraSONError, error._tag, error.message)
      }`
    assert.strictEqual(
      runIn(library.folder, program),
      '{"a":[true],"b":1}\ntrue TaraSONError UnrepresentableNumber at /a: a JSON number is a finite double, and this one is not finite or would become another number; store it as a string\n'
    )
  })

  it.each([
    ["litetapes/PromiseStore", () => library],
    ["litetapes-standalone", () => standalone]
  ] as const)("with %s still hashes segments in a thread", async (name, installed) => {
    const { folder } = installed()
    const expected = { threads: 1, said: [], read: 95 }
    assert.deepStrictEqual<unknown>(JSON.parse(runIn(folder, sealingProgram(name), ["installed"])), expected)
    assert.deepStrictEqual(runBundle(await bundle(folder, sealingProgram(name))), expected)
  })

  it("in which no thread starts says so once, and works", async () => {
    const files = await bundle(library.folder, sealingProgram("litetapes/PromiseStore"))
    const broken = new Map(
      [...files].map(([name, code]) => [name, code.replaceAll("data:text/javascript,", "data:text/nothing,")])
    )
    assert.notDeepEqual(broken, files)
    const { read, said, threads } = runBundle(broken) as { read: number; said: Array<string>; threads: number }
    assert.deepStrictEqual([read, threads], [95, 1])
    assert.lengthOf(said, 1)
    assert.include(said[0], "the thread that hashes segments is not available")
  })
})

describe("the declarations of the standalone package", () => {
  const check = (code: string): string => {
    writeFileSync(join(standalone.folder, "program.mts"), code)
    const options = [
      "--noEmit",
      "--strict",
      "--exactOptionalPropertyTypes",
      "--module",
      "nodenext",
      "--target",
      "es2024"
    ]
    const libraries = ["--lib", "es2024,esnext.disposable", "--types", "node", "--typeRoots", "./node_modules/@types"]
    try {
      const tsc = join(root, "node_modules/typescript/bin/tsc")
      const all = [tsc, ...options, ...libraries, "--skipLibCheck", "false", "program.mts"]
      return execFileSync(process.execPath, all, { cwd: standalone.folder, encoding: "utf8" })
    } catch (error) {
      return (error as { readonly stdout: string }).stdout
    }
  }

  it("need no package but those of Node, and say what the promise face takes and returns", () => {
    mkdirSync(join(standalone.folder, "node_modules/@types"), { recursive: true })
    for (const name of ["@types/node", "undici-types"]) {
      symlinkSync(join(root, "node_modules", name), join(standalone.folder, "node_modules", name))
    }
    const good = `import * as PromiseStore from "litetapes-standalone"
      import * as MemoryStorage from "litetapes-standalone/MemoryStorage"
      import { WrongExpectedRevision } from "litetapes-standalone/EventErrors"
      const store = await PromiseStore.open("./data", { storage: MemoryStorage.layer, closeBytes: 1024 })
      const result = await store.append("a-1", [{ type: "A", data: { n: 1 } }], { expected: "no-stream" })
      result.lastRevision satisfies number
      for await (const event of store.read("a-1")) event.revision satisfies number
      try { await store.close() } catch (error) {
        if (error instanceof WrongExpectedRevision) error.stream satisfies string
      }
      export {}`
    assert.strictEqual(check(good), "")
    const bad = good
      .replace('"no-stream"', '"no-such"')
      .replace("satisfies string", "satisfies boolean")
      .replace("MemoryStorage.layer", "1")
    assert.lengthOf(check(bad).match(/^program\.mts\(/gm) ?? [], 3)
    assert.notInclude(readFileSync(join(standalone.of, "types/layers/PromiseStore.d.ts"), "utf8"), '"effect/')
  })
})
