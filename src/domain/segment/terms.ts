/**
 * The terms of an event, by which queries look it up: its type and its tags, as hashes of their canonical forms. They are
 * read from the bytes of its line, without parsing it.
 *
 * A hash proves nothing (see Hash53.ts): compare every event that is found by its terms with the query.
 */
import { Buffer } from "node:buffer"
import { hashBytes } from "../base/Hash53.ts"
import { parseTrusted } from "../json/TaraSON.ts"
import { TermTable } from "./TermTable.ts"

/** An event that was appended has at most this many tags. */
const tagsMax = 64

/** The type first, then the tags, of the line that was read last. Valid until the next call of `readTerms`. */
let read = new Float64Array(1 + tagsMax)

const typeSeed = 0x0054_7970
const tagSeed = 0x0054_6167

/** Returns the hash by which an event of this type is looked up. */
export const hashType = (type: string): number => hashText(typeSeed, type)

/** Returns the hash by which an event with this tag is looked up. */
export const hashTag = (tag: string): number => hashText(tagSeed, tag)

const hashText = (seed: number, text: string): number => {
  const bytes = Buffer.from(JSON.stringify(text))
  return hashBytes(seed, bytes, 1, bytes.length - 1)
}

/** The rows of events by their terms. A row is the number of an event, in the order in which they were added. */
export class EventTerms {
  readonly types = new TermTable()
  readonly tags = new TermTable()
  #count = 0

  /** Number of events. */
  get count(): number {
    return this.#count
  }

  /** Adds the event whose line is `bytes[start, end)`, without its newline. The line must have been checked before. */
  add(bytes: Uint8Array, start: number, end: number): void {
    const row = this.#count++
    const terms = readTerms(bytes, start, end)
    if (terms > 0) this.types.add(read[0]!, row)
    for (let at = 1; at < terms; at++) this.tags.add(read[at]!, row)
  }
}

const typeKey = Buffer.from('{"$type":"')
const tagsKey = Buffer.from(',"tags":[')
const timeKey = Buffer.from('],"time":"')
/** What follows the tags: the key of the time, its 24 characters, and the end of the line. */
const restBytes = timeKey.length + 24 + 2

const quote = 0x22
const comma = 0x2c
const bracket = 0x5b
const backslash = 0x5c

/**
 * Reads the terms of a line into `read`, and returns their number; 0 if the line is not that of an event.
 *
 * The keys of a line are in order, so its tags are directly before its time, which ends the line. Quotes within texts are
 * escaped, so a key that is found byte by byte is one.
 */
const readTerms = (bytes: Uint8Array, start: number, end: number): number => {
  const close = end - restBytes
  if (close <= start + typeKey.length || !hasAt(bytes, start, typeKey)) return 0
  const typeEnd = endOfText(bytes, start + typeKey.length)
  if (typeEnd >= close || !hasAt(bytes, close, timeKey)) return parseTerms(bytes, start, end)
  read[0] = hashBytes(typeSeed, bytes, start + typeKey.length, typeEnd)
  if (bytes[close - 1] === bracket) return 1
  let at = close - 1
  while (at > typeEnd && !(bytes[at] === bracket && hasAt(bytes, at + 1 - tagsKey.length, tagsKey))) at--
  let terms = 1
  for (at++; at < close && bytes[at] === quote && terms < read.length;) {
    const tagEnd = endOfText(bytes, at + 1)
    read[terms++] = hashBytes(tagSeed, bytes, at + 1, tagEnd)
    at = tagEnd + 1
    if (bytes[at] === comma) at++
  }
  return at === close ? terms : parseTerms(bytes, start, end)
}

/** Does the same for a line whose time has another form than a writer gives it, or which has more tags. */
const parseTerms = (bytes: Uint8Array, start: number, end: number): number => {
  let record: unknown
  try {
    record = parseTrusted(Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString("utf8"))
  } catch {
    return 0
  }
  const { $type: type, tags } = Object(record) as { readonly $type?: unknown; readonly tags?: unknown }
  if (typeof type !== "string" || !Array.isArray(tags)) return 0
  const texts = tags.filter((tag) => typeof tag === "string")
  if (texts.length >= read.length) read = new Float64Array(1 + texts.length)
  read[0] = hashType(type)
  texts.forEach((tag, at) => (read[1 + at] = hashTag(tag)))
  return 1 + texts.length
}

/** Returns the quote that ends a text. */
const endOfText = (bytes: Uint8Array, from: number): number => {
  let at = from
  while (at < bytes.length && bytes[at] !== quote) at += bytes[at] === backslash ? 2 : 1
  return at
}

const hasAt = (bytes: Uint8Array, at: number, wanted: Uint8Array): boolean => {
  for (let i = 0; i < wanted.length; i++) if (bytes[at + i] !== wanted[i]) return false
  return true
}
