/** Tape meta, folded: identity, segments in canonical order, user metadata. */
import { MetaInvalid } from "../format/Errors.ts"
import type { FormatVersion } from "../format/Format.ts"
import { deepFreeze } from "../base/deepFreeze.ts"
import type { Json } from "../json/TaraSON.ts"
import * as Names from "../format/Names.ts"
import * as Merkle from "../merkle/Merkle.ts"
import type { Lost, Repacked, Role, Segment, TapeMeta, TapeRecord, Unchained } from "./SystemRecord.ts"

/**
 * Numbers that a repack skips before its outputs. In a tape's meta, two consecutive segments never have exactly this
 * many numbers between them: the outputs of a finished repack are further from the segment before them, by the segments
 * that they replaced, and so is the segment after them. So recovery, which has no meta, recognises the outputs of a
 * repack whose inputs are still there.
 */
export const numbersBeforeRepack = 3

/** Tape meta, folded. */
export interface TapeState {
  readonly tape: string
  readonly lib: string
  readonly role: Role
  readonly created: string
  readonly origin: (typeof TapeMeta.Type)["origin"]
  /** Batches up to this one are in segments, or do not belong to the tape. */
  readonly lastBatch: number
  /** Closed segments, in canonical order. */
  readonly segments: ReadonlyArray<Segment>
  readonly userMeta: ReadonlyMap<string, Json>
  /** Records in closed segments. */
  readonly records: number
  /** Number of the next segment, which meta never listed. */
  readonly nextNumber: number
  /** Segments never get a number below this one, even if none is listed. */
  readonly takenNumbers: number
  /** The last repack. */
  readonly repacked: Repacked | undefined
  /** Records that are lost, by ascending ordinal. */
  readonly lost: ReadonlyArray<Lost>
  /** Number of records in tape meta. */
  readonly lines: number
}

/** Bytes of the largest segment: they are counted with 32 bits. */
const segmentBytesMax = 2 ** 32 - 1

/** Bytes of the shortest record: `{}` and a newline. */
const recordBytesMin = 3

interface Draft {
  tape: string
  lib: string
  role: Role
  created: string
  origin: TapeState["origin"]
  lastBatch: number
  segments: Array<Segment>
  userMeta: Map<string, Json>
  records: number
  nextNumber: number
  takenNumbers: number
  repacked: Repacked | undefined
  lost: Array<Lost>
}

/**
 * Folds the records of a tape's meta, in order.
 *
 * @throws MetaInvalid | InvalidSegmentName
 */
export const fold = (meta: string, records: ReadonlyArray<TapeRecord>): TapeState => {
  const first = records[0]
  if (first?.$type !== "LiteTape.Meta")
    throw new MetaInvalid({ meta, line: 1, why: "the first line is not LiteTape.Meta" })
  const draft: Draft = {
    tape: first.tape,
    lib: first.lib,
    role: first.role,
    created: first.created,
    origin: deepFreeze(first.origin),
    lastBatch: first.lastBatch,
    segments: [],
    userMeta: new Map(),
    records: 0,
    nextNumber: 1,
    takenNumbers: first.nextNumber ?? 1,
    repacked: undefined,
    lost: []
  }
  for (let index = 1; index < records.length; index++) apply(meta, index + 1, draft, records[index]!)
  if (first.format < formatOf(draft))
    throw new MetaInvalid({
      meta,
      line: 1,
      why: `it has format ${first.format}, but something in it needs a later one`
    })
  draft.nextNumber = Math.max(draft.nextNumber, draft.takenNumbers)
  if (draft.nextNumber > Names.segmentNumberMax) {
    throw new MetaInvalid({ meta, line: records.length, why: "its segments have used up all numbers" })
  }
  return { ...draft, segments: deepFreeze(draft.segments), lines: records.length }
}

/** Returns the state after one more record that this writer is about to write. */
export const after = (state: TapeState, record: Unchained<TapeRecord>): TapeState => {
  const draft: Draft = {
    ...state,
    segments: [...state.segments],
    userMeta: new Map(state.userMeta),
    lost: [...state.lost]
  }
  apply("tape meta", state.lines + 1, draft, record)
  return { ...draft, segments: deepFreeze(draft.segments), lines: state.lines + 1 }
}

const apply = (meta: string, line: number, draft: Draft, record: Unchained<TapeRecord>): void => {
  const invalid = (why: string) => new MetaInvalid({ meta, line, why })
  switch (record.$type) {
    case "LiteTape.Meta":
      throw invalid("LiteTape.Meta occurs a second time")
    case "LiteTape.Segment": {
      const { $type: _, hash: __, previous: ___, ...segment } = { hash: "", previous: null, ...record }
      const { name, number, compression, shardEvery = 0 } = segment
      checkName(name, { number, compression, shardEvery }, `${meta} line ${line}`)
      const wrongSize = checkSizes(segment)
      if (wrongSize !== undefined) throw invalid(wrongSize)
      if (segment.number < draft.nextNumber) throw invalid(`segment ${segment.number} is listed twice or out of order`)
      if (segment.firstOrdinal !== draft.records) {
        throw invalid(`segment ${segment.number} begins at record ${segment.firstOrdinal}, not at ${draft.records}`)
      }
      if (segment.merkle.size !== draft.records + segment.records)
        throw invalid("the size of its Merkle state is wrong")
      if (!Merkle.isState(segment.merkle))
        throw invalid("its Merkle state does not have one peak for each bit of its size")
      if (segment.lastBatch < draft.lastBatch)
        throw invalid("its last batch is lower than that of the segment before it")
      draft.segments.push(deepFreeze(segment))
      draft.records += segment.records
      draft.lastBatch = segment.lastBatch
      draft.nextNumber = segment.number + 1
      return
    }
    case "LiteTape.UserMeta":
      if (record.removed === true) {
        if (record.value !== undefined) throw invalid("a user key is removed and has a value")
        draft.userMeta.delete(record.key)
      } else {
        if (record.value === undefined) throw invalid("a user key has no value")
        draft.userMeta.set(record.key, deepFreeze(record.value as Json))
      }
      return
    case "LiteTape.Repack": {
      const { $type: _, hash: __, previous: ___, ...repacked } = { hash: "", previous: null, ...record }
      checkRepack(draft, repacked, invalid)
      draft.repacked = repacked
      draft.nextNumber = Math.max(draft.nextNumber, repacked.removed[1] + 1)
      return
    }
    case "LiteTape.Lost": {
      const { $type: _, hash: __, previous: ___, ...lost } = { hash: "", previous: null, ...record }
      applyLost(draft, lost, invalid)
      return
    }
  }
}

