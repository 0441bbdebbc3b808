/**
 * Makes a lib of a backup, to its end or up to an event. The new lib keeps all ids, and begins a new lineage
 * (docs/PROTOCOL.md, "Restore").
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { nearestNow } from "../../base/storableNow.ts"
import { type LibInvalid, NotABackup, OtherHistory, type SegmentCorrupt } from "../../../domain/format/Errors.ts"
import * as Event from "../../../domain/event/Event.ts"
import { firstNotBefore } from "../../../domain/base/binarySearch.ts"
import { cutAt } from "../../../domain/meta/CheckpointRanges.ts"
import { ordinaryNumber, withOrdinaryNumbers } from "../../../domain/meta/backupNumbers.ts"
import { lineageAt, refoldRestored } from "../../../domain/meta/BackupMetas.ts"
import type { Place } from "../../../domain/meta/LibHistory.ts"
import { decodeUntrusted } from "../../base/decodeUntrusted.ts"
import type { OnProgress } from "../../base/Progress.ts"
import type { LibHandle, WriterSettings } from "../../lib/LibHandle.ts"
import { openReader } from "../../lib/openReader.ts"
import { fromStorage } from "../../lib/OpenError.ts"
import type { OpenTape } from "../../lib/OpenTape.ts"
import type { Storage } from "../../ports/Storage.ts"
import { corruptAt, linesOfChunk, readChunk } from "../../read/RecordReader.ts"
import type { SegmentError } from "../../segment/SegmentAccess.ts"
import { whyNested } from "../../lib/whyNested.ts"
import { type BackupError, copyTapes, counterOf, removeLeftovers } from "./Backup.ts"
import type { Copied } from "./CopyTape.ts"
import { type Moment, showMoment } from "./Moment.ts"
import { Pace } from "./Pace.ts"
import { begin, createFolders, finish } from "./Target.ts"

/** Options of a restore. */
export interface RestoreOptions {
  /**
   * Position of the first event that is left out: the restored lib has all events below it, and gives it to its next
   * event. Tapes of records have no positions and are restored as they are in the backup. A checkpoint that was committed
   * later is lost, because it may name events whose answers are left out: its consumer fails with `CheckpointLost`. Default:
   * everything.
   */
  readonly upTo?: number
  /** Storage of the backup. Default: the one in context, to which the lib is restored. */
  readonly storage?: Storage["Service"]
  /** Receives the progress after each file. */
  readonly onProgress?: OnProgress
}

/** Report of a restore. */
export interface RestoreReport {
  /** Location of the restored lib. */
  readonly location: string
  /** Lib, its new lineage, and the position of its next event. */
  readonly place: Place
  /** Lineage that the backup belongs to, and that the new one leaves. */
  readonly from: string
  /** Number of the last batch; the next one continues from it. */
  readonly batch: number
  /** Number of tapes. */
  readonly tapes: number
  /** Whether an earlier, interrupted restore was continued. */
  readonly resumed: boolean
}

/**
 * Errors of a restore. `NotABackup` means that the one place is not a backup, or that the other is not empty; `OtherHistory`
 * that the backup has no event at `upTo`.
 */
export type RestoreError = BackupError | LibInvalid

/** Settings of the reader of a backup; it never closes anything. */
const settings: WriterSettings = { closeBytes: 1, closeAfterMillis: 1, backlogMax: 1 }

