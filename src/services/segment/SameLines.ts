/** Resolves lines of a segment that refer to earlier ones: returns the logical lines for the stored ones. */
import * as Effect from "effect/Effect"
import { SegmentCorrupt } from "../../domain/format/Errors.ts"
import { newline } from "../../domain/format/Format.ts"
import { decodeSame } from "../../domain/segment/SameLine.ts"
import type { Role, Segment } from "../../domain/meta/SystemRecord.ts"
import type { SegmentStore } from "./SegmentStore.ts"
import { fileOffsetOf, readBlocks } from "./SegmentBytes.ts"
import type { SegmentError } from "./SegmentAccess.ts"
import type { IndexHandle } from "./SegmentIndexFile.ts"

/** Bytes of blocks that are read together for repeated lines, and of such lines that are kept. */
const aheadBytesMax = 256 * 1024

/** A closed segment with its open index. */
export interface OpenSegment {
  readonly store: SegmentStore
  readonly tape: string
  readonly role: Role
  readonly segment: Segment
  readonly handle: IndexHandle
}

/** Logical lines of consecutive records of a segment, including newlines. */
export interface Logical {
  /** Index within the segment. */
  readonly firstRecord: number
  readonly count: number
  readonly lines: Uint8Array
}

/**
 * Returns the logical lines of a block from `record`, forward or backward: up to `bytesMax` bytes, or one line that
 * alone is longer. Memory is limited to that, 512 KiB and two blocks, whatever the lines refer to.
 */
export const readLogical = Effect.fnUntraced(function* (
  open: OpenSegment,
  record: number,
  direction: "forward" | "backward",
  bytesMax: number
): Effect.fn.Return<Logical, SegmentError> {
  const { store, handle, role, segment, tape } = open
  const { blocks } = handle
  const block = blocks.blockOfRecord(record)
  const stored = new StoredLines(
    blocks.firstRecord[block]!,
    yield* readBlocks(store, tape, role, segment, handle, block, block)
  )
  const step = direction === "forward" ? 1 : -1
  const known = new Map<number, Uint8Array>()
  const pieces: Array<Uint8Array> = []
  let bytes = 0
  for (let next = record; stored.has(next); next += step) {
    const target = stored.sameAs(next)
    if (target !== undefined && !isEarlier(target, next)) {
      return yield* corrupt(open, next, "a line repeats a line that does not exist")
    }
    if (target !== undefined && !known.has(target)) {
      const wanted = targetsAhead(open, stored, next, step, known)
      if (bytesOf(known) > aheadBytesMax) known.clear()
      for (const [number, line] of yield* readTargets(open, wanted)) known.set(number, line)
    }
    const line = target === undefined ? stored.line(next) : known.get(target)!
    if (pieces.length > 0 && bytes + line.length > bytesMax) break
    pieces.push(line)
    bytes += line.length
  }
  if (step === -1) pieces.reverse()
  const firstRecord = step === 1 ? record : record - pieces.length + 1
  return { firstRecord, count: pieces.length, lines: Buffer.concat(pieces, bytes) }
})

/** The lines of a block, by their index in the segment. */
export class StoredLines {
  readonly #first: number
  readonly #bytes: Uint8Array
  readonly #starts: Array<number> = [0]
  /** Results of `sameAs`, since lines are decoded repeatedly. */
  readonly #sames = new Map<number, number>()

  constructor(first: number, bytes: Uint8Array) {
    this.#first = first
    this.#bytes = bytes
    for (let end = bytes.indexOf(newline); end !== -1; end = bytes.indexOf(newline, end + 1)) this.#starts.push(end + 1)
  }

  has(record: number): boolean {
    return record >= this.#first && record < this.#first + this.#starts.length - 1
  }

  /** Returns the line with its newline. */
  line(record: number): Uint8Array {
    const at = record - this.#first
    return this.#bytes.subarray(this.#starts[at], this.#starts[at + 1])
  }

  sameAs(record: number): number | undefined {
    const known = this.#sames.get(record)
    if (known !== undefined) return known
    const at = record - this.#first
    const target = decodeSame(this.#bytes, this.#starts[at], this.#starts[at + 1]! - 1)
    if (target !== undefined) this.#sames.set(record, target)
    return target
  }
}

const bytesOf = (lines: ReadonlyMap<number, Uint8Array>): number => {
  let bytes = 0
  for (const line of lines.values()) bytes += line.length
  return bytes
}

const corrupt = ({ handle, segment, tape }: OpenSegment, record: number, why: string): SegmentCorrupt => {
  const { blocks, frames } = handle
  const offset = fileOffsetOf(frames, blocks.offset[blocks.blockOfRecord(record)]!)
  return new SegmentCorrupt({ tape, segment: segment.name, offset, why })
}

/** Whether a line may refer to that target. */
const isEarlier = (target: number, record: number): boolean => target >= 0 && target < record

/** Returns the targets of this line and of the following lines, as far as their blocks can be read together. */
const targetsAhead = (
  { handle }: OpenSegment,
  stored: StoredLines,
  record: number,
  step: 1 | -1,
  known: ReadonlyMap<number, Uint8Array>
): Array<number> => {
  const { blocks } = handle
  const wanted = new Set<number>()
  const wantedBlocks = new Set<number>()
  let bytes = 0
  for (let next = record; stored.has(next); next += step) {
    const target = stored.sameAs(next)
    if (target === undefined || known.has(target)) continue
    if (!isEarlier(target, next)) break
    const block = blocks.blockOfRecord(target)
    if (!wantedBlocks.has(block)) bytes += blocks.bytes[block]!
    if (wanted.size > 0 && bytes > aheadBytesMax) break
    wantedBlocks.add(block)
    wanted.add(target)
  }
  return [...wanted].toSorted((a, b) => a - b)
}

/** Reads the records at these lines, which ascend, a block at a time. */
const readTargets = Effect.fnUntraced(function* (
  open: OpenSegment,
  targets: ReadonlyArray<number>
): Effect.fn.Return<Array<readonly [number, Uint8Array]>, SegmentError> {
  const { store, handle, role, segment, tape } = open
  const { blocks } = handle
  const read: Array<readonly [number, Uint8Array]> = []
  let block = -1
  let lines: StoredLines | undefined
  for (const target of targets) {
    const wanted = blocks.blockOfRecord(target)
    if (lines === undefined || wanted !== block) {
      block = wanted
      lines = new StoredLines(
        blocks.firstRecord[block]!,
        yield* readBlocks(store, tape, role, segment, handle, block, block)
      )
    }
    if (lines.sameAs(target) !== undefined)
      return yield* corrupt(open, target, "a repeated line repeats another one itself")
    // Copied, so that a line does not keep its block in memory.
    read.push([target, lines.line(target).slice()])
  }
  return read
})
