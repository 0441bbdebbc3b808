/**
 * Names of tapes, segments and derived files. They become file names on every system, so each thing has exactly one
 * name, and a name that comes from outside is checked before it is used.
 *
 * A tape's name encodes a text (a category, a stream): UTF-8 bytes that are not `[a-z0-9._-]` become lower-case percent
 * escapes. Upper-case letters are escaped too, so that no two names differ by case alone. One more character is escaped
 * if the name would otherwise mean something to a file system or to a lib: a leading `.` or `-`, a trailing `.`, a
 * Windows device name, a leading `litelib.`, a trailing `.tmp`, and `.aside-`. If the encoding is empty or longer than
 * 100 bytes, the name is the beginning of the encoding, `%-`, and the SHA-256 of the text.
 */
import * as Shape from "../base/Shape.ts"
import { TaggedError } from "../base/TaggedError.ts"
import { hash } from "node:crypto"
import { shown } from "./checkOptions.ts"
import { invariant } from "../base/invariant.ts"

/** A text is not the name of a tape. `name` is cut at 120 characters; `why` says what is wrong with it. */
export class InvalidTapeName extends TaggedError<InvalidTapeName>("litetapes/InvalidTapeName")("InvalidTapeName", {
  name: Shape.String,
  why: Shape.String
}) {
  override get message() {
    return `${JSON.stringify(this.name)} is not a tape name: ${this.why}`
  }
}

/** A text is not the file name of a segment, or not the name that its number gives. `name` is cut at 120 characters. */
export class InvalidSegmentName extends TaggedError<InvalidSegmentName>("litetapes/InvalidSegmentName")(
  "InvalidSegmentName",
  { name: Shape.String, why: Shape.String }
) {
  override get message() {
    return `${JSON.stringify(this.name)} is not a segment name: ${this.why}`
  }
}

/** Bytes of the longest name of a tape. */
export const tapeNameBytesMax = 100

/**
 * Returns the tape name of a text. Different texts get different names; texts that are equal after Unicode
 * normalisation (NFC) count as one.
 *
 * @throws InvalidTapeName if the text has a lone surrogate
 */
export const encodeTapeName = (text: string): string => {
  if (!text.isWellFormed()) throw invalidTape(text, "it has a lone surrogate, so it is not well-formed Unicode")
  const normal = text.normalize("NFC")
  const name = percentEncode(normal).replaceAll(unsafe, (found) => percentByte(found.charCodeAt(0)))
  if (name.length > 0 && name.length <= tapeNameBytesMax) return name
  return `${/^(?:[^%]|%..){0,34}/.exec(name.slice(0, hashedPrefixMax))![0]}%-${hash("sha256", normal, "hex")}`
}

/**
 * Returns `name` if `encodeTapeName` could have made it, and throws otherwise. A hash in it is known by its pattern
 * alone.
 *
 * @throws InvalidTapeName
 */
export const checkTapeName = (name: string): string => {
  if (typeof name !== "string") throw invalidTape(shown(name), "it must be a text")
  if (name === "") throw invalidTape(name, "it is empty")
  if (!name.isWellFormed()) throw invalidTape(name, "it has a lone surrogate, so it is not well-formed Unicode")
  if (isTapeName(name)) return name
  throw invalidTape(name, `${whyNotTapeName(name)}; use ${encodeTapeName(name)}, which encodeTapeName(name) returns`)
}

/**
 * Returns the text (in NFC) that a tape is named after, or `undefined` if the name contains only its hash.
 *
 * @throws InvalidTapeName
 */
export const decodeTapeName = (name: string): string | undefined => {
  checkTapeName(name)
  return hashed.test(name) ? undefined : percentDecode(name)
}

/** Largest number of a segment, so that counting up from it stays exact. */
export const segmentNumberMax = 2 ** 48

/** How a segment's bytes are stored. */
export type Compression = "none" | "gzip" | "zstd"

/** The contents of a segment's file name. */
export interface SegmentNaming {
  /** Number of the segment in its tape, from 1. */
  readonly number: number
  /** Names the suffix: none, `.gz` or `.zst`. */
  readonly compression: Compression
  /** Number of segments in each shard folder; 0 if the segment is in the tape's own folder. */
  readonly shardEvery: number
}

/**
 * Returns `seg-000001.jsonl`, `seg-000001.jsonl.zst`, or `shard-0000/seg-000001.jsonl`: relative to the tape's folder.
 */
