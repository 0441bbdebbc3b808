/**
 * The evidence that a recovery rests on. A recovery can be interrupted after it has changed tapes, so until the new lib
 * exists the old one must not open, and the next recovery must find what this one has found.
 */
import * as Effect from "effect/Effect"
import { libMetaFile } from "../../../domain/format/Format.ts"
import type { Limits } from "../../../domain/format/Limits.ts"
import { dynamicName } from "../../../domain/format/Names.ts"
import * as Hint from "../../../domain/journal/Hint.ts"
import { refold, refoldWithin } from "../../../domain/meta/LibRefold.ts"
import type { LibState } from "../../../domain/meta/LibState.ts"
import * as MetaChain from "../../../domain/meta/MetaChain.ts"
import type { LibRecord, Unchained } from "../../../domain/meta/SystemRecord.ts"
import type { Meta, Root, StorageError } from "../../ports/Storage.ts"

/** Lib meta as the recovery found it, or as it has rewritten it. */
interface OldMeta {
  readonly meta: Meta | undefined
  /** Names of files that were set aside. */
  readonly aside: ReadonlyArray<string>
}

/**
 * Makes durable in lib meta up to which batch the lib must reach. Only the hint may know that, which a restart of the system
 * invalidates. Sets the old lib meta aside first. Changes nothing if lib meta cannot be read, or says it already.
 */
export const keepEvidence = (
  root: Root,
  state: LibState | undefined,
  meta: Meta | undefined,
  known: number,
  limits: Limits
): Effect.Effect<OldMeta, StorageError> =>
  Effect.gen(function* () {
    if (meta === undefined) return { meta, aside: [] }
    const aside = [yield* root.quarantine.keep(`${libMetaFile}.quarantine`, meta.bytes)]
    if (state === undefined || known <= state.upto) return { meta, aside }
    const { bytes } = MetaChain.write<LibRecord>(null, withUpto(state, known), limits)
    const version = yield* root.meta.replace(undefined, meta.version, bytes)
    return { meta: { ...meta, bytes, version }, aside }
  })

/** Returns the records of the same state, whose dynamic segments must reach batch `upto`. */
const withUpto = (state: LibState, upto: number): Array<Unchained<LibRecord>> => {
  const { anchor, epoch, format, highest, live } = state
  const isOpen = live.some(({ limit }) => limit === undefined)
  const [first, ...rest] = isOpen
    ? refoldWithin({ ...state, upto })
    : [
        ...refold(state),
        {
          $type: "LiteLib.Epoch" as const,
          anchor,
          dynamic: Math.max(highest, 1),
          epoch: Math.max(epoch, 1),
          old: [],
          upto
        },
        { $type: "LiteLib.Clean" as const, anchor }
      ]
  // The format says whether consumers may have been listed in what lib meta lacks.
  return [{ ...(first as Extract<Unchained<LibRecord>, { readonly $type: "LiteLib.Meta" }>), format }, ...rest]
}

/** Keeps copies of the dynamic segments, and voids the hint, which contains a batch of the old lib. */
export const setAside = Effect.fnUntraced(function* (
  root: Root,
  dynamics: ReadonlyArray<{ readonly dynamic: number; readonly bytes: Uint8Array }>
): Effect.fn.Return<ReadonlyArray<string>, StorageError> {
  const aside: Array<string> = []
  for (const { dynamic, bytes } of dynamics) {
    aside.push(yield* root.quarantine.keep(`${dynamicName(dynamic)}.quarantine`, bytes))
  }
  // Of no boot: if this recovery is interrupted now, the next one must not take batch 0 for the last acknowledged one.
  yield* root.hint.write(Hint.encode({ boot: "none", batch: 0 }))
  return aside
})
