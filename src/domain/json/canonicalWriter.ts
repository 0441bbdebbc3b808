/**
 * Writes the canonical text (RFC 8785) of a value in one walk, and refuses everything that is not a lite JSON value.
 *
 * No code of the caller runs: proxies and accessors are refused before they are used. So nothing can change the value
 * or start another walk meanwhile, and the state of the walk can be in module variables.
 */
import { types } from "node:util"
import type { Limits } from "../format/Limits.ts"
import { type Reason, TaraSONError } from "./TaraSONError.ts"
import { emptyShape, extend, layoutOf, type Shape } from "./canonicalShape.ts"
import * as Sink from "./canonicalSink.ts"
import { isIllFormed, pointerOf } from "./canonicalText.ts"
import { kindOf } from "./kindOf.ts"
import { isArrayPrototype, isObjectPrototype } from "./plainPrototype.ts"

/** Deepest nesting that is followed, whatever the limits are: the walk must not overflow the stack. */
export const depthCeiling = 1000

/** Returns the deepest nesting that these limits allow. */
export const depthMaxOf = (limits: Limits): number => Math.min(limits.depthMax, depthCeiling)

/** Keys and indices on the way to the value that is being written; entries beyond its depth are stale. */
const path: Array<string | number> = []
let depthMax = 0

/** Returns the canonical text of `value`. Throws `TaraSONError`. */
export const write = (value: unknown, limits: Limits): string => {
  Sink.begin(limits.recordBytesMax)
  try {
    writeInto(value, limits)
    return Sink.text()
  } finally {
    Sink.end()
  }
}

/** Writes the canonical text of `value` after what the sink already has. Throws `TaraSONError`. */
export const writeInto = (value: unknown, limits: Limits): void => {
  depthMax = depthMaxOf(limits)
  try {
    writeValue(value, 0)
  } catch (error) {
    dropValues(0)
    throw endlessInstead(error, value)
  }
}

const writeValue = (value: unknown, depth: number): void => {
  switch (typeof value) {
    case "string":
      if (!Sink.putString(value)) fail({ _tag: "IllFormedString" }, depth)
      return
    case "number":
      if (value - value !== 0) fail({ _tag: "UnrepresentableNumber" }, depth)
      return Sink.putNumber(value)
    case "boolean":
      return Sink.putAscii(value ? "true" : "false")
    case "object":
      return value === null ? Sink.putAscii("null") : writeContainer(value, depth)
    default:
      return failFound(typeof value, depth)
  }
}

const { isProxy } = types
const { isArray } = Array

const writeContainer = (value: object, depth: number): void => {
  if (isProxy(value)) return failFound("a proxy", depth)
  const prototype: unknown = Object.getPrototypeOf(value)
  if (isArray(value)) {
    if (!isArrayPrototype(prototype)) return failFound("an array that is not plain", depth)
  } else if (!isObjectPrototype(prototype)) {
    return failFound(kindOf(value), depth)
  }
  if (Object.getOwnPropertySymbols(value).length !== 0) return failFound("a symbol as a key", depth)
  if (depth >= depthMax) return fail({ _tag: "NestingTooDeep", depthMax }, depth)
  return isArray(value) ? writeArray(value, depth) : writeObject(value, depth)
}

// Makes no garbage, unlike property descriptors. It does not find a lone setter, but that reads as undefined.
const lookupGetter = Reflect.get(Object.prototype, "__lookupGetter__") as (
  this: object,
  key: number | string
) => unknown
const hasOwn = Reflect.get(Object.prototype, "hasOwnProperty") as (this: object, key: string) => boolean

/** Values of the object that is being written, after those of the objects around it: one array for all of them. */
const values: Array<unknown> = []
let valuesEnd = 0

/** Drops the references to values of the caller. */
const dropValues = (first: number): void => {
  for (let at = first; at < valuesEnd; at++) values[at] = undefined
  valuesEnd = first
}

const writeArray = (array: ReadonlyArray<unknown>, depth: number): void => {
  const length = array.length
  // n elements take at least 2n + 1 bytes: an array that cannot fit is not walked.
  if (length !== 0) Sink.reserve(2 * length + 1)
  if (Object.keys(array).length !== length) return failFound("an array with holes or keys", depth)
  Sink.putByte(0x5b)
  for (let index = 0; index < length; index++) {
    path[depth] = index
    if (lookupGetter.call(array, index) !== undefined) failFound("an accessor", depth + 1)
    if (index !== 0) Sink.putByte(0x2c)
    writeValue(array[index], depth + 1)
  }
  Sink.putByte(0x5d)
}

