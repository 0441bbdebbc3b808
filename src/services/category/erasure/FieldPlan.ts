/**
 * Finds the encrypted fields in the JSON value that is stored for an event, by the schema of its data. If a value may have
 * one of several schemas, as in a union, it is encrypted if one of them says so.
 */
import * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"
import { type Mark, markOf } from "./field.ts"

type AST = SchemaAST.AST

/** An encrypted field that was found. */
export interface Found {
  readonly mark: Mark
  readonly value: unknown
  /** Names the field within the data, as RFC 6901 does. */
  readonly pointer: string
  /** The innermost object around it. */
  readonly around: object | undefined
}

/** Nobody can know where an encrypted field is stored. */
export class Hidden extends Error {}

export class FieldPlan {
  /** The schemas that the value may have, without unions and references. */
  readonly #schemas: ReadonlyArray<AST>
  readonly #mark: Mark | undefined
  readonly #parts = new Map<string | number, FieldPlan | undefined>()

  private constructor(schemas: ReadonlyArray<AST>, mark: Mark | undefined) {
    this.#schemas = schemas
    this.#mark = mark
  }

  /**
   * Returns the plan for the data of a schema; `undefined` if none of its fields is encrypted.
   *
   * @throws Hidden
   */
  static of(schema: Schema.Codec<unknown, unknown>): FieldPlan | undefined {
    if (marksOf([schema.ast]).size === 0) return undefined
    // Each transformation by itself: the same field may be visible in one place and hidden in another.
    for (const ast of findIn([schema.ast], innerOf)) {
      if (ast === schema.ast || ast.encoding !== undefined || ast._tag === "Declaration") refuseHidden(ast)
    }
    const stored = storedForms(schema.ast)
    refuseTwoSubjects(stored, new Set())
    return FieldPlan.#of(stored)
  }

