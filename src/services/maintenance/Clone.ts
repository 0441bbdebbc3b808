/**
 * Clones a tape: creates a new tape with the same logical stream, in this lib or another one. Files are copied byte by
 * byte (I5) and checked on the way. The clone has an id of its own and records its origin.
 */
import * as Effect from "effect/Effect"
import { createHash } from "node:crypto"
import { storableNow } from "../base/storableNow.ts"
import {
  type ClockOutOfRange,
  type InvalidArgument,
  type MetaInvalid,
  SegmentCorrupt,
  type TapeExists
} from "../../domain/format/Errors.ts"
import { newline } from "../../domain/format/Format.ts"
import type { TapeListing } from "../../domain/meta/LibState.ts"
import type { Limits } from "../../domain/format/Limits.ts"
import * as Merkle from "../../domain/merkle/Merkle.ts"
import * as MetaChain from "../../domain/meta/MetaChain.ts"
import { checkTapeName, type InvalidTapeName } from "../../domain/format/Names.ts"
import { withOrdinaryNumbers } from "../../domain/meta/backupNumbers.ts"
import type { Lost, Segment, TapeRecord, Unchained } from "../../domain/meta/SystemRecord.ts"
import * as TaraSON from "../../domain/json/TaraSON.ts"
import { TaraSONError } from "../../domain/json/TaraSONError.ts"
import type { Root, StorageError } from "../ports/Storage.ts"
import { attempt } from "../base/attempt.ts"
import { flush, type FlushError } from "../write/flush.ts"
import type { LibHandle } from "../lib/LibHandle.ts"
import type { WriteError } from "../lib/WriterGuard.ts"
import { checkTapeMetaSize } from "../lib/metaLimits.ts"
import type { OpenTape } from "../lib/OpenTape.ts"
import { Counter, type OnProgress } from "../base/Progress.ts"
import { linesOfChunk, readChunk } from "../read/RecordReader.ts"
import { readSegment } from "../segment/SegmentFile.ts"
import type { SegmentError } from "../segment/SegmentAccess.ts"
import { readWhole } from "../segment/SegmentRecords.ts"
import { writeNextSegment } from "../segment/NextSegment.ts"
import { retryVanished } from "../read/retryVanished.ts"

/** Options of a clone. */
export interface CloneOptions {
  /** Receives the progress after each file. */
  readonly onProgress?: OnProgress
}

/**
 * Errors of a clone. `TapeExists` and `InvalidTapeName` call for another name. `TaraSONError` means that the limits of
 * the target do not allow a record, `MetaInvalid` that its meta has no room. `SegmentCorrupt` or `SegmentMissing` means
 * that the source is damaged.
 */
export type CloneError =
  | WriteError
  | FlushError
  | SegmentError
  | StorageError
  | MetaInvalid
  | TapeExists
  | InvalidTapeName
  | InvalidArgument
  | ClockOutOfRange
  | TaraSONError

/** Clones `tape` of `source` as `name` into `target`, which may be the same lib. */
export const clone = (
  source: LibHandle,
  tape: OpenTape,
  target: LibHandle,
  name: string,
  options: CloneOptions = {}
): Effect.Effect<TapeListing, CloneError> =>
  Effect.gen(function* () {
    yield* target.guard.check
    yield* source.guard.checkOpen
    yield* attempt<string, InvalidTapeName>(() => checkTapeName(name))
    if (source.root.mode === "write") yield* flush(source, tape, source.journal.durable.batch)
    // While files are copied, no repack may remove them.
    return yield* target.tapes.reserved(name, () =>
      tape.repacking.withPermit(
        source.guard.whileOpen(target.guard.aside(build(source, tape, target, name, options.onProgress)))
      )
    )
  })

const build = (
  source: LibHandle,
  tape: OpenTape,
  target: LibHandle,
  name: string,
  onProgress: OnProgress | undefined
): Effect.Effect<TapeListing, CloneError> =>
  Effect.gen(function* () {
    const counter = counterOf(source, tape, onProgress)
    const place = { root: target.root, limits: target.meta.limits, check: target.guard.check }
    // An empty meta marks a tape that is not finished: if the clone is interrupted, nothing lists or adopts its folder.
    yield* target.root.tapes.create(name, new Uint8Array(0))
    const all = yield* copyRecords(source, tape, place, name, () => recordsOf(source, tape), counter)
    const origin = originOf(tape, all.at(-1)?.merkle)
    return yield* target.tapes.exclusively(Effect.uninterruptible(list(target, name, all, origin, lossesIn(tape, all))))
  })

