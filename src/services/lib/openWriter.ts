/** Opening a lib: creating it, taking it over from the writer before (RELIABILITY: open), or looking at it as a reader. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import {
  AckedDataLost,
  LibInvalid,
  LibLocked,
  type MetaCorrupt,
  ReadOnly,
  InvalidSettings,
  SettingsMismatch,
  type EpochRegression
} from "../../domain/format/Errors.ts"
import { formatVersion, libMetaFile } from "../../domain/format/Format.ts"
import * as Hint from "../../domain/journal/Hint.ts"
import * as LibState from "../../domain/meta/LibState.ts"
import { checkLimits, defaultLimits, type Limits } from "../../domain/format/Limits.ts"
import * as MetaChain from "../../domain/meta/MetaChain.ts"
import { dynamicName, type InvalidTapeName } from "../../domain/format/Names.ts"
import { checkPlacement, type Placement } from "../../domain/format/Placement.ts"
import type { LibRecord } from "../../domain/meta/SystemRecord.ts"
import type { Root, StorageError, Warning } from "../ports/Storage.ts"
import { attempt } from "../base/attempt.ts"
import { Core, type WriterSettings } from "./LibHandle.ts"
import { type ScanError, type Scanned, scanAll } from "../journal/DynamicScan.ts"
import { checkMetaEnd } from "./checkMetaEnd.ts"
import { libMetaBudget, readMeta } from "./metaLimits.ts"
import { takeOver } from "./takeOver.ts"

/** What is wrong with lib meta. */
export type LibMetaError = MetaChain.ChainError | EpochRegression | InvalidTapeName

/** What opening a lib may fail with. */
export type OpenError =
  | LibInvalid
  | LibLocked
  | ReadOnly
  | SettingsMismatch
  | InvalidSettings
  | AckedDataLost
  | LibMetaError
  | ScanError

/** What opening found to do. */
export interface OpenReport {
  /** The lib was made by this call. */
  readonly created: boolean
  /** The writer before this one ended without a clean close, and what it had committed was taken over. */
  readonly recovered: boolean
  /** A torn end that was never acknowledged: its bytes were set aside. */
  readonly tailDiscarded?: {
    readonly file: string
    readonly offset: number
    readonly bytes: number
    readonly aside: string
  }
  /** A torn last record of lib meta was dropped. */
  readonly metaTailDropped: boolean
  /** What others may write to; told in the log too. Empty where nobody else may, or where the system cannot say. */
  readonly warnings: ReadonlyArray<Warning>
}

export interface LibOptions {
  readonly limits?: Partial<Limits> | undefined
  readonly placement?: Placement | undefined
}

/** Lib meta as it was read. */
export interface ReadState {
  readonly state: LibState.LibState
  readonly chain: MetaChain.Chain<LibRecord>
  readonly version: string
}

/** Errors of the place itself, in the words of the lib. */
export const fromStorage = (
  error: StorageError,
  location: string
): LibInvalid | LibLocked | ReadOnly | StorageError => {
  if (error.reason === "locked") return new LibLocked({ location })
  if (error.reason === "not-a-lib") return new LibInvalid({ location, why: error.detail })
  if (error.reason === "read-only") return new ReadOnly({ location })
  return error
}

/** Reads and folds lib meta. `limits` are those that it is known, or believed, to have. */
export const readState = Effect.fnUntraced(function* (
  root: Root,
  limits: Partial<Limits> | undefined
): Effect.fn.Return<ReadState | undefined, LibMetaError | StorageError> {
  const metaBytesMax = libMetaBudget(limits)
  const meta = yield* readMeta(root, undefined, metaBytesMax)
  if (meta === undefined) return undefined
  return yield* attempt<ReadState, LibMetaError>(() => {
    const chain = MetaChain.readLib(libMetaFile, meta.bytes, { ...defaultLimits, metaBytesMax })
    const state = MetaChain.folding(meta.bytes, () => LibState.fold(libMetaFile, chain.records))
    return { state, chain, version: meta.version }
  })
})

