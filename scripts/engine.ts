/** Refuses a Node that is too old, with a clear message, before tests fail for reasons that are hard to find. */
import { readFileSync } from "node:fs"
import { join } from "node:path"

const manifest = join(import.meta.dirname, "../package.json")

/**
 * Returns why Node `version` is refused, or `undefined` if it is accepted. `required` is `engines.node`, like
 * `>=22.19`.
 */
export const engineRefusal = (version: string, required: string): string | undefined => {
  const least = /^>=(\d+)\.(\d+)$/.exec(required)
  if (least === null) throw new Error(`engines.node is "${required}", and not of the form ">=22.19"`)
  const [major, minor] = least.slice(1).map(Number) as [number, number]
  const [haveMajor = 0, haveMinor = 0] = version.split(".").map(Number)
  if (haveMajor > major || (haveMajor === major && haveMinor >= minor)) return undefined
  return (
    `litetapes needs Node ${major}.${minor} or later, but this is Node ${version}. ` +
    "Use `npm test`, `npm run` or `npx`, which take the Node 24 that `npm ci` has installed."
  )
}

/** Ends the process with status 2 if this Node is too old for the tests, campaigns and benchmarks. */
export const checkEngine = (): void => {
  const { engines } = JSON.parse(readFileSync(manifest, "utf8")) as { readonly engines: { readonly node: string } }
  const refusal = engineRefusal(process.versions.node, engines.node)
  if (refusal === undefined) return
  process.stderr.write(`${refusal}\n`)
  process.exit(2)
}
