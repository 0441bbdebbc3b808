/**
 * The terms of an event, by which queries look it up: its type and its tags, as hashes of their canonical forms. They are
 * read from the bytes of its line, without parsing it.
 *
 * A hash proves nothing (see Hash53.ts): compare every event that is found by its terms with the query.
 */
import { Buffer } from "node:buffer"
import { hashBytes } from "../base/Hash53.ts"
import { TermTable } from "./TermTable.ts"

/** An event has at most this many tags. */
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
const colon = 0x3a
const bracket = 0x5b
const backslash = 0x5c
const bracketEnd = 0x5d
const brace = 0x7b
const braceEnd = 0x7d

/**
 * Reads the terms of a line into `read`, and returns their number; 0 if the line is not that of an event.
 *
 * The keys of a line are in order, so its tags are directly before its time, which ends the line. Quotes within texts are
 * escaped, so a key that is found byte by byte is one.
 */
const readTerms = (bytes: Uint8Array, start: number, end: number): number => {
  const close = end - restBytes
  if (close <= start + typeKey.length || !hasAt(bytes, start, typeKey)) return 0
  const type = start + typeKey.length
  const typeEnd = endOfText(bytes, type)
  read[0] = hashBytes(typeSeed, bytes, type, typeEnd)
  if (typeEnd >= close || !hasAt(bytes, close, timeKey)) return readTags(bytes, findTags(bytes, start, end), end)
  if (bytes[close - 1] === bracket) return 1
  let at = close - 1
  while (at > typeEnd && !(bytes[at] === bracket && hasAt(bytes, at + 1 - tagsKey.length, tagsKey))) at--
  return readTags(bytes, at + 1, end)
}

/** Reads the tags from here on. Returns the number of terms. */
const readTags = (bytes: Uint8Array, from: number, end: number): number => {
  let terms = 1
  for (let at = from; at < end && bytes[at] === quote; at += bytes[at] === comma ? 1 : 0) {
    if (terms === read.length) grow()
    const tagEnd = endOfText(bytes, at + 1)
    read[terms++] = hashBytes(tagSeed, bytes, at + 1, tagEnd)
    at = tagEnd + 1
  }
  return terms
}

/** Another program may have written more tags than a writer takes. */
const grow = (): void => {
  const grown = new Float64Array(2 * read.length)
  grown.set(read)
  read = grown
}

/** Returns where the tags begin in a line whose time has another form than a writer gives it: reads it from its beginning. */
const findTags = (bytes: Uint8Array, start: number, end: number): number => {
  let depth = 0
  for (let at = start; at < end; at++) {
    const byte = bytes[at]
    if (byte === brace || byte === bracket) depth++
    else if (byte === braceEnd || byte === bracketEnd) depth--
    else if (byte === quote) {
      const textEnd = endOfText(bytes, at + 1)
      if (depth === 1 && bytes[textEnd + 1] === colon && hasAt(bytes, at - 1, tagsKey)) return at - 1 + tagsKey.length
      at = textEnd
    }
  }
  return end
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
