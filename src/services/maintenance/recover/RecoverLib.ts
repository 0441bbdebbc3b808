/**
 * Recovers a lib that lost its meta: creates a new lib around the tapes that have good meta. Committed records that are
 * in no segment are placed if they fit. The steps can be interrupted at any point and repeated.
 */
import * as Effect from "effect/Effect"
import {
  type InvalidArgument,
  type BackupUnfinished,
  InvalidSettings,
  type LibInvalid,
  type LibIsBackup,
  type MetaInvalid,
  type NotDamaged,
  RecoverAmbiguous,
  type UnsupportedFormat
} from "../../../domain/format/Errors.ts"
import { nearestNow } from "../../base/storableNow.ts"
import { libMetaFile } from "../../../domain/format/Format.ts"
import { checkLimits, defaultLimits, type Limits } from "../../../domain/format/Limits.ts"
import { eventsMax } from "../../../domain/meta/Losses.ts"
import { checkpointRecords } from "../../../domain/meta/LibRefold.ts"
import * as LibState from "../../../domain/meta/LibState.ts"
import * as MetaChain from "../../../domain/meta/MetaChain.ts"
import * as MetaSalvage from "../../../domain/meta/MetaSalvage.ts"
import { checkPlacement, type Placement } from "../../../domain/format/Placement.ts"
import { type LibRecord, noHash, type Unchained } from "../../../domain/meta/SystemRecord.ts"
import type { Root, StorageError } from "../../ports/Storage.ts"
import type { NewLib } from "./NewLib.ts"
import { SegmentStore } from "../../segment/SegmentStore.ts"
import type { ScanError } from "../../journal/DynamicScan.ts"
import { type ConsumerCheckpoint, shownCheckpoints } from "../../lib/checkpoints.ts"
import { adopt, type Adopted, type AdoptError, fold, type LibLoss, nextPosition } from "./AdoptTape.ts"
import { isLostAfter, lostBatches } from "./LostBatches.ts"
import { type DamagedTape, examine } from "./DamagedTape.ts"
import { keepEvidence, setAside } from "./evidence.ts"
import { expectDamage } from "./expectDamage.ts"
import { placementFrom } from "./knownPlacement.ts"
import { foundCheckpoints } from "./FoundCheckpoints.ts"
import { type OrphanDamage, type Orphans, positionBehind, scanOrphans, type Unadopted, unadopted } from "./Orphans.ts"

/** Options of recovering a lib. */
export interface RecoverLibOptions {
  /**
   * Placement of streams. Default: the one in the damaged meta if it can still be read, else the first of
   * `category-or-shared`, `category`, `single` and `stream` that fits all events that are found. Give it for a lib with
   * placement `hashed`.
   */
  readonly placement?: Placement
  /** Limits of the new lib. Default: those in the damaged meta if they can still be read, else the default limits. */
  readonly limits?: Partial<Limits>
  /** Whether to accept at once what is lost, on every tape, as `lib.acceptLoss` does. Default: false. */
  readonly acceptLoss?: boolean
}

/** Report of recovering a lib. */
export interface RecoverLibReport {
  /** UUID of the new lib. */
  readonly lib: string
  /** Tapes that were taken over. */
  readonly tapes: ReadonlyArray<Adopted>
  /**
   * Tapes with bad or lost meta, or with lost last events, and the reason. The new lib lists them; `recoverTape`
   * recovers what their segments hold. A folder that an interrupted clone left, or whose name is not valid, is here but
   * not listed.
   */
  readonly invalid: ReadonlyArray<{ readonly tape: string; readonly why: string }>
  /** Committed records of tapes that are not in `tapes`, by id. They are in dynamic segments that were set aside. */
  readonly unadopted: ReadonlyArray<Unadopted>
  /** Files that were set aside: the damaged meta and the old dynamic segments. */
  readonly aside: ReadonlyArray<string>
  /**
   * Ranges of acknowledged batches that are lost. The last end is null if it is not known. A tape that may have had
   * records in them lists a loss: see `tapes[n].lost`.
   */
  readonly lostBatches: ReadonlyArray<readonly [first: number, last: number | null]>
  /** Names of dynamic segments that the old lib meta lists, and that are missing. */
  readonly missing: ReadonlyArray<string>
  /**
   * Places at which old dynamic segments cannot be read: a torn end that was never acknowledged, or lost committed
   * records.
   */
  readonly damaged: ReadonlyArray<OrphanDamage>
  /**
   * Number of positions whose events no tape holds. Positions that lost events may have had are among them: they are
   * never given again. If it is not 0, use `readAll` with `allowGaps`, or accept the losses of the tapes.
   */
  readonly positionsMissing: number
  /** Checkpoints of consumers that the lib keeps. One that may be lost keeps its consumer from running. */
  readonly checkpoints: ReadonlyArray<ConsumerCheckpoint>
  /**
   * Whether checkpoints of other consumers may be lost, because lib meta was not found whole. A consumer without a
   * checkpoint that is to keep it in the lib then fails with `CheckpointLost` at first.
   */
  readonly areCheckpointsLost: boolean
}

