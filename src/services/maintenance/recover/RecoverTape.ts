/**
 * Recovers a tape that lost its meta: builds a new tape from the existing files, by number, and from the committed
 * records that are in none of them. Reports what was recovered and what is lost, and never guesses.
 */
import * as Effect from "effect/Effect"
import {
  type InvalidArgument,
  type MetaInvalid,
  NotDamaged,
  RecoverAmbiguous,
  type SegmentCorrupt,
  TapeInvalid,
  type TapeNotFound,
  type UnsupportedFormat
} from "../../../domain/format/Errors.ts"
import { tapeNotFound } from "../../../domain/format/TapeErrors.ts"
import { nearestNow } from "../../base/storableNow.ts"
import { libMetaFile, tapeMetaFile } from "../../../domain/format/Format.ts"
import type { TapeListing } from "../../../domain/meta/LibState.ts"
import * as MetaChain from "../../../domain/meta/MetaChain.ts"
import type { Lost, Segment } from "../../../domain/meta/SystemRecord.ts"
import * as TapeState from "../../../domain/meta/TapeState.ts"
import type { StorageError } from "../../ports/Storage.ts"
import type { LibHandle } from "../../lib/LibHandle.ts"
import type { WriteError } from "../../lib/WriterGuard.ts"
import type { LivePart } from "../../journal/DynamicFile.ts"
import { checkTapeMetaSize } from "../../lib/metaLimits.ts"
import { partsAfter } from "../../lib/partsAfter.ts"
import { readTapeMeta } from "../../lib/readTapeMeta.ts"
import { Counter, type OnProgress } from "../../base/Progress.ts"
import type { SegmentError } from "../../segment/SegmentAccess.ts"
import { rewriteSegment } from "../../segment/rewriteSegment.ts"
import { committedOf } from "./Committed.ts"
import { lossesOf } from "./LostRecords.ts"
import { append, describe } from "./NewSegments.ts"
import type { Gap, Missing } from "./Ordinals.ts"
import { type Plan, planOf } from "./Plan.ts"
import { findFiles, type UnreadFile } from "./FoundFiles.ts"

/** A file that is damaged or missing. */
export interface LostFile extends UnreadFile {
  /** Whether the new tape has its records anyway, because dynamic segments had them too. */
  readonly isBack: boolean
}

/** Report of recovering a tape. */
export interface RecoverReport {
  /** Name of the tape. */
  readonly name: string
  /** UUID of the new tape. */
  readonly tape: string
  /** UUID of the tape that it replaces. */
  readonly replaces: string
  /** Number of records of the new tape. */
  readonly records: number
  /** Names of the files that are segments of the new tape. */
  readonly segments: ReadonlyArray<string>
  /** Number of committed records that were in none of these files; they are in a new segment now. */
  readonly fromDynamic: number
  /** Files that are damaged or missing. Damaged ones stay where they are. */
  readonly lost: ReadonlyArray<LostFile>
  /** Ranges of segment numbers without any file. */
  readonly missing: ReadonlyArray<Missing>
  /**
   * Names of files that repeat other files or dynamic segments: an interrupted repack or flush left them. Damaged files
   * are included if they are proven to be repeats. They stay where they are.
   */
  readonly dropped: ReadonlyArray<string>
  /** Ranges in which records of the old tape are lost, as far as ordinals are known. */
  readonly gaps: ReadonlyArray<Gap>
  /** Everything that the tape has lost, also earlier, or may have lost, as its meta lists it. */
  readonly losses: ReadonlyArray<Lost>
}

/**
 * Errors of recovering a tape. `NotDamaged` means that it opens. `RecoverAmbiguous` names files: move those that do not
 * belong to the tape out of its folder. `TapeInvalid` says which newer files of the lib are needed. No meta was
 * changed, except perhaps after `WriterPoisoned`: open the lib again and repeat the recovery.
 */
export type RecoverError =
  | InvalidArgument
  | WriteError
  | StorageError
  | SegmentError
  | SegmentCorrupt
  | MetaInvalid
  | TapeNotFound
  | RecoverAmbiguous
  | TapeInvalid
  | NotDamaged
  | UnsupportedFormat

/** Recovers a listed tape. The caller ensures that nothing is committed or closed meanwhile. */
export const recoverTape = (
  lib: LibHandle,
  name: string,
  onProgress?: OnProgress
): Effect.Effect<RecoverReport, RecoverError> =>
  Effect.suspend(() => {
    const used = lib.tapes.known(name)
    const work = lib.guard.whileOpen(lib.guard.aside(recover(lib, name, onProgress)))
    // Everyone who uses the tape waits, and then continues with the new one.
    return used === undefined ? work : used.repacking.withPermit(used.lock.withPermit(work))
  })

