/**
 * Copies one tape up to a number of records into another place, under the same id. Segment files are copied byte by byte
 * (I5), and their SHA-256 is compared with meta on the way. Records that have no segment of their own, because they are
 * only in dynamic segments or because their segment has later records too, get one.
 */
import * as Effect from "effect/Effect"
import { type MetaInvalid, OtherHistory, ReaderBusy } from "../../../domain/format/Errors.ts"
import * as Merkle from "../../../domain/merkle/Merkle.ts"
import { backupNumberMin } from "../../../domain/meta/backupNumbers.ts"
import * as MetaChain from "../../../domain/meta/MetaChain.ts"
import type { Anchor, Lost, Segment } from "../../../domain/meta/SystemRecord.ts"
import * as TapeState from "../../../domain/meta/TapeState.ts"
import type { Counter } from "../../base/Progress.ts"
import type { LibHandle } from "../../lib/LibHandle.ts"
import { checkTapeMetaSize, readMeta } from "../../lib/metaLimits.ts"
import { readTapeMeta } from "../../lib/readTapeMeta.ts"
import type { Root, StorageError } from "../../ports/Storage.ts"
import { retryVanished } from "../../read/retryVanished.ts"
import type { SegmentError } from "../../segment/SegmentAccess.ts"
import { copySegment, writeTail } from "./copyFiles.ts"
import type { Pace } from "./Pace.ts"
import type { TapeMoment } from "./Moment.ts"

/** What a copy did. */
export interface Copied {
  /** Files that were copied or written, and their bytes. */
  segments: number
  bytes: number
  /** Files that the target had already. */
  kept: number
}

/** How the tapes of one backup or restore are copied. */
export interface CopyContext {
  readonly source: LibHandle
  readonly root: Root
  readonly anchor: Anchor
  /** Number of records that the target must be able to show until the copy is complete, by tape id. */
  readonly marked: ReadonlyMap<string, number>
  /** Returns the number of a segment that is made, after those of the tape's other segments. */
  readonly tailNumber: (state: TapeState.TapeState, before: Segment | undefined, used: ReadonlySet<number>) => number
  /** Returns the segments as the target lists them: the same files, perhaps under other names. */
  readonly named: (state: TapeState.TapeState, segments: ReadonlyArray<Segment>) => ReadonlyArray<Segment>
  /** Whether `lost` still describes something that is missing from the copy. */
  readonly keepsLost: (lost: TapeState.TapeState["lost"][number], end: number) => boolean
  readonly counter: Counter
  readonly copied: Copied
  readonly pace: Pace
}

/** Errors of copying a tape. */
export type CopyTapeError = SegmentError | StorageError | MetaInvalid | OtherHistory | ReaderBusy

/** A tape at the target, while it is copied. */
interface There {
  version: string | undefined
  /** Segments that are durable there, by name. */
  readonly files: Map<string, Segment>
  /** Numbers of the segments that its meta lists, and of those that were made. */
  readonly numbers: Set<number>
  /** Segments that were counted as done, by name. */
  readonly counted: Map<string, Segment>
  /** The segments that its meta lists, which must not be overwritten. */
  listed: ReadonlyMap<string, Segment>
}

/** Bytes after which the target's meta lists what was copied so far, so that an interrupted copy is continued there. */
const listEvery = 256 * 1024 * 1024

/** Some are synced while others are copied. */
const segmentsAtOnce = 3

/** Copies one tape: all of its files, then its meta. */
export const copyTape = Effect.fnUntraced(function* (
  context: CopyContext,
  moment: TapeMoment
): Effect.fn.Return<ReadonlyArray<Segment>, CopyTapeError> {
  const there = yield* lookAt(context, moment)
  const segments = yield* copyWhole(context, moment, there)
  const all = [...segments]
  while ((all.at(-1)?.merkle.size ?? 0) < moment.end) all.push(yield* copyRest(context, moment, there, all.at(-1)))
  yield* list(context, moment, there, all)
  return all
})

