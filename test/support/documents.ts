/** README and docs, as a reader of their Markdown sees them. */
import { globSync, readFileSync } from "node:fs"
import { join, resolve } from "node:path"

export const root = resolve(import.meta.dirname, "../..")

/** Paths of the README, the other pages in the root, in docs and in examples, relative to the root of the checkout. */
export const documents: ReadonlyArray<string> = [
  "README.md",
  "CHANGELOG.md",
  "CONTRIBUTING.md",
  "SECURITY.md",
  ...globSync(["docs/**/*.md", "examples/**/*.md"], { cwd: root }).toSorted()
]

export const readDocument = (path: string): string => readFileSync(join(root, path), "utf8")

/** Returns the contents of the fenced code blocks of one language, in order. */
export const codeBlocks = (text: string, language: string): Array<string> =>
  [...text.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].filter((match) => match[1] === language).map((match) => match[2]!)

/** Returns the text without its fenced code blocks. */
export const prose = (text: string): string => text.replaceAll(/^```\w*\n[\s\S]*?^```$/gm, "")

/** Returns the targets of links within the repository. */
export const links = (text: string): Array<string> =>
  [...prose(text).matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1]!).filter((target) => !/^[a-z]+:/.test(target))

/** Returns the anchors of the headings, as GitHub makes them. */
export const anchors = (text: string): Set<string> =>
  new Set(
    [...prose(text).matchAll(/^#{1,6} (.+)$/gm)].map((match) =>
      match[1]!
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
        .replaceAll(" ", "-")
    )
  )
