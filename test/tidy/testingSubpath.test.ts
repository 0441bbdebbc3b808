/** `litetapes/testing` is separate from the package: it loads no test runner, and no other module loads it. */
import * as Testing from "litetapes/testing"
import { globSync, readFileSync } from "node:fs"
import { dirname, relative, resolve } from "node:path"
import { assert, describe, it } from "vitest"
import { root } from "../support/documents.ts"

/** Returns the run-time imports of a module. */
const importsOf = (file: string): Array<string> =>
  [...readFileSync(file, "utf8").matchAll(/^(?:import|export)\s+(?!type\s)[^"']*?from\s+"([^"]+)"/gm)].map(
    (match) => match[1]!
  )

/** Returns all modules that `entry` loads, as paths from the root of the checkout, and the packages. */
const loadedWith = (entry: string): { readonly modules: Set<string>; readonly packages: Set<string> } => {
  const modules = new Set<string>()
  const packages = new Set<string>()
  const visit = (file: string): void => {
    if (modules.has(relative(root, file))) return
    modules.add(relative(root, file))
    for (const target of importsOf(file)) {
      if (target.startsWith(".")) visit(resolve(dirname(file), target))
      else packages.add(target.startsWith("node:") ? "node" : target.split("/")[0]!)
    }
  }
  visit(resolve(root, entry))
  return { modules, packages }
}

const { exports } = JSON.parse(readFileSync(resolve(root, "package.json"), "utf8")) as {
  readonly exports: { readonly [name: string]: string | { readonly "litetapes-source": string } }
}

const entries = Object.entries(exports).flatMap(([name, target]) =>
  typeof target === "string" ? [] : [[name, target["litetapes-source"]] as const]
)

describe("litetapes/testing", () => {
  it("exports the conformance suite, the histories and the generators", () => {
    assert.includeMembers(Object.keys(Testing), ["Conformance", "Generators", "History"])
  })

  it("loads neither a test runner nor fast-check", () => {
    const { modules, packages } = loadedWith("src/testing/index.ts")
    assert.includeMembers([...modules], ["src/testing/Conformance.ts", "src/testing/internal/generators/values.ts"])
    assert.sameMembers([...packages], ["effect", "node"])
  })

  it.each(entries.filter(([name]) => name !== "./testing"))("is not loaded by %s", (_, source) => {
    const { modules, packages } = loadedWith(source)
    assert.isAbove(modules.size, 0)
    assert.deepStrictEqual(
      [...modules].filter((module) => module.startsWith("src/testing/")),
      []
    )
    assert.notInclude([...packages], "fast-check")
  })

  it("is not imported by any module of the library", () => {
    const others = globSync("src/{domain,services,layers,cli}/**/*.ts", { cwd: root })
    assert.isAbove(others.length, 50)
    for (const file of others) {
      for (const target of importsOf(resolve(root, file))) assert.notMatch(target, /\btesting\//, file)
    }
  })
})