/** Restores the backup at `from` in `source` to the place `to` in `storage`. */
export const restore = (
  source: Storage["Service"],
  from: string,
  storage: Storage["Service"],
  to: string,
  uuid: (nowMillis: number) => string,
  options: RestoreOptions
): Effect.Effect<RestoreReport, RestoreError> =>
  Effect.scoped(
    Effect.gen(function* () {
      const place = yield* Effect.mapError(source.open(from, "read"), (error) => fromStorage(error, from))
      const { lib } = yield* openReader(place, settings, { atMark: true })
      if (lib.meta.state.backup === undefined) {
        const why = "it is not a backup. Back it up with lib.backup first, from a reader if it has no writer."
        return yield* new NotABackup({ location: from, why })
      }
      const nested = whyNested(storage, to, place.location)
      if (nested !== undefined) return yield* new NotABackup({ location: to, why: nested })
      const whole = yield* showMoment(lib)
      const { anchor } = whole.state
      const position = options.upTo ?? anchor.position
      if (position > anchor.position) {
        const why = `it ends at position ${anchor.position}, before position ${position}`
        return yield* new OtherHistory({ location: from, why })
      }
      const moment = yield* cut(lib, whole, position)
      return yield* restoreTo(lib, moment, storage, to, uuid, options)
    })
  )

const restoreTo = Effect.fnUntraced(function* (
  lib: LibHandle,
  { state, tapes }: Moment,
  storage: Storage["Service"],
  to: string,
  uuid: (nowMillis: number) => string,
  { onProgress }: RestoreOptions
): Effect.fn.Return<RestoreReport, RestoreError, Scope.Scope> {
  const root = yield* Effect.mapError(storage.open(to, "write"), (error) => fromStorage(error, to))
  const now = yield* nearestNow
  const time = new Date(now).toISOString()
  const { anchor } = state
  const target = yield* createFolders(yield* begin(root, state, "restore", time), state, time)
  const copied: Copied = { segments: 0, bytes: 0, kept: 0 }
  const kept = yield* copyTapes(
    { state, tapes },
    {
      source: lib,
      root,
      anchor,
      marked: target.marked,
      tailNumber: ordinaryNumber,
      named: withOrdinaryNumbers,
      keepsLost: ({ positions }) => positions === null || positions[0] < anchor.position,
      counter: counterOf({ state, tapes }, onProgress),
      copied,
      pace: new Pace(lib)
    }
  )
  const from = lineageAt(state, anchor.position)
  const lineage = uuid(now)
  yield* finish(target, state, refoldRestored(state, { anchor, from, lineage, time }))
  yield* removeLeftovers(target, kept)
  return {
    location: root.location,
    place: { lib: state.lib, lineage, position: anchor.position },
    from,
    batch: anchor.batch,
    tapes: tapes.length,
    resumed: target.resumed
  }
})

/** Returns the moment without the events from `position` on. */
const cut = Effect.fnUntraced(function* (
  lib: LibHandle,
  { state, tapes }: Moment,
  position: number
): Effect.fn.Return<Moment, SegmentError | SegmentCorrupt> {
  if (position === state.anchor.position) return { state, tapes }
  const shorter = yield* Effect.forEach(tapes, (one) =>
    one.listed.role === "events"
      ? Effect.map(firstAt(lib, one.tape, one.end, position), (end) => ({ ...one, end }))
      : Effect.succeed(one)
  )
  // What is left out was never done in the restored lib: other events get these positions. Nor was an event whose answer
  // is left out.
  const checkpoints = new Map(Array.from(state.checkpoints, ([name, one]) => [name, cutAt(one, position)] as const))
  return { state: { ...state, checkpoints, anchor: { ...state.anchor, position } }, tapes: shorter }
})

/** Returns the ordinal of the first of `end` events that has `position` or a higher one. Reads a few blocks. */
const firstAt = Effect.fnUntraced(function* (
  lib: LibHandle,
  tape: OpenTape,
  end: number,
  position: number
): Effect.fn.Return<number, SegmentError> {
  let [low, high] = [0, end]
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    const chunk = yield* readChunk(lib, tape, middle, "forward", 1)
    const first = Math.max(low, chunk.firstOrdinal)
    const lines = linesOfChunk(chunk, first, high)
    const positions = yield* decodeUntrusted(
      () => lines.map((line) => Event.decodeLine(line).position),
      (why) => corruptAt(tape, first, why)
    )
    const at = firstNotBefore(positions.length, (index) => positions[index]! < position)
    if (at === 0) high = first
    else if (at === positions.length) low = first + at
    else return first + at
  }
  return low
})
