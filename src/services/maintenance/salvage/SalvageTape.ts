/**
 * Salvages a tape with damaged segments while the lib is open: writes what can be proved of them into new segments, and
 * lists what is lost in tape meta. The tape gets a new id. See docs/PROTOCOL.md, "Salvage a tape".
 */
import * as Effect from "effect/Effect"
import { nearestNow } from "../../base/storableNow.ts"
import { type InvalidArgument, type MetaInvalid, NotDamaged, type TapeNotFound } from "../../../domain/format/Errors.ts"
import { tapeNotFound } from "../../../domain/format/TapeErrors.ts"
import { tapeMetaFile } from "../../../domain/format/Format.ts"
import type { TapeListing } from "../../../domain/meta/LibState.ts"
import * as MetaChain from "../../../domain/meta/MetaChain.ts"
import type { Lost } from "../../../domain/meta/SystemRecord.ts"
import * as TapeState from "../../../domain/meta/TapeState.ts"
import { attempt } from "../../base/attempt.ts"
import type { OnProgress } from "../../base/Progress.ts"
import type { LibHandle } from "../../lib/LibHandle.ts"
import type { OpenTape } from "../../lib/OpenTape.ts"
import { isSalvaged, type TapeMetaError } from "../../lib/readTapeMeta.ts"
import type { LoadError } from "../../lib/TapeRegistry.ts"
import type { WriteError } from "../../lib/WriterGuard.ts"
import type { StorageError } from "../../ports/Storage.ts"
import { checkFile } from "../../segment/SegmentFile.ts"
import type { SegmentError } from "../../segment/SegmentAccess.ts"
import * as IndexFiles from "../../segment/IndexFiles.ts"
import { flush, type FlushError } from "../../write/flush.ts"
import { type DamagedSegment, rebuild, type Rebuilt } from "./rebuild.ts"

export type { DamagedSegment }

/** Options of salvaging a tape. */
export interface SalvageOptions {
  /** Whether to accept the loss at once, as `acceptLoss` does. Default: false. */
  readonly acceptLoss?: boolean
  /** Receives the progress after each segment. */
  readonly onProgress?: OnProgress
}

/** Report of salvaging a tape. */
export interface SalvageReport {
  /** Name of the tape. */
  readonly name: string
  /** UUID of the tape from now on. */
  readonly tape: string
  /** UUID of the tape that it replaces. */
  readonly replaces: string
  /** Number of records of the tape now. */
  readonly records: number
  /** Segments that were damaged; empty if this call only finished an interrupted salvage. */
  readonly damaged: ReadonlyArray<DamagedSegment>
  /** Everything that the tape has lost, also earlier, as its meta lists it. */
  readonly lost: ReadonlyArray<Lost>
}

/**
 * Errors of salvaging a tape. `NotDamaged` means that all its segments are those that meta lists. No meta was changed,
 * except perhaps after `WriterPoisoned`: open the lib again and repeat the call.
 */
export type SalvageError =
  | InvalidArgument
  | WriteError
  | LoadError
  | FlushError
  | SegmentError
  | StorageError
  | MetaInvalid
  | TapeNotFound
  | NotDamaged

/** Salvages a listed tape. The caller ensures that nothing is committed or closed meanwhile. */
export const salvageTape = Effect.fnUntraced(function* (
  lib: LibHandle,
  name: string,
  options: SalvageOptions = {}
): Effect.fn.Return<SalvageReport, SalvageError> {
  yield* lib.guard.check
  const listed = lib.meta.state.tapes.get(name)
  if (listed === undefined) return yield* tapeNotFound(name)
  const interrupted = yield* interruptedSalvage(lib, listed)
  if (interrupted !== undefined) return yield* finish(lib, listed, interrupted)
  const tape = yield* lib.tapes.get(name)
  // All records are in segments afterwards, so batches of the old id have nothing that the new one needs.
  yield* flush(lib, tape, lib.journal.durable.batch)
  const work = Effect.flatMap(lib.guard.whileOpen(lib.guard.aside(prepare(lib, tape, options))), (rebuilt) =>
    replace(lib, listed, tape, rebuilt)
  )
  return yield* tape.repacking.withPermit(tape.lock.withPermit(work))
})

