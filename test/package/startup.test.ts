/** What a program loads from the published packages before it can append, and what it loads later. */
import { readdirSync, readFileSync, statSync } from "node:fs"
import { join, relative } from "node:path"
import { fileURLToPath } from "node:url"
import { assert, beforeAll, describe, it } from "vitest"
import { buildPackages, type Installed, runIn, watchLoads } from "../support/builtPackages.ts"
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

/** Opens a lib, appends to it, reads it and closes it, then repacks a tape twice and verifies the lib. */
const program = (name: string) => `${watchLoads}
const PromiseStore = await import("${name}")
const store = await PromiseStore.open("./orders")
await store.append("order-1", [{ type: "OrderPlaced", data: { cents: 3998 } }], { expected: "no-stream" })
const events = []
for await (const event of store.read("order-1")) events.push(event)
for await (const event of store.readAll()) events.push(event)
await store.close()
const again = await PromiseStore.open("./orders", { mode: "read" })
await again.close()
const usual = loaded()
const natives = process.moduleLoadList.filter((module) => /NativeModule (worker_threads|http|net|vm)$/.test(module))
const copying = await PromiseStore.open("./orders", { mode: "read" })
await copying.copy("./copy")
const once = loaded()
await copying.copy("./copy-2")
await copying.close()
console.log(JSON.stringify({ usual, natives, once, twice: loaded(), events: events.length }))
`

interface Loads {
  readonly usual: ReadonlyArray<string>
  readonly natives: ReadonlyArray<string>
  readonly once: ReadonlyArray<string>
  readonly twice: ReadonlyArray<string>
  readonly events: number
}

const loadsOf = ({ folder }: Installed, name: string): Loads => JSON.parse(runIn(folder, program(name))) as Loads

const filesIn = (folder: string, urls: ReadonlyArray<string>): Array<string> =>
  urls
    .filter((url) => url.startsWith("file:"))
    .map((url) => relative(folder, fileURLToPath(url)))
    .filter((file) => !file.startsWith(".."))
    .map(withoutHash)
    .toSorted()

/** The name of a chunk has a hash of its content. */
const withoutHash = (file: string): string => file.replace(/^(chunks\/.+)-[\w-]{8}\.js$/, "$1.js")

const linesOf = (folder: string, pattern: RegExp): Array<string> =>
  readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((file) => pattern.test(file))

describe("a program with litetapes and Effect", () => {
  it("loads five chunks to open, append, read and close, and no schema", () => {
    const { events, natives, once, twice, usual } = loadsOf(library, "litetapes/PromiseStore")
    assert.strictEqual(events, 2)
    assert.deepStrictEqual(filesIn(join(library.of, "dist"), usual), [
      "chunks/codec.js",
      "chunks/domain.js",
      "chunks/node.js",
      "chunks/rolldown-runtime.js",
      "chunks/store.js",
      "layers/PromiseStore.js"
    ])
    const effect = usual.filter((url) => url.includes("/node_modules/effect/")).map((url) => url.split("/").at(-1)!)
    assert.include(effect, "Effect.js")
    assert.deepStrictEqual(
      effect.filter((file) => file.startsWith("Schema")),
      []
    )
    // More would mean that a larger part of Effect is on the way to opening.
    assert.isAtMost(effect.length, 84)
    assert.deepStrictEqual(natives, [])
    assert.include(filesIn(join(library.of, "dist"), once), "chunks/CopyLib.js")
    assert.deepStrictEqual(twice, [])
  })

  it("has a few chunks, whose maps lead to sources that are shipped", () => {
    const dist = join(library.of, "dist")
    const maps = linesOf(dist, /\.js\.map$/)
    assert.isAbove(maps.length, 10)
    const { exports } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { readonly exports: object }
    // One for each public module, and a few chunks.
    assert.isAtMost(linesOf(dist, /\.js$/).length, Object.keys(exports).length + 34)
    for (const map of maps) {
      const { sources, sourcesContent } = JSON.parse(readFileSync(join(dist, map), "utf8")) as {
        readonly sources: ReadonlyArray<string>
        readonly sourcesContent?: unknown
      }
      assert.isUndefined(sourcesContent)
      for (const source of sources) {
        // The program of the thread and the helpers of the bundler have no source here.
        if (/rolldown|^\0/.test(source)) continue
        const file = join(dist, map, "..", source)
        assert.isTrue(statSync(file).isFile(), `${map}: ${source}`)
        assert.isTrue(file.startsWith(join(root, "src")), file)
      }
    }
  })

  it("has declarations whose maps lead to sources that are shipped", () => {
    const dist = join(library.of, "dist")
    const map = JSON.parse(readFileSync(join(dist, "services/Lib.d.ts.map"), "utf8")) as { sources: Array<string> }
    assert.deepStrictEqual(map.sources.length, 1)
    assert.isDefined(map.sources[0])
  })

  it("has no character that makes Node keep the text of a file in two bytes a character", () => {
    for (const { of } of [library, standalone]) {
      for (const file of linesOf(of, /(?<!src.*)\.js$/))
        assert.match(readFileSync(join(of, file), "latin1"), /^[\0-\x7f]*$/, file)
    }
  })

  it("loads nothing but the codec with litetapes/TaraSON", () => {
    const code = `${watchLoads}await import("litetapes/TaraSON")\nconsole.log(JSON.stringify(loaded()))`
    const urls = JSON.parse(runIn(library.folder, code)) as ReadonlyArray<string>
    assert.deepStrictEqual(filesIn(join(library.of, "dist"), urls), ["chunks/codec.js", "domain/json/TaraSON.js"])
    assert.deepStrictEqual(
      urls.filter((url) => url.includes("/node_modules/effect/")),
      []
    )
  })

  it("has no class of errors that the bundler has renamed", () => {
    const code = `
      const modules = await Promise.all(["Errors", "EventErrors", "Names", "Placement", "Proof", "TaraSONError", "Disk", "Storage"].map((name) => import("litetapes/" + name)))
      const errors = modules.flatMap((module) => Object.values(module)).filter((one) => one?.kind === "error")
      console.log(JSON.stringify(errors.map((error) => [error.name, error.fields._tag.literal])))`
    const names = JSON.parse(runIn(library.folder, code)) as ReadonlyArray<readonly [string, string]>
    assert.isAbove(names.length, 40)
    for (const [name, tag] of names) assert.strictEqual(name, tag)
  })
})