/** Where a tape is copied to. */
export interface CopyPlace {
  readonly root: Root
  /** Limits that its records must keep. */
  readonly limits: Limits
  /** Fails once nothing may be written there any more. */
  readonly check: Effect.Effect<void, WriteError>
}

type Origin = Extract<Unchained<TapeRecord>, { readonly $type: "LiteTape.Meta" }>["origin"]

/** Returns the origin of a copy of a tape that ends with this Merkle state. */
export const originOf = (tape: OpenTape, merkle: Merkle.State = Merkle.empty): Origin => ({
  kind: "cloned",
  lib: tape.state.lib,
  records: merkle.size,
  root: Merkle.root(merkle),
  tape: tape.state.tape
})

/**
 * Copies the records of a tape up to `endOf()` to the folder of tape `name`, and returns its segments. The caller keeps
 * a repack of the tape from running meanwhile, and lists the copy.
 */
export const copyRecords = (
  source: LibHandle,
  tape: OpenTape,
  target: CopyPlace,
  name: string,
  endOf: () => number,
  counter: Counter
): Effect.Effect<ReadonlyArray<Segment>, CloneError> =>
  Effect.gen(function* () {
    const { segments, end } = yield* copyAll(source, tape, target, name, { endOf, copied: new Map(), counter })
    const tail = yield* copyRest(source, tape, target, name, segments.at(-1), end, counter)
    return tail === undefined ? segments : [...segments, tail]
  })

/** State of a copy of whole segments, which is kept when a reader has to look again. */
interface Copying {
  readonly endOf: () => number
  /** What was copied, by its name in the source. */
  readonly copied: Map<string, { readonly from: Segment; readonly as: Segment }>
  readonly counter: Counter
}

/**
 * Returns the number of records to clone: in a writer those in segments, since all were flushed; in a reader all it
 * shows.
 */
const recordsOf = (source: LibHandle, tape: OpenTape): number =>
  source.root.mode === "write" ? tape.state.records : tape.records

const counterOf = (source: LibHandle, tape: OpenTape, onProgress: OnProgress | undefined): Counter => {
  const bytes = tape.state.segments.reduce((sum, segment) => sum + segment.bytes, 0)
  const behind = source.root.mode === "write" ? [] : tape.parts
  const total = { records: recordsOf(source, tape), bytes: behind.reduce((sum, part) => sum + part.bytes, bytes) }
  return new Counter(total, onProgress)
}

/**
 * Copies the segments that are cloned whole. If a repack removes a reader's segments, copies those that replaced them.
 */
const copyAll = (
  source: LibHandle,
  tape: OpenTape,
  target: CopyPlace,
  name: string,
  copying: Copying
): Effect.Effect<{ readonly segments: ReadonlyArray<Segment>; readonly end: number }, CloneError> =>
  Effect.suspend(() => {
    const { layout } = tape
    const { copied, counter, endOf } = copying
    const end = endOf()
    const segments = tape.state.segments.filter((segment) => segment.merkle.size <= end)
    const copy = Effect.gen(function* () {
      // The files of a backup have numbers that no lib may count on from.
      const named = withOrdinaryNumbers(tape.state, segments)
      for (const [known, { as, from }] of copied) {
        if (segments.some((segment, at) => segment.name === known && named[at]!.name === as.name)) continue
        copied.delete(known)
        counter.grow(from.records, from.bytes)
        yield* target.root.segments.remove(name, as.name)
      }
      for (const [at, segment] of segments.entries()) {
        if (copied.has(segment.name)) continue
        yield* target.check
        yield* checkLimits(source, tape, segment, target)
        yield* copySegment(source, tape.name, segment, target, { tape: name, segment: named[at]!.name })
        copied.set(segment.name, { from: segment, as: named[at]! })
        yield* counter.add(segment.records, segment.bytes)
      }
      return { segments: named, end }
    })
    return retryVanished(source, tape, layout, copy, () => copyAll(source, tape, target, name, copying))
  })

/** Fails if the target could not have written these records, because then it may not be able to read them. */
const checkLimits = (source: LibHandle, from: OpenTape, segment: Segment, target: CopyPlace) => {
  const [had, has] = [source.meta.limits, target.limits]
  if (has.recordBytesMax >= had.recordBytesMax && has.depthMax >= had.depthMax) return Effect.void
  let refused: TaraSONError | undefined
  const read = readWhole(source.segments, from.name, from.role, segment, (line) => {
    if (refused !== undefined) return
    try {
      TaraSON.parseCanonical(line, has)
    } catch (error) {
      if (!(error instanceof TaraSONError)) throw error
      refused = error
    }
  })
  return Effect.flatMap(read, () => (refused === undefined ? Effect.void : Effect.fail(refused)))
}

