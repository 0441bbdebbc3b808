/**
 * The command `litetapes`: one file with everything inside that it needs of Effect and of its platform for Node. It shares no
 * module with the library, so that nothing grows for programs that only use that.
 */
import { chmodSync, copyFileSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { rolldown, type Plugin } from "rolldown"
import { asciiOnly } from "./asciiOnly.ts"
import { builtinsByCall } from "./builtins.ts"
import { isNode } from "./externals.ts"
import { sealingProgram } from "./sealingProgram.ts"

/** Replaces `version.ts`, which reads package.json. */
const versionOf = (root: string): Plugin => ({
  name: "version",
  load: {
    filter: { id: /[\\/]cli[\\/]version\.ts$/ },
    handler: () => {
      const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { readonly version: string }
      return `export const version = ${JSON.stringify(version)}\n`
    }
  }
})

/** Writes the command of the checkout at `root` to the folder `target`. Returns the path of its file. */
export const buildCli = async (root: string, target: string): Promise<string> => {
  const build = await rolldown({
    input: join(root, "src/cli/main.ts"),
    external: isNode,
    platform: "node",
    plugins: [sealingProgram(root), versionOf(root), builtinsByCall, asciiOnly]
  })
  const file = join(target, "litetapes.js")
  await build.write({
    file,
    format: "esm",
    // Modules that are loaded on demand stay in the file, and run when they are.
    codeSplitting: false,
    comments: false,
    minify: true,
    banner: "#!/usr/bin/env node"
  })
  await build.close()
  chmodSync(file, 0o755)
  copyFileSync(join(root, "node_modules/effect/LICENSE"), join(target, "LICENSE-effect"))
  return file
}
