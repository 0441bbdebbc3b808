/**
 * TaraSON, the record language: a record is a JSON object (I-JSON, RFC 7493) that is *lite* (limits on depth and size),
 * and its canonical bytes (RFC 8785, UTF-8) are its only form on disk. Two records are the same record when these bytes
 * are, whatever their runtime shape.
 *
 * Everything here is synchronous and pure, and throws `TaraSONError`. No code of the caller runs while a value is read:
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
 * The canonical text of a user record.
 *
 * Throws `NotARecord` for JSON that is no object; `NotJsonValue` for what JSON cannot say without loss (undefined,
 * functions, symbols, BigInt, class instances, accessors, proxies, holes, cycles) and for a `$type` that is no string;
 * `ReservedType`; `UnrepresentableNumber`, `IllFormedString`, `ForbiddenKey`, `NestingTooDeep`, `RecordTooLarge`.
 * Properties that are inherited or not enumerable are not part of the record; -0 becomes 0.
 */
export const encode = (record: unknown, limits: Limits = defaultLimits): string => {
  const text = encodeObject(record, limits)
  const type = typeOf(record as JsonObject)
  if (type === undefined) return text
  if (typeof type !== "string") return refuse("/$type", { _tag: "NotJsonValue", found: "a $type that is not a string" })
  if (isReservedType(type)) return refuse("/$type", { _tag: "ReservedType", type })
  return text
}

/** The canonical text of any lite JSON value: as `encode`, without the rules for `$type`. */
export const encodeValue = (value: unknown, limits: Limits = defaultLimits): string => write(value, limits)

/**
 * The canonical text of a system record: as `encode`, but `$type` must be reserved, and `constructor` is refused as a
 * key (`ForbiddenKey`), since code of the system reads these objects by their keys.
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
 * The record on one line of foreign bytes, without its newline. It need not be canonical, but must lose nothing by
 * becoming so.
 *
 * Size, encoding and depth are checked before the bytes are parsed (`RecordTooLarge`, `InvalidEncoding`,
 * `NestingTooDeep`); then `NotJson`, `NotARecord`, `DuplicateKey`, and all that `encode` refuses but for the rules on
 * `$type`: system records are read by this too. The objects have ordinary prototypes and no key `__proto__`.
 */
export const parse = (line: Uint8Array, limits: Limits = defaultLimits): JsonObject => {
  const text = decode(line, limits)
  return parseText(text, limits).record
}

/** As `parse`, and the line must be its own canonical bytes: `NotCanonical`. */
export const parseCanonical = (line: Uint8Array, limits: Limits = defaultLimits): JsonObject => {
  const text = decode(line, limits)
  const { canonical, record } = parseText(text, limits)
  if (canonical !== text) return refuse("", { _tag: "NotCanonical" })
  return record
}

/**
 * The value of a text that was verified before, by the hash of its segment or batch: as fast as the engine, without any
 * check of its own. Use it instead of `JSON.parse`, which in V8 may take one escaped key for another, and quotes what it
 * reads in its errors: `NotJson` where the text is none after all. `ForbiddenKey` for the key `__proto__`: what it gives
 * may be assigned to other objects.
 */
export const parseTrusted = (text: string): Json => {
  const value = parseJson(text) as Json
  return namesPrototype(text) || hasEscapedKey(text) ? readStrictly(text) : value
}

/**
 * What reads each line of `lines` as `parseTrusted` does. Whether any of them needs a second look is asked once, of all
 * of them together: most texts have no escape at all.
 */
export const trustedParser = (lines: string): ((line: string) => Json) =>
  lines.includes("\\") || namesPrototype(lines) ? parseTrusted : (line) => parseJson(line) as Json

// Without its quotes it begins with a character that is rare in JSON, so that nearly all of a text is skipped.
const namesPrototype = (text: string): boolean => text.includes("__proto__") && text.includes(`"__proto__"`)

const encoder = new TextEncoder()

/** The UTF-8 bytes of a canonical text, in memory of their own. */
export const toBytes = (text: string): Uint8Array => encoder.encode(text)

/** `sha256:` and the SHA-256 of the canonical bytes in hexadecimal: what `head -1 | tr -d '\n' | sha256sum` gives. */
export const recordId = (canonical: Uint8Array | string): string => `sha256:${hash("sha256", canonical, "hex")}`

/** Whether two values have the same canonical bytes. */
export const equals = (a: unknown, b: unknown, limits: Limits = defaultLimits): boolean =>
  encodeValue(a, limits) === encodeValue(b, limits)

const encodeObject = (record: unknown, limits: Limits): string => {
  if (record === null || Array.isArray(record) || ["string", "number", "boolean"].includes(typeof record)) {
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
  // A text that came back as it was had no repeated key and no digit too many: those do not survive the parser.
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
