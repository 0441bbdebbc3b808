/**
 * Writes the public declarations of a package as one text, from the declaration files of its build.
 *
 * Each subpath has a section with all its exports. Declarations that these refer to, but that no subpath exports, have
 * sections by file: a change to one of them also changes what a caller can do.
 */
import { existsSync, readFileSync } from "node:fs"
import { join, relative, resolve } from "node:path"
import type { Declaration, DeclarationFile } from "./declarationFile.ts"
import { Files, reachable, resolveFile } from "./files.ts"

interface Manifest {
  readonly name: string
  readonly exports: { readonly [subpath: string]: string | { readonly types: string } }
}

interface Package {
  readonly files: Files
  /** Subpaths by declaration file. */
  readonly subpaths: ReadonlyMap<string, string>
  /** Returns the name of a file in the report: its subpath if it has one. */
  readonly nameOf: (file: string) => string
}

const byName = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/** Returns `name as other`, or only `name` if they are the same. */
const renamed = (name: string, as: string): string => (name === as ? name : `${name} as ${as}`)

/** Returns the export of a name that another package declares. */
const foreignExport = ({ exports, imports }: DeclarationFile, name: string): string => {
  const one = exports.get(name)
  const source = one !== undefined && "local" in one ? imports.get(one.local) : one
  if (source === undefined) throw new Error(`The export ${name} is neither declared nor imported.`)
  if (source.name === "*") return `export * as ${name} from "${source.from}"`
  return `export { ${renamed(source.name, name)} } from "${source.from}"`
}

/** Returns the exports that another file declares, or that the file declares under another name. */
const forwardsOf = ({ files, nameOf }: Package, file: string): ReadonlyArray<string> =>
  [...files.exports(file)]
    .toSorted(([a], [b]) => byName(a, b))
    .flatMap(([name, meaning]) => {
      if (meaning === undefined) return [foreignExport(files.read(file), name)]
      if ("namespace" in meaning) return [`export * as ${name} from "${nameOf(meaning.namespace)}"`]
      if (meaning.file !== file) return [`export { ${renamed(meaning.local, name)} } from "${nameOf(meaning.file)}"`]
      return meaning.local === name ? [] : [`export { ${renamed(meaning.local, name)} }`]
    })

/** Returns the imports of a file that some of its declarations use. */
const importsOf = (
  { files, nameOf }: Package,
  file: string,
  declarations: ReadonlyArray<Declaration>
): ReadonlyArray<string> => {
  const references = declarations.flatMap((one) => one.references).filter(({ from }) => from === undefined)
  const used = new Set(references.map(({ path }) => path[0]))
  return [...files.read(file).imports]
    .filter(([local]) => used.has(local))
    .map(([local, { from, name }]) => {
      const target = resolveFile(file, from)
      const what = name === "*" ? `* as ${local}` : `{ ${renamed(name, local)} }`
      return `import ${what} from "${target === undefined ? from : nameOf(target)}"`
    })
    .toSorted(byName)
}

const section = (all: Package, file: string, names: Iterable<string>): string => {
  const known = all.files.read(file).declarations
  const declarations = [...new Set([...names].toSorted(byName).flatMap((name) => known.get(name)!))]
  const blocks = [
    importsOf(all, file, declarations).join("\n"),
    all.subpaths.has(file) ? forwardsOf(all, file).join("\n") : "",
    ...declarations.map(({ text }) => text)
  ]
  return `## ${all.nameOf(file)}\n\n\`\`\`ts\n${blocks.filter((block) => block !== "").join("\n\n")}\n\`\`\`\n`
}

/** Returns the report of the package in `root`. Throws if a declaration file is missing: build the package first. */
export const apiReport = (root: string): string => {
  const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as Manifest
  const subpaths = new Map<string, string>()
  for (const [subpath, target] of Object.entries(manifest.exports)) {
    if (typeof target === "string") continue
    const file = resolve(root, target.types)
    if (!existsSync(file)) throw new Error(`${target.types} is missing. Run \`npm run build\` first.`)
    subpaths.set(file, join(manifest.name, subpath))
  }
  const files = new Files()
  const nameOf = (file: string): string =>
    subpaths.get(file) ?? relative(join(root, "dist"), file).replace(/\.d\.ts$/, "")
  const found = reachable(files, subpaths.keys())
  const sections = (paths: Iterable<string>): ReadonlyArray<string> =>
    [...paths]
      .toSorted((a, b) => byName(nameOf(a), nameOf(b)))
      .map((file) => section({ files, subpaths, nameOf }, file, found.get(file) ?? []))
  return [
    `# Public declarations of ${manifest.name}\n\nWritten by \`npm run api\`. Do not edit it.\n`,
    ...sections(subpaths.keys()),
    "# Declarations that these refer to\n",
    ...sections([...found.keys()].filter((file) => !subpaths.has(file)))
  ].join("\n")
}
