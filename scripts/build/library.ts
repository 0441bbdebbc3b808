/** Builds the package: the modules of `src` as a few chunks, with source maps that lead to `src`. */
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { rolldown } from "rolldown"
import { asciiOnly } from "./asciiOnly.ts"
import { builtinsByCall } from "./builtins.ts"
import { chunkOf, chunkOnDemand, recordGraph } from "./chunks.ts"
import { isEffect, isNode } from "./externals.ts"
import { publicModules } from "./publicModules.ts"
import { sealingProgram } from "./sealingProgram.ts"

/** The module that only names the others. As it is, it makes no chunk hold objects for `import { Lib } from "litetapes"`. */
const barrel = "index"

/** Writes the modules of the checkout at `root` to `dist`, without declarations. Effect stays outside. */
export const buildLibrary = async (root: string, dist: string): Promise<void> => {
  const modules = publicModules(root).filter(({ built }) => built !== barrel)
  const { graph, pathOf, plugin } = recordGraph(root)
  const build = await rolldown({
    input: Object.fromEntries(modules.map(({ built, source }) => [built, join(root, source)])),
    external: [isNode, isEffect],
    platform: "node",
    plugins: [sealingProgram(root), builtinsByCall, plugin, asciiOnly]
  })
  await build.write({
    dir: dist,
    format: "esm",
    entryFileNames: "[name].js",
    // A program that is running must not load a chunk of another version that was installed meanwhile.
    chunkFileNames: "chunks/[name]-[hash].js",
    codeSplitting: {
      groups: [
        { debugName: "start", name: (id) => chunkOf(graph)(pathOf(id)), priority: 1 },
        // What a program needs at the start is never moved there.
        { debugName: "on demand", name: (id) => chunkOnDemand(pathOf(id)), priority: 0 }
      ]
    },
    comments: { annotation: true, jsdoc: false, legal: false },
    minifyInternalExports: false,
    sourcemap: true,
    sourcemapExcludeSources: true
  })
  await build.close()
  const names = readFileSync(join(root, `src/${barrel}.ts`), "utf8").replaceAll(/\.ts"/g, '.js"')
  writeFileSync(join(dist, `${barrel}.js`), names)
}
