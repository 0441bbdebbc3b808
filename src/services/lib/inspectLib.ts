/** Reads what lib meta lists, and checks that nothing is missing. */
import * as Effect from "effect/Effect"
import { AckedDataLost, type MetaCorrupt } from "../../domain/format/Errors.ts"
import { libMetaFile } from "../../domain/format/Format.ts"
import * as Hint from "../../domain/journal/Hint.ts"
import type { Root, StorageError } from "../ports/Storage.ts"
import { type ScanError, type Scanned, scanAll } from "../journal/DynamicScan.ts"
import { checkMetaEnd } from "./checkMetaEnd.ts"
import type { ReadState } from "./readLibMeta.ts"

/** Reads what lib meta lists, and sees that nothing is missing. */
export const inspectLib = Effect.fnUntraced(function* (
  root: Root,
  read: ReadState
): Effect.fn.Return<Scanned, ScanError | MetaCorrupt> {
  const scanned = yield* scanAll(root, read.state)
  yield* checkMetaEnd(root, read, scanned, scanned.anchor.batch)
  yield* checkHint(root, read, scanned)
  return scanned
})

/** What is here ends before batch `acked`. */
export const ackedLost = (root: Root, { chain }: ReadState, scanned: Scanned, acked: number): AckedDataLost => {
  const { file, offset } = scanned.end ?? { file: libMetaFile, offset: chain.goodBytes }
  return new AckedDataLost({ location: root.location, acked, found: scanned.anchor.batch, file, offset })
}

/** What was acknowledged in this run of the system must be here. */
const checkHint = (root: Root, read: ReadState, scanned: Scanned): Effect.Effect<void, AckedDataLost | StorageError> =>
  Effect.flatMap(root.hint.read, (bytes) => {
    const hint = Hint.decode(bytes)
    if (hint === undefined || root.boot === undefined || hint.boot !== root.boot) return Effect.void
    if (hint.batch <= scanned.anchor.batch) return Effect.void
    return Effect.fail(ackedLost(root, read, scanned, hint.batch))
  })
