/** The documents of the command line are those that its definitions make. */
import { assert, beforeAll, describe, it } from "vitest"
import { helpPages } from "../../scripts/cli/helpPages.ts"
import { manPage } from "../../scripts/cli/manPage.ts"
import { markdownPage } from "../../scripts/cli/markdown.ts"
import { readDocument } from "../support/documents.ts"

let pages: Awaited<ReturnType<typeof helpPages>>

beforeAll(async () => {
  pages = await helpPages()
})

describe("the documents of the command line", () => {
  it.each([
    ["docs/CLI.md", markdownPage],
    ["docs/litetapes.1", manPage]
  ] as const)("%s is current: if not, run `npm run cli:docs`", (file, page) => {
    assert.strictEqual(readDocument(file), page(pages))
  })

  it("say of every command what it does, what it prints for programs, and give examples", () => {
    assert.isAbove(pages.pages.length, 25)
    for (const { doc, name } of pages.pages) {
      assert.match(doc.description, /^[A-Z].*\. With --json: .+\.$/s, name)
      assert.isNotEmpty(doc.examples, name)
      for (const { description } of [...doc.flags, ...(doc.args ?? [])]) assert.strictEqual(description._tag, "Some", name)
    }
  })
})
