/**
 * Opens and refreshes a reader without a lock, while a writer may be at work. A reader's view shows whole, acknowledged
 * batches, and all tapes at the same batch. See docs/PROTOCOL.md, "Open or refresh as a reader".
 */
import * as Effect from "effect/Effect"
import { BackupUnfinished, IdentityMismatch, LibInvalid, ReaderBusy } from "../../domain/format/Errors.ts"
import { libMetaFile } from "../../domain/format/Format.ts"
import type { Limits } from "../../domain/format/Limits.ts"
import * as Hint from "../../domain/journal/Hint.ts"
import { isUnfinished } from "../../domain/meta/LibHistory.ts"
import { type LibState, lineageOf } from "../../domain/meta/LibState.ts"
import type { Anchor } from "../../domain/meta/SystemRecord.ts"
import type { Root, StorageError } from "../ports/Storage.ts"
import type { LivePart } from "../journal/DynamicFile.ts"
import { type ScanError, type Scanned, scanAll, type TornTail } from "../journal/DynamicScan.ts"
import { checkMetaEnd } from "./checkMetaEnd.ts"
import { checkSettings, type LibOptions } from "./checkSettings.ts"
import { ackedLost } from "./inspectLib.ts"
import { type LibHandle, makeHandle, type Opened, type WriterSettings } from "./LibHandle.ts"
import type { Measures } from "./Measures.ts"
import type { OpenError } from "./OpenError.ts"
import type { TapeView } from "./OpenTape.ts"
import { isRow } from "./partsAfter.ts"
import { readLibMeta, type ReadState } from "./readLibMeta.ts"
import { markedRecords } from "./refuseBackup.ts"
import { readTapeMeta } from "./readTapeMeta.ts"

const libMetaMissing = `${libMetaFile} is missing. Restore it from a copy, or run Lib.recover.`

/** The whole lib at one moment. */
interface View extends Opened {
  readonly tapes: ReadonlyMap<string, TapeView>
  readonly tail: TornTail | undefined
}

/** A scan that must be repeated because the writer may have disturbed it. `trouble` is the error if it persists. */
class Again {
  readonly trouble: OpenError | undefined

  constructor(trouble?: OpenError) {
    this.trouble = trouble
  }
}

/** Number of scans that find an error while lib meta does not change, before the error counts as real. */
const stillMax = 8

/** Number of scans in all: a busy writer may disturb many in a row. */
const triesMax = 64

/** Options of opening for reading. */
export interface ReaderOptions extends LibOptions {
  /** Show the moment of a backup also if a later backup into the same place did not finish: hide what that one added. */
  readonly atMark?: boolean
  /** What the sessions of a store measure that changes roles, also before it is the writer. */
  readonly measures?: Measures
}

/** Opens a lib for reading. */
export const openReader = Effect.fnUntraced(function* (
  root: Root,
  settings: WriterSettings,
  options: ReaderOptions
): Effect.fn.Return<{ readonly lib: LibHandle; readonly tail: TornTail | undefined }, OpenError | ReaderBusy> {
  const read = yield* readLibMeta(root, options.limits)
  if (read === undefined) return yield* new LibInvalid({ location: root.location, why: libMetaMissing })
  yield* checkSettings(root, read.state, options)
  const from = read.state.anchor.batch
  const accept = (seen: View) => seen.durable.batch >= from
  const view = yield* lookUntilStill(root, read.state.limits, accept, options.atMark)
  const lib = makeHandle(root, settings, view, options.measures === undefined ? {} : { measures: options.measures })
  lib.tapes.show(view.tapes)
  return { lib, tail: yield* stillTorn(root, view) }
})

/** Number of times that a torn end must be seen unchanged: a running writer may just be writing it. */
const tornLooks = 3

