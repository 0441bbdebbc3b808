/**
 * Recognises plain objects and arrays by their prototypes, also those that another realm made: in Vitest's `vmThreads`
 * and in Jest, `structuredClone` and `fetch` return objects whose prototype is the `Object.prototype` of another realm.
 *
 * Runs no code of the caller.
 */
import { types } from "node:util"

const { isProxy } = types

/** Returns whether an object with this prototype is plain: it inherits nothing but the methods of every object. */
export const isObjectPrototype = (prototype: unknown): boolean =>
  prototype === Object.prototype || prototype === null || isForeignRoot(prototype)

/** Returns whether an array with this prototype is plain, and not of a subclass. */
export const isArrayPrototype = (prototype: unknown): boolean =>
  prototype === Array.prototype ||
  (!isProxy(prototype) && Array.isArray(prototype) && isForeignRoot(Object.getPrototypeOf(prototype)))

/** Returns whether this is the `Object.prototype` of another realm: the end of a chain, with its hidden methods. */
const isForeignRoot = (prototype: unknown): boolean => {
  if (typeof prototype !== "object" || prototype === null || isProxy(prototype)) return false
  if (Object.getPrototypeOf(prototype) !== null) return false
  const method = Object.getOwnPropertyDescriptor(prototype, "isPrototypeOf")
  return method !== undefined && !method.enumerable && typeof method.value === "function"
}

/** Whether `value` is a plain object without accessors. Spreading it loses nothing and runs no code of the caller. */
export const isPlain = (value: unknown): boolean => {
  if (typeof value !== "object" || value === null || isProxy(value)) return false
  return (
    isObjectPrototype(Object.getPrototypeOf(value)) &&
    Object.values(Object.getOwnPropertyDescriptors(value)).every((property) => "value" in property)
  )
}
