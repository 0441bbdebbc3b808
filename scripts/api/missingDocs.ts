/**
 * Lists the public exports of a package, and their members, that have no docstring.
 *
 * Checked are all exports of all subpaths, those of exported namespaces included; the members of exported interfaces and
 * classes, constructors included; and the members of services. If a type and a value share a name, one docstring is enough.
 *
 * Exempt are
 *
 * - what an error class inherits: its fields, `name`, and `message`, also if it is overridden; and the rest of what the
 *   base of a service brings along;
 * - private members, index signatures, and members that are named by a symbol;
 * - members with one literal as their type, such as `kind: "file"`;
 * - members of types that are not interfaces, such as the fields of a schema;
 * - namespaces: `tsc` drops the comment at the beginning of a file if its first import is not needed in the declarations;
 * - exports of other packages, and declarations that no subpath exports.
 */
import { existsSync, readFileSync } from "node:fs"
import { join, resolve } from "node:path"
import type { Declaration } from "./declarationFile.ts"
import type { Member } from "./docstrings.ts"
import { Files } from "./files.ts"

interface Manifest {
  readonly name: string
  readonly exports: { readonly [subpath: string]: string | { readonly types: string } }
}

interface Place {
  readonly file: string
  readonly local: string
}

const inherited: ReadonlySet<string> = new Set(["message", "name"])

/** Returns the members of a declaration, and those of the service whose base it extends. */
const membersOf = (files: Files, file: string, { doc }: Declaration): ReadonlyArray<Member> => {
  if (doc.base === undefined) return doc.members
  const own = doc.members.filter(({ name }) => !inherited.has(name))
  const bases = files.read(file).declarations.get(doc.base) ?? []
  return [...own, ...bases.flatMap((one) => [...one.doc.members, ...shapeOf(files, file, one.doc.shape)])]
}

/** Returns the members of the interface that a service is declared with. */
const shapeOf = (files: Files, file: string, name: string | undefined): ReadonlyArray<Member> => {
  const meaning = name === undefined ? undefined : files.meaning(file, { path: [name] })
  if (meaning === undefined || !("local" in meaning)) return []
  return files.read(meaning.file).declarations.get(meaning.local)!.flatMap(({ doc }) => doc.members)
}

const missingOf = (files: Files, { file, local }: Place, as: string): ReadonlyArray<string> => {
  const declarations = files.read(file).declarations.get(local)!
  const members = new Map<string, boolean>()
  for (const { isDocumented, name } of declarations.flatMap((one) => membersOf(files, file, one))) {
    members.set(name, members.get(name) === true || isDocumented)
  }
  return [
    ...(declarations.some(({ doc }) => doc.isDocumented) ? [] : [as]),
    ...[...members].filter(([, isDocumented]) => !isDocumented).map(([name]) => `${as}.${name}`)
  ]
}

/** Returns the names of exports and members without a docstring. Throws if a declaration file is missing. */
export const missingDocs = (root: string): ReadonlyArray<string> => {
  const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as Manifest
  const files = new Files()
  const seen = new Set<string>()
  const missing: Array<string> = []
  const visit = (file: string, path: string): void => {
    if (seen.has(file)) return
    seen.add(file)
    for (const [name, meaning] of files.exports(file)) {
      if (meaning === undefined) continue
      if ("namespace" in meaning) {
        visit(meaning.namespace, `${path}.${name}`)
        continue
      }
      const place = `${meaning.file} ${meaning.local}`
      if (!seen.has(place)) missing.push(...missingOf(files, meaning, `${path}.${name}`))
      seen.add(place)
    }
  }
  // Subpaths of modules before those that only collect modules, so that a name is listed under its shorter path.
  const subpaths = Object.entries(manifest.exports).toSorted(([a], [b]) => Number(a === ".") - Number(b === "."))
  for (const [subpath, target] of subpaths) {
    if (typeof target === "string") continue
    const file = resolve(root, target.types)
    if (!existsSync(file)) throw new Error(`${target.types} is missing. Run \`npm run build\` first.`)
    visit(file, join(manifest.name, subpath))
  }
  return missing.toSorted()
}
