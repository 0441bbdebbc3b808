/**
 * Moves the view of a reader to what is acknowledged now, at the cost of what is new: reads only the batches that were
 * added to the last dynamic segment. Looks at the whole lib again when lib meta has changed, or when anything is not as
 * the last view leads to expect. See docs/PROTOCOL.md, "Follow as a reader".
 */
import * as Effect from "effect/Effect"
import type { ReaderBusy } from "../../domain/format/Errors.ts"
import * as DynamicSegment from "../../domain/journal/DynamicSegment.ts"
import * as Hint from "../../domain/journal/Hint.ts"
import type { StorageError } from "../ports/Storage.ts"
import { addEventsOf } from "../journal/FileEvents.ts"
import type { DynamicFile, LivePart } from "../journal/DynamicFile.ts"
import type { LibHandle } from "./LibHandle.ts"
import { libMetaBudget } from "./metaLimits.ts"
import type { OpenError } from "./OpenError.ts"
import type { OpenTape } from "./OpenTape.ts"
import { refreshReader } from "./openReader.ts"

/**
 * Shows what is acknowledged now. A lib without a hint of this boot is only looked at if `unhinted` is set, since that
 * costs a look at the whole lib.
 */
export const advanceReader = (handle: LibHandle, unhinted = true): Effect.Effect<void, OpenError | ReaderBusy> =>
  Effect.suspend(() => {
    const { journal, root } = handle
    if (handle.guard.isClosed) return Effect.void
    return Effect.flatMap(root.hint.read, (bytes) => {
      const hint = Hint.decode(bytes)
      if (hint === undefined || root.boot === undefined || hint.boot !== root.boot) {
        return unhinted ? refreshReader(handle) : Effect.void
      }
      if (hint.batch <= journal.durable.batch) return Effect.void
      return Effect.flatMap(added(handle, hint.batch), (isShown) => (isShown ? Effect.void : refreshReader(handle)))
    })
  })

/** Shows the batches up to `upto` if all of them are new in the last dynamic segment. Returns whether they are. */
const added = Effect.fnUntraced(function* (
  { journal, meta, news, root, tapes }: LibHandle,
  upto: number
): Effect.fn.Return<boolean, StorageError> {
  const file = journal.files.at(-1)
  // What the view hides of this file must not be skipped: its good bytes end where the view does.
  if (file === undefined || file.anchor.batch !== journal.durable.batch) return false
  // Read after the hint. Whoever takes over changes lib meta before the first acknowledgement, so if it is still the
  // same, the hint and these bytes are of one writer.
  const now = yield* root.meta.read(undefined, libMetaBudget(meta.limits))
  if (now?.version !== meta.version) return false
  const size = yield* root.journal.size(file.dynamic)
  if (size === undefined || size <= file.size) return false
  const from = file.size
  const bytes = yield* root.journal.read(file.dynamic, from - 1, size - from + 1)
  // Another look may have shown them meanwhile.
  if (file !== journal.files.at(-1) || file.size !== from) return true
  const found = DynamicSegment.scanFrom(bytes, journal.durable, upto)
  if (found === undefined || found.at(-1)?.batch !== upto) return false
  return show({ bytes, file, found, from, journal, news, tapes: tapes.inUse, roles: meta.state.roles })
})

interface Found {
  readonly bytes: Uint8Array
  readonly file: DynamicFile
  readonly found: ReadonlyArray<DynamicSegment.FoundBatch>
  /** Byte of the file at which `bytes` begins, without the newline before it. */
  readonly from: number
  readonly journal: LibHandle["journal"]
  readonly news: LibHandle["news"]
  readonly tapes: ReadonlyArray<OpenTape>
  readonly roles: ReadonlyMap<string, string>
}

/** Shows all batches in one step, or none if one of them is not as expected. */
const show = ({ bytes, file, found, from, journal, news, roles, tapes }: Found): boolean => {
  const byId = new Map(tapes.map((tape) => [tape.id, tape]))
  const next = new Map<string, number>()
  let { position } = journal.durable
  const batches: Array<{ readonly anchor: typeof journal.durable; readonly bytes: number; parts: Array<LivePart> }> = []
  const tapeOf: Array<OpenTape> = []
  for (const batch of found) {
    if (batch.position !== position) return false
    let events = 0
    for (const { count, tape } of batch.parts) if (roles.get(tape) === "events") events += count
    position += events
    const parts: Array<LivePart> = []
    for (const { bytes: length, count, crc, firstOrdinal, offset, tape } of batch.parts) {
      const open = byId.get(tape)
      if (open === undefined || open.hidden !== 0 || firstOrdinal !== (next.get(tape) ?? open.records)) return false
      next.set(tape, firstOrdinal + count)
      tapeOf.push(open)
      // The bytes begin one before `from`.
      const at = from + offset - 1
      parts.push({
        file,
        batch: batch.batch,
        firstOrdinal,
        count,
        offset: at,
        bytes: length,
        crc,
        endPosition: position
      })
    }
    batches.push({
      anchor: { batch: batch.batch, hash: batch.hash, position },
      bytes: batch.end - batch.offset,
      parts
    })
  }
  const eventParts = batches.flatMap(({ parts }) => parts).filter((_, n) => tapeOf[n]!.role === "events")
  if (!addEventsOf(file, eventParts, bytes, from - 1)) return false
  let n = 0
  for (const { anchor, bytes: length, parts } of batches) {
    const first = n
    journal.publish({ anchor, bytes: length, parts: parts.map((part) => [tapeOf[n++]!.id, part]) })
    for (const [index, part] of parts.entries()) tapeOf[first + index]!.advance(part)
  }
  news.wake()
  return true
}