/** Returns the state that a salvage wrote, if lib meta does not list it yet. */
const interruptedSalvage = (
  lib: LibHandle,
  listed: TapeListing
): Effect.Effect<TapeState.TapeState | undefined, StorageError> =>
  Effect.flatMap(lib.root.meta.read(listed.name, lib.meta.limits.metaBytesMax), (meta) => {
    if (meta === undefined) return Effect.succeed(undefined)
    const file = `${listed.name}/${tapeMetaFile}`
    const fold = attempt<TapeState.TapeState, TapeMetaError>(() =>
      TapeState.fold(file, MetaChain.readTape(file, meta.bytes, lib.meta.limits).records)
    )
    return Effect.match(fold, {
      onFailure: () => undefined,
      onSuccess: (state) => (isSalvaged(state, listed) && state.lib === lib.meta.state.lib ? state : undefined)
    })
  })

/** Lists the tape that an interrupted salvage wrote. */
const finish = (
  lib: LibHandle,
  listed: TapeListing,
  { lost, records, tape }: TapeState.TapeState
): Effect.Effect<SalvageReport, WriteError> =>
  Effect.as(lib.meta.append(relisted(listed, tape)), {
    name: listed.name,
    tape,
    replaces: listed.tape,
    records,
    damaged: [],
    lost
  })

const relisted = ({ name, role, state, tape: replaces }: TapeListing, tape: string) => ({
  $type: "LiteLib.Tape" as const,
  name,
  role,
  state,
  tape,
  replaces
})

/** Finds the damaged segments, and writes the new ones. No meta lists them yet. */
const prepare = Effect.fnUntraced(function* (
  lib: LibHandle,
  tape: OpenTape,
  { acceptLoss = false, onProgress }: SalvageOptions
): Effect.fn.Return<Rebuilt, SegmentError | StorageError | NotDamaged | MetaInvalid> {
  const damaged = new Map<string, string>()
  for (const segment of tape.state.segments) {
    const checked = yield* Effect.result(checkFile(lib.segments, tape.name, segment))
    if (checked._tag === "Success") continue
    // What cannot be read now may be good.
    if (checked.failure._tag === "StorageError") return yield* checked.failure
    damaged.set(segment.name, checked.failure.message)
  }
  if (damaged.size === 0) return yield* new NotDamaged({ what: `tape ${JSON.stringify(tape.name)}` })
  return yield* rebuild(lib, tape, { damaged, isAccepted: acceptLoss, onProgress })
})

/** Replaces tape meta, then lists the new id. An interruption in between is finished by the next salvage. */
const replace = (
  lib: LibHandle,
  listed: TapeListing,
  tape: OpenTape,
  { copied, damaged, lost, segments, takenNumbers }: Rebuilt
): Effect.Effect<SalvageReport, WriteError | MetaInvalid> =>
  Effect.uninterruptible(
    Effect.gen(function* () {
      yield* lib.guard.check
      const now = yield* nearestNow
      const id = lib.uuid(now)
      const relist = relisted(listed, id)
      const { batch } = lib.journal.durable
      const state: TapeState.TapeState = {
        ...tape.state,
        tape: id,
        created: new Date(now).toISOString(),
        origin: { kind: "recovered", tape: listed.tape },
        lastBatch: batch,
        segments: segments.map((segment) => ({ ...segment, lastBatch: batch })),
        takenNumbers,
        repacked: undefined,
        lost
      }
      yield* lib.meta.checkRoom(relist)
      yield* tape.meta.replace(TapeState.again(state))
      yield* lib.meta.append(relist)
      lib.segments.forgetTape(listed.name)
      const { end, version } = tape.meta
      tape.become({ meta: { state: tape.state, end, version }, parts: [], hidden: 0 })
      // Their copies are listed now. The damaged files stay.
      for (const name of copied) {
        yield* Effect.ignore(IndexFiles.remove(lib.root.derived, listed.name, name))
        yield* Effect.ignore(lib.root.segments.remove(listed.name, name))
      }
      const { records } = tape.state
      return { name: listed.name, tape: id, replaces: listed.tape, records, damaged, lost }
    })
  )
