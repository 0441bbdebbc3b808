/** Resolves names across declaration files, and finds the declarations that the public files reach. */
import { readFileSync } from "node:fs"
import { dirname, resolve } from "node:path"
import { type DeclarationFile, type Import, readDeclarationFile, type Reference } from "./declarationFile.ts"

/**
 * The meaning of a name: one declaration of a file, or all exports of a file. `undefined` if it belongs to another
 * package.
 */
export type Meaning = { readonly file: string; readonly local: string } | { readonly namespace: string } | undefined

/** The declaration files of a package. Each is read once, when it is needed first. */
export class Files {
  readonly #files = new Map<string, DeclarationFile>()

  read(path: string): DeclarationFile {
    const known = this.#files.get(path)
    if (known !== undefined) return known
    const file = readDeclarationFile(path, readFileSync(path, "utf8"))
    this.#files.set(path, file)
    return file
  }

  /** Returns what a reference in a file means. */
  meaning(file: string, { from, path }: Reference): Meaning {
    if (from !== undefined) return this.#follow(this.#imported(file, { from, name: "*" }), path)
    const [first, ...rest] = path
    const imported = this.read(file).imports.get(first!)
    if (imported !== undefined) return this.#follow(this.#imported(file, imported), rest)
    return this.read(file).declarations.has(first!) ? { file, local: first! } : undefined
  }

  /** Returns all exports of a file, by name. */
  exports(file: string): ReadonlyMap<string, Meaning> {
    const { exports, stars } = this.read(file)
    const all = new Map<string, Meaning>()
    for (const star of stars) {
      const target = resolveFile(file, star)
      if (target === undefined) throw new Error(`${file} exports everything from ${star}: the report cannot list that`)
      for (const [name, meaning] of this.exports(target)) if (name !== "default") all.set(name, meaning)
    }
    for (const [name, one] of exports) {
      all.set(name, "local" in one ? this.meaning(file, { path: [one.local] }) : this.#imported(file, one))
    }
    return all
  }

  #imported(file: string, { from, name }: Import): Meaning {
    const target = resolveFile(file, from)
    if (target === undefined) return undefined
    if (name === "*") return { namespace: target }
    const exports = this.exports(target)
    if (!exports.has(name)) throw new Error(`${file} imports ${name} from ${target}, which does not export it.`)
    return exports.get(name)
  }

  /** Resolves members of namespaces. Members of other declarations are not resolved: they belong to the declaration. */
  #follow(meaning: Meaning, path: ReadonlyArray<string>): Meaning {
    const [first, ...rest] = path
    if (meaning === undefined || first === undefined || !("namespace" in meaning)) return meaning
    return this.#follow(this.exports(meaning.namespace).get(first), rest)
  }
}

/** Returns the declaration file that a relative import names, or `undefined` if the import names another package. */
export const resolveFile = (from: string, specifier: string): string | undefined =>
  specifier.startsWith(".") ? resolve(dirname(from), specifier.replace(/\.[jt]s$/, ".d.ts")) : undefined

/**
 * Returns the names of the declarations that the entries export, and of all declarations that these refer to, by file.
 */
export const reachable = (files: Files, entries: Iterable<string>): ReadonlyMap<string, ReadonlySet<string>> => {
  const found = new Map<string, Set<string>>()
  const namespaces = new Set<string>()
  const queue: Array<Meaning> = [...entries].map((namespace) => ({ namespace }))
  while (queue.length > 0) {
    const meaning = queue.pop()
    if (meaning === undefined) continue
    if ("namespace" in meaning) {
      if (namespaces.has(meaning.namespace)) continue
      namespaces.add(meaning.namespace)
      queue.push(...files.exports(meaning.namespace).values())
      continue
    }
    const { file, local } = meaning
    const names = found.get(file) ?? new Set()
    if (names.has(local)) continue
    found.set(file, names.add(local))
    for (const { references } of files.read(file).declarations.get(local)!) {
      for (const reference of references) queue.push(files.meaning(file, reference))
    }
  }
  return found
}
