/**
 * Builds the package into `dist`: its modules as a few chunks, a declaration for each module, and the command as one file. With `--standalone`,
 * builds the standalone package into `dist-standalone` afterwards.
 *
 * ```
 * node scripts/build.ts [--standalone]
 * ```
 */
import { rmSync } from "node:fs"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { buildCli } from "./build/cli.ts"
import { buildDeclarations } from "./build/declarations.ts"
import { buildLibrary } from "./build/library.ts"
import { buildStandalone } from "./build/standalone.ts"

const { values } = parseArgs({ options: { standalone: { type: "boolean", default: false } } })
const root = join(import.meta.dirname, "..")
const dist = join(root, "dist")

rmSync(dist, { recursive: true, force: true })
await buildLibrary(root, dist)
buildDeclarations(root, dist)
await buildCli(root, join(dist, "cli"))
if (values.standalone) {
  const target = join(root, "dist-standalone")
  rmSync(target, { recursive: true, force: true })
  await buildStandalone(root, dist, target)
}
