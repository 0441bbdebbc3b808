/** Ends a copy of a lib: writes the meta of its tapes, reads its events back, and only then makes it a lib. */
import * as Effect from "effect/Effect"
import type { PositionGap } from "../../../domain/event/EventErrors.ts"
import type { MetaInvalid } from "../../../domain/format/Errors.ts"
import * as LibFold from "../../../domain/meta/LibFold.ts"
import * as MetaChain from "../../../domain/meta/MetaChain.ts"
import type { LibRecord, Lost, Role, Segment, TapeRecord, Unchained } from "../../../domain/meta/SystemRecord.ts"
import { noHash } from "../../../domain/meta/SystemRecord.ts"
import type { CheckpointState } from "../../../domain/meta/Checkpoint.ts"
import { checkpointRecords } from "../../../domain/meta/LibRefold.ts"
import type { Json } from "../../../domain/json/TaraSON.ts"
import type { TaraSONError } from "../../../domain/json/TaraSONError.ts"
import { attempt } from "../../base/attempt.ts"
import type { Counter } from "../../base/Progress.ts"
import { type LibHandle, makeHandle } from "../../lib/LibHandle.ts"
import { checkLibMetaRecords, checkTapeMetaSize } from "../../lib/metaLimits.ts"
import type { LoadError } from "../../lib/TapeRegistry.ts"
import { type Root, StorageError } from "../../ports/Storage.ts"
import { readWhole } from "../../segment/SegmentRecords.ts"
import type { SegmentError } from "../../segment/SegmentAccess.ts"
import { tapesAtOnce } from "./CopiedTapes.ts"
import { EventMerge, snapshotOf, type SourceError } from "./CopySource.ts"
import { digestEvents } from "./digestEvents.ts"

/** What a tape has in addition to its records. */
export interface Kept {
  readonly state: "active" | "archived"
  readonly userMeta: ReadonlyMap<string, Json>
  /** Records that are lost; only of a tape of records. */
  readonly lost: ReadonlyArray<Lost>
}

/** What an event tape had that the copy does not have. */
export interface Left {
  /** Name of the tape. */
  readonly tape: string
  /** Whether it was archived. */
  readonly archived: boolean
  /** Its user metadata. */
  readonly userMeta: { readonly [key: string]: unknown }
}

/** A tape of the copy whose segments are written. */
export interface MadeTape {
  readonly name: string
  readonly role: Role
  readonly segments: ReadonlyArray<Segment>
  readonly origin: Extract<Unchained<TapeRecord>, { readonly $type: "LiteTape.Meta" }>["origin"]
  readonly kept: Kept | undefined
}

/** A copy whose segments are all written. */
export interface Unfinished {
  readonly root: Root
  readonly meta: Extract<Unchained<LibRecord>, { readonly $type: "LiteLib.Meta" }>
  /** Version of its lib meta, which says that it is unfinished. */
  readonly version: string
  readonly made: ReadonlyArray<MadeTape>
  readonly now: number
  readonly uuid: (nowMillis: number) => string
  readonly position: number
  /** Events keep their positions, so consumers can continue in the copy. */
  readonly checkpoints: ReadonlyMap<string, CheckpointState>
  readonly areCheckpointsLost: boolean
  readonly events: number
  /** Hash of the lines of all events that were copied. */
  readonly sha256: string
  readonly allowGaps: boolean
  readonly counter: Counter
}

type FinishError = StorageError | MetaInvalid | TaraSONError | LoadError | SourceError | SegmentError | PositionGap

/** Makes the copy a lib. */
export const finishCopy = Effect.fnUntraced(function* (
  source: LibHandle,
  copy: Unfinished
): Effect.fn.Return<void, FinishError> {
  const { made, meta, now, position, root, uuid } = copy
  const listings = made.map(({ kept, name, role }) => ({
    $type: "LiteLib.Tape" as const,
    name,
    tape: uuid(now),
    role,
    state: kept?.state ?? ("active" as const)
  }))
  yield* Effect.forEach(
    made,
    (tape, at) => Effect.andThen(source.guard.checkOpen, writeMeta(copy, tape, listings[at]!.tape)),
    { concurrency: tapesAtOnce, discard: true }
  )
  const anchor = { batch: 0, hash: noHash, position }
  const records: Array<Unchained<LibRecord>> = [
    meta,
    ...listings,
    ...checkpointRecords(copy),
    // As if a first writer had ended cleanly here, so that the next writer continues at this position.
    { $type: "LiteLib.Epoch", anchor, dynamic: 1, epoch: 1, old: [], upto: 0 },
    { $type: "LiteLib.Clean", anchor }
  ]
  const written = MetaChain.write<LibRecord>(null, records)
  yield* checkLibMetaRecords(meta.limits, records)
  const state = LibFold.fold("lib meta", MetaChain.readLib("lib meta", written.bytes, meta.limits).records)
  const { bytes, end } = { bytes: written.bytes.length, end: written.end }
  const opened = { meta: { state, version: copy.version, end, bytes }, files: [], durable: anchor }
  yield* readBack(source, makeHandle(root, source.settings, opened), copy)
  yield* root.meta.replace(undefined, copy.version, written.bytes)
})

const writeMeta = Effect.fnUntraced(function* (
  { meta, now, root }: Unfinished,
  { kept, name, origin, role, segments }: MadeTape,
  tape: string
): Effect.fn.Return<void, StorageError | MetaInvalid | TaraSONError> {
  const values = Array.from(kept?.userMeta ?? [], ([key, value]) => ({
    $type: "LiteTape.UserMeta" as const,
    key,
    value
  }))
  const written = yield* attempt<MetaChain.Written, TaraSONError>(() =>
    MetaChain.writeTape(
      [
        {
          $type: "LiteTape.Meta",
          created: new Date(now).toISOString(),
          format: kept === undefined || kept.lost.length === 0 ? 1 : 2,
          lastBatch: 0,
          lib: meta.lib,
          origin,
          role,
          tape
        },
        ...segments.map((segment) => ({ $type: "LiteTape.Segment" as const, ...segment })),
        ...(kept?.lost ?? []).map((lost) => ({ $type: "LiteTape.Lost" as const, ...lost })),
        ...values
      ],
      meta.limits
    )
  )
  yield* checkTapeMetaSize(meta.limits, name, written.bytes.length, segments.length + values.length + 1)
  const empty = yield* root.meta.read(name)
  yield* root.meta.replace(name, empty?.version, written.bytes)
})

/** Fails unless the copy holds what was copied: the same lines of events by position, and every file as its meta says. */
const readBack = Effect.fnUntraced(function* (
  source: LibHandle,
  lib: LibHandle,
  { allowGaps, counter, made, events, sha256 }: Unfinished
): Effect.fn.Return<void, FinishError> {
  const snapshot = yield* snapshotOf(lib)
  for (const { name, role, segments } of made) {
    if (role === "events") continue
    yield* source.guard.checkOpen
    for (const segment of segments) yield* readWhole(lib.segments, name, role, segment, () => {})
  }
  const merge = new EventMerge(lib, snapshot, allowGaps)
  const page = Effect.andThen(source.guard.checkOpen, merge.page)
  const found = yield* digestEvents(page, counter, () => Effect.void)
  if (found.count === events && found.sha256 === sha256) return
  return yield* new StorageError({
    operation: "copy",
    place: lib.location,
    reason: "failed",
    detail: "the copy does not hold the events that were written to it"
  })
})