const applyLost = (draft: Draft, lost: Lost, invalid: (why: string) => MetaInvalid): void => {
  const { ordinal, positions, streams, unnamed } = lost
  if (ordinal > draft.records) throw invalid("records are lost after the end of the tape")
  if (positions !== null && positions[0] > positions[1]) throw invalid("the lost positions end before they begin")
  if (draft.role === "records" && (positions !== null || streams !== null))
    throw invalid("positions or streams are lost on a tape of records")
  if (draft.role === "events" && positions === null) throw invalid("events are lost without their positions")
  if (streams === null && unnamed !== undefined)
    throw invalid("it is not known which streams are lost, but some are listed")
  const last = draft.lost.at(-1)
  if (last !== undefined && ordinal < last.ordinal) throw invalid("lost records are out of order")
  draft.lost.push(deepFreeze(lost))
}

/** Returns the lowest version of the format that can express a state. */
const formatOf = ({ lost }: { readonly lost: ReadonlyArray<Lost> }): FormatVersion => (lost.length > 0 ? 2 : 1)

/** Checks that a segment has the name that its number gives. */
const checkName = (name: string, naming: Names.SegmentNaming, where: string): void => {
  try {
    Names.checkSegmentName(name, naming)
  } catch (error) {
    if (!(error instanceof Names.InvalidSegmentName)) throw error
    throw new Names.InvalidSegmentName({ name: error.name, why: `${error.why}, by ${where}` })
  }
}

/** Budgets are computed from these sizes, so sizes that no file can have are refused. */
const checkSizes = ({ bytes, compression, rawBytes, records }: Segment): string | undefined => {
  if (Math.max(bytes, rawBytes) > segmentBytesMax) return "it is larger than any segment can be"
  if (compression === "none" && bytes !== rawBytes) return "it is not compressed, but bytes and rawBytes differ"
  return records * recordBytesMin > rawBytes ? "it has more records than its bytes can hold" : undefined
}

/** Checks that a repack and the Merkle states of its segments agree on the root. */
const checkRepack = (draft: Draft, { records, root }: Repacked, invalid: (why: string) => MetaInvalid): void => {
  const last = draft.segments.find((segment) => segment.merkle.size === records)
  if (last !== undefined && Merkle.root(last.merkle) !== root)
    throw invalid("the root of a repack is not that of its segments")
}

/** Returns the state after a repack that replaced `run` by `added`. */
export const afterRepack = (
  state: TapeState,
  run: ReadonlyArray<Segment>,
  added: ReadonlyArray<Segment>,
  why: string
): TapeState => {
  const first = state.segments.indexOf(run[0]!)
  const kept = state.segments.slice(0, first)
  const behind = state.segments.slice(first + run.length)
  const lastMerkle = run.at(-1)!.merkle
  const repacked: Repacked = {
    added: [added[0]!.number, added.at(-1)!.number],
    records: lastMerkle.size,
    removed: [run[0]!.number, run.at(-1)!.number],
    root: Merkle.root(lastMerkle),
    why
  }
  const made = { ...state, segments: [...kept, ...added, ...behind], repacked }
  return again(made)
}

/** Returns a state as the next reader will fold it from its own records. */
export const again = (state: TapeState): TapeState =>
  fold("tape meta", refold(state).map((record) => ({ ...record, hash: "", previous: null })) as Array<TapeRecord>)

/** Returns the fewest records that describe the same state. */
export const refold = (state: TapeState): Array<Unchained<TapeRecord>> => {
  const records: Array<Unchained<TapeRecord>> = [
    {
      $type: "LiteTape.Meta",
      created: state.created,
      format: formatOf(state),
      lastBatch: state.segments.length === 0 ? state.lastBatch : 0,
      lib: state.lib,
      ...(state.takenNumbers === 1 ? {} : { nextNumber: state.takenNumbers }),
      origin: state.origin,
      role: state.role,
      tape: state.tape
    }
  ]
  for (const segment of state.segments) records.push({ $type: "LiteTape.Segment", ...segment })
  if (state.repacked !== undefined) records.push({ $type: "LiteTape.Repack", ...state.repacked })
  for (const lost of state.lost) records.push({ $type: "LiteTape.Lost", ...lost })
  for (const [key, value] of state.userMeta) records.push({ $type: "LiteTape.UserMeta", key, value })
  return records
}

/** Returns whether meta should be folded afresh, because it has twice as many lines as it needs. */
export const isWorn = (state: TapeState): boolean =>
  state.lines > 2 * (2 + state.segments.length + state.userMeta.size + state.lost.length) + 8
