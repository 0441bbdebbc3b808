/**
 * An open lib inside this package: a record of the owners of its state. It has no state of its own, and is created
 * last, once opening has decided everything.
 */
import { Signal } from "../base/Signal.ts"
import { noSealer, type Sealer } from "../ports/Sealing.ts"
import type { Root } from "../ports/Storage.ts"
import type { DynamicFile } from "../journal/DynamicFile.ts"
import { Journal } from "../journal/Journal.ts"
import { SegmentStore } from "../segment/SegmentStore.ts"
import type { Anchor } from "../../domain/meta/SystemRecord.ts"
import { type FoldedLibMeta, LibMeta } from "./LibMeta.ts"
import { Measures } from "./Measures.ts"
import { TapeRegistry } from "./TapeRegistry.ts"
import { WriterGuard } from "./WriterGuard.ts"

/** Settings of a writer, none of which changes the format. */
export interface WriterSettings {
  /** Size at which a dynamic segment is closed. */
  readonly closeBytes: number
  /** Age at which a dynamic segment is closed, counted from its first batch. */
  readonly closeAfterMillis: number
  /** Number of dynamic segments that may wait to be closed before appends wait. */
  readonly backlogMax: number
  /**
   * Number of small segments at the end of a tape that causes a merge; `false` if there are no merges, `undefined` if
   * their sizes decide.
   */
  readonly mergeSegments?: number | false | undefined
}

export interface LibHandle {
  readonly root: Root
  readonly location: string
  readonly settings: WriterSettings
  readonly uuid: (nowMillis: number) => string
  /** Computes hashes and indexes of the segments of a flush. */
  readonly sealing: Sealer
  readonly guard: WriterGuard
  /** Wakes the fibres that wait for a batch, or for the end of this session. */
  readonly news: Signal
  readonly meta: LibMeta
  readonly journal: Journal
  readonly segments: SegmentStore
  readonly tapes: TapeRegistry
  /** Measures of all sessions of the lib. */
  readonly measures: Measures
}

/** State of a lib once it is opened. */
export interface Opened {
  readonly meta: FoldedLibMeta
  /** Its dynamic segments, oldest first. */
  readonly files: ReadonlyArray<DynamicFile>
  readonly durable: Anchor
}

/** Parts that only a writer has. */
export interface WriterParts {
  readonly uuid: (nowMillis: number) => string
  readonly sealing: Sealer
  /** Whether the writer before this one ended without a clean close. */
  readonly unclean: boolean
  readonly measures: Measures
}

/** Returns the handle of an opened lib. */
export const makeHandle = (
  root: Root,
  settings: WriterSettings,
  opened: Opened,
  { measures = new Measures(), sealing = noSealer, unclean = false, uuid = () => "" }: Partial<WriterParts> = {}
): LibHandle => {
  const news = new Signal()
  const guard = new WriterGuard(root, news)
  const meta = new LibMeta(root, guard, opened.meta)
  const journal = new Journal(opened.files, opened.durable)
  const segments = new SegmentStore(root, meta.limits)
  const tapes = new TapeRegistry({ root, guard, meta, journal, unclean })
  return Object.freeze({
    root,
    location: root.location,
    settings,
    uuid,
    sealing,
    guard,
    news,
    meta,
    journal,
    segments,
    tapes,
    measures
  })
}