/**
 * Errors of recovering a lib. `NotDamaged` means that the lib opens, `LibIsBackup` and `BackupUnfinished` that it is a
 * backup, which is restored instead; `RecoverAmbiguous` names two folders of one tape:
 * move one away. `StorageError` and `UnsupportedFormat` mean that the files may be good, but cannot be read now or by
 * this version.
 */
export type RecoverLibError =
  | InvalidArgument
  | LibInvalid
  | StorageError
  | InvalidSettings
  | NotDamaged
  | LibIsBackup
  | BackupUnfinished
  | RecoverAmbiguous
  | UnsupportedFormat
  | MetaInvalid
  | ScanError
  | AdoptError

/** Recovers the lib at `root`, which was opened with mode `recover`. */
export const recoverLib = Effect.fnUntraced(function* (
  root: Root,
  options: RecoverLibOptions,
  uuid: (now: number) => string
): Effect.fn.Return<RecoverLibReport, RecoverLibError> {
  const old = yield* expectDamage(root, options.limits)
  const { state } = old
  const now = yield* nearestNow
  const id = uuid(now)
  const damaged = yield* root.meta.read(undefined)
  const known = damaged === undefined ? undefined : MetaSalvage.salvageLibMeta(libMetaFile, damaged.bytes)
  // A line with a good hash can still contain limits that no lib may have.
  const isSane = known !== undefined && checkLimits(known.limits) === undefined
  const limits = { ...(isSane ? known.limits : defaultLimits), ...options.limits }
  const { placement } = options
  const wrong = checkLimits(limits) ?? (placement === undefined ? undefined : checkPlacement(placement))
  if (wrong !== undefined) return yield* new InvalidSettings({ location: root.location, ...wrong })
  const names = yield* root.tapes.list
  yield* refuseTwins(root, names, limits)
  const orphans = yield* scanOrphans(root, limitsOf(state))
  const placed = placement ?? known?.placement ?? (yield* placementFrom(root, names, limits, orphans))
  const created = new Date(now).toISOString()
  const lib: NewLib = { root, id, limits, placement: placed, segments: new SegmentStore(root, limits) }
  const loss = yield* lossOf(lib, names, state, orphans, {
    oldLib: known?.lib ?? orphans.lib,
    isAccepted: options.acceptLoss === true,
    time: created
  })
  const before = yield* keepEvidence(root, state, damaged, loss.batches.known, limits)
  const { invalid, tapes } = yield* adoptAll(lib, names, orphans, loss)
  const left = unadopted(orphans, new Set(tapes.map(({ tape }) => tape)))
  const damagedTapes = yield* listable(lib, tapes, invalid, () => uuid(now))
  // Every tape has its records now. The rest of the old lib is kept next to the new one.
  const aside = [...before.aside, ...(yield* setAside(root, orphans.files))]
  const position = Math.max(
    loss.position,
    left.nextPosition,
    ...[...tapes, ...damagedTapes].map((tape) => tape.nextPosition)
  )
  const salvaged = MetaSalvage.salvageCheckpoints(libMetaFile, damaged?.bytes ?? new Uint8Array(0), limits)
  const kept = foundCheckpoints({ ...old, format: known?.format, salvaged }, orphans, loss.batches, position)
  const meta: Extract<Unchained<LibRecord>, { readonly $type: "LiteLib.Meta" }> = {
    $type: "LiteLib.Meta",
    created,
    format: LibState.formatOf({ backup: undefined, branches: [], placement: placed, ...kept }),
    lib: id,
    limits,
    placement: placed
  }
  const records = recordsOf(meta, [...tapes, ...damagedTapes], checkpointRecords(kept), position)
  yield* root.meta.replace(undefined, before.meta?.version, MetaChain.write<LibRecord>(null, records, limits).bytes)
  // Only once the new lib exists: if this recovery is interrupted, the next one must find the same files.
  for (const { dynamic } of orphans.files) yield* root.journal.drop(dynamic)
  const events = tapes.reduce((sum, tape) => sum + (tape.role === "events" ? tape.records : 0), 0)
  return {
    lib: id,
    tapes,
    invalid,
    unadopted: left.tapes,
    aside,
    lostBatches: loss.batches.ranges,
    missing: loss.batches.files,
    damaged: orphans.damaged,
    positionsMissing: position - events,
    checkpoints: shownCheckpoints(kept.checkpoints),
    areCheckpointsLost: kept.areCheckpointsLost
  }
}, Effect.uninterruptible)

/** Returns the records of the new lib meta. */
const recordsOf = (
  meta: Unchained<LibRecord>,
  tapes: ReadonlyArray<Pick<Adopted, "name" | "tape" | "role">>,
  checkpoints: ReadonlyArray<Unchained<LibRecord>>,
  position: number
): Array<Unchained<LibRecord>> => {
  const anchor = { batch: 0, hash: noHash, position }
  return [
    meta,
    ...tapes.map(({ name, tape, role }) => ({
      $type: "LiteLib.Tape" as const,
      name,
      tape,
      role,
      state: "active" as const
    })),
    ...checkpoints,
    // As if a first writer had ended cleanly here, so that the next writer continues at this position.
    { $type: "LiteLib.Epoch", anchor, dynamic: 1, epoch: 1, old: [], upto: 0 },
    { $type: "LiteLib.Clean", anchor }
  ]
}

