/** A tape's meta: how it is read, folded, and changed. */
import * as Effect from "effect/Effect"
import {
  type ForkDetected,
  IdentityMismatch,
  type MetaCorrupt,
  type MetaInvalid,
  TapeInvalid,
  type UnsupportedFormat,
  type WriterPoisoned
} from "../../domain/format/Errors.ts"
import { tapeMetaFile } from "../../domain/format/Format.ts"
import type { TapeListing } from "../../domain/meta/LibState.ts"
import * as MetaChain from "../../domain/meta/MetaChain.ts"
import type { InvalidSegmentName } from "../../domain/format/Names.ts"
import type { TapeRecord, Unchained } from "../../domain/meta/SystemRecord.ts"
import * as TapeState from "../../domain/meta/TapeState.ts"
import type { Meta, StorageError } from "../ports/Storage.ts"
import { attempt } from "../base/attempt.ts"
import { checkLock, type Core, writeStep } from "./LibHandle.ts"
import { checkTapeMetaSize, readMeta, segmentLineBytesMax } from "./metaLimits.ts"
import type { OpenTape } from "./OpenTape.ts"

/** What is wrong with a tape's meta. */
export type TapeMetaError =
  | TapeInvalid
  | MetaCorrupt
  | MetaInvalid
  | ForkDetected
  | IdentityMismatch
  | UnsupportedFormat
  | InvalidSegmentName

/** A tape's meta as it was read and folded. */
export interface LoadedMeta {
  readonly state: TapeState.TapeState
  readonly version: string
  readonly end: string | null
  readonly bytes: Uint8Array
}

/** Reads, checks and folds the meta of a listed tape. */
export const readTapeMeta = (
  core: Pick<Core, "root" | "state">,
  listed: TapeListing
): Effect.Effect<LoadedMeta, TapeMetaError | StorageError> =>
  Effect.flatMap(readMeta(core.root, listed.name, core.state.limits.metaBytesMax), (meta) => {
    if (meta === undefined) {
      return Effect.fail(new TapeInvalid({ tape: listed.name, why: metaMissing }))
    }
    return foldMeta(core, listed, meta)
  })

const foldMeta = (
  core: Pick<Core, "state">,
  listed: TapeListing,
  meta: Meta
): Effect.Effect<LoadedMeta, TapeMetaError> =>
  attempt<LoadedMeta, TapeMetaError>(() => {
    const file = `${listed.name}/${tapeMetaFile}`
    const chain = MetaChain.readTape(file, meta.bytes, core.state.limits)
    const state = MetaChain.folding(meta.bytes, () => TapeState.fold(file, chain.records))
    if (state.tape !== listed.tape) throw new IdentityMismatch({ file, expected: listed.tape, found: state.tape })
    if (state.lib !== core.state.lib) throw new IdentityMismatch({ file, expected: core.state.lib, found: state.lib })
    if (state.role !== listed.role) {
      throw new IdentityMismatch({ file, expected: `role ${listed.role}`, found: `role ${state.role}` })
    }
    return { state, version: meta.version, end: chain.end, bytes: meta.bytes }
  })

/** Puts the meta of `state` in the place of what there is, under the tape's lock: whole, folded afresh. */
export const replaceTapeMeta = (
  core: Core,
  tape: OpenTape,
  state: TapeState.TapeState
): Effect.Effect<void, WriterPoisoned | MetaInvalid> =>
  Effect.gen(function* () {
    const records = TapeState.refold(state)
    const written = MetaChain.writeTape(records, core.state.limits)
    yield* checkTapeMetaSize(core.state.limits, tape.name, written.bytes.length, records.length)
    yield* checkLock(core)
    tape.metaVersion = yield* writeStep(core, core.root.replaceMeta(tape.name, tape.metaVersion, written.bytes))
    tape.state = { ...state, lines: records.length }
    tape.metaEnd = written.end
  })

/** Sees that meta is still what was read, and has room for one more segment: before the segment is written. */
export const checkTapeMeta = (
  core: Core,
  tape: OpenTape
): Effect.Effect<void, WriterPoisoned | StorageError | MetaInvalid | TapeInvalid> =>
  Effect.gen(function* () {
    const meta = yield* readOwnMeta(core, tape)
    if (meta.bytes.length + segmentLineBytesMax <= core.state.limits.metaBytesMax) return
    // Folded afresh it may be smaller.
    const records = TapeState.refold(tape.state)
    const folded = MetaChain.writeTape(records, core.state.limits).bytes.length
    yield* checkTapeMetaSize(core.state.limits, tape.name, folded + segmentLineBytesMax, records.length)
    yield* replaceTapeMeta(core, tape, tape.state)
  })

const readOwnMeta = (
  core: Core,
  tape: OpenTape
): Effect.Effect<Meta, WriterPoisoned | StorageError | MetaInvalid | TapeInvalid> =>
  Effect.flatMap(
    readMeta(core.root, tape.name, core.state.limits.metaBytesMax),
    (meta): Effect.Effect<Meta, WriterPoisoned | TapeInvalid> => {
      // Without its meta the tape is none, and nothing of it is written: it can be recovered.
      if (meta === undefined) return Effect.fail(new TapeInvalid({ tape: tape.name, why: metaMissing }))
      if (meta.version === tape.metaVersion) return Effect.succeed(meta)
      return Effect.fail(core.stop(`${tape.name}/${tapeMetaFile} was changed by someone else`))
    }
  )

const metaMissing = "its meta is missing: put it back, or recover the tape into a new one"

/** One change of a tape's meta, under its lock: copied with the record behind it, and put in its place whole. */
export const changeTapeMeta = (
  core: Core,
  tape: OpenTape,
  record: Unchained<TapeRecord>
): Effect.Effect<void, WriterPoisoned | StorageError | MetaInvalid | TapeInvalid> =>
  Effect.gen(function* () {
    const state = TapeState.after(tape.state, record)
    const meta = yield* readOwnMeta(core, tape)
    const { limits } = core.state
    const longer = MetaChain.extendTape(meta.bytes, tape.metaEnd, record, limits)
    // Folded afresh it may be smaller: where it is full, that is what removing a user value is for.
    const worn = TapeState.isWorn(state) || longer === undefined || longer.bytes.length > limits.metaBytesMax
    const written = worn ? MetaChain.writeTape(TapeState.refold(state), limits) : longer
    yield* checkTapeMetaSize(limits, tape.name, written.bytes.length, state.lines)
    const version = yield* writeStep(core, core.root.replaceMeta(tape.name, tape.metaVersion, written.bytes))
    tape.state = worn ? { ...state, lines: TapeState.refold(state).length } : state
    tape.metaVersion = version
    tape.metaEnd = written.end
  })
