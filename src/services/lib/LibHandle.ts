/**
 * An open lib, as the services of this package know it: the owners of its state. It has no state of its own, and is made
 * last, once opening has decided everything.
 */
import { noSealer, type Sealer } from "../ports/Sealing.ts"
import type { Root } from "../ports/Storage.ts"
import type { DynamicFile } from "../journal/DynamicFile.ts"
import { Journal } from "../journal/Journal.ts"
import { SegmentStore } from "../segment/SegmentStore.ts"
import type { Anchor } from "../../domain/meta/SystemRecord.ts"
import { type FoldedLibMeta, LibMeta } from "./LibMeta.ts"
import { TapeRegistry } from "./TapeRegistry.ts"
import { WriterGuard } from "./WriterGuard.ts"

/** How the writer works; none of it changes the format. */
export interface WriterSettings {
  /** A dynamic segment is closed at this size. */
  readonly closeBytes: number
  /** … or this long after its first batch. */
  readonly closeAfterMillis: number
  /** Dynamic segments that may wait for their close; beyond that, appends wait. */
  readonly backlogMax: number
  /** A tape with so many small segments at its end has them merged; `undefined`: never. */
  readonly mergeSegments?: number | undefined
}

export interface LibHandle {
  readonly root: Root
  readonly location: string
  readonly settings: WriterSettings
  readonly uuid: (nowMillis: number) => string
  /** Where the segments of a flush are sealed. */
  readonly sealing: Sealer
  readonly guard: WriterGuard
  readonly meta: LibMeta
  readonly journal: Journal
  readonly segments: SegmentStore
  readonly tapes: TapeRegistry
}

/** What opening a lib decided. */
export interface Opened {
  readonly meta: FoldedLibMeta
  /** Its dynamic segments, oldest first. */
  readonly files: ReadonlyArray<DynamicFile>
  readonly durable: Anchor
}

/** What only a writer has. */
export interface WriterParts {
  readonly uuid: (nowMillis: number) => string
  readonly sealing: Sealer
  /** Whether the writer before this one ended without a clean close. */
  readonly unclean: boolean
}

const readerParts: WriterParts = { uuid: () => "", sealing: noSealer, unclean: false }

/** Makes the handle of a lib that was opened. */
export const makeHandle = (
  root: Root,
  settings: WriterSettings,
  opened: Opened,
  { sealing, unclean, uuid }: WriterParts = readerParts
): LibHandle => {
  const guard = new WriterGuard(root)
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
    meta,
    journal,
    segments,
    tapes
  })
}
