/** Declarations of the packages. */
import { execFileSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { dirname, join, posix } from "node:path"

/** Writes a declaration for each module of `src` to `dist`, with a map that leads to it. */
export const buildDeclarations = (root: string, dist: string): void => {
  const tsc = join(root, "node_modules/typescript/bin/tsc")
  const args = [tsc, "-p", join(root, "tsconfig.build.json"), "--outDir", dist]
  execFileSync(process.execPath, args, { stdio: "inherit" })
}

const specifiers = /(\bfrom\s+"|\bimport\(")([^"]+)(")/g

/**
 * Returns all declarations that `entries` need, by their path from `dist`. Those of Effect are replaced by opaque types,
 * so that nothing needs to be installed.
 */
export const closedDeclarations = (dist: string, entries: ReadonlyArray<string>): ReadonlyMap<string, string> => {
  const found = new Map<string, string>()
  const visit = (file: string): void => {
    if (found.has(file)) return
    const text = readFileSync(join(dist, file), "utf8")
    found.set(file, "")
    const toEffect = (name: string): string => {
      found.set(`effect/${name}.d.ts`, readFileSync(join(import.meta.dirname, "effectTypes", `${name}.d.ts`), "utf8"))
      return posix.join(posix.relative(dirname(file), "effect") || ".", `${name}.js`).replace(/^(?!\.)/, "./")
    }
    const rewritten = text.replace(specifiers, (whole, before: string, target: string, after: string) => {
      if (target.startsWith("effect/")) return `${before}${toEffect(target.slice("effect/".length))}${after}`
      if (target.startsWith(".")) visit(posix.join(dirname(file), target.replace(/\.ts$/, ".d.ts")))
      return whole
    })
    found.set(file, rewritten.replace(/\n\/\/# sourceMappingURL=.*\s*$/, "\n"))
  }
  entries.forEach(visit)
  return found
}