export const segmentName = (naming: SegmentNaming): string => {
  const { number, shardEvery } = naming
  invariant(Number.isSafeInteger(number) && number >= 1, "segments are numbered from 1")
  invariant(Number.isSafeInteger(shardEvery) && shardEvery >= 0, "shardEvery is a whole number")
  const file = `seg-${padded(number, 6)}.jsonl${suffixes[naming.compression]}`
  return shardEvery === 0 ? file : `shard-${padded(Math.floor(number / shardEvery), 4)}/${file}`
}

/**
 * Returns the contents of a segment's name. With `shardEvery` it must be in its shard; without, in any possible one.
 *
 * @throws InvalidSegmentName
 */
export const parseSegmentName = (
  name: string,
  shardEvery?: number
): { readonly number: number; readonly compression: Compression } => {
  const match = /^(?:shard-([0-9]{4,16})\/)?seg-([0-9]{6,16})\.jsonl(|\.gz|\.zst)$/.exec(name)
  if (match === null)
    throw invalidSegment(
      name,
      "the name of a segment is like seg-000001.jsonl, seg-000001.jsonl.gz or seg-000001.jsonl.zst"
    )
  const number = Number(match[2])
  if (!(number >= 1 && number <= segmentNumberMax)) throw invalidSegment(name, "segments are numbered from 1 to 2^48")
  const compression = compressions.get(match[3]!)!
  const every = shardEvery ?? (match[1] === undefined ? 0 : someShardEvery(number, Number(match[1])))
  checkSegmentName(name, { number, compression, shardEvery: every })
  return { number, compression }
}

/**
 * Returns `name` if it is the name that `naming` gives, and throws otherwise.
 *
 * @throws InvalidSegmentName
 */
export const checkSegmentName = (name: string, naming: SegmentNaming): string => {
  const expected = segmentName(naming)
  if (name !== expected) throw invalidSegment(name, `the name of this segment is ${expected}`)
  return name
}

/** Returns the name of a dynamic segment, relative to the lib's folder: `litelib.dynamic-000004.jsonl`. */
export const dynamicName = (number: number): string => {
  invariant(Number.isSafeInteger(number) && number >= 1, "dynamic segments are numbered from 1")
  return `litelib.dynamic-${padded(number, 6)}.jsonl`
}

/** Returns the number in the name of a dynamic segment, or `undefined` for any other name. */
export const parseDynamicName = (name: string): number | undefined => {
  const digits = /^litelib\.dynamic-([0-9]{6,16})\.jsonl$/.exec(name)?.[1]
  const number = Number(digits)
  return Number.isSafeInteger(number) && number >= 1 && name === dynamicName(number) ? number : undefined
}

/** Bytes of the longest name of a derived file. */
export const derivedNameBytesMax = 200

/**
 * Returns whether `name` can be the name of a derived file: lower-case letters, digits, `.`, `_`, `%` and `-`, with no
 * `.` or `-` at its beginning, and neither `.` nor `.tmp` at its end. `encodeTapeName` returns such a name for any
 * text.
 */
export const isDerivedName = (name: string): boolean =>
  name.length <= derivedNameBytesMax && /^[a-z0-9_%][a-z0-9._%-]*$/.test(name) && !/\.(?:tmp)?$/.test(name)

/**
 * Returns whether `kind` can be a kind of derived files: up to 32 lower-case letters, with single hyphens between them.
 * It becomes the name of a folder next to segments and shards, whose names all have digits.
 */
export const isDerivedKind = (kind: string): boolean => kind.length <= 32 && /^[a-z]+(?:-[a-z]+)*$/.test(kind)

const hashedPrefixMax = 34

/** The prefix is shorter than 34 only if the cut would have split an escape. Only the empty text has no prefix. */
const hashed =
  /^(?:(?=.{32,34}%-)(?:[a-z0-9._-]|%[0-9a-f]{2})+%-[0-9a-f]{64}|%-e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855)$/

/** Meanings that a name must not have. Each pattern matches one character: the one that is escaped. */
const meanings: ReadonlyArray<readonly [pattern: string, why: string]> = [
  ["^[.-]", "it begins with . or -"],
  ["\\.$", "it ends with ."],
  ["^(?=(?:con|prn|aux|nul|com[1-9]|lpt[1-9])(?:\\.|$)).", "Windows reserves it for a device"],
  ["^l(?=itelib\\.)", "names that begin with litelib. are reserved for the lib"],
  ["\\.(?=tmp$)", "names that end with .tmp are reserved for temporary files"],
  ["\\.(?=aside-)", "names with .aside- are reserved for tapes that were moved aside"]
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
  if (/[A-Z]/.test(name)) return "it has upper-case letters, and some file systems ignore case"
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

/** Returns the largest `shardEvery` that puts segment `number` into `shard`, if there is one. */
const someShardEvery = (number: number, shard: number): number =>
  shard === 0 ? number + 1 : Math.floor(number / shard)
