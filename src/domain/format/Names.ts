/**
 * Names of tapes, segments and derived files. They become file names on any system, so there is exactly one name for a
 * thing, and nothing that comes from elsewhere is used before it was found to be that one.
 *
 * A tape's name is an encoding of a text (a category, a stream): lower-case percent-encoding of the UTF-8 bytes that are
 * not `[a-z0-9._-]`. Upper-case letters are encoded too, so that no two names differ by case alone. One character more is
 * encoded where the name would otherwise mean something to a file system or to a lib: at a leading `.` or `-`, a trailing
 * `.`, a Windows device name, a leading `litelib.`, a trailing `.tmp`, and `.aside-`. A text whose encoding is empty or
 * longer than 100 bytes is named by the beginning of its encoding, `%-`, and the SHA-256 of the text.
 */
import * as Schema from "effect/Schema"
import { hash } from "node:crypto"
import { invariant } from "../base/invariant.ts"

/** A tape's name is none. `name` is cut at 120 characters. */
export class InvalidTapeName extends Schema.TaggedError<InvalidTapeName>("litetapes/InvalidTapeName")(
  "InvalidTapeName",
  { name: Schema.String, why: Schema.String }
) {
  override get message() {
    return `Not a tape name: ${JSON.stringify(this.name)}: ${this.why}`
  }
}

/** A segment's file name is none, or not the one that its number gives. `name` is cut at 120 characters. */
export class InvalidSegmentName extends Schema.TaggedError<InvalidSegmentName>("litetapes/InvalidSegmentName")(
  "InvalidSegmentName",
  { name: Schema.String, why: Schema.String }
) {
  override get message() {
    return `Not a segment name: ${JSON.stringify(this.name)}: ${this.why}`
  }
}

/** Longest name of a tape, in bytes. */
export const tapeNameBytesMax = 100

/**
 * The tape name for any text. Different texts get different names, where texts that are equal after Unicode
 * normalisation (NFC) count as one.
 *
 * @throws InvalidTapeName when the text has a lone surrogate
 */
export const encodeTapeName = (text: string): string => {
  if (!text.isWellFormed()) throw invalidTape(text, "it has a lone surrogate, so it is not a text")
  const normal = text.normalize("NFC")
  const name = percentEncode(normal).replaceAll(unsafe, (found) => percentByte(found.charCodeAt(0)))
  if (name.length > 0 && name.length <= tapeNameBytesMax) return name
  return `${/^(?:[^%]|%..){0,34}/.exec(name.slice(0, hashedPrefixMax))![0]}%-${hash("sha256", normal, "hex")}`
}

/**
 * Gives `name` back when `encodeTapeName` could have made it; where it holds a hash, that is told by its pattern alone.
 *
 * @throws InvalidTapeName
 */
export const checkTapeName = (name: string): string => {
  if (name === "") throw invalidTape(name, "it is empty")
  if (!name.isWellFormed()) throw invalidTape(name, "it has a lone surrogate, so it is not a text")
  if (isTapeName(name)) return name
  throw invalidTape(name, `${whyNotTapeName(name)}; encodeTapeName(name) gives ${encodeTapeName(name)}`)
}

/**
 * The text (in NFC) that a tape is named after; `undefined` when the name holds only its hash.
 *
 * @throws InvalidTapeName
 */
export const decodeTapeName = (name: string): string | undefined => {
  checkTapeName(name)
  return hashed.test(name) ? undefined : percentDecode(name)
}

/** No segment has a higher number: there is always room to count on. */
export const segmentNumberMax = 2 ** 48

/** How a segment's bytes are stored. */
export type Compression = "none" | "gzip" | "zstd"

/** What a segment's file name says. Shards of `shardEvery` segments are folders; 0 is for none. */
export interface SegmentNaming {
  readonly number: number
  readonly compression: Compression
  readonly shardEvery: number
}

/** `seg-000001.jsonl`, `seg-000001.jsonl.zst`, or `shard-0000/seg-000001.jsonl`: relative to the tape's folder. */
export const segmentName = (naming: SegmentNaming): string => {
  const { number, shardEvery } = naming
  invariant(Number.isSafeInteger(number) && number >= 1, "segments are numbered from 1")
  invariant(Number.isSafeInteger(shardEvery) && shardEvery >= 0, "shardEvery is a whole number")
  const file = `seg-${padded(number, 6)}.jsonl${suffixes[naming.compression]}`
  return shardEvery === 0 ? file : `shard-${padded(Math.floor(number / shardEvery), 4)}/${file}`
}

/**
 * What a segment's name says. With `shardEvery` it must be in its shard; without, in any that is possible.
 *
 * @throws InvalidSegmentName
 */
export const parseSegmentName = (
  name: string,
  shardEvery?: number
): { readonly number: number; readonly compression: Compression } => {
  const match = /^(?:shard-([0-9]{4,16})\/)?seg-([0-9]{6,16})\.jsonl(|\.gz|\.zst)$/.exec(name)
  if (match === null)
    throw invalidSegment(name, "a segment is called like seg-000001.jsonl, with .gz or .zst behind it")
  const number = Number(match[2])
  if (!(number >= 1 && number <= segmentNumberMax)) throw invalidSegment(name, "segments are numbered from 1 to 2^48")
  const compression = compressions.get(match[3]!)!
  const every = shardEvery ?? (match[1] === undefined ? 0 : someShardEvery(number, Number(match[1])))
  checkSegmentName(name, { number, compression, shardEvery: every })
  return { number, compression }
}

