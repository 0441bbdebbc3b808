import * as Option from "effect/Option"
import { isObjectPrototype } from "../../domain/json/plainPrototype.ts"

/**
 * Whether two values consist of the same classes and fields, down to the members of arrays, plain objects, options and
 * what can be iterated. The equivalence of a schema does not tell a value from one that lacks fields that the schema
 * ignores.
 */
export const isSameForm = (a: unknown, b: unknown): boolean => {
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) {
    return typeof a === typeof b && (a === null) === (b === null)
  }
  const prototype: unknown = Object.getPrototypeOf(a)
  const isPlain = isObjectPrototype(prototype) && isObjectPrototype(Object.getPrototypeOf(b))
  const areArrays = Array.isArray(a) && Array.isArray(b)
  if (!isPlain && !areArrays && prototype !== Object.getPrototypeOf(b)) return false
  if (isWalked(a) && isWalked(b)) return isSameList([...a], [...b])
  if (isPlain) {
    const keys = Object.keys(a)
    const hasAll = keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key))
    return hasAll && keys.every((key) => isSameForm(fieldOf(a, key), fieldOf(b, key)))
  }
  return Option.isOption(a) && Option.isOption(b)
    ? isSameForm(Option.getOrUndefined(a), Option.getOrUndefined(b))
    : true
}

const isSameList = (a: ReadonlyArray<unknown>, b: ReadonlyArray<unknown>): boolean =>
  a.length === b.length && a.every((member, index) => isSameForm(member, b[index]))

/** Arrays, maps, sets and chunks. Not what merely can be yielded, nor bytes. */
const isWalked = (value: object): value is Iterable<unknown> =>
  Symbol.iterator in value && ("length" in value || "size" in value) && !ArrayBuffer.isView(value)

const fieldOf = (value: object, key: string): unknown => (value as Record<string, unknown>)[key]

/**
 * Whether two values consist of the same kinds of values: texts stay texts, null stays null, and an option keeps its tag.
 * Looks only at what both have, so a schema may drop fields, shorten lists and round numbers.
 */
export const isSameKind = (a: unknown, b: unknown, depth = 0): boolean => {
  // What is nested deeper is refused when the event is written.
  if (a === b || depth > depthMax) return true
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) {
    return typeof a === typeof b && (a === null) === (b === null)
  }
  if (Option.isOption(a) && Option.isOption(b)) {
    return a._tag === b._tag && isSameKind(Option.getOrUndefined(a), Option.getOrUndefined(b), depth + 1)
  }
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.every((member, index) => index >= b.length || isSameKind(member, b[index], depth + 1))
  }
  // Objects of a class may keep what they computed in fields.
  if (!isObjectPrototype(Object.getPrototypeOf(a)) || !isObjectPrototype(Object.getPrototypeOf(b))) return true
  return Object.keys(a).every(
    (key) => !Object.hasOwn(b, key) || isSameKind(fieldOf(a, key), fieldOf(b, key), depth + 1)
  )
}

const depthMax = 1000
