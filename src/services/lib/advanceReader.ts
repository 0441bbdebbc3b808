/**
 * Moves the view of a reader to what is acknowledged now, at the cost of what is new: reads only the batches that were
 * added to the last dynamic segments. Looks at the whole lib again when lib meta has changed, or when anything is not as
 * the last view leads to expect. See docs/PROTOCOL.md, "Follow as a reader".
 */
import * as Effect from "effect/Effect"
import type { ReaderBusy } from "../../domain/format/Errors.ts"
import * as DynamicSegment from "../../domain/journal/DynamicSegment.ts"
import * as Hint from "../../domain/journal/Hint.ts"
import type { Anchor } from "../../domain/meta/SystemRecord.ts"
import type { Root, StorageError } from "../ports/Storage.ts"
import { addEventsOf } from "../journal/FileEvents.ts"
import { checkpointsOf } from "../journal/DynamicScan.ts"
import type { DynamicFile, LivePart, PublishedBatch } from "../journal/DynamicFile.ts"
import type { LibHandle } from "./LibHandle.ts"
import { libMetaBudget } from "./metaLimits.ts"
import type { OpenError } from "./OpenError.ts"
import type { OpenTape } from "./OpenTape.ts"
import { refreshReader } from "./openReader.ts"

/**
 * Shows what is acknowledged now. A lib without a hint of this boot is only looked at if `unhinted` is set, since that
 * costs a look at the whole lib. Returns whether there is such a hint.
 */
export const advanceReader = (handle: LibHandle, unhinted = true): Effect.Effect<boolean, OpenError | ReaderBusy> =>
  Effect.suspend(() => {
    const { journal, root } = handle
    if (handle.guard.isClosed) return Effect.succeed(true)
    return Effect.flatMap(root.hint.read, (bytes) => {
      const hint = Hint.decode(bytes)
      if (hint === undefined || root.boot === undefined || hint.boot !== root.boot) {
        return Effect.as(unhinted ? refreshReader(handle) : Effect.void, false)
      }
      if (hint.batch === journal.durable.batch) return Effect.succeed(true)
      // A smaller batch is that of another history, or the view was made without a hint.
      if (hint.batch < journal.durable.batch) return Effect.as(refreshReader(handle), true)
      const more = Effect.flatMap(added(handle, hint.batch), (isShown) =>
        isShown ? Effect.void : refreshReader(handle)
      )
      return Effect.as(more, true)
    })
  })

/** Batches that were found in a file, and the bytes that they were found in. */
interface Piece {
  readonly file: DynamicFile
  /** Byte of the file at which `bytes` begins. */
  readonly from: number
  readonly bytes: Uint8Array
  readonly found: ReadonlyArray<DynamicSegment.FoundBatch>
}

/** Shows the batches up to `upto` if all of them are new in the last dynamic segments. Returns whether they are shown. */
const added = Effect.fnUntraced(function* (handle: LibHandle, upto: number): Effect.fn.Return<boolean, StorageError> {
  const { journal, meta, root } = handle
  const { durable } = journal
  // The next file is listed before it is needed, so there may be empty ones at the end.
  const last = journal.files.findLastIndex((file) => file.hasBatches)
  const files = journal.files.slice(Math.max(0, last))
  // What the view hides of this file must not be skipped: its good bytes end where the view does.
  if (files.length === 0 || (last !== -1 && files[0]!.anchor.batch !== durable.batch)) return false
  // Read after the hint. Whoever takes over changes lib meta before the first acknowledgement, so if it is still the
  // same, the hint and these bytes are of one writer.
  const now = yield* root.meta.read(undefined, libMetaBudget(meta.limits))
  if (now?.version !== meta.version) return false
  const pieces: Array<Piece> = []
  let { batch, hash } = durable
  for (const file of files) {
    if (batch >= upto) break
    // The byte before is the newline of the header, or of the last mark.
    const from = file.size - 1
    const bytes = yield* bytesFrom(root, file, from)
    if (bytes === undefined) return false
    const found = DynamicSegment.scanFrom(bytes, { batch, hash }, upto)
    if (found.length === 0) continue
    pieces.push({ file, from, bytes, found })
    ;({ batch, hash } = found.at(-1)!)
  }
  // Another look may have shown some meanwhile.
  if (journal.durable !== durable) return journal.durable.batch >= upto
  return batch === upto && show(handle, pieces)
})

/** Returns the bytes of a file from `from` on; `undefined` if it was removed. */
const bytesFrom = (root: Root, { dynamic }: DynamicFile, from: number) =>
  Effect.flatMap(root.journal.size(dynamic), (size) =>
    size === undefined ? Effect.succeed(undefined) : root.journal.read(dynamic, from, size - from)
  ).pipe(
    Effect.catchIf(
      (error) => error.reason === "not-found",
      () => Effect.succeed(undefined)
    )
  )

/** A batch as it will be shown. */
interface Shown {
  readonly file: DynamicFile
  readonly batch: PublishedBatch
  readonly parts: ReadonlyArray<readonly [OpenTape, LivePart]>
}

/** Shows all batches in one step, or none if one of them is not as expected. */
const show = ({ journal, meta, news, tapes }: LibHandle, pieces: ReadonlyArray<Piece>): boolean => {
  const byId = new Map(tapes.inUse.map((tape) => [tape.id, tape]))
  const next = new Map<string, number>()
  const { roles } = meta.state
  const shown: Array<Shown> = []
  let { position } = journal.durable
  for (const { file, found, from } of pieces) {
    for (const batch of found) {
      if (batch.position !== position) return false
      for (const { count, tape } of batch.parts) if (roles.get(tape) === "events") position += count
      const parts: Array<readonly [OpenTape, LivePart]> = []
      for (const { bytes, count, crc, firstOrdinal, offset, tape } of batch.parts) {
        const open = byId.get(tape)
        if (open === undefined || open.hidden !== 0 || firstOrdinal !== (next.get(tape) ?? open.records)) return false
        next.set(tape, firstOrdinal + count)
        const at = { batch: batch.batch, firstOrdinal, count, offset: from + offset, bytes, crc, endPosition: position }
        parts.push([open, { file, ...at }])
      }
      const anchor: Anchor = { batch: batch.batch, hash: batch.hash, position }
      const published = {
        anchor,
        checkpoints: checkpointsOf(batch, position),
        bytes: batch.end - batch.offset,
        parts: parts.map(([{ id }, part]) => [id, part] as const)
      }
      shown.push({ file, batch: published, parts })
    }
  }
  for (const { bytes, file, from } of pieces) {
    const parts = shown.flatMap((one) => (one.file === file ? one.parts : []))
    const events = parts.flatMap(([{ role }, part]) => (role === "events" ? [part] : []))
    if (!addEventsOf(file, events, bytes, from)) return false
  }
  for (const { batch, file, parts } of shown) {
    journal.advance(file, batch)
    for (const [tape, part] of parts) tape.advance(part)
  }
  news.wake()
  return true
}
