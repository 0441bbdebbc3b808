/**
 * The standalone package, for programs without Effect: the promise face of the library with what it needs of Effect
 * inside, minified. It needs no other package.
 */
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { rolldown } from "rolldown"
import { asciiOnly } from "./asciiOnly.ts"
import { builtinsByCall } from "./builtins.ts"
import { recordGraph, standaloneChunkOf } from "./chunks.ts"
import { closedDeclarations } from "./declarations.ts"
import { isNode } from "./externals.ts"
import { publicModules } from "./publicModules.ts"
import { sealingProgram } from "./sealingProgram.ts"
import { withoutMetrics } from "./withoutMetrics.ts"

/** Its subpaths, which are those of the package; `.` is the same as `./PromiseStore`. */
const subpaths = [
  "./PromiseStore",
  "./Errors",
  "./EventErrors",
  "./FlatView",
  "./MemoryStorage",
  "./Merkle",
  "./Names",
  "./Placement",
  "./Proof",
  "./TaraSON",
  "./TaraSONError"
]

/** Returns the package.json of the standalone package. */
const manifest = (root: string, built: (subpath: string) => string): object => {
  const { description, engines, keywords, license, name, version } = JSON.parse(
    readFileSync(join(root, "package.json"), "utf8")
  ) as Record<string, unknown>
  const target = (subpath: string) => ({
    types: `./types/${built(subpath)}.d.ts`,
    default: `./${subpath.slice("./".length)}.js`
  })
  return {
    name: `${name as string}-standalone`,
    version,
    description: `${description as string} For programs without Effect: promises, and no dependencies.`,
    keywords,
    license,
    type: "module",
    sideEffects: false,
    exports: {
      ".": target("./PromiseStore"),
      ...Object.fromEntries(subpaths.map((subpath) => [subpath, target(subpath)])),
      "./package.json": "./package.json"
    },
    engines
  }
}

/** Writes the standalone package to `target`. Its declarations come from those in `dist`. */
export const buildStandalone = async (root: string, dist: string, target: string): Promise<void> => {
  const { graph, pathOf, plugin } = recordGraph(root)
  const modules = new Map(publicModules(root).map((module) => [module.subpath, module]))
  const builtOf = (subpath: string): string => modules.get(subpath)!.built
  const build = await rolldown({
    input: Object.fromEntries(subpaths.map((path) => [path.slice("./".length), join(root, modules.get(path)!.source)])),
    external: isNode,
    platform: "node",
    plugins: [sealingProgram(root), withoutMetrics, builtinsByCall, plugin, asciiOnly]
  })
  await build.write({
    dir: target,
    format: "esm",
    entryFileNames: "[name].js",
    // A program that is running must not load a chunk of another version that was installed meanwhile.
    chunkFileNames: "chunks/[name]-[hash].js",
    codeSplitting: { groups: [{ debugName: "chunks", name: (id) => standaloneChunkOf(graph)(pathOf(id)) }] },
    comments: false,
    minify: true,
    sourcemap: true
  })
  await build.close()
  for (const [file, text] of closedDeclarations(
    dist,
    subpaths.map((path) => `${builtOf(path)}.d.ts`)
  )) {
    mkdirSync(dirname(join(target, "types", file)), { recursive: true })
    writeFileSync(join(target, "types", file), text)
  }
  writeFileSync(join(target, "package.json"), `${JSON.stringify(manifest(root, builtOf), undefined, 2)}\n`)
  copyFileSync(join(root, "LICENSE"), join(target, "LICENSE"))
  copyFileSync(join(root, "node_modules/effect/LICENSE"), join(target, "LICENSE-effect"))
  copyFileSync(join(root, "scripts/build/standalone.md"), join(target, "README.md"))
}
