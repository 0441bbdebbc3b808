import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { basename, dirname, join } from "node:path"
import { anchors, codeBlocks, documents, links, prose, readDocument, root } from "../support/documents.ts"
import { temporaryFolder } from "../support/temporaryFolder.ts"

const folder = temporaryFolder()

const ownStorage = join(root, "examples/own-storage.ts")

const run = (args: ReadonlyArray<string>, cwd: string): string => {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd, encoding: "utf8" })
  assert.strictEqual(status, 0, `${stdout}\n${stderr}`)
  return stdout
}

describe("the program in the README", () => {
  const [program] = codeBlocks(readDocument("README.md"), "ts")
  const file = join(root, "examples/quickstart.ts")

  it("is examples/quickstart.ts, word for word, and has at most 20 lines", () => {
    assert.strictEqual(program, readFileSync(file, "utf8"))
    assert.isAtMost(program!.trimEnd().split("\n").length, 20)
  })

  it("runs unchanged, and finds what it stored when it runs again", () => {
    const cwd = folder()
    mkdirSync(cwd)
    const first = run(["--conditions=litetapes-source", file], cwd)
    assert.strictEqual(first.match(/OrderPlaced/g)?.length, 1, first)
    assert.strictEqual(first.match(/OrderPaid/g)?.length, 1, first)
    const second = run(["--conditions=litetapes-source", file], cwd)
    assert.strictEqual(second.match(/OrderPaid/g)?.length, 2, second)
  })
})

describe.each(documents)("%s", (document) => {
  const text = readDocument(document)

  it("names only npm scripts that exist", () => {
    const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
      readonly scripts: { readonly [name: string]: string }
    }
    for (const [said, name] of text.matchAll(/\bnpm (?:run )?((?<=run )[\w:]+|start|test)\b/g)) {
      assert.property(scripts, name!, said)
    }
  })

  it("links only to files and headings that exist", () => {
    for (const target of links(text)) {
      const [path = "", anchor] = target.split("#")
      const linked = path === "" ? document : join(dirname(document), path)
      assert.isTrue(existsSync(join(root, linked)), `${target} is not there`)
      if (anchor !== undefined) assert.include([...anchors(readDocument(linked))], anchor, target)
    }
  })

  it("names only files and folders that exist", () => {
    for (const [, span] of prose(text).matchAll(/`([^`\n]+)`/g)) {
      const path = /(?:^| )((?:src|test|docs|examples|bench)\/[\w./-]*)$/.exec(span!)?.[1]
      if (path !== undefined) assert.isTrue(existsSync(join(root, path)), `${path} is not there`)
    }
  })
})

describe("the first program in the guide to testing", () => {
  it("is examples/own-storage.ts, word for word, and has at most 15 lines", () => {
    const [program] = codeBlocks(readDocument("docs/TESTING.md"), "ts")
    assert.strictEqual(program, readFileSync(ownStorage, "utf8"))
    assert.isAtMost(program!.trimEnd().split("\n").length, 15)
  })
})

describe("the program in the chapter on testing an application", () => {
  it("is test/docs/guide/application.test.ts, word for word after its first imports", () => {
    const file = readFileSync(join(root, "test/docs/guide/application.test.ts"), "utf8")
    const program = codeBlocks(readDocument("docs/GUIDE.md"), "ts").find((block) => block.includes("TestClock"))
    const [start, ...rest] = file.split(program!)
    assert.lengthOf(rest, 1)
    assert.match(start!, /^\/\*\*.*\n(import .*\n)*$/)
    assert.strictEqual(rest[0], "")
  })
})

/** Programs of one compilation: the code of each document is one program. */
const guides = [
  { name: "docs/GUIDE.md", pages: ["docs/GUIDE.md"], runs: false, blocks: 4 },
  { name: "docs/TESTING.md", pages: ["docs/TESTING.md"], runs: true, blocks: 4 },
  {
    name: "the chapters of the guide",
    pages: documents.filter(
      (document) => document.startsWith("docs/guide/") && codeBlocks(readDocument(document), "ts").length > 0
    ),
    runs: true,
    blocks: 1
  }
]

describe.each(guides)("the code in $name", ({ blocks, pages, runs }) => {
  let place = ""
  /** Each page has a folder of its own, since pages open libs by relative paths. */
  const homeOf = (page: string): string => join(place, basename(page, ".md"))

  beforeAll(() => {
    // Inside the checkout, where Node resolves the package and its dependencies.
    mkdirSync(join(root, ".tmp"), { recursive: true })
    place = mkdtempSync(join(root, ".tmp/guide-"))
    const example = readFileSync(ownStorage, "utf8")
    for (const page of pages) {
      const code = codeBlocks(readDocument(page), "ts").filter((block) => block !== example)
      assert.isAtLeast(code.length, blocks, page)
      mkdirSync(homeOf(page))
      writeFileSync(join(homeOf(page), "guide.ts"), `${code.join("\n")}\nexport {}\n`)
    }
  })
  afterAll(() => rmSync(place, { recursive: true, force: true }))

  it("is type-checked, each page as one program", () => {
    assert.isNotEmpty(pages)
    const compilerOptions = { noUnusedLocals: false }
    writeFileSync(
      join(place, "tsconfig.json"),
      JSON.stringify({ extends: "../../tsconfig.json", compilerOptions, include: ["*/guide.ts"] })
    )
    run([join(root, "node_modules/typescript/bin/tsc"), "-p", place], root)
  })

  it.each(runs ? pages : [])("runs: %s", (page) => {
    run(["--conditions=litetapes-source", join(homeOf(page), "guide.ts")], homeOf(page))
  })
})
