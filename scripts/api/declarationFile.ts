/** Reads one declaration file: its imports, declarations and exports, and the names that each declaration refers to. */
import { type Comment, parseSync } from "oxc-parser"
import { type Doc, docOf } from "./docstrings.ts"

/** A name that a file imports. `name` is `*` for a namespace. */
export interface Import {
  readonly from: string
  readonly name: string
}

/** A name that a file exports: `local` of this file, or `name` of another one. */
export type Export = { readonly local: string } | Import

/** A name in a declaration: `["Effect", "Effect"]` for `Effect.Effect`. */
export interface Reference {
  readonly path: ReadonlyArray<string>
  /** The imported file, in `import("./file.ts").Name`. */
  readonly from?: string
}

export interface Declaration {
  /** The text without comments and empty lines. */
  readonly text: string
  readonly references: ReadonlyArray<Reference>
  /** Its docstring, and those of its members. */
  readonly doc: Doc
}

export interface DeclarationFile {
  readonly imports: ReadonlyMap<string, Import>
  /** Declarations by name. A name may have several: a type and a value, or the overloads of a function. */
  readonly declarations: ReadonlyMap<string, ReadonlyArray<Declaration>>
  readonly exports: ReadonlyMap<string, Export>
  /** Files in `export * from`. */
  readonly stars: ReadonlyArray<string>
}

interface Node {
  readonly type: string
  readonly [field: string]: unknown
}

const isNode = (value: unknown): value is Node =>
  typeof value === "object" && value !== null && typeof (value as Node).type === "string"

/** Returns `["a", "b"]` for the node of `a.b`, and `undefined` for a node of another kind. */
const pathOf = (node: Node): ReadonlyArray<string> | undefined => {
  if (node.type === "Identifier") return [node["name"] as string]
  const isMember = node.type === "MemberExpression" && node["computed"] !== true
  if (!isMember && node.type !== "TSQualifiedName") return undefined
  const path = pathOf((isMember ? node["object"] : node["left"]) as Node)
  const { name } = (isMember ? node["property"] : node["right"]) as { readonly name: string }
  return path && [...path, name]
}

/** Fields whose names do not refer to a declaration. */
const labels: ReadonlySet<string> = new Set(["key", "label", "parameterName"])

/** Returns whether a node names a variable or a parameter. Only the type of such a node refers to something. */
const isBinding = (node: Node): boolean =>
  /^(ObjectPattern|ArrayPattern|RestElement)$/.test(node.type) ||
  (node.type === "Identifier" && isNode(node["typeAnnotation"]))

const referencesOf = (root: unknown): ReadonlyArray<Reference> => {
  const references: Array<Reference> = []
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) return value.forEach(visit)
    if (!isNode(value)) return
    if (isBinding(value)) return visit(value["typeAnnotation"])
    if (value.type === "TSImportType") {
      const { value: from } = value["source"] as { readonly value: string }
      const qualifier = value["qualifier"]
      references.push({ from, path: (isNode(qualifier) && pathOf(qualifier)) || [] })
      return visit(value["typeArguments"])
    }
    const path = pathOf(value)
    if (path !== undefined) return void references.push({ path })
    for (const [field, one] of Object.entries(value)) {
      if (!labels.has(field) || value["computed"] === true) visit(one)
    }
  }
  visit(root)
  return references
}

/** Returns the text from `start` to `end` without comments and empty lines. */
const textWithout = (text: string, comments: ReadonlyArray<Comment>, start: number, end: number): string => {
  const pieces: Array<string> = []
  let at = start
  for (const comment of comments) {
    if (comment.start < at || comment.end > end) continue
    pieces.push(text.slice(at, comment.start))
    at = comment.end
  }
  const lines = [...pieces, text.slice(at, end)].join("").split("\n")
  return lines
    .map((line) => line.trimEnd())
    .filter((line) => line !== "")
    .join("\n")
}

interface Named {
  readonly id?: { readonly name: string } | null
  readonly declarations?: ReadonlyArray<{ readonly id: { readonly name: string } }>
}

const namesOf = ({ declarations, id }: Named): ReadonlyArray<string> =>
  declarations === undefined ? (id ? [id.name] : []) : declarations.map((one) => one.id.name)

/** Returns the name on one side of `import { name as name }` or `export { name as name }`. */
const nameOf = (node: { readonly name: string } | { readonly value: string }): string =>
  "name" in node ? node.name : node.value

/**
 * Reads the text of a declaration file. Throws if it has a syntax error, or a statement that `tsc` does not emit for
 * modules.
 */
export const readDeclarationFile = (path: string, text: string): DeclarationFile => {
  const { comments, errors, program } = parseSync(path, text, { lang: "dts" })
  if (errors.length > 0) throw new Error(`${path}: ${errors[0]!.message}`)
  const imports = new Map<string, Import>()
  const declarations = new Map<string, Array<Declaration>>()
  const exports = new Map<string, Export>()
  const stars: Array<string> = []
  for (const statement of program.body) {
    if (statement.type === "ImportDeclaration") {
      for (const one of statement.specifiers) {
        const name = one.type === "ImportSpecifier" ? nameOf(one.imported) : "*"
        imports.set(one.local.name, {
          from: statement.source.value,
          name: one.type === "ImportDefaultSpecifier" ? "default" : name
        })
      }
    } else if (statement.type === "ExportAllDeclaration") {
      const from = statement.source.value
      if (statement.exported === null) stars.push(from)
      else exports.set(nameOf(statement.exported), { from, name: "*" })
    } else if (statement.type === "ExportNamedDeclaration" && statement.declaration === null) {
      for (const { exported, local } of statement.specifiers) {
        const from = statement.source?.value
        exports.set(nameOf(exported), from === undefined ? { local: nameOf(local) } : { from, name: nameOf(local) })
      }
    } else {
      const isExported = statement.type === "ExportNamedDeclaration"
      const declared: unknown = isExported ? statement.declaration : statement
      const names = namesOf(declared as Named)
      if (names.length === 0) throw new Error(`${path}: a statement of an unknown kind: ${statement.type}`)
      const declaration = {
        text: textWithout(text, comments, statement.start, statement.end),
        references: referencesOf(declared),
        doc: docOf(text, comments, statement.start, declared)
      }
      for (const name of names) {
        declarations.set(name, [...(declarations.get(name) ?? []), declaration])
        if (isExported) exports.set(name, { local: name })
      }
    }
  }
  return { imports, declarations, exports, stars }
}