const recover = Effect.fnUntraced(function* (
  lib: LibHandle,
  name: string,
  onProgress?: OnProgress
): Effect.fn.Return<RecoverReport, RecoverError> {
  yield* lib.guard.check
  const listed = lib.meta.state.tapes.get(name)
  if (listed === undefined) return yield* tapeNotFound(name)
  const opens = Effect.flatMap(readTapeMeta(lib.root, lib.meta.state, listed), ({ state }) =>
    partsAfter(lib.journal, listed, state)
  )
  const opened = yield* Effect.result(opens)
  if (opened._tag === "Success") return yield* new NotDamaged({ what: `tape ${JSON.stringify(name)}` })
  // Meta may be good although it cannot be read now or by this version. Only damage justifies replacing it.
  const { failure } = opened
  if (failure._tag === "StorageError" || failure._tag === "UnsupportedFormat") return yield* failure
  const former = lib.meta.state.replaced.filter((replaced) => replaced.name === name).map((replaced) => replaced.tape)
  const committed = yield* committedOf(lib, name, [...former, listed.tape])
  const found = yield* findFiles(lib, name, listed.role)
  const plan = planOf(found, committed, listed.role, former.length === 0)
  if ("ambiguous" in plan) return yield* new RecoverAmbiguous({ tape: name, files: plan.ambiguous })
  const { files, tails, nextNumber } = plan
  yield* checkPositions(lib, name, files)
  const parts = committed?.parts ?? []
  const counter = new Counter(totalOf(plan, parts), onProgress)
  // I2: nobody knows whether what an earlier writer left is durable.
  for (const file of files) yield* rewriteSegment(lib.segments, name, file.name, file)
  const states = plan.lost.flatMap(({ known }) => (known === undefined ? [] : [known.merkle]))
  const { reached, segments } = yield* describe(lib, listed, files, states, counter)
  for (const [index, range] of tails.entries()) {
    segments.push(yield* append(lib, listed, segments.at(-1), nextNumber + index, parts, range, counter))
  }
  const lostFiles = plan.lost.filter(({ known }) => known === undefined || !reached.has(known.merkle))
  const time = new Date(yield* nearestNow).toISOString()
  const losses = yield* lossesOf(lib, listed, {
    plan,
    lostFiles: lostFiles.filter(({ isBack }) => !isBack),
    segments,
    former: found.former,
    time
  })
  const tape = yield* list(lib, listed, { losses, nextNumber, segments })
  return {
    name,
    tape,
    replaces: listed.tape,
    records: sum(segments, (segment) => segment.records),
    segments: segments.map((segment) => segment.name),
    fromDynamic: sum(tails, ([from, to]) => to - from),
    lost: lostFiles.map(({ file, isBack }) => ({ ...file, isBack })),
    missing: plan.missing,
    dropped: plan.dropped,
    gaps: plan.gaps,
    losses
  }
})

/** Fails if the tape has positions that the lib does not know of: the lib would give them a second time. */
const checkPositions = (lib: LibHandle, tape: string, files: Plan["files"]): Effect.Effect<void, TapeInvalid> => {
  const last = Math.max(-1, ...files.map(({ lastEvent }) => lastEvent?.position ?? -1))
  const { position } = lib.journal.durable
  if (last < position) return Effect.void
  const why = `its events reach position ${last}, but the lib's next position is ${position}: the lib lost batches, or older files of it were restored. Restore the newer files, or move ${libMetaFile} out of the lib and run Lib.recover, which continues after all events.`
  return Effect.fail(new TapeInvalid({ tape, why }))
}

/** Returns the amount of work. Bytes are an estimate for parts that are not taken whole. */
const totalOf = ({ files, tails }: Plan, parts: ReadonlyArray<LivePart>) => {
  const records = sum(tails, ([from, to]) => to - from)
  const share =
    records /
    Math.max(
      1,
      sum(parts, ({ count }) => count)
    )
  return {
    records: sum(files, (file) => file.prints.length) + records,
    bytes: sum(files, (file) => file.rawBytes) + Math.ceil(share * sum(parts, ({ bytes }) => bytes))
  }
}

const sum = <A>(all: ReadonlyArray<A>, of: (one: A) => number): number => all.reduce((total, one) => total + of(one), 0)

interface NewTape {
  readonly segments: ReadonlyArray<Segment>
  readonly losses: ReadonlyArray<Lost>
  readonly nextNumber: number
}

/**
 * Lists the tape before its meta is replaced. A crash in between leaves a tape without good meta, which can be
 * recovered again.
 */
const list = (
  lib: LibHandle,
  listed: TapeListing,
  { losses, nextNumber, segments }: NewTape
): Effect.Effect<string, WriteError | MetaInvalid | StorageError> =>
  Effect.uninterruptible(
    Effect.gen(function* () {
      const now = yield* nearestNow
      const tape = lib.uuid(now)
      const { name, role, state } = listed
      const relisted = { $type: "LiteLib.Tape" as const, name, role, state, tape, replaces: listed.tape }
      const written = MetaChain.writeTape(
        [
          {
            $type: "LiteTape.Meta",
            created: new Date(now).toISOString(),
            format: losses.length === 0 ? 1 : 2,
            lastBatch: lib.journal.durable.batch,
            lib: lib.meta.state.lib,
            nextNumber,
            origin: { kind: "recovered", tape: listed.tape },
            role,
            tape
          },
          ...segments.map((segment) => ({ $type: "LiteTape.Segment" as const, ...segment })),
          ...losses.map((lost) => ({ $type: "LiteTape.Lost" as const, ...lost }))
        ],
        lib.meta.limits
      )
      yield* checkTapeMetaSize(lib.meta.limits, name, written.bytes.length, segments.length + 1)
      yield* lib.meta.checkRoom(relisted)
      const damaged = yield* lib.root.meta.read(name)
      if (damaged !== undefined) yield* lib.root.quarantine.keep(`${name}.tape.meta.jsonl.quarantine`, damaged.bytes)
      // From here on every failure stops the writer.
      yield* lib.meta.append(relisted)
      const version = yield* lib.guard.step(lib.root.meta.replace(name, damaged?.version, written.bytes))
      lib.segments.forgetTape(name)
      const file = `${name}/${tapeMetaFile}`
      const folded = TapeState.fold(file, MetaChain.readTape(file, written.bytes, lib.meta.limits).records)
      const meta = { state: folded, version, end: written.end }
      lib.tapes.known(name)?.become({ meta, parts: [], hidden: 0 })
      return tape
    })
  )