describe("a program with the standalone package", () => {
  it("loads two chunks to open, append, read and close, and nothing but modules of Node", () => {
    const { events, natives, once, twice, usual } = loadsOf(standalone, "litetapes-standalone")
    assert.strictEqual(events, 2)
    assert.deepStrictEqual(filesIn(standalone.of, usual), ["PromiseStore.js", "chunks/codec.js", "chunks/store.js"])
    assert.lengthOf(
      usual.filter((url) => url.startsWith("file:")),
      3
    )
    assert.deepStrictEqual(natives, [])
    assert.include(filesIn(standalone.of, once), "chunks/CopyLib.js")
    assert.deepStrictEqual(twice, [])
  })

  it("loads consumers when one first runs, and not before", () => {
    const code = `${watchLoads}
      import { readFileSync } from "node:fs"
      const PromiseStore = await import("litetapes-standalone")
      await using store = await PromiseStore.open("./consumed")
      await store.append("order-1", [{ type: "OrderPlaced", data: {} }])
      const before = loaded()
      const handled = []
      const handler = async ({ position }) => handled.push(position)
      const options = { name: "tested", checkpoints: "./checkpoints", handler, retry: { pause: 1, pauseMax: "1 second" } }
      await using consumer = await store.consume(options)
      await consumer.whenCaughtUp()
      await consumer.stop()
      const kept = JSON.parse(readFileSync("./checkpoints/tested/checkpoint.json", "utf8"))
      console.log(JSON.stringify({ before, after: loaded(), handled, low: kept.low }))`
    const { after, before, handled, low } = JSON.parse(runIn(standalone.folder, code)) as {
      readonly after: ReadonlyArray<string>
      readonly before: ReadonlyArray<string>
      readonly handled: ReadonlyArray<number>
      readonly low: number
    }
    assert.deepStrictEqual([handled, low], [[0], 1])
    assert.notInclude(filesIn(standalone.of, before).join(), "consume")
    assert.include(filesIn(standalone.of, after).join(), "consume")
  })

  it("has no schema, span or metric anywhere, and at most 372 KB of code to load at the start", () => {
    const code = linesOf(standalone.of, /\.js$/).map((file) => readFileSync(join(standalone.of, file), "utf8"))
    assert.isAbove(code.length, 10)
    for (const text of code) {
      for (const absent of ["~effect/Schema", "db.system.name", "litetapes_consumer_"]) assert.notInclude(text, absent)
    }
    const atStart = linesOf(standalone.of, /\.js$/).filter((file) =>
      ["chunks/codec.js", "chunks/store.js"].includes(withoutHash(file))
    )
    assert.lengthOf(atStart, 2)
    const bytes = atStart.reduce((sum, file) => sum + statSync(join(standalone.of, file)).size, 0)
    assert.isAtMost(bytes, 372_000)
  })

  it("depends on no package", () => {
    const manifest = JSON.parse(readFileSync(join(standalone.of, "package.json"), "utf8")) as object
    assert.doesNotHaveAnyKeys(manifest, ["dependencies", "peerDependencies", "optionalDependencies"])
  })
})
