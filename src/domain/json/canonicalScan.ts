/**
 * Proves that a line is canonical from its bytes alone, without parsing and printing it: no whitespace, ascending keys,
 * and for each string and number the one form that RFC 8785 gives it.
 *
 * The answer is "yes" or "unknown", never "no". Rare cases are unknown: escaped keys and keys beyond ASCII, numbers
 * with more than 15 digits or an exponent, reserved types. `TaraSON.parseCanonical` decides those.
 */
import { Buffer, isUtf8 } from "node:buffer"

/** The result for a line that was not proved canonical. */
export const unknown = -1

/** What `scanEvent` found last. Offsets are those of the text between the quotes. Valid until the next call. */
export const found = { position: 0, revision: 0, streamStart: 0, streamEnd: 0, idStart: 0, idEnd: 0 }

/**
 * Returns where the record that begins at `start` ends, if it is certainly canonical, no deeper than `depthMax`, and
 * its `$type` is not reserved; `unknown` otherwise. Bytes after the record are ignored.
 */
export const scanRecord = (bytes: Uint8Array, start: number, depthMax: number): number => {
  depthLimit = depthMax
  isAscii = true
  fieldsFound = 0
  if (depthMax < 1 || bytes[start] !== brace) return unknown
  const end = readObject(bytes, start + 1, 1)
  return end === unknown || isAscii || isUtf8(bytes.subarray(start, end)) ? end : unknown
}

/**
 * Returns what `scanRecord` returns, if the record is also certainly an event whose stream and id are in the line as
 * plain ASCII; `unknown` otherwise. `found` then has what an index needs from it.
 */
export const scanEvent = (bytes: Uint8Array, start: number, depthMax: number): number => {
  const end = scanRecord(bytes, start, depthMax)
  if (end === unknown || fieldsFound !== fields.length) return unknown
  const [type, , id, metadata, position, revision, stream, tags, time] = valueStart
  if (bytes[type!] !== quote || bytes[id!] !== quote || bytes[stream!] !== quote || bytes[time!] !== quote)
    return unknown
  if (bytes[metadata!] !== brace || bytes[tags!] !== bracket || !holdsTexts(bytes, tags!)) return unknown
  found.position = countAt(bytes, position!)
  found.revision = countAt(bytes, revision!)
  found.streamStart = stream! + 1
  found.streamEnd = endOfPlain(bytes, stream! + 1)
  found.idStart = id! + 1
  found.idEnd = endOfPlain(bytes, id! + 1)
  const isKnown =
    found.position !== unknown && found.revision !== unknown && found.streamEnd !== unknown && found.idEnd !== unknown
  return isKnown ? end : unknown
}

const quote = 0x22
const comma = 0x2c
const minus = 0x2d
const point = 0x2e
const zero = 0x30
const nine = 0x39
const colon = 0x3a
const bracket = 0x5b
const bracketEnd = 0x5d
const backslash = 0x5c
const brace = 0x7b
const braceEnd = 0x7d

const named = (name: string): Uint8Array => new Uint8Array(Buffer.from(name))

/** The fields of an event, in canonical order. */
const fields = ["$type", "data", "id", "metadata", "position", "revision", "stream", "tags", "time"].map(named)
const typeField = fields[0]!
const forbidden = named("__proto__")
const reserved = named(`"Lite`)

// State of the scan that is running: it is synchronous and calls no code of others.
let depthLimit = 0
let isAscii = true
let fieldsFound = 0
/** Where the value of each field begins, for the fields found so far. */
const valueStart = new Int32Array(fields.length)

/**
 * Each of these readers takes the offset where something begins, and returns where it ends; `unknown` if not canonical.
 */
