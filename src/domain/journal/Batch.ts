/**
 * A batch as it is in a dynamic segment: the lines of its records, grouped by tape, then one mark.
 *
 * ```
 * batch := line* mark
 * line  := canonical record 0x0A
 * mark  := canonical LiteLib.Commit 0x0A
 * hash  := SHA-256(line* ‖ canonical mark without "hash")
 * ```
 */
import { hash } from "node:crypto"
import { crc32 } from "node:zlib"
import type { EncodedEvent } from "../event/Event.ts"
import { invariant } from "../base/invariant.ts"
import type { MarkedCheckpoint } from "../meta/Checkpoint.ts"
import type { Commit } from "../meta/SystemRecord.ts"

/** The beginning of the line of a mark. No user record can begin like this: `LiteLib.` is reserved. */
export const markPrefix = '{"$type":"LiteLib.Commit",'

/** The records of one tape within a batch. Offsets and lengths are bytes. */
export interface Part {
  readonly tape: string
  readonly firstOrdinal: number
  readonly count: number
  /** Offset of its lines within the batch. */
  readonly offset: number
  readonly bytes: number
  /** CRC-32 of its lines. */
  readonly crc: number
}

/** A batch ready to be written. */
export interface FinishedBatch {
  readonly bytes: Uint8Array
  /** Bytes of the lines of records, without the mark. */
  readonly linesBytes: number
  readonly parts: ReadonlyArray<Part>
  readonly hash: string
}

/** Returns the canonical form of a mark. Its fields are numbers, hex and UUIDs, so nothing needs escaping. */
export const markText = (mark: Omit<Commit, "$type" | "hash">, hashHex: string | undefined): string => {
  const parts = mark.parts.map(([tape, first, count]) => `["${tape}",${first},${count}]`).join(",")
  // Names of consumers have no character that is escaped.
  const checkpoints = mark.checkpoints === undefined ? "" : `"checkpoints":${JSON.stringify(mark.checkpoints)},`
  const hashField = hashHex === undefined ? "" : `"hash":"${hashHex}",`
  return `${markPrefix}"batch":${mark.batch},${checkpoints}${hashField}"parts":[${parts}],"position":${mark.position},"previous":"${mark.previous}"}`
}

/** Returns the hash that seals a batch: over its lines, and its mark without the hash. */
export const markHash = (lines: Uint8Array, mark: Omit<Commit, "$type" | "hash">): string => {
  const unsealed = Buffer.from(markText(mark, undefined), "latin1")
  return hash("sha256", Buffer.concat([lines, unsealed]), "hex")
}

/** The lines of one tape while a batch is built. */
export class PartBuilder {
  readonly tape: string
  readonly firstOrdinal: number
  count = 0
  bytes = 0
  #buffer: Buffer

  /** @internal */
  constructor(tape: string, firstOrdinal: number, buffer: Buffer) {
    this.tape = tape
    this.firstOrdinal = firstOrdinal
    this.#buffer = buffer
  }

  /** Adds the line of one canonical record, given without its newline. Returns where it begins in this part. */
  add(text: string): number {
    const start = this.bytes
    // A UTF-16 unit takes at most three bytes of UTF-8.
    this.reserve(text.length * 3 + 1)
    const written = this.#buffer.write(text, start, "utf8")
    this.#buffer[start + written] = 0x0a
    this.bytes = start + written + 1
    this.count++
    return start
  }

  /** Adds the line of one event. Returns where it begins in this part. */
  addEvent(event: EncodedEvent, position: number, revision: number): number {
    const start = this.bytes
    this.reserve(event.bytesMax)
    this.bytes = event.writeTo(this.#buffer, start, position, revision)
    this.count++
    return start
  }

  /** Adds lines that are already encoded. */
  addLines(lines: Uint8Array, count: number): void {
    this.reserve(lines.length)
    this.#buffer.set(lines, this.bytes)
    this.bytes += lines.length
    this.count += count
  }

  /** Returns the CRC-32 of the line that begins at `start` and ends before the newline at `end`. */
  crcOf(start: number, end: number): number {
    return crc32(this.#buffer.subarray(start, end))
  }

  /** Makes room for `more` bytes after those that are there. */
  reserve(more: number): void {
    const needed = this.bytes + more
    if (needed <= this.#buffer.length) return
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.#buffer.length * 2))
    this.#buffer.copy(grown, 0, 0, this.bytes)
    this.#buffer = grown
  }

  /** @internal */
  get buffer(): Buffer {
    return this.#buffer
  }
}

/** Builds one batch. Lines of several tapes may come in any order; those of one tape keep theirs. */
export class BatchBuilder {
  readonly #parts = new Map<string, PartBuilder>()
  readonly #first: Buffer

  /**
   * Uses `buffer` for the first tape's lines. It may be used again once the batch has been written.
   *
   * @internal
   */
  constructor(buffer: Buffer = Buffer.allocUnsafeSlow(64 * 1024)) {
    this.#first = buffer
  }

  get isEmpty(): boolean {
    return this.#parts.size === 0
  }

  /** Returns the part of a tape. `firstOrdinal` counts only if the batch has no part of it yet. */
  part(tape: string, firstOrdinal: number): PartBuilder {
    const known = this.#parts.get(tape)
    if (known !== undefined) return known
    const buffer = this.#parts.size === 0 ? this.#first : Buffer.allocUnsafeSlow(4096)
    const part = new PartBuilder(tape, firstOrdinal, buffer)
    this.#parts.set(tape, part)
    return part
  }

  /** Adds the mark, and returns the batch. The builder must not be used afterwards. */
  finish(
    batch: number,
    position: number,
    previous: string,
    checkpoints: ReadonlyArray<MarkedCheckpoint> = []
  ): FinishedBatch {
    const builders = [...this.#parts.values()].filter((part) => part.count > 0)
    const [given, ...others] = builders
    const [firstCheckpoint, ...otherCheckpoints] = checkpoints
    invariant(given !== undefined || firstCheckpoint !== undefined, "a batch has records or checkpoints")
    const first = given ?? new PartBuilder("", 0, this.#first)
    const parts: Array<Part> = []
    let offset = 0
    for (const part of builders) {
      const { tape, firstOrdinal, count, bytes } = part
      parts.push({ tape, firstOrdinal, count, offset, bytes, crc: crc32(part.buffer.subarray(0, bytes)) })
      offset += bytes
    }
    const linesBytes = offset
    const mark = {
      batch,
      position,
      previous,
      parts: parts.map((part) => [part.tape, part.firstOrdinal, part.count] as const),
      ...(firstCheckpoint === undefined ? {} : { checkpoints: [firstCheckpoint, ...otherCheckpoints] as const })
    }
    const unsealed = markText(mark, undefined)
    // One buffer holds the whole batch, so that it is one write: the other tapes' lines and the mark follow the first
    // part.
    first.reserve(linesBytes - first.bytes + unsealed.length + 80)
    const whole = first.buffer
    let end = first.bytes
    for (const part of others) {
      part.buffer.copy(whole, end, 0, part.bytes)
      end += part.bytes
    }
    const unsealedEnd = end + whole.write(unsealed, end, "latin1")
    const hashHex = hash("sha256", whole.subarray(0, unsealedEnd), "hex")
    const markEnd = end + whole.write(markText(mark, hashHex) + "\n", end, "latin1")
    return { bytes: whole.subarray(0, markEnd), linesBytes, parts, hash: hashHex }
  }
}
