/**
 * What a recovered tape has lost, as its meta will list it: at damaged and missing files, at gaps of ordinals, and where
 * the revisions of a stream have a gap. Losses that a damaged meta still lists stay.
 */
import * as Effect from "effect/Effect"
import { hash53 } from "../../../domain/base/Hash53.ts"
import { tapeMetaFile } from "../../../domain/format/Format.ts"
import { segmentName } from "../../../domain/format/Names.ts"
import { parseIfSegmentName } from "../../../domain/format/parseIfSegmentName.ts"
import type { TapeListing } from "../../../domain/meta/LibState.ts"
import { unnamedAs } from "../../../domain/meta/Losses.ts"
import type { Lost, Segment } from "../../../domain/meta/SystemRecord.ts"
import * as SegmentIndex from "../../../domain/segment/SegmentIndex.ts"
import type { LibHandle } from "../../lib/LibHandle.ts"
import type { SegmentError } from "../../segment/SegmentAccess.ts"
import { runLookup } from "../../segment/SegmentIndexFile.ts"
import type { FormerLosses, Lost as LostFile } from "./FoundFiles.ts"
import type { Plan } from "./Plan.ts"

/** A place of the new tape at which records are lost, or may be. */
interface Seam {
  /** Ordinal of the record that follows. */
  readonly ordinal: number
  /** `null` if it is not known how many are lost. */
  records: number | null
  readonly segment: string
}

/** Revisions of a stream that no event has, noted at the seam where they must be lost. */
interface RevisionGap {
  readonly seam: Seam
  readonly hash: number
  readonly first: number
  readonly count: number
}

/** Positions and revisions of the events of one segment. */
interface Events {
  readonly first: number
  readonly last: number
  /** `undefined` if its index cannot be read. */
  readonly rows: ReadonlyArray<SegmentIndex.StreamRow & { readonly hash: number }> | undefined
}

export interface Recovered {
  readonly plan: Plan
  /** Lost files of which no other file is proven to have the records. */
  readonly lostFiles: ReadonlyArray<LostFile>
  readonly segments: ReadonlyArray<Segment>
  readonly former: FormerLosses
  readonly time: string
}

/** Returns the losses of a recovered tape, in order. */
export const lossesOf = Effect.fnUntraced(function* (
  lib: LibHandle,
  { name, role }: TapeListing,
  { former, lostFiles, plan, segments, time }: Recovered
): Effect.fn.Return<ReadonlyArray<Lost>, SegmentError> {
  const seams = new Seams(plan, lostFiles, former)
  if (role === "records") {
    const made = seams.all().map((seam): Lost => ({ ...seam, positions: null, streams: null, time }))
    return inOrder([...movedRecords(plan, former), ...made])
  }
  const events = yield* eventsOf(lib, name, segments)
  // A file that was damaged once may be good again.
  const losses = stillLost(former.losses, events, lib.journal.durable.position)
  const known = { losses, mayLack: former.mayLack && !(yield* hasAllPositions(lib, name, segments)) }
  const made = eventLosses(lib, name, { events, former: known, seams, segments, time })
  return inOrder([...movedEvents(segments, events, known), ...made])
})

/** Whether the event tapes hold an event for each position of the lib, so that none can be lost. */
const hasAllPositions = Effect.fnUntraced(function* (lib: LibHandle, name: string, segments: ReadonlyArray<Segment>) {
  let events = segments.at(-1)?.merkle.size ?? 0
  for (const other of lib.meta.state.tapes.values()) {
    if (other.role !== "events" || other.name === name) continue
    const tape = yield* Effect.result(lib.tapes.get(other.name))
    if (tape._tag === "Failure") return false
    events += tape.success.records
  }
  return events === lib.journal.durable.position
})

interface FoundEvents extends Pick<Recovered, "former" | "segments" | "time"> {
  readonly events: ReadonlyArray<Events>
  readonly seams: Seams
}