/** Opens for writing: creates the lib in an empty place, else takes over what the writer before left. */
export const openWriter = Effect.fnUntraced(function* (
  root: Root,
  settings: WriterSettings,
  options: LibOptions,
  uuid: (now: number) => string
): Effect.fn.Return<{ core: Core; report: OpenReport }, OpenError> {
  let read = yield* readState(root, options.limits)
  const created = read === undefined
  if (read === undefined) {
    yield* create(root, options, uuid)
    read = yield* readState(root, options.limits)
    if (read === undefined) {
      return yield* new LibInvalid({ location: root.location, why: "its meta vanished while it was created" })
    }
  }
  yield* checkSettings(root, read.state, options)
  const scanned = yield* inspect(root, read)
  const core = new Core({
    root,
    settings,
    uuid,
    state: read.state,
    metaVersion: read.version,
    metaEnd: read.chain.end
  })
  // A lib whose last record is Clean, or that has no writer yet, left nothing to take over.
  core.unclean = read.state.live.length > 0
  const aside = yield* setTornAside(root, scanned)
  yield* takeOver(core, read, scanned)
  return {
    core,
    report: {
      created,
      recovered: core.unclean,
      metaTailDropped: read.chain.torn,
      warnings: root.warnings ?? [],
      ...(aside === undefined ? {} : { tailDiscarded: aside })
    }
  }
}, Effect.uninterruptible)

/** Reads what lib meta lists, and sees that nothing is missing. */
export const inspect = Effect.fnUntraced(function* (
  root: Root,
  read: ReadState
): Effect.fn.Return<Scanned, ScanError | MetaCorrupt> {
  const scanned = yield* scanAll(root, read.state)
  yield* checkMetaEnd(root, read, scanned, scanned.anchor.batch)
  yield* checkHint(root, read, scanned)
  return scanned
})

const create = Effect.fnUntraced(function* (root: Root, options: LibOptions, uuid: (now: number) => string) {
  const now = yield* Clock.currentTimeMillis
  const limits = { ...defaultLimits, ...options.limits }
  const placement = options.placement ?? { kind: "category" as const }
  const wrong = checkLimits(limits) ?? checkPlacement(placement)
  if (wrong !== undefined) return yield* new InvalidSettings({ location: root.location, ...wrong })
  const written = MetaChain.write<LibRecord>(null, [
    {
      $type: "LiteLib.Meta",
      created: new Date(now).toISOString(),
      format: formatVersion,
      lib: uuid(now),
      limits,
      placement
    }
  ])
  yield* root.replaceMeta(undefined, undefined, written.bytes)
})

/** An existing lib has the settings that it was created with. */
export const checkSettings = (
  root: Root,
  state: LibState.LibState,
  options: LibOptions
): Effect.Effect<void, SettingsMismatch> => {
  const mismatch = (setting: string, stored: unknown, given: unknown) =>
    new SettingsMismatch({
      location: root.location,
      setting,
      stored: JSON.stringify(stored) ?? "unknown",
      given: JSON.stringify(given) ?? "nothing"
    })
  const { placement } = options
  if (placement !== undefined && !samePlacement(placement, state.placement)) {
    return Effect.fail(mismatch("placement", state.placement, placement))
  }
  for (const [key, given] of Object.entries(options.limits ?? {})) {
    const stored = Object.hasOwn(state.limits, key) ? state.limits[key as keyof Limits] : undefined
    if (given !== undefined && given !== stored) return Effect.fail(mismatch(key, stored, given))
  }
  return Effect.void
}

const samePlacement = (a: Placement, b: Placement): boolean =>
  a.kind === b.kind && (a.kind !== "hashed" || b.kind !== "hashed" || a.tapes === b.tapes)

/** What is here ends before batch `acked`. */
export const ackedLost = (root: Root, { chain }: ReadState, scanned: Scanned, acked: number): AckedDataLost => {
  const { file, offset } = scanned.end ?? { file: libMetaFile, offset: chain.goodBytes }
  return new AckedDataLost({ location: root.location, acked, found: scanned.anchor.batch, file, offset })
}

/** What was acknowledged in this run of the system must be here. */
const checkHint = (root: Root, read: ReadState, scanned: Scanned): Effect.Effect<void, AckedDataLost | StorageError> =>
  Effect.flatMap(root.readHint, (bytes) => {
    const hint = Hint.decode(bytes)
    if (hint === undefined || root.boot === undefined || hint.boot !== root.boot) return Effect.void
    if (hint.batch <= scanned.anchor.batch) return Effect.void
    return Effect.fail(ackedLost(root, read, scanned, hint.batch))
  })

const setTornAside = Effect.fnUntraced(function* (root: Root, { torn }: Scanned) {
  if (torn === undefined || torn.bytes.length === 0) return undefined
  const file = dynamicName(torn.dynamic)
  const aside = yield* root.setAside(`${file}.quarantine`, torn.bytes)
  return { file, offset: torn.offset, bytes: torn.bytes.length, aside }
})
