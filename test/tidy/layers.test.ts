/**
 * The order of the rooms of `src`, from the bottom up. A file imports only from its own room and from rooms below,
 * types included (docs/ARCHITECTURE.md). The lint rule `import/no-cycle` forbids that two files import each other.
 */
import { globSync, readFileSync } from "node:fs"
import { join, posix } from "node:path"
import { assert, describe, it } from "vitest"
import { root } from "../support/documents.ts"

/** A room is a folder with everything in it, or the files directly in a floor (`services/*`). */
const rooms = [
  "domain/base",
  "domain/format",
  "domain/json",
  "domain/merkle",
  "domain/meta",
  "domain/segment",
  "domain/event",
  "domain/interchange",
  "domain/journal",
  "services/base",
  "services/ports",
  "services/segment",
  "services/journal",
  "services/lib",
  "services/read",
  "services/write",
  "services/streams",
  "services/follow",
  "services/consumers",
  "services/category",
  "services/deciders",
  "services/interchange",
  "services/views",
  "services/scheduled",
  "services/maintenance/backup",
  "services/maintenance",
  "services/*",
  "layers/storage",
  "layers/memory",
  "layers/folder",
  "layers/checkpoints",
  "layers/keys",
  "layers/node",
  "layers/sqlite",
  "layers/sealing",
  "layers/interchange",
  "layers/promise",
  "layers/projections",
  "layers/reactors",
  "layers/shared",
  "layers/*",
  "cli/text",
  "cli",
  "testing",
  "*"
]

/** Packages that a floor may import; `undefined`: any. */
const allowed: Readonly<Record<string, RegExp | undefined>> = {
  domain: /^(effect\/(Cause|Data|Result)|node:(buffer|crypto|util|zlib))$/,
  services: /^(effect\/[A-Za-z]+|node:(buffer|crypto|util|zlib))$/
}

/** The largest share of the lines of `src` that one room may hold. */
const shareMax = 0.2

const roomOf = (file: string): string => {
  const inRoom = rooms.find((room) => !room.endsWith("*") && file.startsWith(`${room}/`))
  if (inRoom !== undefined) return inRoom
  const folder = posix.dirname(file)
  return folder === "." ? "*" : `${folder}/*`
}

interface Import {
  readonly from: string
  /** A file of `src`, or the name of a package. */
  readonly to: string
  readonly isOurs: boolean
}

/** Returns all imports in `text`, and exports from other modules, types included. */
const importsIn = (file: string, text: string): Array<Import> =>
  [...text.matchAll(/^(?:import|export)\b[^"']*?from\s+"([^"]+)"|^import\s+"([^"]+)"|\bimport\("([^"]+)"\)/gm)]
    // Skip examples in docstrings.
    .filter(({ index }) => !/^\s*\*/.test(text.slice(text.lastIndexOf("\n", index) + 1, index + 2)))
    .map((match) => {
      const name = match[1] ?? match[2] ?? match[3]!
      const isOurs = name.startsWith(".")
      return { from: file, to: isOurs ? posix.join(posix.dirname(file), name) : name, isOurs }
    })

const src = join(root, "src")
const files = globSync("**/*.ts", { cwd: src }).toSorted()
const texts = new Map(files.map((file) => [file, readFileSync(join(src, file), "utf8")]))
const imports = files.flatMap((file) => importsIn(file, texts.get(file)!))

const isUp = ({ from, to }: Import): boolean => rooms.indexOf(roomOf(from)) < rooms.indexOf(roomOf(to))
const show = ({ from, to }: Import): string => `${from} → ${to}`

describe("the rooms of src", () => {
  it("are all listed", () => {
    const unlisted = files.map(roomOf).filter((room) => !rooms.includes(room))
    assert.deepStrictEqual([...new Set(unlisted)], [])
    const used = new Set(files.map(roomOf))
    assert.deepStrictEqual(
      rooms.filter((room) => !used.has(room)),
      []
    )
  })

  it("import only from themselves and from rooms below, types included", () => {
    assert.isAbove(imports.length, 1000)
    assert.deepStrictEqual(imports.filter((one) => one.isOurs && isUp(one)).map(show), [])
  })

  it("import only files that exist", () => {
    const missing = imports.filter(({ isOurs, to }) => isOurs && !texts.has(to) && !to.startsWith("../"))
    assert.deepStrictEqual(missing.map(show), [])
  })

  it("import only packages that their floor may import", () => {
    const foreign = imports.filter(({ from, isOurs, to }) => {
      const rule = allowed[from.split("/")[0]!]
      return !isOurs && rule !== undefined && !rule.test(to)
    })
    assert.deepStrictEqual(foreign.map(show), [])
  })

  it("of the command line use public modules only", () => {
    const { exports } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
      readonly exports: { readonly [subpath: string]: string | { readonly "litetapes-source": string } }
    }
    const faces = new Set(
      Object.values(exports).flatMap((target) =>
        typeof target === "string" ? [] : [target["litetapes-source"].slice("./src/".length)]
      )
    )
    const inner = imports.filter(
      ({ from, isOurs, to }) => from.startsWith("cli/") && isOurs && !to.startsWith("cli/") && !faces.has(to)
    )
    assert.deepStrictEqual(inner.map(show), [])
    assert.deepStrictEqual(
      imports.filter(({ from, to }) => !from.startsWith("cli/") && to.startsWith("cli/")).map(show),
      []
    )
  })

  it(`have at most a fifth of the lines each`, () => {
    const lines = new Map<string, number>()
    let all = 0
    for (const [file, text] of texts) {
      const count = text.split("\n").length
      all += count
      lines.set(roomOf(file), (lines.get(roomOf(file)) ?? 0) + count)
    }
    const large = [...lines].filter(([, count]) => count > all * shareMax)
    assert.deepStrictEqual(large, [])
  })

  it("would fail for an import from a room above, even of a type", () => {
    const up = importsIn("domain/base/digits.ts", 'import type { Root } from "../../services/ports/Storage.ts"\n')
    assert.deepStrictEqual(up.filter(isUp).map(show), ["domain/base/digits.ts → services/ports/Storage.ts"])
  })
})
