/** Reads JSON that native parsers silently get wrong: repeated keys, digits that a double cannot hold, escaped keys. */
import { type Reason, TaraSONError } from "./TaraSONError.ts"
import type { Json } from "./Json.ts"
import { pointerOf } from "./canonicalText.ts"
import { depthCeiling } from "./canonicalWriter.ts"

/**
 * Returns whether a key of a valid JSON text is written with an escape.
 *
 * V8 (13.6 in Node 24, 14.6 in Node 26; https://github.com/nodejs/node/issues/63785) may read such a key as another
 * one: after an object with the keys `a` and `\` was parsed, `{"a":1,"\n":2}` is read with the key `\`. Other keys are
 * not affected, and in canonical texts only quotes, backslashes and controls are escaped.
 */
export const hasEscapedKey = (text: string): boolean => {
  let at = text.indexOf("\\")
  while (at !== -1) {
    at = endOfString(text, at)
    if (text[skipSpace(text, at)] === ":") return true
    at = text.indexOf("\\", at)
  }
  return false
}

// State of the read that is running: it is synchronous and calls no code of the caller.
let text = ""
let at = 0
const path: Array<string | number> = []

/**
 * Returns the value of a JSON text that is known to be valid. Throws `NestingTooDeep` beyond the depth of any record,
 * `DuplicateKey`, `ForbiddenKey`, and `UnrepresentableNumber` for a number that loses its value (`losesValue`).
 */
export const readStrictly = (json: string): Json => {
  text = json
  at = 0
  path.length = 0
  try {
    return readValue()
  } finally {
    text = ""
  }
}

const readValue = (): Json => {
  at = skipSpace(text, at)
  switch (text[at]) {
    case "{":
      return readObject()
    case "[":
      return readArray()
    case '"':
      return readString()
    case "t":
      at += 4
      return true
    case "f":
      at += 5
      return false
    case "n":
      at += 4
      return null
    default:
      return readNumber()
  }
}

const readObject = (): Json => {
  checkDepth()
  const object: Record<string, Json> = {}
  at = skipSpace(text, at + 1)
  while (text[at] !== "}") {
    const key = readString()
    path.push(key)
    if (key === "__proto__") refuse({ _tag: "ForbiddenKey" })
    if (Object.hasOwn(object, key)) refuse({ _tag: "DuplicateKey" })
    at = skipSpace(text, at) + 1
    object[key] = readValue()
    path.pop()
    at = skipSpace(text, at)
    if (text[at] === ",") at = skipSpace(text, at + 1)
  }
  at++
  return object
}

const readArray = (): Json => {
  checkDepth()
  const array: Array<Json> = []
  at = skipSpace(text, at + 1)
  while (text[at] !== "]") {
    path.push(array.length)
    array.push(readValue())
    path.pop()
    at = skipSpace(text, at)
    if (text[at] === ",") at++
  }
  at++
  return array
}

/** A text whose depth was not checked before must not overflow the stack. */
const checkDepth = (): void => {
  if (path.length >= depthCeiling) refuse({ _tag: "NestingTooDeep", depthMax: depthCeiling })
}

const readString = (): string => {
  const start = at
  at = endOfString(text, start + 1)
  const inner = text.slice(start + 1, at - 1)
  return inner.includes("\\") ? (JSON.parse(`"${inner}"`) as string) : inner
}

const numberLiteral = /-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/y
const readNumber = (): number => {
  numberLiteral.lastIndex = at
  const literal = numberLiteral.exec(text)![0]
  const value = Number(literal)
  if (losesValue(literal, value)) refuse({ _tag: "UnrepresentableNumber" })
  at += literal.length
  return value
}

/** An integer, also with zeros after a point. */
const integerLiteral = /^(-?\d+)(?:\.0+)?$/
const isNotZero = /^[^eE]*[1-9]/

/**
 * Whether a literal overflows, is an integer beyond ±(2^53 - 1) whose canonical text differs, or is not zero and becomes
 * zero. Literals with a fraction or an exponent are rounded to the nearest double, as every JSON parser does.
 */
const losesValue = (literal: string, value: number): boolean => {
  if (value === 0) return isNotZero.test(literal)
  if (Number.isSafeInteger(value)) return false
  if (!Number.isFinite(value)) return true
  const integer = integerLiteral.exec(literal)?.[1]
  return integer !== undefined && String(value) !== integer
}

/** Returns the index after the quote that closes the string around `from`, which must not be within an escape. */
const endOfString = (json: string, from: number): number => {
  let index = from
  while (json[index] !== '"') index += json[index] === "\\" ? 2 : 1
  return index + 1
}

const skipSpace = (json: string, from: number): number => {
  let index = from
  while (json[index] === " " || json[index] === "\n" || json[index] === "\r" || json[index] === "\t") index++
  return index
}

const refuse = (reason: Reason): never => {
  throw new TaraSONError({ pointer: pointerOf(path), reason })
}
