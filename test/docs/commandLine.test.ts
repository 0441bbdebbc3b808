/** The documents of the command line are those that its definitions make. */
import { mkdirSync } from "node:fs"
import { assert, beforeAll, describe, it } from "vitest"
import { helpPages } from "../../scripts/cli/helpPages.ts"
import { manPage } from "../../scripts/cli/manPage.ts"
import { markdownPage } from "../../scripts/cli/markdown.ts"
import { run } from "../support/commandLine.ts"
import { codeBlocks, readDocument } from "../support/documents.ts"
import { temporaryFolder } from "../support/temporaryFolder.ts"

const place = temporaryFolder()

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
      for (const { description } of [...doc.flags, ...(doc.args ?? [])])
        assert.strictEqual(description._tag, "Some", name)
    }
  })
})

/** Returns the words of a command line. */
const words = (line: string): Array<string> =>
  [...line.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map((match) => match[1] ?? match[2] ?? match[3]!)

const withoutTimes = (text: string): string => text.replaceAll(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ/g, "TIME")

describe("the session in the README", () => {
  it("prints what it shows", async () => {
    const [session] = codeBlocks(readDocument("README.md"), "console")
    const folder = place()
    mkdirSync(folder)
    const env: Record<string, string> = {}
    const steps = session!.split(/^\$ /m).slice(1)
    assert.isAbove(steps.length, 7)
    for (const step of steps) {
      const [line = "", ...shown] = step.trimEnd().split("\n")
      const [command, ...args] = words(line.replaceAll("./", `${folder}/`))
      if (command === "export") {
        const [name = "", value = ""] = args[0]!.split("=")
        env[name] = value
        continue
      }
      assert.strictEqual(command, "litetapes", line)
      const isPiped = args.includes("|")
      const { err, out } = await run(isPiped ? args.slice(0, args.indexOf("|")) : args, { env })
      const printed = isPiped
        ? out
            .trimEnd()
            .split("\n")
            .map((one) => JSON.parse(one).type as string)
        : `${out}${err}`.trimEnd().split("\n")
      assert.strictEqual(withoutTimes(printed.join("\n")), withoutTimes(shown.join("\n")), line)
    }
  })
})
