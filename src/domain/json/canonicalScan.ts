/**
 * Proves a line canonical by its bytes alone, without parsing it and printing it again: no whitespace, keys that ascend,
 * and of each string and number the one form that RFC 8785 gives it.
 *
 * It only ever says yes or does not know. What is rare is not known: escaped keys and keys beyond ASCII, numbers of more
 * than 15 digits or with an exponent, reserved types. `TaraSON.parseCanonical` decides on those.
 */
import { Buffer, isUtf8 } from "node:buffer"

/** What is not known to be canonical. */
export const unknown = -1

/** What `scanEvent` found last: offsets are those of the text between the quotes. Valid until it is called again. */
export const found = { position: 0, revision: 0, streamStart: 0, streamEnd: 0, idStart: 0, idEnd: 0 }

/**
 * Where the record ends that begins at `start`: it is certainly canonical, no deeper than `depthMax`, and its `$type` is
 * not reserved. `unknown` otherwise. What stands behind it is not looked at.
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
 * As `scanRecord`, and the record is certainly an event whose stream and id stand in the line as they are, in ASCII.
 * What an index wants to know of it is in `found`.
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

/** The fields of an event, in their order. */
const fields = ["$type", "data", "id", "metadata", "position", "revision", "stream", "tags", "time"].map(named)
const typeField = fields[0]!
const forbidden = named("__proto__")
const reserved = named(`"Lite`)

// State of the one scan under way: it is synchronous and calls nothing of anybody's.
let depthLimit = 0
let isAscii = true
let fieldsFound = 0
/** Where the value of each field begins, as far as they were found. */
const valueStart = new Int32Array(fields.length)

/** Each of these is given where something begins, and gives where it has ended; `unknown` when it is not canonical. */
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

/** Fields come in their order, as all keys do: there is always one that is looked for. */
const noteField = (bytes: Uint8Array, key: number, keyEnd: number): boolean => {
  const length = keyEnd - key
  if (length === typeField.length && hasAt(bytes, key, typeField) && hasAt(bytes, keyEnd + 2, reserved)) return false
  if (fieldsFound === fields.length) return true
  const wanted = fields[fieldsFound]!
  if (length === wanted.length && hasAt(bytes, key, wanted)) valueStart[fieldsFound++] = keyEnd + 2
  return true
}

/** The quote that ends a text in which every byte is a letter of ASCII that stands for itself. */
const endOfPlain = (bytes: Uint8Array, from: number): number => {
  for (let at = from; ; at++) {
    const byte = bytes[at]!
    if (byte === quote) return at
    if (!(byte >= 0x20 && byte < 0x80) || byte === backslash) return unknown
  }
}

/** In ASCII, the order of bytes is that of UTF-16 units. */
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

/** Of bytes that are UTF-8: whether U+FDD0 to U+FDEF, or one of the last two of a plane, begins here. */
const isNoncharacter = (bytes: Uint8Array, at: number): boolean => {
  const second = bytes[at + 1]!
  const third = bytes[at + 2]!
  if (bytes[at] === 0xef)
    return (second === 0xb7 && third >= 0x90 && third <= 0xaf) || (second === 0xbf && third >= 0xbe)
  return (second & 0x0f) === 0x0f && third === 0xbf && bytes[at + 3]! >= 0xbe
}

/** The escapes that have no shorter form, behind their backslash: `\b`, and `\u0000` but not `\u0008`. */
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

/** A double tells decimals of so many digits apart: each is the shortest text of the number that it stands for. */
const digitsMax = 15
/** More zeros between the point and the first other digit are written with an exponent. */
const leadingZerosMax = 5

/** What goes on behind it, with an exponent above all, is no separator: whoever asked refuses it. */
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

/** Whether every element of an array that was scanned is a string. */
const holdsTexts = (bytes: Uint8Array, array: number): boolean => {
  let at = array + 1
  if (bytes[at] === bracketEnd) return true
  for (;;) {
    if (bytes[at] !== quote) return false
    at = readString(bytes, at + 1)
    if (bytes[at++] === bracketEnd) return true
  }
}

/** The integer that begins here, of a number that was scanned; `unknown` where it is none, or is negative. */
const countAt = (bytes: Uint8Array, from: number): number => {
  let count = 0
  let at = from
  for (; bytes[at]! >= zero && bytes[at]! <= nine; at++) count = count * 10 + bytes[at]! - zero
  return at === from || bytes[at] === point ? unknown : count
}
