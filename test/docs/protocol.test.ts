import { assert, describe, it } from "@effect/vitest"
import { existsSync, globSync } from "node:fs"
import { basename, dirname, join } from "node:path"
import { documents, links, prose, readDocument, root } from "../support/documents.ts"
import { all as mutants } from "../reliability/mutants/all.ts"

const document = "docs/PROTOCOL.md"
const text = readDocument(document)

const filesIn = (folder: string): ReadonlyArray<string> => globSync(`${folder}/**/*.ts`, { cwd: root })

/** Returns the names of the invariants in a text. */
const invariantsIn = (cited: string): ReadonlyArray<string> => cited.match(/\bI\d+\b/g) ?? []

/** Returns the comments of a source file. A string that contains `//` counts as a comment, which does no harm. */
const commentsOf = (source: string): string => (source.match(/\/\*[\s\S]*?\*\/|\/\/[^\n]*/g) ?? []).join("\n")

/** The sections that define an invariant, by its name. */
const definitions: ReadonlyMap<string, string> = new Map(
  text
    .split(/^(?=#{2,3} )/m)
    .map((section) => [/^### (I\d+): /.exec(section)?.[1], section] as const)
    .filter((entry): entry is readonly [string, string] => entry[0] !== undefined)
)

const spansOf = (markdown: string): ReadonlyArray<string> =>
  [...prose(markdown).matchAll(/`([^`\n]+)`/g)].map((match) => match[1]!)

/** Returns the mutants that a section names. */
const mutantsIn = (section: string): ReadonlyArray<string> =>
  [...section.matchAll(/^- Mutants: (.*(?:\n {2}.*)*)/gm)].flatMap((match) => spansOf(match[1]!))

describe(document, () => {
  it("defines every invariant that a comment in src cites", () => {
    for (const file of filesIn("src")) {
      for (const name of invariantsIn(commentsOf(readDocument(file)))) {
        assert.isTrue(definitions.has(name), `${file} cites ${name}`)
      }
    }
  })

  it("defines every invariant that another document or a mutant cites", () => {
    const cited = new Map([
      ...documents.map((other) => [other, prose(readDocument(other))] as const),
      ...mutants.map(({ breaks, name }) => [name, breaks] as const)
    ])
    for (const [where, words] of cited) {
      for (const name of invariantsIn(words)) assert.isTrue(definitions.has(name), `${where} cites ${name}`)
    }
  })

  it("defines each invariant once, and no invariant that src does not cite", () => {
    const cited = new Set(filesIn("src").flatMap((file) => invariantsIn(commentsOf(readDocument(file)))))
    assert.deepStrictEqual([...definitions.keys()], [...cited].toSorted())
    assert.lengthOf(text.match(/^### I\d+: /gm)!, definitions.size)
  })

  it("names only source files, tests and documents that exist", () => {
    const known = new Set([...filesIn("src"), ...filesIn("test")].map((file) => basename(file)))
    const paths = spansOf(text).filter((span) => /^[\w./-]+(?:\.(?:ts|md|py|sh)|\/)$/.test(span))
    assert.isAbove(paths.length, 40)
    for (const path of paths) {
      assert.isTrue(existsSync(join(root, path)) || known.has(path), `${path} is not there`)
    }
    for (const target of links(text)) {
      const [path = ""] = target.split("#")
      assert.isTrue(existsSync(join(root, dirname(document), path)), `${target} is not there`)
    }
  })

  it("names for each invariant only mutants that exist, and every mutant that breaks it", () => {
    const names = new Set(mutants.map(({ name }) => name))
    for (const [invariant, section] of definitions) {
      const named = mutantsIn(section)
      for (const name of named) assert.isTrue(names.has(name), `${invariant} names ${name}`)
      for (const { breaks, name } of mutants) {
        if (breaks.startsWith(`${invariant}: `)) assert.include(named, name, `${name} breaks ${invariant}`)
      }
    }
  })
})
