/** The npm package contains what its README and its guide link to: there, a link to the checkout leads nowhere. */
import { assert, describe, it } from "@effect/vitest"
import { execFileSync } from "node:child_process"
import { dirname, join } from "node:path"
import { documents, links, readDocument, root } from "../support/documents.ts"

/** Paths of the files that npm would publish. The build is not among them unless it has run. */
const packedFiles = (): ReadonlyArray<string> => {
  const args = ["pack", "--dry-run", "--json", "--ignore-scripts"]
  const out = execFileSync("npm", args, { cwd: root, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] })
  const [packed] = Object.values(JSON.parse(out) as Record<string, { readonly files: ReadonlyArray<{ path: string }> }>)
  return packed!.files.map(({ path }) => path)
}

/** Relative links of a document whose target is neither a packed file nor a folder with one. */
const deadLinks = (document: string, files: ReadonlyArray<string>): Array<string> =>
  links(readDocument(document)).filter((target) => {
    const [path = ""] = target.split("#")
    const linked = path === "" ? document : join(dirname(document), path)
    return !files.some((file) => file === linked || file.startsWith(`${linked}/`))
  })

describe("the npm package", () => {
  const files = packedFiles()

  const chapters = documents.filter((document) => document.startsWith("docs/guide/"))

  it("contains the chapters of the guide, and the guide links to each", () => {
    const linked = links(readDocument("docs/GUIDE.md"))
    assert.isAbove(chapters.length, 5)
    for (const chapter of chapters) assert.include(linked, chapter.replace("docs/", ""))
  })

  it.each(["README.md", "docs/GUIDE.md", ...chapters])("contains every file that %s links to", (document) => {
    assert.include(files, document)
    assert.isAbove(links(readDocument(document)).length, chapters.includes(document) ? 0 : 10)
    assert.deepStrictEqual(deadLinks(document, files), [])
  })

  it.each(["examples/bank.ts", "CONTRIBUTING.md", "SECURITY.md", "docs/PROTOCOL.md"])(
    "would have a dead link in its README without %s",
    (missing) => {
      const left = files.filter((file) => file !== missing)
      assert.isNotEmpty(deadLinks("README.md", left))
    }
  )

  it("contains no tests", () => {
    assert.isEmpty(files.filter((file) => /^(?:test|bench|scripts)\//.test(file)))
  })
})