/** Looks at what the target has of the tape, whose folder is there. */
const lookAt = Effect.fnUntraced(function* (
  { root, source, marked }: CopyContext,
  { end, listed, tape }: TapeMoment
): Effect.fn.Return<There, StorageError | MetaInvalid | OtherHistory> {
  const { name } = listed
  const { limits } = source.meta
  const raw = yield* readMeta(root, name, limits.metaBytesMax)
  // A meta that is damaged, or of another tape, is what an earlier attempt left. Its files are not used.
  const found = yield* Effect.result(readTapeMeta(root, source.meta.state, listed))
  const segments = found._tag === "Success" ? found.success.state.segments : []
  const count = marked.get(listed.tape) ?? 0
  const known = new Map(tape.state.segments.map((segment) => [segment.merkle.size, segment]))
  const refuse = (why: string) => new OtherHistory({ location: root.location, why: `tape ${name} there ${why}` })
  if (count > end) return yield* refuse(`has ${count} records, but that of the lib has only ${end}`)
  const files = new Map<string, Segment>()
  for (const segment of segments) {
    const ours = known.get(segment.merkle.size)
    if (segment.merkle.size <= count && ours !== undefined && Merkle.root(ours.merkle) !== Merkle.root(segment.merkle))
      return yield* refuse(`has other records, before record ${segment.merkle.size}, than that of the lib`)
    if ((yield* root.segments.size(name, segment.name)) === segment.bytes) files.set(segment.name, segment)
  }
  return {
    version: raw?.version,
    files,
    numbers: new Set(segments.map(({ number }) => number)),
    counted: new Map(),
    listed: new Map(segments.map((segment) => [segment.name, segment]))
  }
})

/** Copies the segments that belong to the moment whole. If a repack removes one, those that replaced it. */
const copyWhole = (
  context: CopyContext,
  moment: TapeMoment,
  there: There
): Effect.Effect<ReadonlyArray<Segment>, CopyTapeError> =>
  Effect.suspend(() => {
    const { source } = context
    const { tape, end } = moment
    const { layout } = tape
    const originals = tape.state.segments.filter((segment) => segment.merkle.size <= end)
    const segments = context.named(tape.state, originals)
    const originalOf = new Map(segments.map((segment, n) => [segment, originals[n]!]))
    const copy = Effect.gen(function* () {
      yield* checkTape(context, moment)
      forgetReplaced(context, there, segments)
      yield* unlistNamesakes(context, moment, there, segments)
      for (const group of groupsOf(segments)) {
        const copied = yield* Effect.forEach(
          group,
          (segment) => copyOne(context, moment, there, segment, originalOf.get(segment)!),
          {
            concurrency: segmentsAtOnce
          }
        )
        const last = group.at(-1)!
        const isEnough = last.merkle.size >= (context.marked.get(tape.id) ?? 0)
        if (!copied.includes(true) || !isEnough || last === segments.at(-1)) continue
        yield* list(context, moment, there, segments.slice(0, segments.indexOf(last) + 1))
      }
      return segments
    })
    return retryVanished(source, tape, layout, copy, () => copyWhole(context, moment, there))
  })

/** Returns the segments in runs that the target's meta lists together. */
const groupsOf = (segments: ReadonlyArray<Segment>): ReadonlyArray<ReadonlyArray<Segment>> => {
  const groups: Array<Array<Segment>> = []
  let bytes = listEvery
  for (const segment of segments) {
    if (bytes >= listEvery) {
      groups.push([])
      bytes = 0
    }
    groups.at(-1)!.push(segment)
    bytes += segment.bytes
  }
  return groups
}

/** Copies a segment unless the target has it. Returns whether it was copied. */
const copyOne = Effect.fnUntraced(function* (
  context: CopyContext,
  moment: TapeMoment,
  there: There,
  segment: Segment,
  original: Segment
): Effect.fn.Return<boolean, CopyTapeError> {
  const has = there.files.get(segment.name)?.sha256 === segment.sha256
  if (!has) {
    yield* copySegment(context, moment.listed.name, original, segment.name)
    there.files.set(segment.name, segment)
  }
  yield* count(context, there, segment, has)
  return !has
})

/** Counts a segment as done, once. */
const count = (
  { copied, counter }: CopyContext,
  there: There,
  segment: Segment,
  isKept: boolean
): Effect.Effect<void> =>
  Effect.suspend(() => {
    if (there.counted.has(segment.name)) return Effect.void
    there.counted.set(segment.name, segment)
    if (isKept) copied.kept++
    else {
      copied.segments++
      copied.bytes += segment.bytes
    }
    return counter.add(segment.records, segment.bytes)
  })

/** What a repack replaced after it was copied is work that turns up again. */
const forgetReplaced = ({ counter }: CopyContext, there: There, segments: ReadonlyArray<Segment>): void => {
  const names = new Set(segments.map(({ name }) => name))
  for (const [name, { bytes, records }] of there.counted) {
    if (!names.has(name) && there.counted.delete(name)) counter.grow(records, bytes)
  }
}

/** A recovery during the copy gives the tape another id, and perhaps fewer records: the moment is gone. */
const checkTape = ({ source }: CopyContext, { listed, tape }: TapeMoment): Effect.Effect<void, ReaderBusy> =>
  tape.id === listed.tape && source.tapes.known(listed.name) === tape
    ? Effect.void
    : Effect.fail(new ReaderBusy({ location: source.location }))

/**
 * Makes room for segments whose names the target lists for other files: those of an attempt that did not finish. The
 * files that the earlier backup needs stay listed and are never overwritten.
 */
