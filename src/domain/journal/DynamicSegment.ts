/**
 * Reading a dynamic segment back: header, then batches, each ended by its mark. Says how far it is good, and whether
 * what is behind that is a torn, never acknowledged end or damage to acknowledged data.
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { type Part, markHash, markPrefix } from "./Batch.ts"
import { newline } from "../format/Format.ts"
import { defaultLimits } from "../format/Limits.ts"
import { type Anchor, Commit, DynamicHeader } from "../meta/SystemRecord.ts"
import * as TaraSON from "../json/TaraSON.ts"
import { crc32 } from "node:zlib"

/** A batch found in a dynamic segment. */
export interface FoundBatch {
  readonly batch: number
  /** Position of the next event before this batch. */
  readonly position: number
  /** Where its lines begin in the file. */
  readonly offset: number
  /** Where the byte behind its mark is. */
  readonly end: number
  readonly hash: string
  /** Offsets are those of the file. */
  readonly parts: ReadonlyArray<Part>
}

/** Why the bytes from `offset` on are not good. */
export interface Damage {
  readonly offset: number
  readonly why: string
  /**
   * `torn`: only the last batch is hit and it may be one that was never acknowledged. `acknowledged`: what is behind
   * the damage, or what it breaks, shows that acknowledged data was hit.
   */
  readonly kind: "torn" | "acknowledged"
}

export interface Scan {
  readonly batches: ReadonlyArray<FoundBatch>
  /** Bytes of the header and of whole, good batches. */
  readonly goodBytes: number
  /** Bytes without the room behind them. */
  readonly contentBytes: number
  readonly damage: Damage | undefined
}

const decodeHeader = Schema.decodeUnknownResult(DynamicHeader, { onExcessProperty: "error" })
const decodeCommit = Schema.decodeUnknownResult(Commit, { onExcessProperty: "error" })

/** The first line of a dynamic segment. */
export const headerLine = (header: Omit<DynamicHeader, "$type">): Uint8Array =>
  TaraSON.toBytes(TaraSON.encodeSystem({ $type: "LiteLib.Header", ...header }) + "\n")

/**
 * Length without the zeros at the end: room that was taken ahead, so that the next batches only overwrite. No line ends
 * with a zero, so what is in front of them is what was written.
 */
export const contentBytesOf = (bytes: Uint8Array): number => {
  let end = bytes.length
  while (end > 0 && bytes[end - 1] === 0) end--
  return end
}

/** Length of the header's line, its newline included; 0 where there is none. */
export const headerBytes = (bytes: Uint8Array): number => bytes.subarray(0, 4096).indexOf(newline) + 1

/** Reads the header, or says why it is none. */
export const readHeader = (bytes: Uint8Array): DynamicHeader | string => {
  const at = bytes.subarray(0, 4096).indexOf(newline)
  if (at === -1) return "the header has no end"
  const value = parse(bytes.subarray(0, at))
  if (value === undefined) return "the header is damaged"
  const decoded = decodeHeader(value)
  return Result.isFailure(decoded) ? "the header is not one" : decoded.success
}

/**
 * Finds the batches of a file. `before` is what the first of them must follow; batches behind `limit` are not looked at.
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

/** What the first batch of a file says that it follows, for files whose lib meta is lost. */
export const startOf = (file: Uint8Array): Pick<Anchor, "batch" | "hash"> | undefined => {
  const bytes = file.subarray(0, contentBytesOf(file))
  const good = headerBytes(bytes)
  const found = good === 0 || good >= bytes.length ? "no batch" : readBatch(bytes, good)
  return typeof found === "string" ? undefined : { batch: found.mark.batch - 1, hash: found.mark.previous }
}

interface ReadBatch {
  readonly mark: Commit
  readonly found: FoundBatch
}

const follows = ({ mark }: ReadBatch, batch: number, hash: string): string | undefined => {
  if (mark.previous !== hash) return `batch ${mark.batch} does not follow batch ${batch}`
  if (mark.batch !== batch + 1) return `batch ${mark.batch} follows batch ${batch}: a gap`
  return undefined
}

/** The batch whose lines begin at `start`, if its mark proves it. */
const readBatch = (bytes: Uint8Array, start: number): ReadBatch | string => {
  const markAt = findMark(bytes, start)
  if (markAt === -1) return "the batch has no mark"
  const markEnd = bytes.indexOf(newline, markAt)
  if (markEnd === -1) return "the mark has no end"
  const mark = readMark(bytes.subarray(markAt, markEnd))
  if (mark === undefined) return "the mark is damaged"
  if (markHash(bytes.subarray(start, markAt), mark) !== mark.hash) return "the batch does not match its mark"
  const parts = splitParts(bytes, start, markAt, mark)
  if (parts === undefined) return "the mark counts other records"
  const { batch, position, hash } = mark
  return { mark, found: { batch, position, offset: start, end: markEnd + 1, hash, parts } }
}

const prefix = Buffer.from("\n" + markPrefix, "latin1")

/** Where the next line that begins like a mark is, from the beginning of a line on; -1 where there is none. */
const findMark = (bytes: Uint8Array, start: number): number => {
  // The newline before `start` belongs to the header or the mark before.
  const at = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).indexOf(prefix, start - 1)
  return at === -1 ? -1 : at + 1
}

const readMark = (line: Uint8Array): Commit | undefined => {
  const value = parse(line)
  if (value === undefined) return undefined
  const decoded = decodeCommit(value)
  return Result.isFailure(decoded) ? undefined : decoded.success
}

const parse = (line: Uint8Array): TaraSON.JsonObject | undefined => {
  try {
    // A mark names as many tapes as its batch has; the batch's limit bounds it.
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
      // Objects: what is behind them counts on three bytes a line.
      if (at === -1 || at >= end || bytes[offset] !== 0x7b || bytes[at - 1] !== 0x7d) return undefined
      offset = at + 1
    }
    const crc = crc32(bytes.subarray(partStart, offset))
    parts.push({ tape, firstOrdinal, count, offset: partStart, bytes: offset - partStart, crc })
  }
  return offset === end ? parts : undefined
}

/**
 * Bytes from `offset` on are no good batch. What a torn write leaves is part of one batch, so at most its own mark, which
 * follows `hash`. Any other mark, and one that is valid by itself, is of a later batch, which rests on what is damaged.
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

/** Where the `count` lines before `end` begin. */
const linesBefore = (bytes: Uint8Array, end: number, count: number): number => {
  let start = end
  for (let line = 0; line < count && start > 0; line++) start = bytes.lastIndexOf(newline, start - 2) + 1
  return start
}