  static #of(schemas: ReadonlyArray<AST>): FieldPlan | undefined {
    if (marksOf(schemas).size === 0) return undefined
    const members = membersOf(schemas)
    return new FieldPlan(
      members,
      members.map(markOf).find((mark) => mark !== undefined)
    )
  }

  /** Whether there may be a plan for a schema. Does not look into `Schema.suspend`: `false` is certain. */
  static mayBeOf(schema: Schema.Codec<unknown, unknown>): boolean {
    return findIn([schema.ast], (ast) => (ast._tag === "Suspend" ? [] : innerOf(ast))).some(
      (ast) => ast._tag === "Suspend" || markOf(ast) !== undefined
    )
  }

  /** Returns a copy of a JSON value, in which each encrypted field is what `replace` returns. Copies only what changes. */
  map(json: unknown, replace: (found: Found) => unknown): unknown {
    return this.#map(json, replace, "", undefined)
  }

  #map(value: unknown, replace: (found: Found) => unknown, pointer: string, around: object | undefined): unknown {
    if (value === undefined) return value
    if (this.#mark !== undefined) return replace({ mark: this.#mark, value, pointer, around })
    if (typeof value !== "object" || value === null) return value
    const isList = Array.isArray(value)
    let copy: Record<string | number, unknown> | undefined
    for (const [key, part] of Object.entries(value)) {
      const plan = this.#part(isList ? Number(key) : key)
      const mapped = plan === undefined ? part : plan.#map(part, replace, below(pointer, key), isList ? around : value)
      if (mapped === part) continue
      copy ??= (isList ? [...(value as ReadonlyArray<unknown>)] : { ...value }) as Record<string | number, unknown>
      copy[key] = mapped
    }
    return copy ?? value
  }

  #part(key: string | number): FieldPlan | undefined {
    if (this.#parts.has(key)) return this.#parts.get(key)
    const { named, schemas } = partsOf(this.#schemas, key)
    // All keys that no schema names are alike.
    const slot = named ? key : typeof key === "number" ? unnamed.element : unnamed.property
    if (this.#parts.has(slot)) return this.#parts.get(slot)
    const plan = FieldPlan.#of(schemas)
    this.#parts.set(slot, plan)
    return plan
  }
}

/** Numbers that are no index, for what no schema names. */
const unnamed = { element: -1, property: -2 }

const below = (pointer: string, key: string): string => `${pointer}/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`

/** The stored form of a value, also if it is not JSON by itself. A schema without one is refused when it is used. */
const storedForms = (ast: AST): ReadonlyArray<AST> => {
  const encoded = SchemaAST.toEncoded(ast)
  try {
    return [encoded, SchemaAST.toEncoded(Schema.toCodecJson(Schema.make<Schema.Codec<unknown, unknown>>(ast)).ast)]
  } catch {
    return [encoded]
  }
}

const refuseHidden = (ast: AST): void => {
  const found = marksOf(storedForms(ast), partsOfJson)
  if ([...marksOf([ast])].every((mark) => found.has(mark))) return
  throw new Hidden(
    "it transforms a value that contains an erasable field, so it cannot be known where the field is stored. Make the stored value erasable: pass the whole schema to Erasable.field"
  )
}

/** Of two members of a union, nobody could tell which one a stored value is of, and so whose it is. */
const refuseTwoSubjects = (schemas: ReadonlyArray<AST>, seen: Set<string>): void => {
  if (marksOf(schemas).size === 0) return
  const members = membersOf(schemas)
  const place = members.map(numberOf).toSorted().join()
  if (seen.has(place)) return
  seen.add(place)
  const subjects = new Set(members.map(markOf).flatMap((mark) => (mark === undefined ? [] : [mark.subject])))
  if (subjects.size > 1) {
    throw new Hidden(
      "it has erasable fields of different subjects at the same place, as the members of a union have. Name the same field in each, or use one function of the event for all"
    )
  }
  const names = members.flatMap((ast) => (ast._tag === "Objects" ? ast.propertySignatures.map(({ name }) => name) : []))
  const elements = members.flatMap((ast) => (ast._tag === "Arrays" ? [...ast.elements.keys()] : []))
  for (const key of [...names, ...elements, Number.MAX_SAFE_INTEGER, anyName])
    refuseTwoSubjects(partsOf(members, key).schemas, seen)
}

/** A name that no schema has. */
const anyName = Symbol("any name")

const numbers = new WeakMap<AST, number>()
let numbered = 0

const numberOf = (ast: AST): number => {
  const known = numbers.get(ast) ?? numbered++
  numbers.set(ast, known)
  return known
}

/** Returns the members of unions and what references refer to. A union that is encrypted as a whole is kept. */
const membersOf = (schemas: ReadonlyArray<AST>): ReadonlyArray<AST> => {
  const members = new Set<AST>()
  const seen = new Set<AST>()
  const add = (ast: AST): void => {
    if (seen.has(ast)) return
    seen.add(ast)
    if (markOf(ast) !== undefined) members.add(ast)
    else if (ast._tag === "Union") for (const member of ast.types) add(member)
    else if (ast._tag === "Suspend") add(ast.thunk())
    else members.add(ast)
  }
  for (const ast of schemas) add(ast)
  return [...members]
}

/** Returns the schemas that the part of a value at a key may have, and whether one of them names the key. */
const partsOf = (schemas: ReadonlyArray<AST>, key: PropertyKey) => {
  const named: Array<AST> = []
  const others: Array<AST> = []
  for (const ast of schemas) {
    if (ast._tag === "Objects" && typeof key !== "number") {
      const property = ast.propertySignatures.find(({ name }) => name === key)
      if (property === undefined) others.push(...ast.indexSignatures.map(({ type }) => type))
      else named.push(property.type)
    } else if (ast._tag === "Arrays" && typeof key === "number") {
      const element = ast.elements[key]
      if (element === undefined) others.push(...ast.rest)
      else named.push(element)
    }
  }
  return { named: named.length > 0, schemas: [...named, ...others] }
}

/** Returns all marks in schemas, also in the forms on the way to what is stored. */
const marksOf = (schemas: ReadonlyArray<AST>, inner = innerOf): ReadonlySet<Mark> => {
  const marks = findIn(schemas, inner).map(markOf)
  return new Set(marks.filter((mark) => mark !== undefined))
}

/** Returns schemas and everything in them, each once. */
const findIn = (schemas: ReadonlyArray<AST>, inner: (ast: AST) => ReadonlyArray<AST>): ReadonlyArray<AST> => {
  const seen = new Set<AST>()
  const waiting = [...schemas]
  for (let ast = waiting.pop(); ast !== undefined; ast = waiting.pop()) {
    if (seen.has(ast)) continue
    seen.add(ast)
    waiting.push(...inner(ast))
  }
  return [...seen]
}

const innerOf = (ast: AST): ReadonlyArray<AST> => [
  ...partsOfJson(ast),
  ...(ast._tag === "Declaration" ? ast.typeParameters : []),
  ...(ast.encoding ?? []).map(({ to }) => to)
]

/** Returns the schemas of parts that `map` comes to. What a class has inside is not among them. */
const partsOfJson = (ast: AST): ReadonlyArray<AST> => {
  switch (ast._tag) {
    case "Objects":
      return [...ast.propertySignatures, ...ast.indexSignatures].map(({ type }) => type)
    case "Arrays":
      return [...ast.elements, ...ast.rest]
    case "Union":
      return ast.types
    case "Suspend":
      return [ast.thunk()]
    default:
      return []
  }
}
