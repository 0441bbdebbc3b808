/** Reads values by their shapes. What it says of a mismatch has places of the shape in it, and nothing of the value. */
import * as Result from "effect/Result"
import type { Any, ArrayOf, Check, Literals, NullOr, OptionalKey, Simple, Struct, Tuple, Union } from "./Shape.ts"

/** What is wrong with a value. */
export interface Mismatch {
  /** The place in the value, as a JSON Pointer, and what is expected there. */
  readonly message: string
}

/** How to read. */
export interface ReadOptions {
  /** `error` refuses members that the shape does not name. `ignore`, the default, leaves them out of the result. */
  readonly onExcessProperty?: "error" | "ignore"
}

/** Returns a function that copies a value of this shape, or returns what is wrong with it. */
export const reader = <S extends Any>(shape: S, options: ReadOptions = {}) => {
  const strict = options.onExcessProperty === "error"
  return (value: unknown): Result.Result<S["Type"], Mismatch> => {
    const copy = read(shape as unknown as Kinds, value, strict)
    return copy instanceof Failed ? Result.fail(copy) : Result.succeed(copy)
  }
}

/** Returns whether a value has this shape. Other members may be present. */
export const is = <S extends Any>(shape: S): ((value: unknown) => value is S["Type"]) => {
  const readOne = reader(shape)
  return (value): value is S["Type"] => Result.isSuccess(readOne(value))
}

type Kinds =
  | Simple<unknown>
  | Literals<ReadonlyArray<string | boolean>>
  | NullOr<Any>
  | OptionalKey<Any>
  | Struct<{ readonly [name: string]: Any }>
  | Tuple<ReadonlyArray<Any>>
  | ArrayOf<Any>
  | Union<ReadonlyArray<Any>>

class Failed implements Mismatch {
  readonly #why: string
  #path = ""

  constructor(why: string) {
    this.#why = why
  }

  get message(): string {
    return this.#path === "" ? this.#why : `at ${this.#path}: ${this.#why}`
  }

  /** Returns this failure, as it is seen from the value that contains the failed one. */
  within(name: string | number): this {
    this.#path = `/${name}${this.#path}`
    return this
  }
}

const read = (given: Any, value: unknown, strict: boolean): unknown => {
  const shape = given as Kinds
  switch (shape.kind) {
    case "literals":
      return shape.literals.includes(value as string) ? value : new Failed(expectedLiterals(shape.literals))
    case "nullOr":
      return value === null ? null : read(shape.of, value, strict)
    case "optionalKey":
      return read(shape.of, value, strict)
    case "struct":
      return readStruct(shape.fields, value, strict)
    case "tuple":
      if (!isArray(value) || value.length !== shape.elements.length) {
        return new Failed(`expected an array of ${shape.elements.length} elements`)
      }
      return readElements((at) => shape.elements[at]!, value, strict)
    case "array": {
      if (!isArray(value)) return new Failed("expected an array")
      const why = whyRefused(shape.checks, value)
      return why === undefined ? readElements(() => shape.of, value, strict) : new Failed(why)
    }
    case "union":
      return readUnion(shape.members, value, strict)
    default: {
      const why = isOfKind(shape.kind, value) ? whyRefused(shape.checks, value) : `expected ${words[shape.kind]}`
      return why === undefined ? value : new Failed(why)
    }
  }
}

const isArray = (value: unknown): value is ReadonlyArray<unknown> => globalThis.Array.isArray(value)

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !isArray(value)

const readStruct = (fields: Readonly<Record<string, Any>>, value: unknown, strict: boolean): unknown => {
  if (!isObject(value)) return new Failed("expected an object")
  const copy: Record<string, unknown> = {}
  let found = 0
  for (const [name, shape] of Object.entries(fields)) {
    if (!Object.hasOwn(value, name)) {
      if (shape.kind === "optionalKey") continue
      return new Failed("it is missing").within(name)
    }
    const member = read(shape, value[name], strict)
    if (member instanceof Failed) return member.within(name)
    copy[name] = member
    found += 1
  }
  return strict && Object.keys(value).length > found ? new Failed("unexpected members") : copy
}

const readElements = (shapeAt: (at: number) => Any, value: ReadonlyArray<unknown>, strict: boolean): unknown => {
  const copy: Array<unknown> = []
  for (let at = 0; at < value.length; at++) {
    const element = read(shapeAt(at), value[at], strict)
    if (element instanceof Failed) return element.within(at)
    copy.push(element)
  }
  return copy
}

/** Reads by the first member that fits. If the literals of one object decide that it is meant, its failure is returned. */
const readUnion = (members: ReadonlyArray<Any>, value: unknown, strict: boolean): unknown => {
  let meant: Failed | undefined
  let candidates = 0
  for (const member of members) {
    if (isOther(member as Kinds, value)) continue
    const copy = read(member, value, strict)
    if (!(copy instanceof Failed)) return copy
    meant = copy
    candidates += 1
  }
  return candidates === 1 ? meant : new Failed("expected another kind of value")
}

/** Returns whether a literal of an object says that the value is not of this shape. */
const isOther = (shape: Kinds, value: unknown): boolean =>
  shape.kind === "struct" &&
  isObject(value) &&
  Object.entries(shape.fields as Readonly<Record<string, Kinds>>).some(
    ([name, field]) =>
      field.kind === "literals" && !(Object.hasOwn(value, name) && field.literals.includes(value[name] as string))
  )

const words = {
  string: "a text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  unknown: "a value"
}

const isOfKind = (kind: keyof typeof words, value: unknown): boolean => {
  if (kind === "unknown") return true
  return kind === "int" ? Number.isSafeInteger(value) : typeof value === kind
}

const expectedLiterals = (literals: ReadonlyArray<string | boolean>): string =>
  `expected ${literals.map((literal) => JSON.stringify(literal)).join(" or ")}`

/** Returns what the checks refuse, or `undefined`. */
const whyRefused = (checks: ReadonlyArray<Check>, value: unknown): string | undefined => {
  for (const check of checks) {
    if (check.check === "pattern") {
      if (!check.pattern.test(value as string)) return `expected a text that matches ${check.pattern}`
      continue
    }
    const { maximum, minimum } = check
    const measured = check.check === "length" ? (value as { readonly length: number }).length : (value as number)
    if (measured >= minimum && measured <= maximum) continue
    return `expected ${check.check === "length" ? "a length" : "a number"} ${rangeOf(minimum, maximum)}`
  }
  return undefined
}

const rangeOf = (minimum: number, maximum: number): string =>
  maximum === Infinity ? `of ${minimum} or more` : `from ${minimum} to ${maximum}`
