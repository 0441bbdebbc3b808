/**
 * TaraSON, the record language. A record is a JSON object (I-JSON, RFC 7493) that is *lite*: its depth and size are
 * limited. Its canonical bytes (RFC 8785, UTF-8) are its only form on disk. Two records are the same if these bytes
 * are, whatever their runtime shape.
 *
 * Everything here is synchronous and pure, and throws `TaraSONError`. Reading a value runs none of the caller's code:
 * accessors and proxies are refused, not called.
 *
 * @example
 * ```ts
 * import * as TaraSON from "litetapes/TaraSON"
 *
 * const text = TaraSON.encode({ $type: "Greeted", name: "Ada", at: 1 })
 * // {"$type":"Greeted","at":1,"name":"Ada"}
 * const id = TaraSON.recordId(text)
 * ```
 */
import { hash } from "node:crypto"
import { isArray } from "../base/isArray.ts"
import { isReservedType } from "../format/Format.ts"
import type { Json, JsonObject } from "./Json.ts"
import { pointerOf } from "./canonicalText.ts"
import { write } from "./canonicalWriter.ts"
import { decode, parseJson } from "./strictDecode.ts"
import { hasEscapedKey, readStrictly } from "./strictRead.ts"
import { defaultLimits, type Limits } from "../format/Limits.ts"
import { type Reason, TaraSONError } from "./TaraSONError.ts"

export type { Json, JsonObject }

/**
 * Returns the canonical text of a user record.
 *
 * Throws `TaraSONError` with one of these reasons: `NotARecord` for JSON that is not an object; `NotJsonValue` for what
 * JSON cannot express without loss (undefined, functions, symbols, BigInt, class instances, accessors, proxies, holes,
 * cycles), and for a `$type` that is not a string; `ReservedType`; `UnrepresentableNumber`, `IllFormedString`,
 * `ForbiddenKey`, `NestingTooDeep`, `RecordTooLarge`. Properties that are inherited or not enumerable are not part of
 * the record; -0 becomes 0.
 */
export const encode = (record: unknown, limits: Limits = defaultLimits): string => {
  const text = encodeObject(record, limits)
  const type = typeOf(record as JsonObject)
  if (type === undefined) return text
  if (typeof type !== "string") return refuse("/$type", { _tag: "NotJsonValue", found: "a $type that is not a string" })
  if (isReservedType(type)) return refuse("/$type", { _tag: "ReservedType", type })
  return text
}

/** Returns the canonical text of any lite JSON value, like `encode` without the rules for `$type`. */
export const encodeValue = (value: unknown, limits: Limits = defaultLimits): string => write(value, limits)

/**
 * Returns the canonical text of a system record, like `encode`, but `$type` must be reserved, and the key `constructor`
 * is refused (`ForbiddenKey`), since code of the system reads these objects by their keys.
 */
export const encodeSystem = (record: unknown, limits: Limits = defaultLimits): string => {
  const text = encodeObject(record, limits)
  const type = typeOf(record as JsonObject)
  if (typeof type !== "string" || !isReservedType(type)) {
    return refuse("/$type", { _tag: "NotJsonValue", found: "a system record without a reserved $type" })
  }
  if (text.includes(`"constructor":`)) refuseConstructor(record as JsonObject, [])
  return text
}

/**
 * Returns the record on one line of foreign bytes, given without its newline. The line need not be canonical, but must
 * lose nothing by becoming so. The exception is a number with a fraction or an exponent: it is rounded to the nearest
 * double, unless it would become zero or infinite.
 *
 * Size, encoding and depth are checked before the bytes are parsed (`RecordTooLarge`, `InvalidEncoding`,
 * `NestingTooDeep`). Then it throws `NotJson`, `NotARecord`, `DuplicateKey`, and every reason of `encode` except those
 * about `$type`, since it also reads system records. The objects have ordinary prototypes and no key `__proto__`.
 */
export const parse = (line: Uint8Array, limits: Limits = defaultLimits): JsonObject => {
  const text = decode(line, limits)
  return parseText(text, limits).record
}

/** Returns what `parse` returns, but throws `NotCanonical` unless the line is its own canonical form. */
export const parseCanonical = (line: Uint8Array, limits: Limits = defaultLimits): JsonObject => {
  const text = decode(line, limits)
  const { canonical, record } = parseText(text, limits)
  if (canonical !== text) return refuse("", { _tag: "NotCanonical" })
  return record
}

/**
 * Returns the value of a text that was verified before, by the hash of its segment or batch. It checks nothing itself
 * and is as fast as the engine. Use it instead of `JSON.parse`, which in V8 may take one escaped key for another, and
 * quotes its input in errors. Throws `NotJson` if the text is not JSON after all, and `ForbiddenKey` for the key
 * `__proto__`, so that the result can be assigned to other objects.
 */
export const parseTrusted = (text: string): Json => {
  const value = parseJson(text) as Json
  return namesPrototype(text) || hasEscapedKey(text) ? readStrictly(text) : value
}

/**
 * Returns a function that reads each line of `lines` as `parseTrusted` does. It decides only once, for all lines
 * together, whether any of them needs a second look: most texts have no escape at all.
 */
export const trustedParser = (lines: string): ((line: string) => Json) =>
  lines.includes("\\") || namesPrototype(lines) ? parseTrusted : (line) => parseJson(line) as Json

// Searched for without its quotes first: an underscore is rare in JSON, so that nearly all of a text is skipped.
const namesPrototype = (text: string): boolean => text.includes("__proto__") && text.includes(`"__proto__"`)

const encoder = new TextEncoder()

/** Returns the UTF-8 bytes of a canonical text, in a buffer of their own. */
export const toBytes = (text: string): Uint8Array => encoder.encode(text)

/**
 * Returns `sha256:` and the hexadecimal SHA-256 of the canonical bytes, which `head -1 | tr -d '\n' | sha256sum`
 * prints.
 */
export const recordId = (canonical: Uint8Array | string): string => `sha256:${hash("sha256", canonical, "hex")}`

/** Returns whether two values have the same canonical bytes. */
export const equals = (a: unknown, b: unknown, limits: Limits = defaultLimits): boolean =>
  encodeValue(a, limits) === encodeValue(b, limits)

const encodeObject = (record: unknown, limits: Limits): string => {
  if (record === null || isArray(record) || ["string", "number", "boolean"].includes(typeof record)) {
    return refuse("", { _tag: "NotARecord" })
  }
  return write(record, limits)
}

const parseText = (text: string, limits: Limits): { readonly canonical: string; readonly record: JsonObject } => {
  const parsed = parseJson(text)
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) return refuse("", { _tag: "NotARecord" })
  const strictly = hasEscapedKey(text)
  const record = (strictly ? readStrictly(text) : parsed) as JsonObject
  const canonical = write(record, limits)
  // A text that is its own canonical form had no repeated key and no digit too many: neither survives the parser.
  if (canonical !== text && !strictly) readStrictly(text)
  return { canonical, record }
}

const typeOf = (record: JsonObject): Json | undefined => (Object.hasOwn(record, "$type") ? record["$type"] : undefined)

const refuseConstructor = (value: Json, path: ReadonlyArray<string>): void => {
  if (typeof value !== "object" || value === null) return
  for (const [key, member] of Object.entries(value)) {
    const place = [...path, key]
    if (key === "constructor") refuse(pointerOf(place), { _tag: "ForbiddenKey" })
    refuseConstructor(member, place)
  }
}

const refuse = (pointer: string, reason: Reason): never => {
  throw new TaraSONError({ pointer, reason })
}
