/**
 * Copies a lib to another place, with another placement or other limits: events keep their bytes and are put on the
 * tapes that the placement gives; tapes of records are copied as they are.
 */
import * as Effect from "effect/Effect"
import { nearestNow } from "../../base/storableNow.ts"
import type { PositionGap, TapeNotForEvents } from "../../../domain/event/EventErrors.ts"
import { type BeyondLimits, InvalidSettings, LibInvalid, type MetaInvalid } from "../../../domain/format/Errors.ts"
import { checkLimits, type Limits } from "../../../domain/format/Limits.ts"
import { checkPlacement, type Placement } from "../../../domain/format/Placement.ts"
import * as LibState from "../../../domain/meta/LibState.ts"
import * as MetaChain from "../../../domain/meta/MetaChain.ts"
import type { LibRecord, Unchained } from "../../../domain/meta/SystemRecord.ts"
import { Counter, type OnProgress } from "../../base/Progress.ts"
import type { LibHandle } from "../../lib/LibHandle.ts"
import { checkLibMetaSize } from "../../lib/metaLimits.ts"
import type { OpenError } from "../../lib/OpenError.ts"
import { fromStorage } from "../../lib/OpenError.ts"
import type { LoadError } from "../../lib/TapeRegistry.ts"
import type { Root, Storage, StorageError } from "../../ports/Storage.ts"
import { SegmentStore } from "../../segment/SegmentStore.ts"
import { type CloneError, copyRecords, originOf } from "../Clone.ts"
import { whyNested } from "../../lib/whyNested.ts"
import { checkRecords, refuseLost } from "./checkCopy.ts"
import { CopiedTapes, type Target } from "./CopiedTapes.ts"
import { EventMerge, type Snapshot, snapshotOf, type SourceError, type SourceTape } from "./CopySource.ts"
import { type Digest, digestEvents } from "./digestEvents.ts"
import { finishCopy, type Kept, type Left, type MadeTape } from "./finishCopy.ts"

/** Options of copying a lib. */
export interface CopyOptions {
  /** Placement of streams on tapes in the copy. Default: that of the lib. */
  readonly placement?: Placement
  /** Limits of the copy. Default: those of the lib, each. */
  readonly limits?: Partial<Limits>
  /** Storage of the copy. Default: the one that the lib is in. */
  readonly storage?: Storage["Service"]
  /** Whether to copy a lib in which positions are missing, instead of failing with `PositionGap`. Default: false. */
  readonly allowGaps?: boolean
  /** Receives the progress: of copying first, then of reading the copy back. */
  readonly onProgress?: OnProgress
}

/** Report of copying a lib. */
export interface CopyReport {
  /** UUID of the copy: it is a lib of its own. */
  readonly lib: string
  /** Number of events. */
  readonly events: number
  /** Position after the last event, as in the lib. */
  readonly position: number
  /** Number of tapes of the copy. */
  readonly tapes: number
  /** SHA-256 of the lines of all events by position, which are the same in the lib and in the copy. */
  readonly sha256: string
  /** What event tapes had that no tape of the copy has now, because none has their name. */
  readonly left: ReadonlyArray<Left>
}

/**
 * Errors of copying a lib. `LibInvalid`, `LibLocked` and `InvalidSettings` call for other arguments. `BeyondLimits` and
 * `MetaInvalid` mean that the limits of the copy are too low, `TapeNotForEvents` that the placement gives a stream the
 * tape of records. The others are about the lib: it is damaged, or was closed.
 */
export type CopyError = OpenError | LoadError | SourceError | CloneError | BeyondLimits | TapeNotForEvents | PositionGap

/** Copies `source` to `location`, which must be absent or empty. */
export const copyLib = (
  source: LibHandle,
  storage: Storage["Service"],
  uuid: (nowMillis: number) => string,
  location: string,
  options: CopyOptions = {}
): Effect.Effect<CopyReport, CopyError> =>
  Effect.gen(function* () {
    yield* source.guard.checkOpen
    const nested = whyNested(options.storage ?? storage, location, source.location)
    if (nested !== undefined) return yield* new LibInvalid({ location, why: nested })
    const placement = options.placement ?? source.meta.state.placement
    const limits: Limits = { ...source.meta.limits, ...options.limits }
    const wrong = checkLimits(limits) ?? checkPlacement(placement)
    if (wrong !== undefined) return yield* new InvalidSettings({ location, ...wrong })
    const copy = Effect.gen(function* () {
      const snapshot = yield* snapshotOf(source)
      yield* refuseLost(snapshot)
      // Before anything is written.
      yield* checkRecords(source, snapshot, limits)
      const opening = (options.storage ?? storage).open(location, "write")
      const root = yield* Effect.mapError(opening, (error) => fromStorage(error, location))
      return yield* copyTo(source, snapshot, { root, placement, limits, uuid, options })
    })
    return yield* source.guard.whileOpen(Effect.scoped(copy))
  })

interface Into {
  readonly root: Root
  readonly placement: Placement
  readonly limits: Limits
  readonly uuid: (nowMillis: number) => string
  readonly options: CopyOptions
}