/** Returns the losses that former ones do not list. Adds the places that only positions or revisions show to `seams`. */
const eventLosses = (
  lib: LibHandle,
  name: string,
  { events, former, seams, segments, time }: FoundEvents
): ReadonlyArray<Lost> => {
  const { position } = lib.journal.durable
  const positionsOf = (ordinal: number): readonly [from: number, to: number] => {
    const next = segments.findIndex(({ firstOrdinal }) => firstOrdinal >= ordinal)
    const before = next === -1 ? events.at(-1) : events[next - 1]
    return [(before?.last ?? -1) + 1, next === -1 ? position : events[next]!.first]
  }
  /** Returns how many positions are missing before a record, without those that former losses list. */
  const widthOf = (ordinal: number): number => {
    const [from, to] = positionsOf(ordinal)
    return to - from - listedIn(former.losses, from, to)
  }
  // Where no position is missing, no event is.
  seams.keep(({ ordinal }) => widthOf(ordinal) > 0)
  const others = [...lib.meta.state.tapes.values()].filter((tape) => tape.role === "events" && tape.name !== name)
  const isAlone = others.length === 0
  if (former.mayLack || isAlone) {
    for (const ordinal of new Set([...segments.map(({ firstOrdinal }) => firstOrdinal), seams.end])) {
      if (widthOf(ordinal) > 0 && !seams.has(ordinal)) seams.add(ordinal, null, tapeMetaFile)
    }
  }
  for (const seam of seams.all()) {
    const width = widthOf(seam.ordinal)
    // All positions were given to events of the only tape with events. An earlier salvage may have saved records of a
    // file that is still there.
    if (isAlone) seam.records = width
    else if (former.mayLack || (seam.records ?? 0) > width) seam.records = null
  }
  const gaps = revisionGaps(segments, events, seams, former.losses)
  // If the gaps make up everything that can be lost, no other stream has lost events.
  const sum = (all: ReadonlyArray<number>) => all.reduce((total, one) => total + one, 0)
  const most = seams.all().map(({ ordinal, records }) => Math.min(records ?? widthOf(ordinal), widthOf(ordinal)))
  const known = gaps !== undefined && sum(gaps.map(({ count }) => count)) === sum(most) ? gaps : undefined
  return seams.all().map((seam): Lost => {
    const unnamed = (known ?? [])
      .filter((gap) => gap.seam === seam)
      .map(({ count, first, hash }) => [unnamedAs(hash), first, count] as const)
    const positions = positionsOf(seam.ordinal)
    const streams = known === undefined ? null : []
    return { ...seam, positions, streams, time, ...(unnamed.length === 0 ? {} : { unnamed }) }
  })
}

/** Returns the losses at whose positions events are missing, each with no more records than positions are. */
const stillLost = (
  losses: ReadonlyArray<Lost>,
  events: ReadonlyArray<Events>,
  position: number
): ReadonlyArray<Lost> => {
  const missing = [...events.map(({ first }) => first), position].map(
    (to, index) => [(events[index - 1]?.last ?? -1) + 1, to] as const
  )
  return losses.flatMap((lost) => {
    const width = missing.reduce((sum, [from, to]) => sum + overlapOf(lost, from, to), 0)
    if (width === 0) return []
    return lost.records !== null && lost.records > width ? [{ ...lost, records: null }] : [lost]
  })
}

/**
 * Returns how many positions of a range the losses explain: those that are in any of them, but no more than they have
 * records. Losses at one place overlap, and a damaged meta may list only some of them.
 */
const listedIn = (losses: ReadonlyArray<Lost>, from: number, to: number): number => {
  const most = losses.reduce(
    (sum, lost) => sum + Math.min(overlapOf(lost, from, to), lost.records ?? Number.POSITIVE_INFINITY),
    0
  )
  let listed = 0
  let next = from
  const ranges = losses.flatMap(({ positions }) => (positions === null ? [] : [positions]))
  for (const [first, end] of ranges.toSorted((a, b) => a[0] - b[0])) {
    listed += Math.max(0, Math.min(to, end) - Math.max(next, first))
    next = Math.max(next, end)
  }
  return Math.min(listed, most)
}

/** Returns how many positions of a range a loss lists. */
const overlapOf = ({ positions }: Lost, from: number, to: number): number =>
  positions === null ? 0 : Math.max(0, Math.min(to, positions[1]) - Math.max(from, positions[0]))

const eventsOf = Effect.fnUntraced(function* (
  lib: LibHandle,
  tape: string,
  segments: ReadonlyArray<Segment>
): Effect.fn.Return<ReadonlyArray<Events>, SegmentError> {
  const events: Array<Events> = []
  for (const segment of segments) {
    const { header, memory } = yield* lib.segments.index(tape, "events", segment)
    const found = yield* runLookup(lib.segments, tape, segment.name, memory, () => SegmentIndex.readStreams(header))
    events.push({ first: header.firstPosition, last: header.lastPosition, rows: found?.value })
  }
  return events
})

class Seams {
  readonly #byOrdinal = new Map<number, Seam>()
  /** Number of records of the new tape. */
  readonly end: number

  constructor({ files, gaps, missing, tails }: Plan, lostFiles: ReadonlyArray<LostFile>, { losses }: FormerLosses) {
    const before = (number: number) =>
      files.reduce((sum, file) => sum + (file.number < number ? file.prints.length : 0), 0)
    this.end = before(Number.POSITIVE_INFINITY) + tails.reduce((sum, [from, to]) => sum + to - from, 0)
    // What the former meta lists already is not listed again.
    const listed = new Set(losses.map(({ segment }) => parseIfSegmentName(segment)?.number))
    for (const { file, number } of lostFiles) {
      if (!listed.has(number)) this.add(before(number), file.records ?? null, file.segment)
    }
    for (const { certain, from, to } of missing) {
      const isListed = [...listed].some((number) => number !== undefined && number >= from && number <= to)
      if (!certain || isListed) continue
      const segment = segmentName({ number: from, compression: "none", shardEvery: 0 })
      this.add(before(from), null, segment)
    }
    let lost = 0
    for (const { from, records, to } of gaps) {
      const first = from - lost
      lost += records
      const within = this.all().filter(({ ordinal }) => ordinal >= first && ordinal <= to - lost)
      // Ordinals say exactly how many are lost in a gap, but not how they are distributed.
      if (within.length === 1) within[0]!.records = records
      // A damaged meta may list more gaps than there is room for.
      else if (within.length === 0) this.add(Math.max(0, Math.min(to - lost, this.end)), records, tapeMetaFile)
    }
  }

