/**
 * Takes a tape with good meta into a new lib. The tape keeps its id and stream, and gets the new lib's id and batch
 * numbers.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Event from "../../../domain/event/Event.ts"
import { tapeMetaFile } from "../../../domain/format/Format.ts"
import { BadLine } from "../../../domain/json/BadLine.ts"
import type { Limits } from "../../../domain/format/Limits.ts"
import * as MetaChain from "../../../domain/meta/MetaChain.ts"
import { checkTapeName, type InvalidTapeName } from "../../../domain/format/Names.ts"
import { type EventKey, SegmentIndexBuilder } from "../../../domain/segment/SegmentIndex.ts"
import type { Role } from "../../../domain/meta/SystemRecord.ts"
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
   * Number of committed records that cannot follow the tape's last record, because records between them are lost. They
   * are in files that were set aside.
   */
  readonly unplaced: number
  /**
   * Place and reason of the first committed line that is not an event, though its checksum matches. It begins the
   * `unplaced` records.
   */
  readonly unreadable?: string
  /** Position after the tape's last event; 0 if it has no events. */
  readonly nextPosition: number
}

/** Errors of taking over a tape. Defects of the tape itself are returned as reasons instead. */
export type AdoptError = StorageError | ReadError

/** Takes over the tape in folder `name`. If it cannot be taken over, changes nothing and returns the reason. */
export const adopt = Effect.fnUntraced(function* (
  lib: NewLib,
  name: string,
  orphans: Orphans
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
  const behind = partsBehind(orphans.parts.get(state.tape) ?? [], state)
  const { placed, unplaced } = behind
  const fits = yield* Effect.result(checkRoom(name, { ...state, segments }, limits, placed.length > 0))
  if (fits._tag === "Failure") return { tape: name, why: fits.failure.message }
  // Checked before anything is written: if no batch has positions, only the last segment knows them.
  const held = placed.length > 0 ? Result.succeed(0) : yield* Effect.result(nextPosition(lib, name, state))
  if (held._tag === "Failure") {
    if (held.failure._tag === "StorageError") return yield* held.failure
    return { tape: name, why: held.failure.message }
  }
  const last = placed.length === 0 ? undefined : yield* appendParts(root, name, state, placed)
  if (last !== undefined) segments.push(last)
  const made = { ...state, lib: lib.id, lastBatch: 0, segments }
  const written = MetaChain.writeTape(TapeState.refold(made), limits)
  yield* root.meta.replace(name, meta.version, written.bytes)
  return {
    name,
    tape: id,
    role,
    records: records + (last?.records ?? 0),
    fromDynamic: last?.records ?? 0,
    unplaced,
    ...(behind.unreadable === undefined ? {} : { unreadable: behind.unreadable }),
    nextPosition: Math.max(held.success, behind.nextPosition)
  }
})

/** Fails, before anything is written, if the tape's meta will be too large. */
const checkRoom = (name: string, state: TapeState.TapeState, limits: Limits, hasTail: boolean) => {
  const { bytes } = MetaChain.writeTape(TapeState.refold(state), limits)
  return checkTapeMetaSize(limits, name, bytes.length + (hasTail ? segmentLineBytesMax : 0), state.segments.length)
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
  readonly lines: Uint8Array
  readonly keys: ReadonlyArray<EventKey> | undefined
}

/** Takes the parts of batches that are not in the tape's segments, as far as they follow without a gap. */
const partsBehind = (parts: ReadonlyArray<OrphanPart>, { lastBatch, records, role }: TapeState.TapeState) => {
  const placed: Array<FollowingPart> = []
  const keysIn = keysInOrder()
  let unreadable: string | undefined
  let next = records
  let unplaced = 0
  let nextPosition = 0
  for (const part of parts) {
    if (part.batch <= lastBatch || part.firstOrdinal < next) continue
    if (part.firstOrdinal === next && unreadable === undefined) {
      try {
        const keys = role === "events" ? keysIn(part) : undefined
        placed.push({ lines: part.lines, keys })
        next += part.count
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
  return { placed, unplaced, unreadable, nextPosition }
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

const appendParts = (root: Root, tape: string, state: TapeState.TapeState, parts: ReadonlyArray<FollowingPart>) => {
  const { nextNumber: number, role } = state
  const written = writeNextSegment(
    root,
    { tape, role, number, before: state.segments.at(-1), lastBatch: 0 },
    (seal, append) =>
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

/** Returns the position after the last event in segments. */
const nextPosition = (
  { segments: store }: NewLib,
  tape: string,
  { role, segments }: TapeState.TapeState
): Effect.Effect<number, AdoptError> => {
  const last = segments.at(-1)
  if (role !== "events" || last === undefined) return Effect.succeed(0)
  const record = last.records - 1
  return Effect.map(readSegmentChunk(store, tape, role, last, record, "backward", chunkBytes), (chunk) => {
    const ordinal = last.firstOrdinal + record
    const [line] = linesOfChunk(chunk, ordinal, ordinal + 1)
    return Event.decodeLine(line!).position + 1
  })
}
