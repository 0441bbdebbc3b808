/** A plugin that puts the program of the sealing thread into the module that says where it is. */
import { join } from "node:path"
import { rolldown, type Plugin } from "rolldown"
import { isNode } from "./externals.ts"

const folder = "src/layers/sealing"

/** Returns the program as one minified module that imports only `node:` modules. */
const bundled = async (root: string): Promise<string> => {
  const build = await rolldown({ input: join(root, folder, "sealWorker.ts"), external: isNode, platform: "node" })
  const { output } = await build.generate({ format: "esm", minify: true, comments: false })
  await build.close()
  if (output.length > 1) throw new Error("The program of the sealing thread must be one file")
  return output[0].code
}

/** Replaces `sealWorkerUrl.ts`. */
export const sealingProgram = (root: string): Plugin => ({
  name: "sealing-program",
  load: {
    filter: { id: /[\\/]sealWorkerUrl\.ts$/ },
    async handler() {
      const program = JSON.stringify(await bundled(root))
      return `export const sealWorkerUrl = () => new URL("data:text/javascript," + encodeURIComponent(${program}))\n`
    }
  }
})
