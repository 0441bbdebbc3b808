/**
 * Takes a tape with good meta into a new lib. The tape keeps its id and stream, and gets the new lib's id and batch
 * numbers.
 */
import * as Effect from "effect/Effect"
import * as Event from "../../../domain/event/Event.ts"
import { tapeMetaFile } from "../../../domain/format/Format.ts"
import { BadLine } from "../../../domain/json/BadLine.ts"
import type { Limits } from "../../../domain/format/Limits.ts"
import * as MetaChain from "../../../domain/meta/MetaChain.ts"
import { checkTapeName, type InvalidTapeName } from "../../../domain/format/Names.ts"
import { type EventKey, SegmentIndexBuilder } from "../../../domain/segment/SegmentIndex.ts"
import type { Lost, Role, Segment } from "../../../domain/meta/SystemRecord.ts"
import * as TapeState from "../../../domain/meta/TapeState.ts"
import type { Meta, Root, StorageError } from "../../ports/Storage.ts"
import { attempt } from "../../base/attempt.ts"
import type { NewLib } from "./NewLib.ts"
import { keysOfEvents } from "../../../domain/event/eventKeys.ts"
import { checkTapeMetaSize, segmentLineBytesMax } from "../../lib/metaLimits.ts"
import { whyBad } from "../../base/decodeUntrusted.ts"
import type { TapeMetaError } from "../../lib/readTapeMeta.ts"
import { chunkBytes, linesOfChunk, type ReadError } from "../../read/RecordReader.ts"
import { forEachLine } from "../../../domain/format/lines.ts"
import { readSegmentChunk } from "../../segment/SegmentRecords.ts"
import { writeNextSegment } from "../../segment/NextSegment.ts"
import { isLostAfter, type LostBatches } from "./LostBatches.ts"
import type { OrphanPart, Orphans } from "./Orphans.ts"

/** A tape that was taken into the new lib. */
export interface Adopted {
  /** Name of the tape. */
  readonly name: string
  /** UUID of the tape, which it keeps. */
  readonly tape: string
  /** `records` or `events`. */
  readonly role: Role
  /** Number of records that the tape has now. */
  readonly records: number
  /** Number of committed records that were in no segment; they are in a new one now. */
  readonly fromDynamic: number
  /**
   * Number of committed records that cannot be stored, because a line before them is not a valid event. They are in
   * files that were set aside.
   */
  readonly unplaced: number
  /**
   * Place and reason of the first committed line that is not an event, though its checksum matches. It begins the
   * `unplaced` records.
   */
  readonly unreadable?: string
  /** Position after the tape's last event, lost ones included; 0 if it has no events. */
  readonly nextPosition: number
  /** Everything that the tape has lost, also earlier, as its meta lists it. */
  readonly lost: ReadonlyArray<Lost>
}

/** What is known about losses of the whole lib. */
export interface LibLoss {
  readonly batches: LostBatches
  /** UUID of the lib that the dynamic segments belong to, if it is known. */
  readonly oldLib: string | undefined
  /** A position that no event had, not even a lost one. */
  readonly position: number
  readonly isAccepted: boolean
  readonly time: string
}

/** Errors of taking over a tape. Defects of the tape itself are returned as reasons instead. */
export type AdoptError = StorageError | ReadError

