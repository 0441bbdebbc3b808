/**
 * Reads a tape by ordinal, a chunk of whole lines at a time: closed segments through their index, dynamic segments
 * through the parts that are in memory. Every byte is checked before it is returned.
 */
import * as Effect from "effect/Effect"
import { SegmentCorrupt } from "../../domain/format/Errors.ts"
import { firstNotBefore } from "../../domain/base/binarySearch.ts"
import { forEachLine } from "../../domain/format/lines.ts"
import { dynamicName } from "../../domain/format/Names.ts"
import type { Segment } from "../../domain/meta/SystemRecord.ts"
import { type Json, trustedParser } from "../../domain/json/TaraSON.ts"
import type { StorageError } from "../ports/Storage.ts"
import type { LibHandle } from "../lib/LibHandle.ts"
import type { LivePart } from "../journal/DynamicFile.ts"
import type { OpenTape } from "../lib/OpenTape.ts"
import { readRun, runsOf } from "../journal/PartRuns.ts"
import type { SegmentError } from "../segment/SegmentAccess.ts"
import { readSegmentChunk } from "../segment/SegmentRecords.ts"
import { retryVanished } from "./retryVanished.ts"

/** Errors of reading records. */
export type ReadError = SegmentError

/** Whole lines of consecutive records. */
export interface Chunk {
  readonly firstOrdinal: number
  readonly count: number
  /** One or more pieces, in order, each of whole lines. */
  readonly pieces: ReadonlyArray<Uint8Array>
}

/** Maximum size of a chunk, unless one block or part alone is larger. */
export const chunkBytes = 256 * 1024

/**
 * Returns the chunk with the record at `ordinal`, which must exist. Forward, the chunk begins at or before that record;
 * backward, it ends at or after it. It may hold records on the other side of `ordinal`.
 */
export const readChunk = (
  lib: LibHandle,
  tape: OpenTape,
  ordinal: number,
  direction: "forward" | "backward",
  bytesMax: number = chunkBytes
): Effect.Effect<Chunk, ReadError> =>
  Effect.suspend(() => {
    const attempt =
      ordinal < tape.state.records
        ? readClosed(lib, tape, ordinal, direction, bytesMax)
        : readLive(lib, tape, ordinal, direction, bytesMax)
    return retryVanished(lib, tape, tape.layout, attempt, () => readChunk(lib, tape, ordinal, direction, bytesMax))
  })

/**
 * Returns the error for a line that is not a valid record, or does not follow its predecessor, although its checksum
 * matches.
 */
export const corruptAt = (tape: OpenTape, ordinal: number, why: string): SegmentCorrupt => {
  const { records, segments } = tape.state
  const live = tape.parts[partAt(tape.parts, ordinal)]
  const segment =
    ordinal < records || live === undefined ? segmentAt(segments, ordinal)?.name : dynamicName(live.file.dynamic)
  return new SegmentCorrupt({ tape: tape.name, segment: segment ?? "", offset: 0, why: `record ${ordinal}: ${why}` })
}

/** Returns the closed segment with the record at `ordinal`. */
export const segmentAt = (segments: ReadonlyArray<Segment>, ordinal: number): Segment =>
  segments[lastAt(segments, ordinal)]!

const readClosed = (
  lib: LibHandle,
  tape: OpenTape,
  ordinal: number,
  direction: "forward" | "backward",
  bytesMax: number
): Effect.Effect<Chunk, ReadError> => {
  const segment = segmentAt(tape.state.segments, ordinal)
  const role = tape.role
  return readSegmentChunk(lib.segments, tape.name, role, segment, ordinal - segment.firstOrdinal, direction, bytesMax)
}

/** Returns the part with the record at `ordinal`: the last that begins at or before it. */
export const partAt = (parts: ReadonlyArray<LivePart>, ordinal: number): number => lastAt(parts, ordinal)

const lastAt = (runs: ReadonlyArray<{ readonly firstOrdinal: number }>, ordinal: number): number =>
  Math.max(0, firstNotBefore(runs.length, (index) => runs[index]!.firstOrdinal <= ordinal) - 1)

const readLive = (
  lib: LibHandle,
  tape: OpenTape,
  ordinal: number,
  direction: "forward" | "backward",
  bytesMax: number
): Effect.Effect<Chunk, SegmentCorrupt | StorageError> => {
  const { parts } = tape
  const at = partAt(parts, ordinal)
  // A window of parts that can fill a chunk; `runsOf` splits it at wide gaps.
  const window = direction === "forward" ? parts.slice(at, at + 1024) : parts.slice(Math.max(0, at - 1023), at + 1)
  const runs = runsOf(window, bytesMax)
  const run = direction === "forward" ? runs[0]! : runs.at(-1)!
  return Effect.map(readRun(lib.root, tape.name, run), (pieces) => {
    const last = run.at(-1)!
    const { firstOrdinal } = run[0]!
    return { firstOrdinal, count: last.firstOrdinal + last.count - firstOrdinal, pieces }
  })
}

/** Returns the results of `make` for the records of a chunk from ordinal `from` up to but not including `to`. */
export const parseChunk = <A>(chunk: Chunk, from: number, to: number, make: (record: Json) => A): Array<A> => {
  const records: Array<A> = []
  let ordinal = chunk.firstOrdinal
  for (const piece of chunk.pieces) {
    // Each piece is decoded once; its lines are slices of the text.
    const text = Buffer.from(piece.buffer, piece.byteOffset, piece.length).toString("utf8")
    const parse = trustedParser(text)
    let start = 0
    while (start < text.length && ordinal < to) {
      const end = text.indexOf("\n", start)
      if (ordinal >= from) records.push(make(parse(text.slice(start, end))))
      ordinal++
      start = end + 1
    }
  }
  return records
}

/** Returns the lines of a chunk from ordinal `from` up to but not including `to`, as bytes. */
export const linesOfChunk = (chunk: Chunk, from: number, to: number): Array<Uint8Array> => {
  const lines: Array<Uint8Array> = []
  let ordinal = chunk.firstOrdinal
  for (const piece of chunk.pieces) {
    forEachLine(piece, (start, end) => {
      if (ordinal >= from && ordinal < to) lines.push(piece.subarray(start, end))
      ordinal++
    })
  }
  return lines
}
