/** Opening a lib: creating it, taking it over from the writer before (RELIABILITY: open), or looking at it as a reader. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import {
  AckedDataLost,
  LibInvalid,
  LibLocked,
  MetaCorrupt,
  ReadOnly,
  InvalidSettings,
  SettingsMismatch,
  type EpochRegression
} from "../../domain/Errors.ts"
import * as DynamicSegment from "../../domain/DynamicSegment.ts"
import { formatVersion, libMetaFile } from "../../domain/Format.ts"
import * as Hint from "../../domain/Hint.ts"
import * as LibState from "../../domain/LibState.ts"
import { checkLimits, defaultLimits, type Limits } from "../../domain/Limits.ts"
import * as MetaChain from "../../domain/MetaChain.ts"
import { dynamicName } from "../../domain/Names.ts"
import { checkPlacement, type Placement } from "../../domain/Placement.ts"
import type { LibRecord } from "../../domain/SystemRecord.ts"
import type { Root, StorageError } from "../Storage.ts"
import { attempt } from "./attempt.ts"
import { Core, type WriterSettings } from "./Core.ts"
import { type ScanError, type Scanned, scanAll } from "./DynamicScan.ts"
import { takeOver } from "./TakeOver.ts"

/** What opening a lib may fail with. */
export type OpenError =
  | LibInvalid
  | LibLocked
  | ReadOnly
  | SettingsMismatch
  | InvalidSettings
  | AckedDataLost
  | EpochRegression
  | MetaChain.ChainError
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

/** Reads and folds lib meta. */
export const readState = Effect.fnUntraced(function* (
  root: Root
): Effect.fn.Return<ReadState | undefined, MetaChain.ChainError | EpochRegression | StorageError> {
  const meta = yield* root.readMeta(undefined)
  if (meta === undefined) return undefined
  return yield* attempt<ReadState, MetaChain.ChainError | EpochRegression>(() => {
    const chain = MetaChain.readLib(libMetaFile, meta.bytes)
    return { state: LibState.fold(libMetaFile, chain.records), chain, version: meta.version }
  })
})

/** Opens for writing: creates the lib in an empty place, else takes over what the writer before left. */
export const openWriter = Effect.fnUntraced(function* (
  root: Root,
  settings: WriterSettings,
  options: LibOptions,
  uuid: (now: number) => string
): Effect.fn.Return<{ core: Core; report: OpenReport }, OpenError> {
  let read = yield* readState(root)
  const created = read === undefined
  if (read === undefined) {
    yield* create(root, options, uuid)
    read = yield* readState(root)
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
  yield* checkHint(root, scanned)
  yield* checkUnlisted(root, read)
  yield* checkTapes(read, scanned)
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
      stored: JSON.stringify(stored),
      given: JSON.stringify(given)
    })
  const { placement } = options
  if (placement !== undefined && !samePlacement(placement, state.placement)) {
    return Effect.fail(mismatch("placement", state.placement, placement))
  }
  for (const [key, given] of Object.entries(options.limits ?? {})) {
    const stored = state.limits[key as keyof Limits]
    if (given !== undefined && given !== stored) return Effect.fail(mismatch(key, stored, given))
  }
  return Effect.void
}

const samePlacement = (a: Placement, b: Placement): boolean =>
  a.kind === b.kind && (a.kind !== "hashed" || b.kind !== "hashed" || a.tapes === b.tapes)

/** What was acknowledged in this run of the system must be here. */
const checkHint = (root: Root, scanned: Scanned): Effect.Effect<void, AckedDataLost | StorageError> =>
  Effect.flatMap(root.readHint, (bytes) => {
    const hint = Hint.decode(bytes)
    if (hint === undefined || root.boot === undefined || hint.boot !== root.boot) return Effect.void
    if (hint.batch <= scanned.anchor.batch) return Effect.void
    return Effect.fail(new AckedDataLost({ location: root.location, acked: hint.batch, found: scanned.anchor.batch }))
  })

/**
 * A dynamic segment is listed before its first batch: one of this lib that holds batches and is not listed shows that
 * lib meta has lost its end. (What an interrupted opening leaves is of the next epoch, and a copy.)
 */
const checkUnlisted = Effect.fnUntraced(function* (root: Root, read: ReadState) {
  const { state } = read
  for (const dynamic of yield* root.listDynamics) {
    if (dynamic <= state.highest) continue
    const size = (yield* root.dynamicSize(dynamic)) ?? 0
    const head = yield* root.readDynamic(dynamic, 0, 4096)
    const header = DynamicSegment.readHeader(head)
    if (typeof header === "string" || header.lib !== state.lib) continue
    const listable = header.epoch === state.epoch || state.epoch === 0
    if (listable && size > DynamicSegment.headerBytes(head)) {
      return yield* endMissing(read, `${dynamicName(dynamic)} holds batches and is not listed`)
    }
  }
})

/** A tape is listed before its first record is committed. */
const checkTapes = (read: ReadState, scanned: Scanned): Effect.Effect<void, MetaCorrupt> => {
  for (const file of scanned.files) {
    for (const tape of file.parts.keys()) {
      if (read.state.roles.has(tape)) continue
      return endMissing(read, `${dynamicName(file.dynamic)} holds records of tape ${tape}, which is not listed`)
    }
  }
  return Effect.void
}

const endMissing = ({ chain }: ReadState, why: string): Effect.Effect<never, MetaCorrupt> =>
  Effect.fail(
    new MetaCorrupt({
      meta: libMetaFile,
      line: chain.records.length + 1,
      offset: chain.goodBytes,
      why: `its end is missing: ${why}`
    })
  )

const setTornAside = Effect.fnUntraced(function* (root: Root, { torn }: Scanned) {
  if (torn === undefined || torn.bytes.length === 0) return undefined
  const file = dynamicName(torn.dynamic)
  const aside = yield* root.setAside(`${file}.quarantine`, torn.bytes)
  return { file, offset: torn.offset, bytes: torn.bytes.length, aside }
})
