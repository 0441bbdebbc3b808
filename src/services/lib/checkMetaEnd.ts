/**
 * Checks whether lib meta has lost its end. Lib meta is appended to, so the loss of whole lines leaves it well-formed.
 * But a dynamic segment or a tape is listed before anything that needs it is written; such a file shows the loss.
 */
import * as Effect from "effect/Effect"
import { MetaCorrupt } from "../../domain/format/Errors.ts"
import * as DynamicSegment from "../../domain/journal/DynamicSegment.ts"
import { libMetaFile } from "../../domain/format/Format.ts"
import { dynamicName } from "../../domain/format/Names.ts"
import type { Root, StorageError } from "../ports/Storage.ts"
import type { Scanned } from "../journal/DynamicScan.ts"
import type { ReadState } from "./readLibMeta.ts"

/** Fails unless lib meta lists everything that batches up to `upto` need. */
export const checkMetaEnd = Effect.fnUntraced(function* (
  root: Root,
  read: ReadState,
  scanned: Scanned,
  upto: number
): Effect.fn.Return<void, MetaCorrupt | StorageError> {
  yield* checkWriter(root, read)
  yield* checkUnlisted(root, read)
  yield* checkTapes(read, scanned, upto)
})

/** Only a writer creates tapes, and a writer begins with its epoch. */
const checkWriter = (root: Root, read: ReadState): Effect.Effect<void, MetaCorrupt | StorageError> =>
  read.state.epoch > 0
    ? Effect.void
    : Effect.flatMap(root.tapes.list, ([tape]) =>
        tape === undefined ? Effect.void : endMissing(read, `tape ${tape} exists, but no writer is listed`)
      )

/**
 * A dynamic segment is listed before its first batch. So an unlisted one of this lib that holds batches shows that lib
 * meta has lost its end. (An interrupted opening leaves one of the next epoch, which holds only a copy.)
 */
const checkUnlisted = Effect.fnUntraced(function* (root: Root, read: ReadState) {
  const { state } = read
  for (const dynamic of yield* root.journal.list) {
    if (dynamic <= state.highest) continue
    const size = (yield* root.journal.size(dynamic)) ?? 0
    const head = yield* root.journal.read(dynamic, 0, 4096)
    const header = DynamicSegment.readHeader(head)
    if (typeof header === "string" || header.lib !== state.lib) continue
    const listable = header.epoch === state.epoch || state.epoch === 0
    if (listable && size > DynamicSegment.headerBytes(head)) {
      return yield* endMissing(read, `${dynamicName(dynamic)} holds batches, but is not listed`)
    }
  }
})

/** A tape is listed before its first record is committed. */
const checkTapes = (read: ReadState, scanned: Scanned, upto: number): Effect.Effect<void, MetaCorrupt> => {
  for (const file of scanned.files) {
    for (const [tape, parts] of file.parts) {
      if (read.state.roles.has(tape) || parts[0]!.batch > upto) continue
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
