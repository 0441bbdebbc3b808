/**
 * What the shape of a schema says about its values before any of them is converted. Reads the syntax tree of the schema,
 * and compiles nothing.
 */
import * as SchemaAST from "effect/SchemaAST"
import { versionKey } from "./versionKey.ts"

type AST = SchemaAST.AST

/**
 * Returns why no value of a schema can be stored as JSON; `undefined` if none is known. Does not look into
 * `Schema.suspend`, whose schema may not be defined yet.
 */
export const problemOf = (schema: AST): string | undefined => findIn(SchemaAST.toEncoded(schema), problem, stop)

const problem = (ast: AST): string | undefined => {
  if (ast._tag === "UniqueSymbol" && Symbol.keyFor(ast.symbol) === undefined) {
    return `${String(ast.symbol)} has no JSON form, since only a symbol of Symbol.for can be found again`
  }
  if (ast._tag !== "Objects") return undefined
  const key = ast.propertySignatures.find(({ name }) => typeof name !== "string")?.name
  return key === undefined ? undefined : `its key ${String(key)} is not a string, so it has no JSON form`
}

/**
 * Returns why a schema cannot be that of metadata, which is a plain object with marks next to what the schema describes;
 * `undefined` if nothing is known. Does not look into `Schema.suspend`.
 */
export const problemOfMetadata = (schema: AST): string | undefined => {
  const values = membersOf(SchemaAST.toType(schema))
  if (values.some((ast) => ast._tag === "Declaration" && !isJsonOfEffect(ast))) {
    return "metadata is read as a plain object, but this schema is one of instances. Use a Schema.Struct, such as one of the fields of the class"
  }
  const stored = membersOf(SchemaAST.toEncoded(schema))
  if ([...values, ...stored].some(namesVersion)) {
    return `its key ${versionKey} is the version of an event's type, which the category sets`
  }
  return values.some(mayBeObject) && stored.some(mayBeObject) ? undefined : "metadata must be an object"
}

const namesVersion = (ast: AST): boolean =>
  ast._tag === "Objects" && ast.propertySignatures.some(({ name }) => name === versionKey)

const membersOf = (ast: AST): ReadonlyArray<AST> => (ast._tag === "Union" ? ast.types.flatMap(membersOf) : [ast])

const mayBeObject = ({ _tag }: AST): boolean =>
  ["Objects", "ObjectKeyword", "Any", "Unknown", "Declaration", "Suspend"].includes(_tag)

/** Whether anything in a schema transforms, so that it stores another value than the application has. */
export const transforms = (schema: AST): boolean =>
  findIn(schema, ({ encoding }) => (encoding === undefined ? undefined : true), follow) === true

/**
 * Whether a value in the encoded form of a schema may be JSON as it is. `false` is certain: a date, for example, is
 * never JSON.
 */
export const mayBeJson = (encoded: AST): boolean => {
  switch (encoded._tag) {
    case "BigInt":
    case "Symbol":
    case "UniqueSymbol":
    case "Undefined":
    case "Never":
      return false
    case "Literal":
      return typeof encoded.literal !== "bigint"
    case "Declaration":
      return !isClassOfEffect(encoded)
    case "Objects":
      return encoded.propertySignatures.every(({ type }) => SchemaAST.isOptional(type) || mayBeJson(type))
    case "Arrays":
      return encoded.elements.every((element) => SchemaAST.isOptional(element) || mayBeJson(element))
    case "Union":
      return encoded.types.some(mayBeJson)
    default:
      return true
  }
}

/** Whether the objects of a schema, or of a member of a union, have a field of this name. An index signature names none. */
export const namesKey = (schema: AST, name: string, seen: ReadonlyArray<AST> = []): boolean => {
  if (seen.includes(schema)) return false
  const below = [...seen, schema]
  switch (schema._tag) {
    case "Objects":
      return schema.propertySignatures.some((property) => property.name === name)
    case "Union":
      return schema.types.some((member) => namesKey(member, name, below))
    case "Suspend":
      return namesKey(schema.thunk(), name, below)
    default:
      return false
  }
}

/** Whether the values are instances of a class that `effect/Schema` has a JSON form for, such as `Date` or `Option`. */
const isClassOfEffect = (ast: AST): boolean => {
  const { annotations } = ast
  const hasForm = typeof (annotations?.["toCodecJson"] ?? annotations?.["toCodec"]) === "function"
  return hasForm && idOfEffect(ast) !== undefined && !isJsonOfEffect(ast)
}

/** Whether this is `Schema.Json` or `Schema.MutableJson`. */
const isJsonOfEffect = (ast: AST): boolean => idOfEffect(ast)?.endsWith("Json") === true

const idOfEffect = ({ annotations }: AST): string | undefined => {
  const id: unknown = (annotations?.["representation"] as { readonly id?: unknown } | undefined)?.id
  return typeof id === "string" && id.startsWith("effect/schema/") ? id : undefined
}

/** Returns the first answer about a schema or a part of it. Each part is visited once: schemas may be recursive. */
const findIn = <A>(
  schema: AST,
  answer: (ast: AST) => A | undefined,
  suspended: (ast: SchemaAST.Suspend) => ReadonlyArray<AST>
): A | undefined => {
  const seen = new Set<AST>()
  const waiting = [schema]
  for (let ast = waiting.pop(); ast !== undefined; ast = waiting.pop()) {
    if (seen.has(ast)) continue
    seen.add(ast)
    const found = answer(ast)
    if (found !== undefined) return found
    waiting.push(...(ast._tag === "Suspend" ? suspended(ast) : partsOf(ast)))
  }
  return undefined
}

const stop = (): ReadonlyArray<AST> => []
const follow = ({ thunk }: SchemaAST.Suspend): ReadonlyArray<AST> => [thunk()]

const partsOf = (ast: AST): ReadonlyArray<AST> => {
  switch (ast._tag) {
    case "Declaration":
      return ast.typeParameters
    case "Objects":
      return [
        ...ast.propertySignatures.map(({ type }) => type),
        ...ast.indexSignatures.flatMap(({ parameter, type }) => [parameter, type])
      ]
    case "Arrays":
      return [...ast.elements, ...ast.rest]
    case "Union":
      return ast.types
    default:
      return []
  }
}
