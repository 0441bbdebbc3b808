import * as Option from "effect/Option"

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
  if (prototype !== Object.getPrototypeOf(b)) return false
  if (isWalked(a) && isWalked(b)) return isSameList([...a], [...b])
  if (prototype === Object.prototype || prototype === null) {
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