const adoptAll = Effect.fnUntraced(function* (
  lib: NewLib,
  names: ReadonlyArray<string>,
  orphans: Orphans,
  loss: LibLoss
): Effect.fn.Return<Pick<RecoverLibReport, "invalid" | "tapes">, AdoptError> {
  const tapes: Array<Adopted> = []
  const invalid: Array<{ readonly tape: string; readonly why: string }> = []
  for (const name of names) {
    const adopted = yield* adopt(lib, name, orphans, loss)
    if ("why" in adopted) invalid.push(adopted)
    else tapes.push(adopted)
  }
  return { invalid, tapes }
})

/** Returns the last batch that counts of each dynamic segment with a limit. */
const limitsOf = (state: LibState.LibState | undefined): ReadonlyMap<number, number> =>
  new Map((state?.live ?? []).flatMap(({ dynamic, limit }) => (limit === undefined ? [] : [[dynamic, limit] as const])))

/**
 * Finds out what the lib has lost. If batches at the end are lost, their events had positions that are not known, so the
 * new lib continues after all that they can have had.
 */
const lossOf = Effect.fnUntraced(function* (
  lib: NewLib,
  names: ReadonlyArray<string>,
  state: LibState.LibState | undefined,
  orphans: Orphans,
  known: Pick<LibLoss, "oldLib" | "isAccepted" | "time">
): Effect.fn.Return<LibLoss, StorageError> {
  let flushed = 0
  const libs = new Set<string | undefined>()
  let position = Math.max(state?.anchor.position ?? 0, orphans.position)
  /** The last batch that each tape of events is known to have. */
  const reached: Array<number> = []
  /** Number of events that tape metas list, lost ones included. Positions have no gaps otherwise. */
  let counted = 0
  let isUnread = false
  for (const name of names) {
    const folded = yield* Effect.result(fold(name, yield* lib.root.meta.read(name), lib.limits))
    if (folded._tag === "Failure") {
      // It may hold events, whose positions count too.
      reached.push(0)
      libs.add(undefined)
      position = Math.max(position, (yield* examine(lib, name))?.nextPosition ?? 0)
      continue
    }
    const { lastBatch, lost, records, role, tape } = folded.success
    flushed = Math.max(flushed, lastBatch)
    libs.add(folded.success.lib)
    if (role === "events") reached.push(Math.max(lastBatch, orphans.parts.get(tape)?.at(-1)?.batch ?? 0))
    const next = yield* Effect.result(nextPosition(lib, name, folded.success))
    if (next._tag === "Success") position = Math.max(position, next.success)
    else if (next.failure._tag === "StorageError") return yield* next.failure
    else isUnread = true
    if (role === "events") counted += lost.reduce((sum, loss) => sum + eventsMax(loss), records)
  }
  // Damage may hide the last events, and with them their positions.
  if (isUnread && Number.isFinite(counted)) position = Math.max(position, counted)
  for (const parts of orphans.parts.values()) {
    for (const part of parts) position = Math.max(position, positionBehind(part))
  }
  // An interrupted recovery has set the batches of the tapes that it adopted to 0.
  const isSure = libs.size === 1 && !libs.has(undefined) && flushed > 0
  const batches = yield* lostBatches(lib.root, state, orphans, isSure ? flushed : undefined, lib.limits)
  const mayLackEvents = reached.some((batch) => isLostAfter(batches, batch))
  return { ...known, batches, position: mayLackEvents ? position + batches.positionsMax : position }
})

/** Returns the bad tapes that can be listed together with the good ones. */
const listable = Effect.fnUntraced(function* (
  lib: NewLib,
  tapes: ReadonlyArray<Adopted>,
  invalid: RecoverLibReport["invalid"],
  newId: () => string
): Effect.fn.Return<ReadonlyArray<DamagedTape & { readonly tape: string }>, StorageError> {
  const ids = new Set(tapes.map(({ tape }) => tape))
  const listed: Array<DamagedTape & { readonly tape: string }> = []
  for (const { tape: name } of invalid) {
    const found = yield* examine(lib, name)
    if (found === undefined) continue
    const tape = found.tape === undefined || ids.has(found.tape) ? newId() : found.tape
    ids.add(tape)
    listed.push({ ...found, tape })
  }
  return listed
})

/** Fails if two folders have the id of one tape: it is unknown which of them is the copy. */
const refuseTwins = Effect.fnUntraced(function* (
  root: Root,
  names: ReadonlyArray<string>,
  limits: Limits
): Effect.fn.Return<void, StorageError | RecoverAmbiguous> {
  const known = new Map<string, string>()
  for (const name of names) {
    const folded = yield* Effect.result(fold(name, yield* root.meta.read(name), limits))
    if (folded._tag === "Failure") continue
    const { tape } = folded.success
    const other = known.get(tape)
    if (other !== undefined) return yield* new RecoverAmbiguous({ tape, files: [other, name] })
    known.set(tape, name)
  }
})
