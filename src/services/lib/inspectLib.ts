/** Reads everything that lib meta lists, and checks that nothing is missing. */
import * as Effect from "effect/Effect"
import { AckedDataLost, type MetaCorrupt } from "../../domain/format/Errors.ts"
import { libMetaFile } from "../../domain/format/Format.ts"
import * as Hint from "../../domain/journal/Hint.ts"
import type { Root, StorageError } from "../ports/Storage.ts"
import { type ScanError, type Scanned, scanAll } from "../journal/DynamicScan.ts"
import { checkMetaEnd } from "./checkMetaEnd.ts"
import type { ReadState } from "./readLibMeta.ts"

/** Reads all listed dynamic segments. Fails if acknowledged batches, or the end of lib meta, are missing. */
export const inspectLib = Effect.fnUntraced(function* (
  root: Root,
  read: ReadState
): Effect.fn.Return<Scanned, ScanError | MetaCorrupt> {
  const scanned = yield* scanAll(root, read.state)
  yield* checkMetaEnd(root, read, scanned, scanned.anchor.batch)
  yield* checkHint(root, read, scanned)
  return scanned
})

/** Returns the error for a lib that ends before batch `acked`. */
export const ackedLost = (root: Root, { chain }: ReadState, scanned: Scanned, acked: number): AckedDataLost => {
  const { file, offset } = scanned.end ?? { file: libMetaFile, offset: chain.goodBytes }
  return new AckedDataLost({ location: root.location, acked, found: scanned.anchor.batch, file, offset })
}

/** Fails if a batch is missing that was acknowledged since the system booted. */
const checkHint = (root: Root, read: ReadState, scanned: Scanned): Effect.Effect<void, AckedDataLost | StorageError> =>
  Effect.flatMap(root.hint.read, (bytes) => {
    const hint = Hint.decode(bytes)
    if (hint === undefined || root.boot === undefined || hint.boot !== root.boot) return Effect.void
    if (hint.batch <= scanned.anchor.batch) return Effect.void
    return Effect.fail(ackedLost(root, read, scanned, hint.batch))
  })