const unlistNamesakes = Effect.fnUntraced(function* (
  context: CopyContext,
  moment: TapeMoment,
  there: There,
  segments: ReadonlyArray<Segment>
): Effect.fn.Return<void, StorageError | MetaInvalid | OtherHistory | ReaderBusy> {
  const isOther = ({ name, sha256 }: Segment) => (there.listed.get(name)?.sha256 ?? sha256) !== sha256
  const namesakes = segments.filter(isOther)
  if (namesakes.length === 0) return
  const records = context.marked.get(moment.listed.tape) ?? 0
  const needed = [...there.listed.values()].filter(({ firstOrdinal }) => firstOrdinal < records)
  const bad = namesakes.find(({ name }) => needed.some((one) => one.name === name))
  if (bad !== undefined) {
    const why = `its ${moment.listed.name}/${bad.name} has the same name as a file of the lib, but other records`
    return yield* new OtherHistory({ location: context.root.location, why })
  }
  yield* list(context, moment, there, needed)
  for (const { name } of namesakes) there.files.delete(name)
})

/** Writes the rest into a segment of its own, unless the target has it from the backup before. */
const copyRest = Effect.fnUntraced(function* (
  context: CopyContext,
  moment: TapeMoment,
  there: There,
  before: Segment | undefined
): Effect.fn.Return<Segment, CopyTapeError> {
  const { copied, counter, root, source } = context
  const { end, listed, tape } = moment
  const first = before?.merkle.size ?? 0
  // Only what the mark counts is known to be of this history.
  const sizeMax = Math.min(end, context.marked.get(listed.tape) ?? 0)
  const known = [...there.files.values()].find(
    ({ firstOrdinal, merkle, number }) =>
      firstOrdinal === first && merkle.size <= sizeMax && number >= backupNumberMin && number > (before?.number ?? 0)
  )
  if (known !== undefined) {
    yield* count(context, there, known, true)
    return known
  }
  yield* checkTape(context, moment)
  const lastBatch = Math.max(before?.lastBatch ?? 0, Math.min(lastBatchOf(moment), context.anchor.batch))
  const number = context.tailNumber(tape.state, before, there.numbers)
  there.numbers.add(number)
  const segment = yield* writeTail(source, tape, root, { number, before, lastBatch, end }, counter)
  copied.segments++
  copied.bytes += segment.bytes
  return segment
})

/** Returns a batch that no record of the moment comes after. */
const lastBatchOf = ({ end, tape }: TapeMoment): number => {
  const { parts, state } = tape
  const part = parts.find((one) => one.firstOrdinal < end && one.firstOrdinal + one.count >= end)
  if (part !== undefined) return part.batch
  return state.segments.find((segment) => segment.merkle.size >= end)?.lastBatch ?? state.lastBatch
}

/** Makes the target's meta list `segments`, or creates the tape with them. */
const list = Effect.fnUntraced(function* (
  context: CopyContext,
  moment: TapeMoment,
  there: There,
  segments: ReadonlyArray<Segment>
): Effect.fn.Return<void, StorageError | MetaInvalid | ReaderBusy> {
  const { root, source } = context
  const { name } = moment.listed
  // A recovery may have replaced the tape since its records were copied.
  yield* checkTape(context, moment)
  const records = TapeState.refold(stateOf(context, moment, segments))
  const { bytes } = MetaChain.writeTape(records, source.meta.limits)
  yield* checkTapeMetaSize(source.meta.limits, name, bytes.length, records.length)
  there.version = yield* root.meta.replace(name, there.version, bytes)
  there.listed = new Map(segments.map((segment) => [segment.name, segment]))
})

const stateOf = (
  { anchor, keepsLost }: CopyContext,
  { end, tape, userMeta }: TapeMoment,
  segments: ReadonlyArray<Segment>
): TapeState.TapeState => {
  const { state } = tape
  const repacked = state.repacked !== undefined && state.repacked.records <= end ? state.repacked : undefined
  const listed = segments.at(-1)?.merkle.size ?? 0
  return {
    ...state,
    // A repack gives a part of a segment the last batch of the whole, which may be later than the moment.
    segments: segments.map((segment) => ({ ...segment, lastBatch: Math.min(segment.lastBatch, anchor.batch) })),
    userMeta,
    records: listed,
    lastBatch: Math.min(state.lastBatch, anchor.batch),
    repacked,
    lost: state.lost
      .filter((lost) => lost.ordinal <= listed && keepsLost(lost, end))
      .map((lost) => cutLost(lost, anchor.position))
  }
}

/** Returns a loss without the positions from `end` on, which are given anew after a restore to `end`. */
const cutLost = (lost: Lost, end: number): Lost =>
  lost.positions === null || lost.positions[1] <= end
    ? lost
    : { ...lost, positions: [lost.positions[0], end], records: null }
