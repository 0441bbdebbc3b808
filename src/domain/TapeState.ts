/** Tape meta, folded: identity, segments in canonical order, user metadata. */
import { MetaInvalid } from "./Errors.ts"
import { formatVersion } from "./Format.ts"
import type { Json } from "./TaraSON.ts"
import * as Names from "./Names.ts"
import type { Segment, TapeMeta, TapeRecord, Unchained } from "./SystemRecord.ts"

export interface TapeState {
  readonly tape: string
  readonly lib: string
  readonly created: string
  readonly origin: (typeof TapeMeta.Type)["origin"]
  /** Batches up to this one are in segments, or no part of the tape. */
  readonly lastBatch: number
  /** Closed segments, in canonical order. */
  readonly segments: ReadonlyArray<Segment>
  readonly userMeta: ReadonlyMap<string, Json>
  /** Records in closed segments. */
  readonly records: number
  /** Number of the next segment: one that meta never listed. */
  readonly nextNumber: number
  /** How many records say this. */
  readonly lines: number
}

interface Draft {
  tape: string
  lib: string
  created: string
  origin: TapeState["origin"]
  lastBatch: number
  segments: Array<Segment>
  userMeta: Map<string, Json>
  records: number
  nextNumber: number
}

/**
 * Folds the records of a tape's meta, in order.
 *
 * @throws MetaInvalid | InvalidSegmentName
 */
export const fold = (meta: string, records: ReadonlyArray<TapeRecord>): TapeState => {
  const first = records[0]
  if (first?.$type !== "LiteTape.Meta") throw new MetaInvalid({ meta, line: 1, why: "must be LiteTape.Meta" })
  const draft: Draft = {
    tape: first.tape,
    lib: first.lib,
    created: first.created,
    origin: first.origin,
    lastBatch: first.lastBatch,
    segments: [],
    userMeta: new Map(),
    records: 0,
    nextNumber: 1
  }
  for (let index = 1; index < records.length; index++) apply(meta, index + 1, draft, records[index]!)
  return { ...draft, lines: records.length }
}

/** The state after one more record that this writer is about to write. */
export const after = (state: TapeState, record: Unchained<TapeRecord>): TapeState => {
  const draft: Draft = { ...state, segments: [...state.segments], userMeta: new Map(state.userMeta) }
  apply("tape meta", state.lines + 1, draft, record)
  return { ...draft, lines: state.lines + 1 }
}

const apply = (meta: string, line: number, draft: Draft, record: Unchained<TapeRecord>): void => {
  const invalid = (why: string) => new MetaInvalid({ meta, line, why })
  switch (record.$type) {
    case "LiteTape.Meta":
      throw invalid("a second LiteTape.Meta")
    case "LiteTape.Segment": {
      const { $type: _, previous: __, ...segment } = { previous: null, ...record }
      Names.checkSegmentName(segment.name, { number: segment.number, compression: segment.compression, shardEvery: 0 })
      if (segment.number < draft.nextNumber) throw invalid(`segment ${segment.number} is listed twice or out of order`)
      if (segment.firstOrdinal !== draft.records) {
        throw invalid(`segment ${segment.number} begins at record ${segment.firstOrdinal}, not at ${draft.records}`)
      }
      if (segment.merkle.size !== draft.records + segment.records) throw invalid("its Merkle state has another size")
      if (segment.lastBatch < draft.lastBatch) throw invalid("its last batch is before that of the segment before")
      draft.segments.push(segment)
      draft.records += segment.records
      draft.lastBatch = segment.lastBatch
      draft.nextNumber = segment.number + 1
      return
    }
    case "LiteTape.UserMeta":
      if (record.removed === true) {
        if (record.value !== undefined) throw invalid("a removed key has no value")
        draft.userMeta.delete(record.key)
      } else {
        if (record.value === undefined) throw invalid("a key without a value")
        draft.userMeta.set(record.key, record.value as Json)
      }
      return
  }
}

/** The records that say the same in as few lines as can be. */
export const refold = (state: TapeState): Array<Unchained<TapeRecord>> => {
  const records: Array<Unchained<TapeRecord>> = [
    {
      $type: "LiteTape.Meta",
      created: state.created,
      format: formatVersion,
      lastBatch: state.segments.length === 0 ? state.lastBatch : 0,
      lib: state.lib,
      origin: state.origin,
      tape: state.tape
    }
  ]
  for (const segment of state.segments) records.push({ $type: "LiteTape.Segment", ...segment })
  for (const [key, value] of state.userMeta) records.push({ $type: "LiteTape.UserMeta", key, value })
  return records
}

/** Whether meta should be folded afresh: it has twice as many lines as it needs. */
export const isWorn = (state: TapeState): boolean =>
  state.lines > 2 * (1 + state.segments.length + state.userMeta.size) + 8
