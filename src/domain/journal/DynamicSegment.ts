/**
 * Reads a dynamic segment: header, then batches, each ended by its mark. Decides how far it is good, and whether the
 * rest is a torn tail that was never acknowledged, or damage to acknowledged data.
 */
import * as Result from "effect/Result"
import { reader } from "../base/readShape.ts"
import { type Part, markHash, markPrefix } from "./Batch.ts"
import { newline } from "../format/Format.ts"
import { defaultLimits } from "../format/Limits.ts"
import { type Anchor, Commit, DynamicHeader } from "../meta/SystemRecord.ts"
import { type MarkedCheckpoint, whyNotMarked } from "../meta/Checkpoint.ts"
import * as TaraSON from "../json/TaraSON.ts"
import { crc32 } from "node:zlib"

/** A batch found in a dynamic segment. */
export interface FoundBatch {
  readonly batch: number
  /** Position of the next event before this batch. */
  readonly position: number
  /** Offset of its lines in the file. */
  readonly offset: number
  /** Offset of the byte after its mark. */
  readonly end: number
  readonly hash: string
  /** Offsets are those of the file. Empty if the batch has checkpoints alone. */
  readonly parts: ReadonlyArray<Part>
  /** How far these consumers are, from this batch on. */
  readonly checkpoints: ReadonlyArray<MarkedCheckpoint>
}

/** Why the bytes from `offset` on are not valid. */
export interface Damage {
  readonly offset: number
  readonly why: string
  /**
   * `torn`: only the last batch is damaged, and it may never have been acknowledged. `acknowledged`: the bytes after
   * the damage, or those that it breaks, show that acknowledged data was damaged.
   */
  readonly kind: "torn" | "acknowledged"
}

export interface Scan {
  readonly batches: ReadonlyArray<FoundBatch>
  /** Bytes of the header and of whole, valid batches. */
  readonly goodBytes: number
  /** Bytes without the room after them. */
  readonly contentBytes: number
  readonly damage: Damage | undefined
}

const decodeHeader = reader(DynamicHeader, { onExcessProperty: "error" })
const decodeCommit = reader(Commit, { onExcessProperty: "error" })

/** Returns the first line of a dynamic segment. */
export const headerLine = (header: Omit<DynamicHeader, "$type">): Uint8Array =>
  TaraSON.toBytes(TaraSON.encodeSystem({ $type: "LiteLib.Header", ...header }) + "\n")

/**
 * Returns the length without the zeros at the end: room that was taken ahead, so that the next batches only overwrite.
 * No line ends with a zero, so everything before these zeros was written.
 */
export const contentBytesOf = (bytes: Uint8Array): number => {
  let end = bytes.length
  while (end > 0 && bytes[end - 1] === 0) end--
  return end
}

/** Returns the length of the header's line with its newline, or 0 if it has no newline. */
export const headerBytes = (bytes: Uint8Array): number => bytes.subarray(0, 4096).indexOf(newline) + 1

/** Returns the header, or what is wrong with it. */
export const readHeader = (bytes: Uint8Array): DynamicHeader | string => {
  const at = bytes.subarray(0, 4096).indexOf(newline)
  if (at === -1) return "the header has no newline"
  const value = parse(bytes.subarray(0, at))
  if (value === undefined) return "the header is damaged"
  const decoded = decodeHeader(value)
  return Result.isFailure(decoded) ? "the header is not valid" : decoded.success
}

/**
 * Finds the batches of a file. The first of them must follow `before`; batches after `limit` are ignored.
 */
export const scan = (file: Uint8Array, before: Pick<Anchor, "batch" | "hash">, limit: number | undefined): Scan => {
  const contentBytes = contentBytesOf(file)
  const bytes = file.subarray(0, contentBytes)
  const batches: Array<FoundBatch> = []
  let { batch, hash } = before
  let good = headerBytes(bytes)
  while (good < bytes.length && (limit === undefined || batch < limit)) {
    const found = readBatch(bytes, good)
    if (typeof found === "string") {
      return { batches, goodBytes: good, contentBytes, damage: judge(bytes, good, hash, found) }
    }
    const chained = follows(found, batch, hash)
    if (chained !== undefined) {
      return { batches, goodBytes: good, contentBytes, damage: { offset: good, why: chained, kind: "acknowledged" } }
    }
    batches.push(found.found)
    batch = found.mark.batch
    hash = found.mark.hash
    good = found.found.end
  }
  return { batches, goodBytes: good, contentBytes, damage: undefined }
}

/**
 * Returns the batches that follow `before`, up to `limit` or as far as they go. `bytes` begins with the newline before the
 * first of them; offsets are those of `bytes`.
 */
export const scanFrom = (
  bytes: Uint8Array,
  before: Pick<Anchor, "batch" | "hash">,
  limit: number
): ReadonlyArray<FoundBatch> => {
  const batches: Array<FoundBatch> = []
  let { batch, hash } = before
  let good = 1
  if (bytes[0] !== newline) return batches
  while (batch < limit && good < bytes.length) {
    const found = readBatch(bytes, good)
    if (typeof found === "string" || follows(found, batch, hash) !== undefined) break
    batches.push(found.found)
    batch = found.mark.batch
    hash = found.mark.hash
    good = found.found.end
  }
  return batches
}

