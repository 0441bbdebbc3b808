/** The text that is kept for a subject: its keys, and what was destroyed. */
import { keyBytes, type SubjectKey, type SubjectKeys } from "../../services/ports/KeyStore.ts"
import type { StorageError } from "../../services/ports/Storage.ts"
import { parseJson } from "../../domain/json/strictDecode.ts"
import { storageError } from "../storage/storageErrors.ts"

/** What is kept for a subject. */
export interface Entry extends SubjectKeys {
  readonly subject: string
  /** Time when it was forgotten the last time; `undefined` if it never was. */
  readonly forgotten: string | undefined
}

export const encodeEntry = ({ destroyed, forgotten, keys, subject }: Entry): string => {
  const texts = keys.map(({ bytes, version }) => ({ version, key: Buffer.from(bytes).toString("base64") }))
  return `${JSON.stringify({ subject, destroyed, forgotten: forgotten ?? null, keys: texts })}\n`
}

/** Returns the entry in a text, or the error of a text that is not one. */
export const decodeEntry = (text: string, place: string, subject?: string): Entry | StorageError => {
  const entry = entryIn(text)
  if (typeof entry === "string") return damaged(place, entry)
  if (subject === undefined || entry.subject === subject) return entry
  return damaged(place, `its subject is ${JSON.stringify(entry.subject)}, not ${JSON.stringify(subject)}`)
}

const damaged = (place: string, why: string): StorageError =>
  storageError("read", place, "failed", `it is not an entry of a KeyStore: ${why}; restore it from a copy`)

/** Returns the entry, or what is wrong with it. Never quotes the text: it may have a key. */
const entryIn = (text: string): Entry | string => {
  let given: unknown
  try {
    given = parseJson(text)
  } catch {
    return "it is not JSON"
  }
  if (typeof given !== "object" || given === null) return "it is not an object"
  const { destroyed, forgotten, keys, subject } = given as { readonly [name: string]: unknown }
  if (typeof subject !== "string") return "it has no subject"
  if (!isCount(destroyed)) return "its field destroyed is not a count"
  if (forgotten !== null && typeof forgotten !== "string") return "its field forgotten is not a time"
  if (forgotten === null && destroyed > 0) return "its field forgotten is missing"
  if (!Array.isArray(keys)) return "it has no keys"
  if (keys.length === 0 && forgotten === null) return "it has no keys"
  const read: Array<SubjectKey> = []
  let last = destroyed
  for (const one of keys as ReadonlyArray<unknown>) {
    const key = keyIn(one, last)
    if (typeof key === "string") return key
    last = key.version
    read.push(key)
  }
  return { subject, destroyed, forgotten: forgotten ?? undefined, keys: read }
}

const keyIn = (given: unknown, after: number): SubjectKey | string => {
  const { key, version } = Object(given) as { readonly [name: string]: unknown }
  if (!isCount(version) || version <= after) return "the versions of its keys do not increase"
  if (typeof key !== "string") return `key ${version} is not a text`
  const bytes = Buffer.from(key, "base64")
  if (bytes.length !== keyBytes) return `key ${version} has ${bytes.length} bytes, not ${keyBytes}`
  if (bytes.toString("base64") !== key) return `key ${version} is not in base64`
  return { version, bytes: Uint8Array.from(bytes) }
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0