const readValue = (bytes: Uint8Array, at: number, depth: number): number => {
  switch (bytes[at]) {
    case quote:
      return readString(bytes, at + 1)
    case brace:
      return depth < depthLimit ? readObject(bytes, at + 1, depth + 1) : unknown
    case bracket:
      return depth < depthLimit ? readArray(bytes, at + 1, depth + 1) : unknown
    case 0x74:
      return bytes[at + 1] === 0x72 && bytes[at + 2] === 0x75 && bytes[at + 3] === 0x65 ? at + 4 : unknown
    case 0x66:
      return bytes[at + 1] === 0x61 && bytes[at + 2] === 0x6c && bytes[at + 3] === 0x73 && bytes[at + 4] === 0x65
        ? at + 5
        : unknown
    case 0x6e:
      return bytes[at + 1] === 0x75 && bytes[at + 2] === 0x6c && bytes[at + 3] === 0x6c ? at + 4 : unknown
    default:
      return readNumber(bytes, at)
  }
}

const readArray = (bytes: Uint8Array, from: number, depth: number): number => {
  if (bytes[from] === bracketEnd) return from + 1
  let at = from
  for (;;) {
    at = readValue(bytes, at, depth)
    if (at === unknown) return unknown
    const separator = bytes[at++]
    if (separator === bracketEnd) return at
    if (separator !== comma) return unknown
  }
}

const readObject = (bytes: Uint8Array, from: number, depth: number): number => {
  if (bytes[from] === braceEnd) return from + 1
  let at = from
  let before = 0
  let beforeEnd = 0
  for (;;) {
    if (bytes[at] !== quote) return unknown
    const key = at + 1
    const keyEnd = endOfPlain(bytes, key)
    if (keyEnd === unknown || bytes[keyEnd + 1] !== colon) return unknown
    if (at !== from && !ascends(bytes, before, beforeEnd, key, keyEnd)) return unknown
    if (keyEnd - key === forbidden.length && hasAt(bytes, key, forbidden)) return unknown
    if (depth === 1 && !noteField(bytes, key, keyEnd)) return unknown
    before = key
    beforeEnd = keyEnd
    at = readValue(bytes, keyEnd + 2, depth)
    if (at === unknown) return unknown
    const separator = bytes[at++]
    if (separator === braceEnd) return at
    if (separator !== comma) return unknown
  }
}

/** Notes a field of an event. Fields come in order, as all keys do, so only the next one is searched for. */
const noteField = (bytes: Uint8Array, key: number, keyEnd: number): boolean => {
  const length = keyEnd - key
  if (length === typeField.length && hasAt(bytes, key, typeField) && hasAt(bytes, keyEnd + 2, reserved)) return false
  if (fieldsFound === fields.length) return true
  const wanted = fields[fieldsFound]!
  if (length === wanted.length && hasAt(bytes, key, wanted)) valueStart[fieldsFound++] = keyEnd + 2
  return true
}

/** Returns the quote that ends a text of ASCII without escapes; `unknown` if there are other bytes before it. */
const endOfPlain = (bytes: Uint8Array, from: number): number => {
  for (let at = from; ; at++) {
    const byte = bytes[at]!
    if (byte === quote) return at
    if (!(byte >= 0x20 && byte < 0x80) || byte === backslash) return unknown
  }
}

/** Compares bytes: for ASCII, their order is that of UTF-16 units. */
const ascends = (bytes: Uint8Array, a: number, aEnd: number, b: number, bEnd: number): boolean => {
  const length = Math.min(aEnd - a, bEnd - b)
  for (let i = 0; i < length; i++) {
    const difference = bytes[a + i]! - bytes[b + i]!
    if (difference !== 0) return difference < 0
  }
  return aEnd - a < bEnd - b
}

const hasAt = (bytes: Uint8Array, at: number, wanted: Uint8Array): boolean => {
  for (let i = 0; i < wanted.length; i++) if (bytes[at + i] !== wanted[i]) return false
  return true
}

const readString = (bytes: Uint8Array, from: number): number => {
  let at = from
  for (;;) {
    const byte = bytes[at++]!
    if (byte === quote) return at
    if (byte >= 0x80) {
      isAscii = false
      if (byte >= 0xef && isNoncharacter(bytes, at - 1)) return unknown
    } else if (byte === backslash) {
      at = readEscape(bytes, at)
      if (at === unknown) return unknown
    } else if (!(byte >= 0x20)) {
      return unknown
    }
  }
}

