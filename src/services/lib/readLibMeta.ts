/** Reads and folds lib meta. */
import * as Effect from "effect/Effect"
import { type EpochRegression, LibInvalid } from "../../domain/format/Errors.ts"
import { libMetaFile } from "../../domain/format/Format.ts"
import { defaultLimits, type Limits } from "../../domain/format/Limits.ts"
import type { InvalidTapeName } from "../../domain/format/Names.ts"
import * as LibFold from "../../domain/meta/LibFold.ts"
import type * as LibState from "../../domain/meta/LibState.ts"
import * as MetaChain from "../../domain/meta/MetaChain.ts"
import type { LibRecord } from "../../domain/meta/SystemRecord.ts"
import { attempt } from "../base/attempt.ts"
import type { Root, StorageError } from "../ports/Storage.ts"
import { libMetaBudget, readMeta } from "./metaLimits.ts"

/** Errors of lib meta itself. */
export type LibMetaError = LibInvalid | MetaChain.ChainError | EpochRegression | InvalidTapeName

/** Lib meta as it was read. */
export interface ReadState {
  readonly state: LibState.LibState
  readonly chain: MetaChain.Chain<LibRecord>
  readonly version: string
  /** Size in bytes. */
  readonly bytes: number
}

const unfinished = "it is an unfinished copy of another lib. Delete it, and make the copy again."

/** Reads and folds lib meta. `limits` are the limits that it is known or assumed to have. */
export const readLibMeta = Effect.fnUntraced(function* (
  root: Root,
  limits: Partial<Limits> | undefined
): Effect.fn.Return<ReadState | undefined, LibMetaError | StorageError> {
  const metaBytesMax = libMetaBudget(limits)
  const meta = yield* readMeta(root, undefined, metaBytesMax)
  if (meta === undefined) return undefined
  return yield* attempt<ReadState, LibMetaError>(() => {
    const chain = MetaChain.readLib(libMetaFile, meta.bytes, { ...defaultLimits, metaBytesMax })
    const state = MetaChain.folding(meta.bytes, () => LibFold.fold(libMetaFile, chain.records))
    if (state.unfinished) throw new LibInvalid({ location: root.location, why: unfinished })
    return { state, chain, version: meta.version, bytes: meta.bytes.length }
  })
})