/** Returns the torn end of a view if it stays. */
const stillTorn = Effect.fnUntraced(function* (
  root: Root,
  { meta, tail }: View
): Effect.fn.Return<TornTail | undefined, OpenError> {
  for (let looks = 1; tail !== undefined && looks < tornLooks; looks++) {
    yield* Effect.yieldNow
    const again = yield* look(root, meta.state.limits, false)
    if (again instanceof Again || JSON.stringify(again.tail) !== JSON.stringify(tail)) return undefined
  }
  return tail
})

/** Refreshes a reader. Its view moves forward or stays; it never goes back. */
export const refreshReader = ({
  journal,
  meta,
  news,
  root,
  tapes
}: LibHandle): Effect.Effect<void, OpenError | ReaderBusy> =>
  Effect.suspend(() => {
    // In one step: another refresh may have shown a later moment while this one looked.
    const show = (view: View): boolean | IdentityMismatch => {
      const foreign = whyOther(view, meta.state, journal.durable)
      if (foreign !== undefined) return foreign
      if (view.durable.batch < journal.durable.batch) return false
      meta.show(view.meta)
      journal.show(view.files, view.durable)
      tapes.show(view.tapes)
      news.wake()
      return true
    }
    return Effect.asVoid(lookUntilStill(root, meta.limits, show))
  })

/**
 * Returns the error if the lib that is there now does not continue the history of the view: it was recovered, restored or
 * replaced. Whatever was read of it before may be something else now.
 */
const whyOther = (view: View, before: LibState, durable: Anchor): IdentityMismatch | undefined => {
  const { state } = view.meta
  const lineage = lineageOf(before)
  const left = state.branches.find(({ from }) => from === lineage)
  const isSame =
    state.lib === before.lib &&
    (lineage === lineageOf(state) || (left !== undefined && durable.batch <= left.anchor.batch))
  if (isSame) return undefined
  const found = `lib ${state.lib}, lineage ${lineageOf(state)}`
  return new IdentityMismatch({ file: libMetaFile, expected: `lib ${before.lib}, lineage ${lineage}`, found })
}

/** Looks until the writer did not disturb it, and `accept` takes what was seen. Fails with what `accept` returns instead. */
const lookUntilStill = Effect.fnUntraced(function* (
  root: Root,
  limits: Limits,
  accept: (view: View) => boolean | IdentityMismatch,
  atMark = false
): Effect.fn.Return<View, OpenError | ReaderBusy> {
  let still = 0
  for (let tries = 0; tries < triesMax; tries++) {
    const view = yield* look(root, limits, atMark)
    if (!(view instanceof Again)) {
      const accepted = accept(view)
      if (accepted instanceof IdentityMismatch) return yield* accepted
      if (accepted) return view
    } else if (view.trouble !== undefined && ++still === stillMax) return yield* view.trouble
  }
  return yield* new ReaderBusy({ location: root.location })
})

const look = Effect.fnUntraced(function* (
  root: Root,
  limits: Limits,
  atMark: boolean
): Effect.fn.Return<View | Again, OpenError> {
  const hint = yield* readHint(root)
  const read = yield* readLibMeta(root, limits)
  if (read === undefined) return yield* new LibInvalid({ location: root.location, why: libMetaMissing })
  const disturbed = (error: ScanError | BackupUnfinished) => unlessMoved(root, read, error)
  return yield* Effect.catchTags(viewOf(root, read, hint, atMark), {
    // The writer may have closed the file that vanished or does not fit. If the error persists, it is returned.
    DynamicCorrupt: disturbed,
    AckedDataLost: disturbed,
    BackupUnfinished: disturbed,
    StorageError: (error) => (error.reason === "not-found" ? disturbed(error) : Effect.fail(error))
  })
})