const writeObject = (object: object, depth: number): void => {
  const first = valuesEnd
  let shape: Shape = emptyShape
  for (const key in object) {
    if (!hasOwn.call(object, key)) continue // inherited
    if (lookupGetter.call(object, key) !== undefined) failAccessor(key, depth)
    const value: unknown = (object as Readonly<Record<string, unknown>>)[key]
    if (value === undefined) failUndefined(object, key, depth)
    values[valuesEnd++] = value
    const next = shape.next
    if (next !== undefined && next.key === key) {
      shape = next
      continue
    }
    const extended = extend(shape, key)
    if (extended === undefined) {
      dropValues(first)
      return writeUncommon(object, depth)
    }
    shape = extended
  }
  if (shape === emptyShape) return Sink.putAscii("{}")
  const { from, keys, prefixes } = layoutOf(shape)
  for (let index = 0; index < prefixes.length; index++) {
    path[depth] = keys[index]!
    Sink.putBytes(prefixes[index]!)
    writeValue(values[first + (from === undefined ? index : from[index]!)], depth + 1)
  }
  dropValues(first)
  Sink.putByte(0x7d)
}

/** Writes an object whose keys are many, long, beyond ASCII, or never the same. */
const writeUncommon = (object: object, depth: number): void => {
  const keys: Array<string> = []
  for (const key in object) {
    if (!hasOwn.call(object, key)) continue // inherited
    if (key === "__proto__") failKey({ _tag: "ForbiddenKey" }, key, depth)
    if (isIllFormed(key)) failKey({ _tag: "IllFormedString" }, key, depth)
    if (lookupGetter.call(object, key) !== undefined) failAccessor(key, depth)
    if ((object as Readonly<Record<string, unknown>>)[key] === undefined) failUndefined(object, key, depth)
    keys.push(key)
  }
  // n members take at least 5n + 1 bytes: keys of an object that cannot fit are not sorted.
  Sink.reserve(5 * keys.length + 1)
  // By UTF-16 units, as RFC 8785 section 3.2.3 demands.
  keys.sort()
  let separator = 0x7b
  for (const key of keys) {
    path[depth] = key
    Sink.putByte(separator)
    Sink.putString(key)
    Sink.putByte(0x3a)
    writeValue((object as Readonly<Record<string, unknown>>)[key], depth + 1)
    separator = 0x2c
  }
  Sink.putByte(0x7d)
}

const fail = (reason: Reason, depth: number): never => {
  throw new TaraSONError({ pointer: pointerOf(path.slice(0, depth)), reason })
}

const failFound = (found: string, depth: number): never => fail({ _tag: "NotJsonValue", found }, depth)

const failKey = (reason: Reason, key: string, depth: number): never => {
  path[depth] = key
  return fail(reason, depth + 1)
}

const failAccessor = (key: string, depth: number): never =>
  failKey({ _tag: "NotJsonValue", found: "an accessor" }, key, depth)

const failUndefined = (object: object, key: string, depth: number): never => {
  const property = Object.getOwnPropertyDescriptor(object, key)
  const isValue = property !== undefined && "value" in property
  return isValue ? failKey({ _tag: "NotJsonValue", found: "undefined" }, key, depth) : failAccessor(key, depth)
}

/** Returns the error to throw. A cycle runs into one of the limits, and is then the real mistake. */
const endlessInstead = (error: unknown, root: unknown): unknown => {
  if (!(error instanceof TaraSONError)) return error
  if (error.reason._tag !== "NestingTooDeep" && error.reason._tag !== "RecordTooLarge") return error
  const depth = cycleDepth(root)
  if (depth === undefined) return error
  return new TaraSONError({
    pointer: pointerOf(path.slice(0, depth)),
    reason: { _tag: "NotJsonValue", found: "a cycle" }
  })
}

/**
 * Returns how far down the path a container contains itself. Even if the path is stale, this finds only real cycles.
 */
const cycleDepth = (root: unknown): number | undefined => {
  const seen = new Set<unknown>()
  let at: unknown = root
  for (let depth = 0; typeof at === "object" && at !== null; depth++) {
    if (seen.has(at)) return depth
    if (depth === path.length || isProxy(at)) return undefined
    seen.add(at)
    at = Object.getOwnPropertyDescriptor(at, path[depth]!)?.value
  }
  return undefined
}
