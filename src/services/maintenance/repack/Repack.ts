/**
 * Repacks a tape: rewrites the same logical stream into other segments. Reads and writes without a lock while appends
 * and reads continue, and takes the tape's lock for the one change of meta. If it fails earlier, its outputs are
 * unlisted leftovers.
 */
import * as Effect from "effect/Effect"
import { invariant } from "../../../domain/base/invariant.ts"
import { type InvalidArgument, type MetaInvalid, SegmentCorrupt } from "../../../domain/format/Errors.ts"
import * as Merkle from "../../../domain/merkle/Merkle.ts"
import type { Compression } from "../../../domain/format/Names.ts"
import type { Segment } from "../../../domain/meta/SystemRecord.ts"
import * as TapeState from "../../../domain/meta/TapeState.ts"
import type { StorageError } from "../../ports/Storage.ts"
import { flush, type FlushError } from "../../write/flush.ts"
import type { LibHandle } from "../../lib/LibHandle.ts"
import type { Leave, WriteError } from "../../lib/WriterGuard.ts"
import type { OpenTape } from "../../lib/OpenTape.ts"
import { Counter, type OnProgress } from "../../base/Progress.ts"
import { plan, type Planned, runOf, segmentsMaxOf, type Settings, settingsOf, sum, zonesOfRun } from "./RepackPlan.ts"
import { RepackSource } from "./RepackSource.ts"
import { outputName, writeOutput } from "./writeOutput.ts"
import type { SegmentError } from "../../segment/SegmentAccess.ts"
import * as IndexFiles from "../../segment/IndexFiles.ts"

/** Options of a repack: the segments that it should produce. */
export interface RepackOptions {
  /** Approximate bytes of lines in a segment, before compression. Default: 64 MiB; at most 1 GiB. */
  readonly targetBytes?: number
  /** Compression of the segments. `keep` takes that of the first segment that is rewritten. Default: `none`. */
  readonly compression?: Compression | "keep"
  /** Whether to store a record that repeats an earlier one of its segment as a reference to it. Default: false. */
  readonly dedup?: boolean
  /** Number of segments per shard folder. Default: 0, no shard folders. */
  readonly shardEvery?: number
  /** Whether to rewrite segments that match the options already. Default: false. */
  readonly force?: boolean
  /** Reason, which is stored in tape meta. Default: `repack`. */
  readonly why?: string
  /** Receives the progress after each piece. */
  readonly onProgress?: OnProgress
}

/** Report of a repack. */
export interface RepackReport {
  /** Segments that were replaced. */
  readonly removed: ReadonlyArray<Segment>
  /** Segments that replaced them; empty if all segments matched the options. */
  readonly added: ReadonlyArray<Segment>
  /** Number of records that were rewritten. */
  readonly records: number
  /** Size of the replaced files. */
  readonly bytesBefore: number
  /** Size of the new files. */
  readonly bytesAfter: number
  /**
   * RFC 9162 tree hash of the logical stream up to the end of the rewritten segments. It is the same before and after.
   */
  readonly root: string
}

/**
 * Errors of a repack. `SegmentCorrupt` or `SegmentMissing` means that a segment is damaged: restore it from a copy. No
 * segment was replaced. Only after `WriterPoisoned` the change of meta may or may not have taken effect.
 */
export type RepackError = WriteError | FlushError | SegmentError | StorageError | MetaInvalid | InvalidArgument

/** Repacks a tape. */
export const repack = (
  lib: LibHandle,
  tape: OpenTape,
  options: RepackOptions = {}
): Effect.Effect<RepackReport, RepackError> =>
  tape.repacking.withPermit(
    Effect.gen(function* () {
      yield* lib.guard.check
      // A full meta refuses another segment, and only larger segments shrink it. So this flush may fail.
      yield* Effect.catchTag(flush(lib, tape, lib.journal.durable.batch), "MetaInvalid", () => Effect.succeed(0))
      const settings = settingsOf(options)
      const planned = yield* plan(tape, () => ({
        run: runOf(tape.state.segments, settings, options.force ?? false),
        settings
      }))
      if (planned === undefined) return nothing(tape)
      const { onProgress, why = "repack" } = options
      const added = yield* rewrite(lib, tape, planned, { settings, why, onProgress, leave: lib.guard })
      return report(planned.run, added)
    })
  )

interface MergeOptions {
  readonly targetBytes: number
  /** Returns how many of the segments, the last ones, to merge. */
  readonly choose: (segments: ReadonlyArray<Segment>) => number
  readonly leave: Leave
}

/** Merges the last segments into one or a few. Compression, deduplication and shards stay as they are. */
export const mergeSmall = (
  lib: LibHandle,
  tape: OpenTape,
  { choose, leave, targetBytes }: MergeOptions
): Effect.Effect<void, RepackError> =>
  tape.repacking.withPermit(
    Effect.gen(function* () {
      yield* leave.check
      const planned = yield* plan(tape, () => {
        const { segments } = tape.state
        const run = segments.slice(segments.length - choose(segments))
        const compression = run[0]?.compression ?? "keep"
        const dedup = run.some((segment) => segment.same !== undefined)
        return { run, settings: { targetBytes, compression, dedup, shardEvery: run[0]?.shardEvery ?? 0 } }
      })
      if (planned === undefined) return
      const { settings } = planned
      yield* rewrite(lib, tape, planned, { settings, why: "merge", onProgress: undefined, leave })
    })
  )