/** Takes over the tape in folder `name`. If it cannot be taken over, changes nothing and returns the reason. */
export const adopt = Effect.fnUntraced(function* (
  lib: NewLib,
  name: string,
  orphans: Orphans,
  loss: LibLoss
): Effect.fn.Return<Adopted | { readonly tape: string; readonly why: string }, AdoptError> {
  const { limits, root } = lib
  const meta = yield* root.meta.read(name)
  if (meta === undefined) return { tape: name, why: "its meta is missing" }
  if (meta.bytes.length === 0) return { tape: name, why: "its meta is empty: an interrupted clone left it" }
  const folded = yield* Effect.result(fold(name, meta, limits))
  if (folded._tag === "Failure") return { tape: name, why: folded.failure.message }
  const state = folded.success
  const { tape: id, role, records } = state
  // Batch numbers restart with the lib.
  const segments = state.segments.map((segment) => ({ ...segment, lastBatch: 0 }))
  // An interrupted recovery has adopted it already: its ordinals are no longer those of the batches.
  const isDone = loss.oldLib !== undefined && state.lib !== loss.oldLib
  const behind = partsBehind(isDone ? [] : (orphans.parts.get(state.tape) ?? []), state)
  const { placed, unplaced } = behind
  const fits = yield* Effect.result(checkRoom(name, { ...state, segments }, limits, placed.length))
  if (fits._tag === "Failure") return { tape: name, why: fits.failure.message }
  // Checked before anything is written: if no batch has positions, only the last segment knows them.
  const held = yield* Effect.result(nextPosition(lib, name, state))
  const isLossless = placed.every(({ lostBefore }) => lostBefore === 0) && unplaced === 0
  if (held._tag === "Failure") {
    if (held.failure._tag === "StorageError") return yield* held.failure
    const isNeeded = !isLossless || placed.length === 0 || isLostAfter(loss.batches, state.lastBatch)
    if (isNeeded) return { tape: name, why: lastIsLost(state, held.failure) }
  }
  const before = held._tag === "Success" ? held.success : 0
  for (const { parts } of placed) segments.push(yield* appendParts(root, name, state, segments, parts))
  const losses = isDone ? [] : lossesOf(state, behind, loss, before)
  const lost = [...state.lost, ...losses]
  const made = { ...state, lib: lib.id, lastBatch: 0, segments, lost }
  const written = MetaChain.writeTape(TapeState.refold(made), limits)
  yield* root.meta.replace(name, meta.version, written.bytes)
  return {
    name,
    tape: id,
    role,
    records: records + behind.records,
    fromDynamic: behind.records,
    unplaced,
    ...(behind.unreadable === undefined ? {} : { unreadable: behind.unreadable }),
    nextPosition: Math.max(before, behind.nextPosition, ...lost.map(({ positions }) => positions?.[1] ?? 0)),
    lost
  }
})

/** Says why the tape is not taken over. `salvageTape` would refuse it: it still names the old lib. */
const lastIsLost = ({ segments }: TapeState.TapeState, failure: ReadError): string =>
  `its last segment ${segments.at(-1)?.name ?? ""} cannot be read (${"why" in failure ? failure.why : failure._tag}), so its last positions are not known. Restore this file and run Lib.recover again, or run recoverTape, which keeps the other segments`

/** Returns the losses before and after the parts that were placed, in order. */
const lossesOf = (
  { lastBatch, records, role }: TapeState.TapeState,
  { lastPart, nextPosition: behindAll, placed, unplaced }: Behind,
  { batches, isAccepted, position, time }: LibLoss,
  nextPosition: number
): Array<Lost> => {
  const losses: Array<Lost> = []
  let ordinal = records
  let from = nextPosition
  const lose = (count: number | null, to: number) =>
    losses.push({
      ...(isAccepted ? { accepted: true as const } : {}),
      ordinal,
      positions: role === "events" ? [from, Math.max(from, to)] : null,
      records: count,
      segment: batches.where,
      streams: null,
      time
    })
  for (const { lostBefore, parts } of placed) {
    const keys = parts.flatMap((part) => part.keys ?? [])
    if (lostBefore > 0) lose(lostBefore, keys[0]?.position ?? 0)
    ordinal += parts.reduce((sum, { count }) => sum + count, 0)
    from = (keys.at(-1)?.position ?? from - 1) + 1
  }
  const end = Math.max(position, behindAll)
  if (isLostAfter(batches, Math.max(lastBatch, lastPart))) lose(null, end)
  else if (unplaced > 0) lose(unplaced, end)
  return losses
}

/** Fails, before anything is written, if the tape's meta will be too large. */
const checkRoom = (name: string, state: TapeState.TapeState, limits: Limits, tails: number) => {
  const { bytes } = MetaChain.writeTape(TapeState.refold(state), limits)
  // A tail may come with a loss before it, and another loss may follow the last one.
  const more = tails === 0 ? 0 : (2 * tails + 1) * segmentLineBytesMax
  return checkTapeMetaSize(limits, name, bytes.length + more, state.segments.length)
}

/** Folds the meta of the tape in folder `name`. */
export const fold = (
  name: string,
  meta: Meta | undefined,
  limits: Limits
): Effect.Effect<TapeState.TapeState, TapeMetaError | InvalidTapeName> =>
  attempt(() => {
    checkTapeName(name)
    const file = `${name}/${tapeMetaFile}`
    return TapeState.fold(file, MetaChain.readTape(file, meta?.bytes ?? new Uint8Array(0), limits).records)
  })

/** A part that follows the tape's segments, with the keys of its events. */
interface FollowingPart {
  readonly count: number
  readonly lines: Uint8Array
  readonly keys: ReadonlyArray<EventKey> | undefined
}