/**
 * Copies the remaining records up to `end` into a segment: those that a reader sees in no segment, or in one that holds
 * more.
 */
const copyRest = Effect.fnUntraced(function* (
  source: LibHandle,
  tape: OpenTape,
  target: CopyPlace,
  name: string,
  before: Segment | undefined,
  end: number,
  counter: Counter
): Effect.fn.Return<Segment | undefined, CloneError> {
  const firstOrdinal = before?.merkle.size ?? 0
  if (firstOrdinal >= end) return undefined
  const options = { tape: name, role: "records" as const, number: (before?.number ?? 0) + 1, before, lastBatch: 0 }
  const { segment } = yield* writeNextSegment(target.root, options, (seal, append) =>
    Effect.gen(function* () {
      for (let next = firstOrdinal; next < end;) {
        yield* target.check
        const lines = linesOfChunk(yield* readChunk(source, tape, next, "forward"), next, end)
        for (const line of lines) {
          yield* attempt<unknown, TaraSONError>(() => TaraSON.parseCanonical(line, target.limits))
        }
        const bytes = Buffer.concat(lines.flatMap((line) => [line, lineEnd]))
        seal.add(bytes)
        yield* append(bytes)
        yield* counter.add(lines.length, bytes.length)
        next += lines.length
      }
    })
  )
  return segment
})

const lineEnd = Buffer.of(newline)

/** Copies a file byte by byte. Fails if it does not match meta. */
const copySegment = (
  source: LibHandle,
  from: string,
  segment: Segment,
  target: CopyPlace,
  to: { readonly tape: string; readonly segment: string }
) =>
  target.root.segments.write(to.tape, to.segment, (append) =>
    Effect.gen(function* () {
      const digest = createHash("sha256")
      for (let offset = 0; offset < segment.bytes;) {
        const length = Math.min(1024 * 1024, segment.bytes - offset)
        const chunk = yield* readSegment(source.segments, from, segment.name, offset, length)
        digest.update(chunk)
        yield* append(chunk)
        offset += chunk.length
        yield* Effect.yieldNow
      }
      if (digest.digest("hex") !== segment.sha256) {
        const why = "its SHA-256 does not match meta"
        return yield* new SegmentCorrupt({ tape: from, segment: segment.name, offset: 0, why })
      }
    })
  )

/** Returns the losses of a tape as its clone has them: records alone, without streams and positions. */
const lossesIn = ({ state }: OpenTape, segments: ReadonlyArray<Segment>): ReadonlyArray<Lost> => {
  const records = segments.at(-1)?.merkle.size ?? 0
  return state.lost
    .filter(({ ordinal }) => ordinal <= records)
    .map(({ unnamed: _, ...lost }) => ({ ...lost, positions: null, streams: null }))
}

/** Writes tape meta, then lists the tape in lib meta. In this order, a listed tape always has its meta. */
const list = (
  lib: LibHandle,
  name: string,
  segments: ReadonlyArray<Segment>,
  origin: Origin,
  lost: ReadonlyArray<Lost>
): Effect.Effect<TapeListing, CloneError> =>
  Effect.gen(function* () {
    yield* lib.guard.check
    const now = yield* storableNow
    const tape = lib.uuid(now)
    // Batch numbers are those of a lib. No batch that this lib has committed so far belongs to the new tape.
    const lastBatch = lib.journal.durable.batch
    const written = MetaChain.writeTape(
      [
        {
          $type: "LiteTape.Meta",
          created: new Date(now).toISOString(),
          format: lost.length === 0 ? 1 : 2,
          lastBatch,
          lib: lib.meta.state.lib,
          origin,
          role: "records",
          tape
        },
        ...segments.map((segment) => ({ $type: "LiteTape.Segment" as const, ...segment, lastBatch })),
        ...lost.map((loss) => ({ $type: "LiteTape.Lost" as const, ...loss }))
      ],
      lib.meta.limits
    )
    yield* checkTapeMetaSize(lib.meta.limits, name, written.bytes.length, segments.length + 1)
    const listed: TapeListing = { name, tape, role: "records", state: "active" }
    yield* lib.meta.checkRoom({ $type: "LiteLib.Tape", ...listed })
    const empty = yield* lib.root.meta.read(name)
    yield* lib.guard.step(lib.root.meta.replace(name, empty?.version, written.bytes))
    yield* lib.meta.append({ $type: "LiteLib.Tape", ...listed })
    return listed
  })
