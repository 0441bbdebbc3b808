/**
 * The flat view of a record: one entry for each place in it, for grep, diff and indexing. It is derived and never
 * stored.
 *
 * ```
 * : {}                     {"tags":["a"],"user":{"id":5}}
 * /tags: []
 * /tags/0: "a"
 * /user: {}
 * /user/id: 5
 * ```
 *
 * Keys are JSON Pointers (RFC 6901). Every container, the root included, has an entry of its own, whose value is an
 * empty `{}` or `[]`. So nothing is lost in either direction: an empty container, a key `0` and an index `0` all
 * differ.
 */
import { escapeSegment, pointerOf } from "./canonicalText.ts"
import { parseJson } from "./strictDecode.ts"
import { readStrictly } from "./strictRead.ts"
import { defaultLimits, type Limits } from "../format/Limits.ts"
import { encodeValue, type Json, type JsonObject, parseTrusted } from "./TaraSON.ts"
import { TaraSONError } from "./TaraSONError.ts"

/** A place in a record and its value: a primitive, or an empty `{}` or `[]` for a container. */
export type Entry = readonly [pointer: string, value: Json]

/**
 * Returns the entries of a record: each container before its members, members in canonical order. Equal records have
 * equal views. Throws what `TaraSON.encodeValue` throws, and `TaraSONError` with `NotARecord`.
 */
export const flatten = (value: JsonObject, limits: Limits = defaultLimits): Array<Entry> => {
  const plain = parseTrusted(encodeValue(value, limits))
  if (!isObject(plain)) throw new TaraSONError({ pointer: "", reason: { _tag: "NotARecord" } })
  const entries: Array<Entry> = []
  enter(entries, "", plain)
  return entries
}

/**
 * Returns the record of a flat view. Entries may come in any order, for example after `sort`.
 *
 * Throws `TaraSONError` with `NotAFlatView` for entries that no record has: no root, a missing parent, a parent that is
 * not a container, the same place twice, a gap between indices, an index with a leading zero, a pointer that is not RFC
 * 6901, a forbidden key, a container that is not empty. Also throws what `TaraSON.encodeValue` throws.
 */
export const unflatten = (entries: Iterable<Entry>, limits: Limits = defaultLimits): JsonObject => {
  const places = new Map<string, Json>()
  for (const [pointer, value] of entries) {
    if (places.has(pointer)) refuse(pointer, "the same place has two entries")
    places.set(pointer, leafOf(pointer, value))
  }
  const root = places.get("")
  if (!isObject(root)) return refuse("", "the entry of the root is missing or not {}")
  const elements = new Map<Json, number>()
  for (const [pointer, value] of places) if (pointer !== "") attach(places, elements, pointer, value)
  for (const [pointer, value] of places) {
    if (isArray(value) && value.length !== (elements.get(value) ?? 0))
      refuse(pointer, "there is a gap between its indices")
  }
  encodeValue(root, limits)
  return root
}

/**
 * Returns the view as lines, `pointer: json`, each ended by a newline. A pointer that is not safe there is a JSON
 * string.
 */
export const render = (entries: Iterable<Entry>, limits: Limits = defaultLimits): string => {
  let text = ""
  for (const [pointer, value] of entries) {
    text += `${unsafePointer.test(pointer) ? JSON.stringify(pointer) : pointer}: ${encodeValue(value, limits)}\n`
  }
  return text
}

/**
 * Returns the entries of lines that `render` wrote, without empty lines. Throws `NotAFlatView`, `NotJson`,
 * `UnrepresentableNumber`.
 */
export const parseLines = (text: string): Array<Entry> => {
  const entries: Array<Entry> = []
  for (const line of text.split("\n")) if (line !== "") entries.push(parseLine(line))
  return entries
}

/** A pointer that would break the line, or be cut in the wrong place. */
const unsafePointer = /[\p{Cc}\u2028\u2029]|: |^"/u

const quotedPointer = /^"(?:[^"\\]|\\.)*"/

const parseLine = (line: string): Entry => {
  const quoted = quotedPointer.exec(line)?.[0]
  const end = quoted === undefined ? line.indexOf(": ") : quoted.length
  if (end < 0 || line.slice(end, end + 2) !== ": ") return refuse("", "a line has no `: `")
  const pointer = quoted === undefined ? line.slice(0, end) : (parseJson(quoted) as string)
  const json = line.slice(end + 2)
  parseJson(json)
  return [pointer, leafOf(pointer, readStrictly(json))]
}

const enter = (entries: Array<Entry>, pointer: string, value: Json): void => {
  if (isArray(value)) {
    entries.push([pointer, []])
    for (const [index, element] of value.entries()) enter(entries, `${pointer}/${index}`, element)
  } else if (isObject(value)) {
    entries.push([pointer, {}])
    for (const key of Object.keys(value).toSorted()) enter(entries, `${pointer}/${escapeSegment(key)}`, value[key]!)
  } else {
    entries.push([pointer, value])
  }
}

/** Puts a value into its container. */
const attach = (places: ReadonlyMap<string, Json>, elements: Map<Json, number>, pointer: string, value: Json): void => {
  const cut = pointer.lastIndexOf("/")
  if (!pointer.startsWith("/") || badEscape.test(pointer)) return refuse(pointer, "it is not a JSON Pointer")
  const parent = places.get(pointer.slice(0, cut))
  const segment = pointer.slice(cut + 1)
  if (parent === undefined) return refuse(pointer, "its container has no entry")
  if (isArray(parent)) {
    if (!arrayIndex.test(segment)) return refuse(pointer, "it is not an index of its array")
    // Never beyond the number of entries: a huge index cannot make a huge array.
    if (Number(segment) >= places.size) return refuse(pointer, "there is a gap between indices")
    const array = parent as Array<Json>
    array[Number(segment)] = value
    elements.set(array, (elements.get(array) ?? 0) + 1)
  } else if (isObject(parent)) {
    const key = segment.replaceAll("~1", "/").replaceAll("~0", "~")
    if (key === "__proto__") return refuse(pointer, "its key is forbidden")
    ;(parent as Record<string, Json>)[key] = value
  } else {
    refuse(pointer, "its parent is not a container")
  }
}

const badEscape = /~(?![01])/
const arrayIndex = /^(?:0|[1-9]\d*)$/

/** Returns the value of an entry. Containers are made anew, so that no object of the caller is written to. */
const leafOf = (pointer: string, value: Json): Json => {
  if (typeof value !== "object" || value === null) return value
  const text = encodeValue(value)
  if (text === "{}") return {}
  return text === "[]" ? [] : refuse(pointer, "a container is not empty")
}

const isArray = (value: Json | undefined): value is ReadonlyArray<Json> => Array.isArray(value)

const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === "object" && value !== null && !isArray(value)

const refuse = (pointer: string, detail: string): never => {
  const path = pointer.split("/").slice(pointer.startsWith("/") ? 1 : 0)
  throw new TaraSONError({
    pointer:
      pointer === "" ? "" : pointerOf(path.map((segment) => segment.replaceAll("~1", "/").replaceAll("~0", "~"))),
    reason: { _tag: "NotAFlatView", detail }
  })
}