/** Parts that follow each other without a gap. They become one segment. */
interface Run {
  /** Number of records that are lost before them. */
  readonly lostBefore: number
  readonly parts: Array<FollowingPart>
}

interface Behind {
  readonly placed: ReadonlyArray<Run>
  /** Number of records in them. */
  readonly records: number
  readonly unplaced: number
  readonly unreadable: string | undefined
  readonly nextPosition: number
  /** The last batch with records of the tape; 0 if none was found. */
  readonly lastPart: number
}

/** Takes the parts of batches that are not in the tape's segments. Batches between them may be lost. */
const partsBehind = (parts: ReadonlyArray<OrphanPart>, { lastBatch, records, role }: TapeState.TapeState): Behind => {
  const placed: Array<Run> = []
  let keysIn = keysInOrder()
  let unreadable: string | undefined
  let next = records
  let unplaced = 0
  let nextPosition = 0
  for (const part of parts) {
    if (part.batch <= lastBatch || part.firstOrdinal < next) continue
    if (unreadable === undefined) {
      try {
        const lostBefore = part.firstOrdinal - next
        // Where events are lost, the revisions of a stream have a gap, and those of a segment must not.
        if (lostBefore > 0) keysIn = keysInOrder()
        const keys = role === "events" ? keysIn(part) : undefined
        if (lostBefore > 0 || placed.length === 0) placed.push({ lostBefore, parts: [] })
        placed.at(-1)!.parts.push({ count: part.count, lines: part.lines, keys })
        next += lostBefore + part.count
        nextPosition = (keys?.at(-1)?.position ?? -1) + 1
        continue
      } catch (error) {
        unreadable = `${part.file} at byte ${part.offset}: ${whyBad(error)}`
      }
    }
    unplaced += part.count
    // No event that is left out has a higher position, so no position is given again.
    if (role === "events") nextPosition = Math.max(nextPosition, part.positions[1])
  }
  const count = placed.reduce((sum, run) => sum + run.parts.reduce((all, part) => all + part.count, 0), 0)
  return { placed, records: count, unplaced, unreadable, nextPosition, lastPart: parts.at(-1)?.batch ?? 0 }
}

/**
 * Decodes the keys of one part after the other. A mark proves that lines are unchanged, not that they are valid. Throws
 * if they are not events, or cannot be at their positions.
 */
const keysInOrder = (): ((part: OrphanPart) => ReadonlyArray<EventKey>) => {
  const order = new SegmentIndexBuilder("events")
  return ({ lines, positions: [before, behind] }) => {
    const keys = keysOfEvents(lines)
    if (keys.some(({ position }) => position < before || position >= behind)) {
      throw new BadLine("a position is outside of its batch")
    }
    forEachLine(lines, (start, end, n) => order.add(lines, start, end, keys[n]!))
    return keys
  }
}

const appendParts = (
  root: Root,
  tape: string,
  { nextNumber, role }: TapeState.TapeState,
  segments: ReadonlyArray<Segment>,
  parts: ReadonlyArray<FollowingPart>
) => {
  const before = segments.at(-1)
  const number = Math.max(nextNumber, (before?.number ?? 0) + 1)
  const written = writeNextSegment(root, { tape, role, number, before, lastBatch: 0 }, (seal, append) =>
    Effect.forEach(
      parts,
      ({ keys, lines }) => {
        seal.add(lines, keys === undefined ? undefined : (n) => keys[n]!)
        return append(lines)
      },
      { discard: true }
    )
  )
  return Effect.map(written, ({ segment }) => segment)
}

/** Returns the position after the last event in segments, and after everything that was lost before. */
export const nextPosition = (
  { segments: store }: NewLib,
  tape: string,
  { lost, role, segments }: TapeState.TapeState
): Effect.Effect<number, AdoptError> => {
  const last = segments.at(-1)
  const behindLost = Math.max(0, ...lost.map(({ positions }) => positions?.[1] ?? 0))
  if (role !== "events" || last === undefined) return Effect.succeed(behindLost)
  const record = last.records - 1
  return Effect.map(readSegmentChunk(store, tape, role, last, record, "backward", chunkBytes), (chunk) => {
    const ordinal = last.firstOrdinal + record
    const [line] = linesOfChunk(chunk, ordinal, ordinal + 1)
    return Math.max(behindLost, Event.decodeLine(line!).position + 1)
  })
}