/** Looks at all files, once lib meta was read. */
const viewOf = Effect.fnUntraced(function* (
  root: Root,
  read: ReadState,
  hint: Hint.Hint | undefined,
  atMark: boolean
): Effect.fn.Return<View | Again, OpenError> {
  if (isUnfinished(read.state)) return yield* new BackupUnfinished({ location: root.location, restorable: false })
  // Meta is read before dynamic segments: a file that is closed between the two is seen twice, but never missed.
  const metas = []
  for (const listed of read.state.tapes.values()) {
    const meta = yield* Effect.result(readTapeMeta(root, read.state, listed))
    // A tape with bad meta must not keep the others from being read. Using that tape fails with the reason.
    if (meta._tag === "Success") metas.push({ listed, meta: meta.success })
  }
  const acked = hint === undefined ? undefined : Math.max(hint.batch, read.state.anchor.batch)
  const scanned = yield* scanAll(root, read.state, acked)
  const seen = scanned.anchor.batch
  const bound = acked ?? seen
  if (hint === undefined && (yield* readHint(root)) !== undefined) return new Again()
  const ended = yield* Effect.result(checkMetaEnd(root, read, scanned, Math.min(bound, seen)))
  if (ended._tag === "Failure") return yield* unlessMoved(root, read, ended.failure)
  if (bound > seen) return yield* unlessMoved(root, read, ackedLost(root, read, scanned, bound))
  const tapes = new Map<string, TapeView>()
  const marked = markedRecords(read.state)
  for (const { listed, meta } of metas) {
    const { lastBatch, records } = meta.state
    const later = marked === undefined ? 0 : records - marked.get(listed.tape)!
    if (later !== 0 && !atMark) {
      return yield* new BackupUnfinished({ location: root.location, restorable: later > 0 })
    }
    if (marked === undefined && lastBatch > seen && lastBatch > bound) {
      return yield* unlessMoved(root, read, ackedLost(root, read, scanned, lastBatch))
    }
    const live = [...scanned.files, ...scanned.beyond].flatMap((file) => file.parts.get(listed.tape) ?? [])
    const parts = visible(live, lastBatch, bound)
    const hidden = countIn(live, bound, lastBatch) + later
    // As for bad meta.
    if (hidden >= 0 && hidden <= records && isRow(records, parts)) {
      const dynamics = new Set(live.map(({ file }) => file.dynamic))
      tapes.set(listed.name, { meta, parts, hidden, dynamics })
    }
  }
  const { chain, version, bytes, state } = read
  return {
    meta: { state, version, end: chain.end, bytes },
    files: scanned.files,
    durable: anchorAt(scanned, state.anchor, Math.min(bound, seen)),
    tapes,
    tail: scanned.tail
  }
})

/** Returns the trouble of a scan. If lib meta has changed since the scan read it, there is no trouble. */
const unlessMoved = (root: Root, read: ReadState, trouble: OpenError): Effect.Effect<Again, StorageError> =>
  Effect.map(root.meta.read(undefined), (meta) => new Again(meta?.version === read.version ? trouble : undefined))

/** Returns the hint if it is of this boot of the system. */
const readHint = (root: Root) =>
  Effect.map(root.hint.read, (bytes) => {
    const hint = Hint.decode(bytes)
    return hint !== undefined && root.boot !== undefined && hint.boot === root.boot ? hint : undefined
  })

const visible = (parts: ReadonlyArray<LivePart>, after: number, upto: number): Array<LivePart> =>
  parts.filter((part) => part.batch > after && part.batch <= upto)

/** Returns the number of records in batches after `after`, up to and including `upto`. */
const countIn = (parts: ReadonlyArray<LivePart>, after: number, upto: number): number => {
  let count = 0
  for (const part of parts) if (part.batch > after && part.batch <= upto) count += part.count
  return count
}

/** Returns the state of the lib after batch `batch`. */
const anchorAt = (scanned: Scanned, before: Anchor, batch: number): Anchor => {
  if (batch === scanned.anchor.batch) return scanned.anchor
  const end = scanned.files.findLast((file) => file.hasBatches)?.anchor
  if (batch === end?.batch) return end
  let position = before.position
  for (const file of scanned.files) {
    for (const parts of file.parts.values()) {
      for (const part of parts) if (part.batch <= batch) position = Math.max(position, part.endPosition)
    }
  }
  return { batch, position, hash: before.hash }
}
