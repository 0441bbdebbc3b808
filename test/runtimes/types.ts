/** Compiles the declarations of the packed package as a strict application without `@types/node` does. */
import { spawnSync } from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"

const compiler = path.join(import.meta.dirname, "../../node_modules/.bin/tsc")

/** Returns what the compiler says about a program in `folder` that imports every subpath; nothing if it is right. */
export const complaintsOfTypes = (folder: string): string => {
  const place = path.join(folder, "types")
  fs.mkdirSync(place)
  const manifest = path.join(folder, "node_modules/litetapes/package.json")
  const { exports } = JSON.parse(fs.readFileSync(manifest, "utf8")) as { readonly exports: object }
  const subpaths = Object.keys(exports).filter((subpath) => !subpath.endsWith(".json"))
  if (subpaths.length < 20) return `package.json exports only ${subpaths.length} modules\n`
  const lines = subpaths.map((subpath, n) => `export * as m${n} from "litetapes${subpath.slice(1)}"\n`)
  fs.writeFileSync(path.join(place, "all.ts"), lines.join(""))
  const compilerOptions = {
    module: "nodenext",
    target: "es2024",
    // Effect's declarations need those of the DOM or of Node.
    lib: ["es2024", "esnext.disposable", "dom"],
    types: [],
    strict: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: false,
    noEmit: true
  }
  fs.writeFileSync(path.join(place, "tsconfig.json"), JSON.stringify({ compilerOptions, include: ["all.ts"] }))
  const { status, stdout } = spawnSync(compiler, ["-p", place], { encoding: "utf8" })
  return status === 0 ? "" : `${stdout}status ${status}\n`
}