  /** Notes that records are lost before an ordinal. Several losses at one place are one. */
  add(ordinal: number, records: number | null, segment: string): Seam {
    const known = this.#byOrdinal.get(ordinal)
    if (known === undefined) {
      const made = { ordinal, records: records === 0 ? null : records, segment }
      this.#byOrdinal.set(ordinal, made)
      return made
    }
    known.records = known.records === null || records === null ? null : known.records + records
    return known
  }

  has(ordinal: number): boolean {
    return this.#byOrdinal.has(ordinal)
  }

  /** Removes the others. */
  keep(isLossy: (seam: Seam) => boolean): void {
    for (const seam of this.all()) if (!isLossy(seam)) this.#byOrdinal.delete(seam.ordinal)
  }

  all(): ReadonlyArray<Seam> {
    return [...this.#byOrdinal.values()].toSorted((a, b) => a.ordinal - b.ordinal)
  }
}

/**
 * Returns the gaps of revisions that no former loss explains. Adds a seam where nothing else shows that events are
 * lost. Returns `undefined` if the streams share a hash or not all are known.
 */
const revisionGaps = (
  segments: ReadonlyArray<Segment>,
  events: ReadonlyArray<Events>,
  seams: Seams,
  former: ReadonlyArray<Lost>
): ReadonlyArray<RevisionGap> | undefined => {
  const gaps: Array<RevisionGap> = []
  const ends = new Map<number, { readonly revision: number; readonly ordinal: number }>()
  let isSure = true
  for (const [index, { rows }] of events.entries()) {
    const { firstOrdinal, records } = segments[index]!
    if (rows === undefined || new Set(rows.map(({ hash }) => hash)).size < rows.length) isSure = false
    for (const { count, firstRevision, hash } of rows ?? []) {
      const end = ends.get(hash) ?? { revision: -1, ordinal: 0 }
      const first = end.revision + 1
      if (firstRevision < first) isSure = false
      if (firstRevision > first && !isExplained(former, hash, first, firstRevision)) {
        const seam =
          seams.all().findLast(({ ordinal }) => ordinal >= end.ordinal && ordinal <= firstOrdinal) ??
          seams.add(firstOrdinal, null, tapeMetaFile)
        gaps.push({ seam, hash, first, count: firstRevision - first })
      }
      ends.set(hash, { revision: firstRevision + count - 1, ordinal: firstOrdinal + records })
    }
  }
  return isSure ? gaps : undefined
}

const isExplained = (former: ReadonlyArray<Lost>, hash: number, from: number, to: number): boolean =>
  former.some(
    ({ streams, unnamed = [] }) =>
      streams === null ||
      [...streams.map(([name, first, count]) => [hash53(name), first, count] as const), ...numbered(unnamed)].some(
        ([one, first, count]) => one === hash && first < to && first + count > from
      )
  )

const numbered = (unnamed: NonNullable<Lost["unnamed"]>) =>
  unnamed.map(([hash, first, count]) => [Number.parseInt(hash, 16), first, count] as const)

/** Returns former losses at their ordinals in the new tape: each lies between two segments, according to positions. */
const movedEvents = (
  segments: ReadonlyArray<Segment>,
  events: ReadonlyArray<Events>,
  { losses }: FormerLosses
): ReadonlyArray<Lost> =>
  losses.map((lost) => {
    const end = lost.positions?.[1] ?? 0
    const next = events.findIndex(({ first }) => first >= end)
    const last = segments.at(-1)
    return { ...lost, ordinal: segments[next]?.firstOrdinal ?? (last === undefined ? 0 : last.merkle.size) }
  })

/** Returns former losses at their ordinals in the new tape, as far as the ordinals of the files are known. */
const movedRecords = ({ files, tails }: Plan, { losses }: FormerLosses): ReadonlyArray<Lost> =>
  losses.map((lost) => {
    let ordinal = 0
    let old = 0
    for (const { firstOrdinal, prints } of files) {
      old = firstOrdinal ?? old
      ordinal += Math.max(0, Math.min(prints.length, lost.ordinal - old))
      old += prints.length
    }
    const more = tails.reduce((sum, [from, to]) => sum + to - from, 0)
    return { ...lost, ordinal: ordinal + Math.max(0, Math.min(more, lost.ordinal - old)) }
  })

const inOrder = (losses: ReadonlyArray<Lost>): ReadonlyArray<Lost> =>
  losses.toSorted((a, b) => a.ordinal - b.ordinal || (a.positions?.[0] ?? 0) - (b.positions?.[0] ?? 0))