interface Rewrite {
  readonly settings: Settings
  readonly why: string
  readonly onProgress: OnProgress | undefined
  readonly leave: Leave
}

/** Writes the run anew, and puts the new segments in its place. Returns them. */
const rewrite = Effect.fnUntraced(function* (
  lib: LibHandle,
  tape: OpenTape,
  planned: Planned,
  how: Rewrite
): Effect.fn.Return<ReadonlyArray<Segment>, RepackError> {
  const added = yield* write(lib, tape, planned, how)
  yield* Effect.onError(replace(lib, tape, planned.run, added, how), () => undo(lib, tape, added))
  tape.endRepack(planned.behind)
  return added
})

const report = (run: ReadonlyArray<Segment>, added: ReadonlyArray<Segment>): RepackReport => ({
  removed: run,
  added,
  records: sum(run, (segment) => segment.records),
  bytesBefore: sum(run, (segment) => segment.bytes),
  bytesAfter: sum(added, (segment) => segment.bytes),
  root: Merkle.root(run.at(-1)!.merkle)
})

const nothing = (tape: OpenTape): RepackReport => ({
  removed: [],
  added: [],
  records: 0,
  bytesBefore: 0,
  bytesAfter: 0,
  root: Merkle.root(tape.state.segments.at(-1)?.merkle ?? Merkle.empty)
})

/** Writes the run into new segments, reads each back and compares it. Removes them after any failure. */
const write = (
  lib: LibHandle,
  tape: OpenTape,
  { run, taken }: Planned,
  { leave, onProgress, settings }: Rewrite
): Effect.Effect<ReadonlyArray<Segment>, RepackError> => {
  const last = run.at(-1)!
  const total = { records: sum(run, (segment) => segment.records), bytes: sum(run, (segment) => segment.rawBytes) }
  const counter = new Counter(total, onProgress)
  const sources = zonesOfRun(tape, run).map(([from, to]) => new RepackSource(lib, tape, tape.role, from, to))
  const added: Array<Segment> = []
  const { numbersBeforeRepack } = TapeState
  const segmentsMax = segmentsMaxOf(tape, run, settings)
  const names: Array<string> = []
  const compression = settings.compression === "keep" ? run[0]!.compression : settings.compression
  const writeNext = Effect.suspend(() => {
    invariant(names.length < segmentsMax, "a repack has a number for each of its outputs")
    const number = taken + numbersBeforeRepack + names.length
    const before = added.at(-1)?.merkle ?? merkleBefore(tape, run)
    const output = { ...settings, compression, number, before, lastBatch: last.lastBatch, leave }
    names.push(outputName(output))
    const source = sources.find(({ isDone }) => !isDone)!
    return Effect.map(writeOutput(lib, tape, source, output, counter), (segment) => void added.push(segment))
  })
  const cleanUp = Effect.forEach(names, (name) => removeSegment(lib, tape.name, name), { discard: true })
  const writeAll = Effect.suspend(() =>
    Effect.whileLoop({
      while: () => sources.some(({ isDone }) => !isDone),
      body: () => writeNext,
      step: () => undefined
    })
  )
  return lib.guard.aside(leave.whileOpen(writeAll)).pipe(
    Effect.tap(() => {
      if (Merkle.root(added.at(-1)!.merkle) === Merkle.root(last.merkle)) return Effect.void
      // The output reads back as it was read from the source, so meta must be wrong.
      const why = "its Merkle state does not match meta"
      return Effect.fail(new SegmentCorrupt({ tape: tape.name, segment: last.name, offset: 0, why }))
    }),
    Effect.as(added),
    Effect.onError(() => Effect.suspend(() => cleanUp))
  )
}

const merkleBefore = (tape: OpenTape, run: ReadonlyArray<Segment>): Merkle.State => {
  const first = tape.state.segments.indexOf(run[0]!)
  return tape.state.segments[first - 1]?.merkle ?? Merkle.empty
}

/** Replaces meta with one that lists the new segments, then removes the old files (I4). */
const replace = (
  lib: LibHandle,
  tape: OpenTape,
  run: ReadonlyArray<Segment>,
  added: ReadonlyArray<Segment>,
  { leave, why }: Rewrite
): Effect.Effect<void, RepackError> => {
  const change = Effect.gen(function* () {
    yield* leave.check
    yield* tape.meta.replace(TapeState.afterRepack(tape.state, run, added, why))
    // No meta lists these files any more, so one that stays is a leftover.
    yield* Effect.forEach(run, (segment) => removeSegment(lib, tape.name, segment.name), { discard: true })
  })
  return tape.lock.withPermit(Effect.uninterruptible(change))
}

/**
 * Removes outputs after a failure. Keeps them if meta lists them, or may list them: a writer that has stopped does not
 * know what is on the disk.
 */
const undo = (lib: LibHandle, tape: OpenTape, added: ReadonlyArray<Segment>): Effect.Effect<void> =>
  Effect.suspend(() => {
    const isListed = tape.state.segments.some((segment) => segment.number === added[0]!.number)
    if (isListed || lib.guard.cause !== undefined) return Effect.void
    return Effect.forEach(added, (segment) => removeSegment(lib, tape.name, segment.name), { discard: true })
  })

const removeSegment = (lib: LibHandle, tape: string, segment: string): Effect.Effect<void> =>
  Effect.suspend(() => {
    lib.segments.forget(tape, segment)
    return Effect.andThen(
      Effect.ignore(IndexFiles.remove(lib.root.derived, tape, segment)),
      Effect.ignore(lib.root.segments.remove(tape, segment))
    )
  })
