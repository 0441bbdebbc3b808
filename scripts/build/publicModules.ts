/** The public modules of the package, as `exports` of package.json names them. */
import { readFileSync } from "node:fs"
import { join } from "node:path"

/** A public module. */
export interface PublicModule {
  /** Its subpath, such as `./Lib`. */
  readonly subpath: string
  /** Its source, as a path from the root of the checkout. */
  readonly source: string
  /** Where it is built: a path from `dist`, without its extension. */
  readonly built: string
}

/** Returns the public modules, in the order of package.json. */
export const publicModules = (root: string): ReadonlyArray<PublicModule> => {
  const { exports } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
    readonly exports: { readonly [subpath: string]: string | { readonly [condition: string]: string } }
  }
  return Object.entries(exports).flatMap(([subpath, target]) =>
    typeof target === "string"
      ? []
      : [
          {
            subpath,
            source: target["litetapes-source"]!,
            built: target["default"]!.slice("./dist/".length, -".js".length)
          }
        ]
  )
}
