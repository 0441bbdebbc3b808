/**
 * A plugin that loads modules of Node by a call. An `import` of `node:crypto` reads each of its exports, and so loads much
 * that nobody uses, such as worker threads: with it, `node:` modules take twice as long to load.
 */
import { readFileSync } from "node:fs"
import type { Plugin } from "rolldown"

const imports = /^import (?!type\b)([^"]*?) from "(node:[a-z_]+)"/gm

/** Returns a pattern that binds what an import clause binds: `{ a as b, type C }` becomes `{ a: b }`. */
const patternOf = (clause: string): string => {
  const whole = /^\* as (\w+)$/.exec(clause)
  if (whole !== null) return whole[1]!
  if (!/^\{[^}]*\}$/.test(clause)) throw new Error(`A build cannot turn "import ${clause}" into a call`)
  const names = clause
    .slice(1, -1)
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "" && !name.startsWith("type "))
  return `{ ${names.map((name) => name.replace(" as ", ": ")).join(", ")} }`
}

/**
 * Replaces imports of `node:` modules in the sources of the library. Lines stay where they are, and the bundler reads the
 * result as the source, so maps lead to the right lines.
 */
export const builtinsByCall: Plugin = {
  name: "builtins-by-call",
  load: {
    filter: { id: /[\\/]src[\\/].*\.ts$/ },
    handler: (id) => ({
      code: readFileSync(id, "utf8").replace(imports, (found, clause: string, module: string) => {
        const call = `const ${patternOf(clause)} = process.getBuiltinModule("${module}")`
        return call + "\n".repeat(found.split("\n").length - 1)
      }),
      moduleType: "ts"
    })
  }
}
