/** Reads and folds tape meta. */
import * as Effect from "effect/Effect"
import {
  type ForkDetected,
  IdentityMismatch,
  type MetaCorrupt,
  type MetaInvalid,
  TapeInvalid,
  type UnsupportedFormat
} from "../../domain/format/Errors.ts"
import { tapeMetaFile } from "../../domain/format/Format.ts"
import type { InvalidSegmentName } from "../../domain/format/Names.ts"
import type { LibState, TapeListing } from "../../domain/meta/LibState.ts"
import * as MetaChain from "../../domain/meta/MetaChain.ts"
import * as TapeState from "../../domain/meta/TapeState.ts"
import { attempt } from "../base/attempt.ts"
import type { Meta, Root, StorageError } from "../ports/Storage.ts"
import { readMeta } from "./metaLimits.ts"

/** Errors of a tape's meta. */
export type TapeMetaError =
  | TapeInvalid
  | MetaCorrupt
  | MetaInvalid
  | ForkDetected
  | IdentityMismatch
  | UnsupportedFormat
  | InvalidSegmentName

/** Folded tape meta, as it is on the disk. */
export interface FoldedTapeMeta {
  readonly state: TapeState.TapeState
  /** Version that the storage gave it. */
  readonly version: string
  /** Hash of its last record. */
  readonly end: string | null
}

/** Tape meta as it was read and folded. */
export interface LoadedMeta extends FoldedTapeMeta {
  readonly bytes: Uint8Array
}

export const metaMissing = "its meta is missing. Restore it from a copy, or run recoverTape."

const salvageInterrupted = "a salvage of it was interrupted before lib meta listed the result. Run salvageTape again."

/** Whether a salvage wrote this meta, but lib meta does not list it yet. */
export const isSalvaged = ({ origin, role, tape }: TapeState.TapeState, listed: TapeListing): boolean =>
  tape !== listed.tape && origin.kind === "recovered" && origin.tape === listed.tape && role === listed.role

/** Reads, checks and folds the meta of a listed tape. */
export const readTapeMeta = (
  root: Root,
  lib: LibState,
  listed: TapeListing
): Effect.Effect<LoadedMeta, TapeMetaError | StorageError> =>
  Effect.flatMap(readMeta(root, listed.name, lib.limits.metaBytesMax), (meta) =>
    meta === undefined
      ? Effect.fail(new TapeInvalid({ tape: listed.name, why: metaMissing }))
      : foldMeta(lib, listed, meta)
  )

const foldMeta = (lib: LibState, listed: TapeListing, meta: Meta): Effect.Effect<LoadedMeta, TapeMetaError> =>
  attempt<LoadedMeta, TapeMetaError>(() => {
    const file = `${listed.name}/${tapeMetaFile}`
    const chain = MetaChain.readTape(file, meta.bytes, lib.limits)
    const state = MetaChain.folding(meta.bytes, () => TapeState.fold(file, chain.records))
    if (isSalvaged(state, listed)) throw new TapeInvalid({ tape: listed.name, why: salvageInterrupted })
    if (state.tape !== listed.tape) throw new IdentityMismatch({ file, expected: listed.tape, found: state.tape })
    if (state.lib !== lib.lib) throw new IdentityMismatch({ file, expected: lib.lib, found: state.lib })
    if (state.role !== listed.role) {
      throw new IdentityMismatch({ file, expected: `role ${listed.role}`, found: `role ${state.role}` })
    }
    return { state, version: meta.version, end: chain.end, bytes: meta.bytes }
  })
