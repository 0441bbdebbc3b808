/** Both packages as they are published, each installed in a folder of its own: the standalone one without Effect. */
import { execFileSync } from "node:child_process"
import { cpSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { buildDeclarations } from "../../scripts/build/declarations.ts"
import { buildLibrary } from "../../scripts/build/library.ts"
import { buildStandalone } from "../../scripts/build/standalone.ts"
import { root } from "./documents.ts"

/** A folder with an installed package. */
export interface Installed {
  /** The folder of a program that uses the package. */
  readonly folder: string
  /** The folder of the package. */
  readonly of: string
}

/** Builds and installs both packages in `place`. */
export const buildPackages = async (place: string): Promise<{ library: Installed; standalone: Installed }> => {
  const library = installed(place, "with-effect", "litetapes")
  const standalone = installed(place, "without-effect", "litetapes-standalone")
  await buildLibrary(root, join(library.of, "dist"))
  buildDeclarations(root, join(library.of, "dist"))
  for (const name of ["package.json", "src"]) cpSync(join(root, name), join(library.of, name), { recursive: true })
  symlinkSync(join(root, "node_modules/effect"), join(library.folder, "node_modules/effect"))
  await buildStandalone(root, join(library.of, "dist"), standalone.of)
  return { library, standalone }
}

const installed = (place: string, folderName: string, name: string): Installed => {
  const folder = join(place, folderName)
  const of = join(folder, "node_modules", name)
  mkdirSync(of, { recursive: true })
  return { folder, of }
}

/** Runs a module in a folder with a process of its own, and returns what it printed. */
export const runIn = (folder: string, code: string, args: ReadonlyArray<string> = []): string => {
  writeFileSync(join(folder, "program.mjs"), code)
  return execFileSync(process.execPath, ["program.mjs", ...args], { cwd: folder, encoding: "utf8" })
}

/** Code that runs before a program: `loaded()` returns the URLs of the modules that were loaded since. */
export const watchLoads = `
import { registerHooks } from "node:module"
const urls = []
registerHooks({ load: (url, context, next) => (urls.push(url), next(url, context)) })
const loaded = () => urls.splice(0)
`