const copyTo = Effect.fnUntraced(function* (
  source: LibHandle,
  snapshot: Snapshot,
  { limits, options, placement, root, uuid }: Into
): Effect.fn.Return<CopyReport, CopyError> {
  if ((yield* root.meta.read(undefined)) !== undefined) {
    const why = "there is a lib already. Copy to a place that is absent or empty."
    return yield* new LibInvalid({ location: root.location, why })
  }
  const now = yield* nearestNow
  const meta = {
    $type: "LiteLib.Meta",
    created: new Date(now).toISOString(),
    lib: uuid(now),
    limits,
    placement
  } as const
  const version = yield* begin(root, { ...meta, format: 2 }, source.meta.state.lib)
  const segments = new SegmentStore(root, limits)
  let listed = 0
  const makeTape = (name: string): Effect.Effect<void, StorageError | MetaInvalid> =>
    Effect.andThen(
      Effect.suspend(() => {
        listed += MetaChain.write<LibRecord>(null, [listingOf(name, meta.lib)]).bytes.length
        return checkLibMetaSize(limits, listed + metaLineBytesMax)
      }),
      // An empty meta marks a tape that is not finished.
      root.tapes.create(name, new Uint8Array(0))
    )
  // As many as the lib itself collects before it writes segments.
  const heldBytesMax = source.settings.closeBytes
  const target: Target = { root, limits, placement, segments, heldBytesMax, makeTape }
  const counter = new Counter(totalOf(snapshot), options.onProgress)
  const made: Array<MadeTape> = []
  for (const from of snapshot.tapes) {
    if (from.listed.role === "records") made.push(yield* copyTape(source, from, target, counter))
  }
  const taken = new Set(made.map(({ name }) => name))
  const events = yield* copyEvents(source, snapshot, new CopiedTapes(target, taken), options, counter)
  const kept = keptIn(snapshot)
  for (const { name, segments: its } of events.tapes.all) {
    made.push({ name, role: "events", segments: its, origin: { kind: "created" }, kept: kept.get(name) })
  }
  const left = leftOf(snapshot, new Set(made.map(({ name }) => name)))
  const { checkpoints } = snapshot
  const doubt = { areCheckpointsLost: source.meta.state.areCheckpointsLost }
  yield* finishCopy(source, {
    root,
    meta: { ...meta, format: LibState.formatOf({ backup: undefined, branches: [], placement, checkpoints, ...doubt }) },
    checkpoints,
    ...doubt,
    version,
    made,
    now,
    uuid,
    position: snapshot.position,
    events: events.count,
    sha256: events.sha256,
    allowGaps: options.allowGaps === true,
    counter
  })
  return {
    lib: meta.lib,
    events: events.count,
    position: snapshot.position,
    tapes: made.length,
    sha256: events.sha256,
    left
  }
})

/** Room in lib meta for the first line of a lib, in bytes. */
const metaLineBytesMax = 1024

type MetaRecord = Extract<Unchained<LibRecord>, { readonly $type: "LiteLib.Meta" }>

/** Writes lib meta that says that the copy is unfinished. Nothing opens it. */
const begin = (root: Root, meta: MetaRecord, from: string): Effect.Effect<string, StorageError> =>
  root.meta.replace(
    undefined,
    undefined,
    MetaChain.write<LibRecord>(null, [meta, { $type: "LiteLib.Unfinished", from }]).bytes
  )

const listingOf = (name: string, tape: string) =>
  ({ $type: "LiteLib.Tape", name, tape, role: "records", state: "archived" }) as const

/** What is copied, and then read back. */
const totalOf = ({ tapes }: Snapshot) => {
  let records = 0
  let bytes = 0
  for (const { listed, records: its, tape } of tapes) {
    const times = listed.role === "events" ? 2 : 1
    records += times * its
    bytes += times * tape.state.segments.reduce((sum, segment) => sum + segment.rawBytes, 0)
    bytes += times * tape.parts.reduce((sum, part) => sum + part.bytes, 0)
  }
  return { records, bytes }
}

/** Copies a tape of records as it is. */
const copyTape = (
  source: LibHandle,
  { listed, records, tape }: SourceTape,
  { limits, makeTape, root }: Target,
  counter: Counter
): Effect.Effect<MadeTape, CopyError> =>
  Effect.gen(function* () {
    const { name } = listed
    yield* makeTape(name)
    const place = { root, limits, check: source.guard.checkOpen }
    // While files are copied, no repack may remove them.
    const segments = yield* tape.repacking.withPermit(copyRecords(source, tape, place, name, () => records, counter))
    const origin = originOf(tape, segments.at(-1)?.merkle)
    const its = segments.map((segment) => ({ ...segment, lastBatch: 0 }))
    return {
      name,
      role: "records" as const,
      segments: its,
      origin,
      kept: { state: listed.state, userMeta: tape.state.userMeta, lost: tape.state.lost }
    }
  })

/** Copies all events to their tapes. Returns these, and the hash of all lines. */
const copyEvents = Effect.fnUntraced(function* (
  source: LibHandle,
  snapshot: Snapshot,
  tapes: CopiedTapes,
  options: CopyOptions,
  counter: Counter
): Effect.fn.Return<Digest & { readonly tapes: CopiedTapes }, CopyError> {
  const merge = new EventMerge(source, snapshot, options.allowGaps === true)
  const digest = yield* digestEvents(merge.page, counter, (lines) => tapes.add(lines))
  yield* tapes.finish
  return { ...digest, tapes }
})

/** Returns what each tape has in addition to its records, by name. */
const keptIn = ({ tapes }: Snapshot): ReadonlyMap<string, Kept> =>
  new Map(
    tapes.map(({ listed, tape }) => [listed.name, { state: listed.state, userMeta: tape.state.userMeta, lost: [] }])
  )

const leftOf = ({ tapes }: Snapshot, made: ReadonlySet<string>): ReadonlyArray<Left> => {
  const left: Array<Left> = []
  for (const { listed, tape } of tapes) {
    if (made.has(listed.name)) continue
    const userMeta = Object.fromEntries(tape.state.userMeta)
    const archived = listed.state === "archived"
    if (archived || tape.state.userMeta.size > 0) left.push({ tape: listed.name, archived, userMeta })
  }
  return left
}