/**
 * Gives `name` back when it is the one that `naming` gives.
 *
 * @throws InvalidSegmentName
 */
export const checkSegmentName = (name: string, naming: SegmentNaming): string => {
  const expected = segmentName(naming)
  if (name !== expected) throw invalidSegment(name, `this segment is called ${expected}`)
  return name
}

/** `litelib.dynamic-000004.jsonl`: relative to the lib's folder. */
export const dynamicName = (number: number): string => {
  invariant(Number.isSafeInteger(number) && number >= 1, "dynamic segments are numbered from 1")
  return `litelib.dynamic-${padded(number, 6)}.jsonl`
}

/** The number in the name of a dynamic segment; `undefined` for any other name. */
export const parseDynamicName = (name: string): number | undefined => {
  const digits = /^litelib\.dynamic-([0-9]{6,16})\.jsonl$/.exec(name)?.[1]
  const number = Number(digits)
  return Number.isSafeInteger(number) && number >= 1 && name === dynamicName(number) ? number : undefined
}

/** Longest name of a derived file, in bytes. */
export const derivedNameBytesMax = 200

/**
 * Returns whether `name` can be the name of a derived file: lower-case letters, digits, `.`, `_`, `%` and `-`, with no `.` or
 * `-` at its beginning, and neither `.` nor `.tmp` at its end. `encodeTapeName` makes such a name of any text.
 */
export const isDerivedName = (name: string): boolean =>
  name.length <= derivedNameBytesMax && /^[a-z0-9_%][a-z0-9._%-]*$/.test(name) && !/\.(?:tmp)?$/.test(name)

/**
 * Returns whether `kind` can be a kind of derived files: up to 32 lower-case letters, with single hyphens between them. It
 * becomes the name of a folder beside segments and shards, whose names all have digits.
 */
export const isDerivedKind = (kind: string): boolean => kind.length <= 32 && /^[a-z]+(?:-[a-z]+)*$/.test(kind)

const hashedPrefixMax = 34

/** Shorter only where the cut would have gone through an escape; no prefix at all is for the empty text. */
const hashed =
  /^(?:(?=.{32,34}%-)(?:[a-z0-9._-]|%[0-9a-f]{2})+%-[0-9a-f]{64}|%-e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855)$/

/** What a name must not be, each with its first character alone as the match: the one that is encoded. */
const meanings: ReadonlyArray<readonly [pattern: string, why: string]> = [
  ["^[.-]", "it begins with . or -"],
  ["\\.$", "it ends with ."],
  ["^(?=(?:con|prn|aux|nul|com[1-9]|lpt[1-9])(?:\\.|$)).", "Windows keeps it for a device"],
  ["^l(?=itelib\\.)", "names that begin with litelib. are the lib's own"],
  ["\\.(?=tmp$)", "names that end with .tmp are the lib's temporary files"],
  ["\\.(?=aside-)", "names with .aside- are what the lib set aside"]
]
const unsafe = new RegExp(meanings.map(([pattern]) => pattern).join("|"), "g")

const percentByte = (byte: number): string => `%${byte.toString(16).padStart(2, "0")}`

const percentEncode = (text: string): string =>
  text.replaceAll(/[^a-z0-9._-]+/g, (run) => Array.from(Buffer.from(run), percentByte).join(""))

const percentDecode = (name: string): string | undefined => {
  if (!/^(?:[a-z0-9._-]|%[0-9a-f]{2})+$/.test(name)) return undefined
  const bytes = name.replaceAll(/%(..)/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)))
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(Buffer.from(bytes, "latin1"))
  } catch {
    return undefined
  }
}

const isTapeName = (name: string): boolean => {
  if (name.length > tapeNameBytesMax) return false
  if (hashed.test(name)) return name.search(unsafe) === -1
  const text = percentDecode(name)
  return text !== undefined && encodeTapeName(text) === name
}

const whyNotTapeName = (name: string): string => {
  if (name.length > tapeNameBytesMax) return `it is longer than ${tapeNameBytesMax} bytes`
  if (/[A-Z]/.test(name)) return "it has upper-case letters, which some file systems do not tell from lower-case ones"
  if (name !== name.normalize("NFC")) return "it is not in Unicode normalisation form C"
  if (/[^a-z0-9._%-]/.test(name)) return "it has characters other than a-z, 0-9, ., _ and -"
  const meaning = meanings.find(([pattern]) => new RegExp(pattern).test(name))
  return meaning?.[1] ?? "its percent escapes are not those that encodeTapeName writes"
}

const cut = (name: string): string => name.slice(0, 120).toWellFormed()

const invalidTape = (name: string, why: string) => new InvalidTapeName({ name: cut(name), why })

const invalidSegment = (name: string, why: string) => new InvalidSegmentName({ name: cut(name), why })

const suffixes: { readonly [C in Compression]: string } = { none: "", gzip: ".gz", zstd: ".zst" }

const compressions = new Map<string, Compression>([
  ["", "none"],
  [".gz", "gzip"],
  [".zst", "zstd"]
])

const padded = (number: number, digits: number): string => String(number).padStart(digits, "0")

/** A `shardEvery` that puts segment `number` into `shard`, if there is one: the largest. */
const someShardEvery = (number: number, shard: number): number =>
  shard === 0 ? number + 1 : Math.floor(number / shard)
