/**
 * Backs a lib up into another place, while its writer appends: one moment, over all tapes. The backup is a lib itself,
 * marked so that nobody writes to it (docs/PROTOCOL.md, "Backup").
 */
import * as Effect from "effect/Effect"
import { nearestNow } from "../../base/storableNow.ts"
import { type InvalidArgument, NotABackup } from "../../../domain/format/Errors.ts"
import { backupNumberMin } from "../../../domain/meta/backupNumbers.ts"
import type { Place } from "../../../domain/meta/LibHistory.ts"
import { refoldBackup } from "../../../domain/meta/BackupMetas.ts"
import { lineageOf } from "../../../domain/meta/LibState.ts"
import type { Segment } from "../../../domain/meta/SystemRecord.ts"
import { Counter, type OnProgress } from "../../base/Progress.ts"
import type { LibHandle } from "../../lib/LibHandle.ts"
import { fromStorage } from "../../lib/OpenError.ts"
import type { Root, Storage } from "../../ports/Storage.ts"
import * as IndexFiles from "../../segment/IndexFiles.ts"
import { type Copied, type CopyContext, copyTape, type CopyTapeError } from "./CopyTape.ts"
import { type Moment, type MomentError, takeMoment, type TapeMoment } from "./Moment.ts"
import { whyNested } from "../../lib/whyNested.ts"
import { Pace } from "./Pace.ts"
import { begin, createFolders, finish, type Target, type TargetError } from "./Target.ts"

/** Options of a backup. */
export interface BackupOptions {
  /** Storage of the target. Default: the one that the lib was opened with. */
  readonly storage?: Storage["Service"]
  /** Receives the progress after each file. */
  readonly onProgress?: OnProgress
}

/** Report of a backup. */
export interface BackupReport {
  /** Location of the backup. */
  readonly target: string
  /** The lib at the moment that the backup shows: `position` is that of the next event. */
  readonly place: Place
  /** Number of the last batch in the backup. */
  readonly batch: number
  /** Number of tapes. */
  readonly tapes: number
  /** Segment files that were copied or written, and their bytes. */
  readonly copied: { readonly segments: number; readonly bytes: number }
  /** Number of segment files that the target had already. */
  readonly kept: number
  /** Whether an earlier, interrupted backup was continued. */
  readonly resumed: boolean
}

/**
 * Errors of a backup. `NotABackup` and `OtherHistory` call for another target, `LibLocked` for waiting until the other
 * backup into it is done, `ReaderBusy` for another try. `SegmentCorrupt`, `SegmentMissing` and `TapeInvalid` mean that
 * the lib is damaged: nothing was changed that the backup before this one needs.
 */
export type BackupError = MomentError | TargetError | CopyTapeError | InvalidArgument

/** Backs the lib up to `location`. */
export const backup = (
  lib: LibHandle,
  storage: Storage["Service"],
  location: string,
  { onProgress }: BackupOptions = {}
): Effect.Effect<BackupReport, BackupError> =>
  Effect.scoped(
    Effect.gen(function* () {
      yield* lib.guard.checkOpen
      const why = whyNested(storage, location, lib.location)
      if (why !== undefined) return yield* new NotABackup({ location, why })
      const root = yield* Effect.mapError(storage.open(location, "write"), (error) => fromStorage(error, location))
      return yield* lib.guard.whileOpen(backupTo(lib, root, onProgress))
    })
  )

const backupTo = Effect.fnUntraced(function* (
  lib: LibHandle,
  root: Root,
  onProgress: OnProgress | undefined
): Effect.fn.Return<BackupReport, BackupError> {
  const moment = yield* takeMoment(lib)
  const time = new Date(yield* nearestNow).toISOString()
  const { anchor } = moment.state
  const begun = yield* begin(root, moment.state, "backup", time)
  const target = yield* createFolders(begun, moment.state, time)
  const copied: Copied = { segments: 0, bytes: 0, kept: 0 }
  const kept = yield* copyTapes(moment, {
    source: lib,
    root,
    anchor,
    marked: target.marked,
    tailNumber: (_, before, used) => {
      let number = Math.max(backupNumberMin + anchor.batch, (before?.number ?? 0) + 1)
      while (used.has(number)) number++
      return number
    },
    named: (_, segments) => segments,
    keepsLost: () => true,
    counter: counterOf(moment, onProgress),
    copied,
    pace: new Pace(lib)
  })
  const tapes = moment.tapes.map(({ end, listed }): [string, number] => [listed.tape, end])
  yield* finish(target, moment.state, refoldBackup(moment.state, { anchor, tapes, time }))
  yield* removeLeftovers(target, kept)
  return {
    target: root.location,
    place: { lib: moment.state.lib, lineage: lineageOf(moment.state), position: anchor.position },
    batch: anchor.batch,
    tapes: tapes.length,
    copied: { segments: copied.segments, bytes: copied.bytes },
    kept: copied.kept,
    resumed: target.resumed
  }
})

/** Small tapes wait for syncs most of the time. */
const tapesAtOnce = 4

/** Copies all tapes. Returns the segments that each has now, by the name of the tape. */
export const copyTapes = (
  { tapes }: Moment,
  context: CopyContext
): Effect.Effect<ReadonlyMap<string, ReadonlyArray<Segment>>, CopyTapeError> =>
  Effect.map(
    Effect.forEach(
      tapes,
      (tape) => Effect.map(copyTape(context, tape), (segments) => [tape.listed.name, segments] as const),
      { concurrency: tapesAtOnce }
    ),
    (entries) => new Map(entries)
  )

/** Counts the records and bytes of a moment. Bytes are an estimate where records have no segment of their own. */
export const counterOf = ({ tapes }: Moment, onProgress: OnProgress | undefined): Counter => {
  const total = { records: 0, bytes: 0 }
  for (const one of tapes) {
    total.records += one.end
    total.bytes += bytesOf(one)
  }
  return new Counter(total, onProgress)
}

const bytesOf = ({ end, tape }: TapeMoment): number => {
  let bytes = 0
  for (const segment of tape.state.segments) {
    if (segment.merkle.size <= end) bytes += segment.bytes
    else if (segment.firstOrdinal < end) {
      bytes += Math.ceil((segment.rawBytes * (end - segment.firstOrdinal)) / segment.records)
    }
  }
  return tape.parts.reduce((sum, part) => (part.firstOrdinal < end ? sum + part.bytes : sum), bytes)
}

/**
 * Removes files that no meta lists any more (I4: only after the lib meta that no longer needs them is durable). A failure
 * is ignored, because the next backup removes them.
 */
export const removeLeftovers = (
  { root }: Target,
  kept: ReadonlyMap<string, ReadonlyArray<Segment>>
): Effect.Effect<void> =>
  Effect.forEach(
    kept,
    ([tape, segments]) => {
      const names = new Set(segments.map(({ name }) => name))
      const remove = (name: string) =>
        Effect.andThen(Effect.ignore(IndexFiles.remove(root.derived, tape, name)), root.segments.remove(tape, name))
      return Effect.ignore(
        Effect.flatMap(root.segments.list(tape), (found) =>
          Effect.forEach(
            found.filter((name) => !names.has(name)),
            remove,
            { discard: true }
          )
        )
      )
    },
    { discard: true }
  )