/** Returns whether U+FDD0 to U+FDEF, or one of the last two of a plane, begins here. The bytes must be UTF-8. */
const isNoncharacter = (bytes: Uint8Array, at: number): boolean => {
  const second = bytes[at + 1]!
  const third = bytes[at + 2]!
  if (bytes[at] === 0xef)
    return (second === 0xb7 && third >= 0x90 && third <= 0xaf) || (second === 0xbf && third >= 0xbe)
  return (second & 0x0f) === 0x0f && third === 0xbf && bytes[at + 3]! >= 0xbe
}

/** Reads the rest of an escape, after its backslash, if it has no shorter form: `\b`, and `\u0000` but not `\u0008`. */
const readEscape = (bytes: Uint8Array, at: number): number => {
  switch (bytes[at]) {
    case quote:
    case backslash:
    case 0x62:
    case 0x66:
    case 0x6e:
    case 0x72:
    case 0x74:
      return at + 1
    case 0x75:
      return isControl(bytes, at + 1) ? at + 5 : unknown
    default:
      return unknown
  }
}

const isControl = (bytes: Uint8Array, at: number): boolean => {
  if (bytes[at] !== zero || bytes[at + 1] !== zero) return false
  const high = bytes[at + 2]!
  const low = bytes[at + 3]!
  const isDigit = low >= zero && low <= nine
  if (!isDigit && !(low >= 0x61 && low <= 0x66)) return false
  if (high === zero + 1) return true
  // 8, 9, a, c and d are \b, \t, \n, \f and \r.
  return high === zero && low !== 0x38 && low !== nine && low !== 0x61 && low !== 0x63 && low !== 0x64
}

/** A double distinguishes all decimals of up to this many digits: each is the shortest text of its number. */
const digitsMax = 15
/** With more zeros than this between the point and the first other digit, the canonical form has an exponent. */
const leadingZerosMax = 5

/**
 * Ignores the bytes after the number. If it continues, with an exponent above all, the caller finds no separator there.
 */
const readNumber = (bytes: Uint8Array, from: number): number => {
  const first = bytes[from] === minus ? from + 1 : from
  const digit = bytes[first]!
  if (!(digit >= zero && digit <= nine)) return unknown
  let at = endOfDigits(bytes, first)
  if (digit === zero && at !== first + 1) return unknown
  const whole = at - first
  if (whole > digitsMax) return unknown
  if (bytes[at] !== point) return digit === zero && first !== from ? unknown : at
  const fraction = at + 1
  at = endOfDigits(bytes, fraction)
  if (at === fraction || bytes[at - 1] === zero || whole + at - fraction > digitsMax) return unknown
  if (digit === zero) {
    let zeros = 0
    while (bytes[fraction + zeros] === zero) zeros++
    if (zeros > leadingZerosMax) return unknown
  }
  return at
}

const endOfDigits = (bytes: Uint8Array, from: number): number => {
  let at = from
  while (bytes[at]! >= zero && bytes[at]! <= nine) at++
  return at
}

/** Returns whether every element of a scanned array is a string. */
const holdsTexts = (bytes: Uint8Array, array: number): boolean => {
  let at = array + 1
  if (bytes[at] === bracketEnd) return true
  for (;;) {
    if (bytes[at] !== quote) return false
    at = readString(bytes, at + 1)
    if (bytes[at++] === bracketEnd) return true
  }
}

/** Returns the integer that begins here, in a scanned number; `unknown` if it is not an integer, or is negative. */
const countAt = (bytes: Uint8Array, from: number): number => {
  let count = 0
  let at = from
  for (; bytes[at]! >= zero && bytes[at]! <= nine; at++) count = count * 10 + bytes[at]! - zero
  return at === from || bytes[at] === point ? unknown : count
}