/** Returns the mark that bytes begin with, or `undefined` if they do not begin with a whole one. */
export const markAt = (bytes: Uint8Array): Commit | undefined => {
  const end = bytes.indexOf(newline)
  return end === -1 ? undefined : readMark(bytes.subarray(0, end))
}

interface ReadBatch {
  readonly mark: Commit
  readonly found: FoundBatch
}

const follows = ({ mark }: ReadBatch, batch: number, hash: string): string | undefined => {
  if (mark.previous !== hash) return `batch ${mark.batch} does not follow batch ${batch}`
  if (mark.batch !== batch + 1) return `batch ${mark.batch} follows batch ${batch}: batches are missing`
  return undefined
}

/** Returns the batch whose lines begin at `start` if its mark proves it, else what is wrong. */
export const readBatch = (bytes: Uint8Array, start: number): ReadBatch | string => {
  const markAt = findMark(bytes, start)
  if (markAt === -1) return "the batch has no mark"
  const markEnd = bytes.indexOf(newline, markAt)
  if (markEnd === -1) return "the mark has no newline"
  const mark = readMark(bytes.subarray(markAt, markEnd))
  if (mark === undefined) return "the mark is damaged"
  if (markHash(bytes.subarray(start, markAt), mark) !== mark.hash) return "the batch does not match its mark"
  const parts = splitParts(bytes, start, markAt, mark)
  if (parts === undefined) return "the mark counts other records than the batch has"
  const { batch, checkpoints = [], position, hash } = mark
  return { mark, found: { batch, position, offset: start, end: markEnd + 1, hash, parts, checkpoints } }
}

const prefix = Buffer.from("\n" + markPrefix, "latin1")

/** Returns where the next line begins that begins like a mark, or -1. `start` must be the beginning of a line. */
export const findMark = (bytes: Uint8Array, start: number): number => {
  // The newline before `start` belongs to the header, or to the mark before it.
  const at = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).indexOf(prefix, start - 1)
  return at === -1 ? -1 : at + 1
}

export const readMark = (line: Uint8Array): Commit | undefined => {
  const value = parse(line)
  if (value === undefined) return undefined
  const decoded = decodeCommit(value)
  if (Result.isFailure(decoded)) return undefined
  const mark = decoded.success
  if (mark.checkpoints === undefined) return mark.parts.length > 0 ? mark : undefined
  return whyNotMarked(mark.checkpoints) === undefined ? mark : undefined
}

const parse = (line: Uint8Array): TaraSON.JsonObject | undefined => {
  try {
    // A mark names each tape of its batch, so the batch's limit bounds it.
    return TaraSON.parseCanonical(line, { ...defaultLimits, recordBytesMax: 64 * 1024 * 1024 })
  } catch {
    return undefined
  }
}

const splitParts = (bytes: Uint8Array, start: number, end: number, mark: Commit): Array<Part> | undefined => {
  const parts: Array<Part> = []
  let offset = start
  for (const [tape, firstOrdinal, count] of mark.parts) {
    const partStart = offset
    for (let line = 0; line < count; line++) {
      const at = bytes.indexOf(newline, offset)
      // A line is an object: later code relies on at least three bytes for each line.
      if (at === -1 || at >= end || bytes[offset] !== 0x7b || bytes[at - 1] !== 0x7d) return undefined
      offset = at + 1
    }
    const crc = crc32(bytes.subarray(partStart, offset))
    parts.push({ tape, firstOrdinal, count, offset: partStart, bytes: offset - partStart, crc })
  }
  return offset === end ? parts : undefined
}

/**
 * Judges bytes from `offset` on that are not a valid batch. A torn write leaves part of one batch, so at most its own
 * mark, which follows `hash`. Any other mark, and one that is valid by itself, is of a later batch, which rests on the
 * damaged one.
 */
const judge = (bytes: Uint8Array, offset: number, hash: string, why: string): Damage => {
  let markAt = findMark(bytes, offset)
  while (markAt !== -1) {
    const end = bytes.indexOf(newline, markAt)
    const mark = end === -1 ? undefined : readMark(bytes.subarray(markAt, end))
    if (mark !== undefined) {
      if (mark.previous !== hash) return { offset, why, kind: "acknowledged" }
      const lines = mark.parts.reduce((sum, part) => sum + part[2], 0)
      const start = linesBefore(bytes, markAt, lines)
      if (start > offset && markHash(bytes.subarray(start, markAt), mark) === mark.hash) {
        return { offset, why, kind: "acknowledged" }
      }
    }
    markAt = end === -1 ? -1 : findMark(bytes, end + 1)
  }
  return { offset, why, kind: "torn" }
}

/** Returns where the `count` lines before `end` begin. */
export const linesBefore = (bytes: Uint8Array, end: number, count: number): number => {
  let start = end
  for (let line = 0; line < count && start > 0; line++) start = bytes.lastIndexOf(newline, start - 2) + 1
  return start
}
