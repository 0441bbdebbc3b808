/**
 * Plain English (CONTRIBUTING.md, "How to write"): the worst phrases are refused, in documents, comments, docstrings,
 * messages and the titles of tests.
 */
import { globSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "vitest"
import { root } from "../support/documents.ts"

interface Phrase {
  readonly found: RegExp
  readonly instead: string
}

const phrases: ReadonlyArray<Phrase> = [
  {
    found: /(?<!\bthere )\bis no (?!longer\b|more\b|less\b|such\b|different\b|better\b|worse\b|larger\b|smaller\b)\w+/i,
    instead: "is not a …"
  },
  { found: /\b(?:is|are|has|have|was|were|had) none\b/, instead: "has no …" },
  { found: /\bwho(?:ever)? (?:may|has|wants|reads|waits|writes|opens|asks|appends|recovers)\b/i, instead: "if you …" },
  { found: /\bfor who\b|\bto who\b/i, instead: "for those who …" },
  { found: /\bin front of\b/i, instead: "before" },
  { found: /(?<!\b(?:fall|falls|fallen|fell|lag|lags|left) )\bbehind\b/i, instead: "after" },
  { found: /\bbeside\b/i, instead: "while, next to, during" },
  { found: /\b(?:is|are|be|been|was|were) told\b/i, instead: "is acknowledged, is reported" },
  { found: /\b(?:go|goes|going|went|gone) on\b/i, instead: "continue, resume" },
  { found: /\b(?:make|makes|made) (?:it |them |one |anew |\w+ )?again\b/i, instead: "rebuild" },
  { found: /\b(?:put|puts|putting) (?:it |them )?back\b/i, instead: "restore" },
  { found: /\b(?:take|takes|taken|took|taking) (?:it |them )?away\b/i, instead: "delete, remove" },
  { found: /\bas (?:it|they) should be\b|\bwhat (?:it|they) should be\b/i, instead: "intact, correct, expected" },
  { found: /\bfor all (?:it|he|they|that \w+) knows?\b/i, instead: "as far as it knows" },
  { found: /\b[Ww]hat is \w+(?:ed|en|wn) (?:is|are|has|goes|stays|may|must)\b/, instead: "name the thing first" }
]

/** What is no prose of ours: licences, pictures, lock files, what a fixture holds. */
const files = [
  ...globSync(["*.md", "docs/**/*.md", "examples/**/*.md", "bench/*.md", ".changeset/*.md", ".github/**/*.{md,yml}"], {
    cwd: root
  }),
  ...globSync(
    ["src/**/*.ts", "test/**/*.ts", "bench/**/*.ts", "examples/**/*.ts", "scripts/**/*.ts", "docs/reader.py"],
    {
      cwd: root
    }
  )
].filter((file) => !/node_modules|test\/fixtures|tidy\/words\.test\.ts$/.test(file))

/** Code in Markdown, and names in backticks, are not prose. */
const proseOfMarkdown = (text: string): string =>
  text
    .replaceAll(/```.*?```/gs, (block) => block.replaceAll(/[^\n]/g, " "))
    .replaceAll(/`[^`\n]*`/g, "`…`")
    .replaceAll(/\]\([^)\s]*\)/g, "](…)")

/** Comments, and strings that read like sentences: several words in a row. */
const proseOfSource = (text: string, comments: RegExp): string =>
  text
    .split("\n")
    .map((line) => {
      const comment = comments.exec(line)?.[1] ?? /\s\/\/ (.*)$/.exec(line)?.[1] ?? ""
      const strings = [...line.matchAll(/"([^"]*\w \w[^"]*)"|'([^']*\w \w[^']*)'|`([^`]*\w \w[^`]*)`/g)]
      return [comment, ...strings.map((match) => match[1] ?? match[2] ?? match[3] ?? "")]
        .join(" ¦ ")
        .replaceAll(/`[^`]*`/g, "`…`")
    })
    .join("\n")

interface Hit {
  readonly at: string
  readonly phrase: string
  readonly instead: string
}

const hitsIn = (file: string, text: string): Array<Hit> => {
  const prose = /\.(?:md|yml)$/.test(file)
    ? proseOfMarkdown(text)
    : proseOfSource(text, file.endsWith(".py") ? /#(.*)$/ : /^\s*(?:\/\*\*|\*|\/\/)(.*)$/)
  return prose.split("\n").flatMap((line, index) =>
    phrases.flatMap(({ found, instead }) => {
      const match = found.exec(line)
      return match === null ? [] : [{ at: `${file}:${index + 1}`, phrase: match[0], instead }]
    })
  )
}

describe("the words of the project", () => {
  it("avoid the worst phrases", () => {
    assert.isAbove(files.length, 500)
    const hits = files.flatMap((file) => hitsIn(file, readFileSync(join(root, file), "utf8")))
    assert.deepStrictEqual(
      hits.map(({ at, instead, phrase }) => `${at}: "${phrase}" (write: ${instead})`),
      []
    )
  })

  it.each([
    ["a.md", "The place is no lib."],
    ["a.md", "What is closed is hashed."],
    ["a.ts", "// what stands behind it"],
    ["a.ts", 'it("goes on beside a reader", () => {'],
    ["a.ts", " * Who may not mount file systems …"]
  ])("are searched for in %s: %s", (file, text) => assert.isNotEmpty(hitsIn(file, text)))

  it.each([
    ["a.md", "There is no lock. It is no longer `behind` it."],
    ["a.ts", 'import { beside } from "./beside.ts"'],
    ["a.md", "A consumer that falls behind catches up."]
  ])("are left alone in %s: %s", (file, text) => assert.isEmpty(hitsIn(file, text)))
})
