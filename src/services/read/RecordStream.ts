/** Streams of records, a chunk at a time. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { type LibClosed, RecordsLost } from "../../domain/format/Errors.ts"
import type { Lost } from "../../domain/meta/SystemRecord.ts"
import { BadLine } from "../../domain/json/BadLine.ts"
import type { Json, JsonObject } from "../../domain/json/TaraSON.ts"
import type { LibHandle } from "../lib/LibHandle.ts"
import { decodeUntrusted } from "../base/decodeUntrusted.ts"
import type { OpenTape } from "../lib/OpenTape.ts"
import { isSystemRecord } from "../../domain/segment/recordLines.ts"
import { aCountOrInfinity, aFlag, type Checks } from "../../domain/format/checkOptions.ts"
import { type Chunk, corruptAt, parseChunk, readChunk, type ReadError } from "./RecordReader.ts"

/** Range of records, by ordinal. */
export interface RecordRange {
  /** Ordinal of the first record. Default: 0. */
  readonly from?: number
  /** Ordinal after the last record. Default: the number of records when the stream starts. */
  readonly to?: number
  /** Whether to return the last record first. Default: false. */
  readonly reverse?: boolean
  /** Whether to continue where records are lost, instead of failing with `RecordsLost`. Default: false. */
  readonly allowGaps?: boolean
}

export const recordRangeChecks = {
  from: aCountOrInfinity,
  to: aCountOrInfinity,
  reverse: aFlag,
  allowGaps: aFlag
} satisfies Checks<RecordRange>

/** @throws BadLine | TaraSONError */
const toRecord = (record: Json): JsonObject => {
  if (typeof record !== "object" || record === null || Array.isArray(record)) throw new BadLine("it is not a record")
  if (isSystemRecord(record as JsonObject)) throw new BadLine("it is a system record")
  return record as JsonObject
}

/** Streams the records that a tape has when the stream starts. Fails where records are lost, unless gaps are allowed. */
export const tapeRecords = (
  lib: LibHandle,
  tape: () => OpenTape,
  range: RecordRange = {}
): Stream.Stream<JsonObject, ReadError | RecordsLost | LibClosed> =>
  Stream.suspend(() => {
    const lost = range.allowGaps === true ? undefined : firstLoss(tape(), range)
    if (lost === undefined) return recordStream(lib, tape, range)
    const { ordinal, records, segment } = lost
    const upToLoss = range.reverse === true ? { ...range, from: ordinal } : { ...range, to: ordinal }
    const error = new RecordsLost({ tape: tape().name, ordinal, records, segment })
    return Stream.concat(recordStream(lib, tape, upToLoss), Stream.fail(error))
  })

/**
 * Returns the first loss that a read passes and that nobody has accepted. A read that begins there passes it, so that one
 * that is tried again, or that reads page by page, does not miss it. One that ends there does not.
 */
const firstLoss = ({ state }: OpenTape, range: RecordRange): Lost | undefined => {
  if (state.lost.length === 0) return undefined
  const from = range.from ?? 0
  const to = range.to ?? Number.POSITIVE_INFINITY
  const passed = ({ accepted, ordinal }: Lost) => accepted !== true && from < to && ordinal >= from && ordinal < to
  return range.reverse === true ? state.lost.findLast(passed) : state.lost.find(passed)
}

/** Streams the records that are there, whatever is lost between them. */
export const recordStream = (
  lib: LibHandle,
  tape: () => OpenTape,
  range: RecordRange = {}
): Stream.Stream<JsonObject, ReadError | LibClosed> =>
  chunkStream(lib, tape, range, (chunk, from, to) => {
    const records = parseChunk(chunk, from, to, toRecord)
    return range.reverse === true ? records.toReversed() : records
  })

/** Streams the results of `take` for each chunk. `take` gets the range of ordinals that it should return. */
export const chunkStream = <A>(
  lib: LibHandle,
  tape: () => OpenTape,
  range: RecordRange,
  take: (chunk: Chunk, from: number, to: number) => Array<A>
): Stream.Stream<A, ReadError | LibClosed> =>
  Stream.suspend(() => {
    const opened = tape()
    const from = range.from ?? 0
    const to = Math.min(opened.records, range.to ?? opened.records)
    if (!(from < to)) return Stream.empty
    return range.reverse === true ? backwards(lib, opened, from, to, take) : forwards(lib, opened, from, to, take)
  })

type Take<A> = (chunk: Chunk, from: number, to: number) => Array<A>

const forwards = <A>(lib: LibHandle, tape: OpenTape, from: number, to: number, take: Take<A>) =>
  Stream.paginate(from, (next: number) =>
    Effect.flatMap(open(lib, tape, next, "forward"), (chunk) => {
      const end = Math.min(to, chunk.firstOrdinal + chunk.count)
      const rest = end < to ? Option.some(end) : Option.none<number>()
      return Effect.map(taken(tape, chunk, next, to, take), (records) => [records, rest] as const)
    })
  )

const backwards = <A>(lib: LibHandle, tape: OpenTape, from: number, to: number, take: Take<A>) =>
  Stream.paginate(to, (end: number) =>
    Effect.flatMap(open(lib, tape, end - 1, "backward"), (chunk) => {
      const start = Math.max(from, chunk.firstOrdinal)
      const rest = start > from ? Option.some(start) : Option.none<number>()
      return Effect.map(taken(tape, chunk, from, end, take), (records) => [records, rest] as const)
    })
  )

const taken = <A>(tape: OpenTape, chunk: Chunk, from: number, to: number, take: Take<A>) =>
  decodeUntrusted(
    () => take(chunk, from, to),
    (why) => corruptAt(tape, Math.max(from, chunk.firstOrdinal), why)
  )

const open = (
  lib: LibHandle,
  tape: OpenTape,
  ordinal: number,
  direction: "forward" | "backward"
): Effect.Effect<Chunk, ReadError | LibClosed> =>
  lib.guard.isClosed ? Effect.fail(lib.guard.closedError) : readChunk(lib, tape, ordinal, direction)
