/**
 * Verifies a tape or a lib: everything that can be checked from the disk. Continues after each defect, and lists all of
 * them.
 */
import * as Effect from "effect/Effect"
import { type LibClosed, SegmentCorrupt } from "../../../domain/format/Errors.ts"
import * as Event from "../../../domain/event/Event.ts"
import { libMetaFile, tapeMetaFile } from "../../../domain/format/Format.ts"
import type { TapeListing } from "../../../domain/meta/LibState.ts"
import type { Limits } from "../../../domain/format/Limits.ts"
import { eventsMax } from "../../../domain/meta/Losses.ts"
import * as Merkle from "../../../domain/merkle/Merkle.ts"
import { dynamicName } from "../../../domain/format/Names.ts"
import type { Role, Segment } from "../../../domain/meta/SystemRecord.ts"
import type { JsonObject } from "../../../domain/json/TaraSON.ts"
import type { StorageError } from "../../ports/Storage.ts"
import { readChecked } from "../../segment/readChecked.ts"
import type { LibHandle } from "../../lib/LibHandle.ts"
import type { LivePart } from "../../journal/DynamicFile.ts"
import { EventOrder } from "../../../domain/event/EventOrder.ts"
import { checkIndex } from "../../segment/IndexCheck.ts"
import type { TornTail } from "../../journal/DynamicScan.ts"
import { refreshReader } from "../../lib/openReader.ts"
import { decodeUntrusted } from "../../base/decodeUntrusted.ts"
import type { OpenTape } from "../../lib/OpenTape.ts"
import { readRun, runsOf } from "../../journal/PartRuns.ts"
import type { StuckFile } from "../../journal/Journal.ts"
import { Counter, type OnProgress } from "../../base/Progress.ts"
import { checkFile } from "../../segment/SegmentFile.ts"
import { hasHash } from "../../segment/SegmentPieces.ts"
import { checkLines } from "../../../domain/segment/recordLines.ts"
import { verifySegment } from "../../segment/verifySegment.ts"
import { checkDynamics, checkLibMeta, checkTapeMeta, type Failure, tornTail, triesMax } from "./VerifyMeta.ts"

/** Options of verifying. */
export interface VerifyOptions {
  /**
   * `files` checks meta chains, and the length and hash of every segment: each file is the one that meta names.
   * `records` (the default) also checks every line, Merkle states, revisions and positions of events, and indexes.
   */
  readonly depth?: "files" | "records"
  /** Receives the progress after each segment. */
  readonly onProgress?: OnProgress
}

/** A defect that verifying found. */
export interface Finding {
  /** Path of the file, relative to the lib's folder, such as `readings/seg-000001.jsonl`. */
  readonly file: string
  /** Byte in the file; 0 if it is not known. */
  readonly offset: number
  /** `_tag` of the error that reading it fails with, such as `SegmentCorrupt`. */
  readonly error: string
  /** Message of that error. */
  readonly why: string
}

/** Records that a tape is known to have lost. Nothing that verifying found, and no defect. */
export interface KnownLoss {
  /** Name of the tape. */
  readonly tape: string
  /** The lost records came before the record that has this ordinal now. */
  readonly ordinal: number
  /** Number of lost records; null if it is not known, and perhaps none are lost. */
  readonly records: number | null
  /** On a tape of events: the first position that may be lost, and the first one after the loss. */
  readonly positions: readonly [first: number, end: number] | null
  /** File that was damaged or missing. */
  readonly segment: string
  /** Whether somebody has accepted the loss. */
  readonly accepted: boolean
}

/** Report of verifying. */
export interface VerifyReport {
  /** Whether there is no defect. */
  readonly ok: boolean
  /** All defects. */
  readonly bad: ReadonlyArray<Finding>
  /** Number of tapes, including those that could not be opened. */
  readonly tapes: number
  /** Number of segments that were checked. */
  readonly segments: number
  /** Number of records in these segments. */
  readonly records: number
  /** Size of these segments as they are stored. */
  readonly bytes: number
  /** Segments whose index was missing, or differed from a rebuild. It was rebuilt; nothing was lost. */
  readonly indexesRebuilt: ReadonlyArray<string>
  /** Where the last dynamic segment ends too early, as in the report of opening. No defect by itself. */
  readonly tornTail?: TornTail
  /** Records that were lost before and are known to be: they are not in `bad`. */
  readonly lost: ReadonlyArray<KnownLoss>
  /** Dynamic segments that this writer cannot close, and why. Nothing is lost, but they stay. */
  readonly stuck: ReadonlyArray<StuckFile>
}

interface Run {
  readonly lib: LibHandle
  readonly deep: boolean
  readonly counter: Counter
  /** Number of records in segments that the counter knows of, by tape. */
  readonly counted: Map<OpenTape, number>
  readonly bad: Array<Finding>
  readonly rebuilt: Array<string>
  segments: number
  records: number
  bytes: number
}

const begin = (lib: LibHandle, tapes: ReadonlyArray<OpenTape>, options: VerifyOptions): Run => {
  const all = tapes.flatMap((tape) => tape.state.segments)
  const total = {
    records: all.reduce((sum, segment) => sum + segment.records, 0),
    bytes: all.reduce((sum, segment) => sum + segment.bytes, 0)
  }
  const counter = new Counter(total, options.onProgress)
  const counted = new Map(tapes.map((tape) => [tape, tape.state.records]))
  const deep = options.depth !== "files"
  return { lib, deep, counter, counted, bad: [], rebuilt: [], segments: 0, records: 0, bytes: 0 }
}

const end = (run: Run, tapes: ReadonlyArray<OpenTape>, listed: number): VerifyReport => ({
  ok: run.bad.length === 0,
  bad: run.bad,
  tapes: listed,
  segments: run.segments,
  records: run.records,
  bytes: run.bytes,
  indexesRebuilt: run.rebuilt,
  lost: tapes.flatMap(lossesOf),
  stuck: run.lib.journal.stuck
})

const lossesOf = ({ name, state }: OpenTape): Array<KnownLoss> =>
  state.lost.map(({ accepted, ordinal, positions, records, segment }) => ({
    tape: name,
    ordinal,
    records,
    positions,
    segment,
    accepted: accepted === true
  }))

/** Verifies one tape. */
export const verifyTape = Effect.fnUntraced(function* (
  lib: LibHandle,
  tape: OpenTape,
  options: VerifyOptions = {}
): Effect.fn.Return<VerifyReport, LibClosed> {
  const run = begin(lib, [tape], options)
  yield* checkTape(run, tape)
  return end(run, [tape], 1)
})

/** Verifies a lib: its meta, its dynamic segments, all of its tapes, and that no event is missing. */
export const verifyLib = Effect.fnUntraced(function* (
  lib: LibHandle,
  options: VerifyOptions = {}
): Effect.fn.Return<VerifyReport, LibClosed> {
  const tapes: Array<OpenTape> = []
  const early: Array<Finding> = []
  for (const { name } of lib.meta.state.tapes.values()) {
    const tape = yield* Effect.result(lib.tapes.get(name))
    if (tape._tag === "Success") tapes.push(tape.success)
    else early.push(findingOf(`${name}/${tapeMetaFile}`, tape.failure))
  }
  const run = begin(lib, tapes, options)
  run.bad.push(...early)
  yield* check(run, libMetaFile, checkLibMeta(lib))
  yield* check(run, "dynamic segments", checkDynamics(lib))
  for (const tape of tapes) yield* checkTape(run, tape)
  checkPositions(run, tapes)
  const tail = yield* tornTail(lib)
  return { ...end(run, tapes, lib.meta.state.tapes.size), ...(tail === undefined ? {} : { tornTail: tail }) }
})

/** Runs a check and notes its failure as a defect. */
const check = <A>(run: Run, file: string, effect: Effect.Effect<A, Failure>): Effect.Effect<boolean> =>
  Effect.match(effect, {
    onFailure: (error) => {
      run.bad.push(findingOf(file, error))
      return false
    },
    onSuccess: () => true
  })

/** `file` is the one that the check reads, unless the error names another. */
const findingOf = (file: string, error: Failure): Finding => {
  const offset = "offset" in error && typeof error.offset === "number" ? error.offset : 0
  const where = "file" in error && typeof error.file === "string" ? error.file : file
  return { file: where, offset, error: error._tag, why: error.message }
}

/** Positions have no gaps but for lost events, so there must be as many events as the next position says. */
const checkPositions = (run: Run, tapes: ReadonlyArray<OpenTape>): void => {
  const { lib } = run
  let events = 0
  for (const tape of tapes) if (tape.role === "events") events += tape.records
  const all = [...lib.meta.state.tapes.values()].filter((listed) => listed.role === "events")
  const names = new Set(tapes.map((tape) => tape.name))
  const isComplete = all.every((listed) => names.has(listed.name))
  const lost = tapes.flatMap((tape) => (tape.role === "events" ? tape.state.lost : []))
  const missing = lib.journal.durable.position - events
  const isKnown =
    missing >= lost.reduce((sum, { records }) => sum + (records ?? 0), 0) &&
    missing <= lost.reduce((sum, loss) => sum + eventsMax(loss), 0)
  if (!isComplete || isKnown) return
  const why = `the tapes hold ${events} events, but the next position is ${lib.journal.durable.position}`
  run.bad.push({ file: libMetaFile, offset: 0, error: "PositionGap", why })
}

const checkTape = (run: Run, tape: OpenTape): Effect.Effect<void, LibClosed> => {
  const listed = run.lib.tapes.listing(tape.name)
  if (listed === undefined) return Effect.void
  return run.lib.root.mode === "write" ? checkOwn(run, tape, listed) : checkBeside(run, tape, listed)
}

/** Checks a writer's tape, including segments that are flushed meanwhile. */
const checkOwn = (run: Run, tape: OpenTape, listed: TapeListing): Effect.Effect<void, LibClosed> =>
  // A repack would remove files that are being checked.
  tape.repacking.withPermit(Effect.asVoid(run.lib.guard.whileOpen(checkOnce(run, tape, listed))))

/** Checks a reader's tape. If the writer removes its files meanwhile, checks the whole tape again. */
const checkBeside = Effect.fnUntraced(function* (
  run: Run,
  tape: OpenTape,
  listed: TapeListing
): Effect.fn.Return<void, LibClosed> {
  for (let tries = 1; ; tries++) {
    const { layout } = tape
    const { segments, records, bytes } = run
    const [bad, rebuilt] = [run.bad.length, run.rebuilt.length]
    const { isVanished } = yield* checkOnce(run, tape, listed)
    if (!isVanished || tries >= triesMax) return
    yield* Effect.ignore(refreshReader(run.lib))
    if (tape.layout === layout) return
    run.counter.grow(run.records - records, run.bytes - bytes)
    run.bad.length = bad
    run.rebuilt.length = rebuilt
    Object.assign(run, { segments, records, bytes })
  }
})

const checkOnce = Effect.fnUntraced(function* (
  run: Run,
  tape: OpenTape,
  listed: TapeListing
): Effect.fn.Return<{ readonly isVanished: boolean }, LibClosed> {
  const { lib } = run
  const first = run.bad.length
  yield* check(run, `${tape.name}/${tapeMetaFile}`, checkTapeMeta(lib, tape, listed))
  const order = listed.role === "events" && run.deep ? new EventOrder(tape.state.lost) : undefined
  let before = Merkle.empty
  for (let at = 0; ;) {
    const segment = tape.state.segments[at]
    yield* lib.guard.checkOpen
    if (segment !== undefined) {
      yield* checkAndCount(run, tape, segment, before, order)
      before = segment.merkle
      at++
      continue
    }
    const { parts } = tape
    const behind = yield* Effect.result(checkParts(run, tape.name, parts))
    if (behind._tag === "Success") break
    // A flush has put them into a segment meanwhile.
    if (tape.parts !== parts && lib.root.mode === "write") continue
    const { failure } = behind
    run.bad.push(findingOf(failure._tag === "SegmentCorrupt" ? failure.segment : "dynamic segments", failure))
    break
  }
  return {
    isVanished: run.bad.slice(first).some(({ error }) => error === "SegmentMissing" || error === "StorageError")
  }
})

const checkAndCount = Effect.fnUntraced(function* (
  run: Run,
  tape: OpenTape,
  segment: Segment,
  before: Merkle.State,
  order: EventOrder | undefined
): Effect.fn.Return<void> {
  const { lib } = run
  run.segments++
  const file = `${tape.name}/${segment.name}`
  const role = tape.role
  const deeply = Effect.flatMap(checkSegment(lib, tape.name, role, segment, before, order), (index) =>
    Effect.map(checkIndex(lib.segments, tape.name, role, segment, index), (rebuilt) => {
      if (rebuilt) run.rebuilt.push(file)
    })
  )
  const good = yield* check(run, file, run.deep ? deeply : checkHash(lib, tape.name, segment))
  if (!good) order?.lose()
  run.records += segment.records
  run.bytes += segment.bytes
  if (segment.firstOrdinal >= (run.counted.get(tape) ?? 0)) run.counter.grow(segment.records, segment.bytes)
  yield* run.counter.add(segment.records, segment.bytes)
})

/** Returns the index that the segment must have, if checking it has computed the index. */
const checkSegment = (
  lib: LibHandle,
  tape: string,
  role: Role,
  segment: Segment,
  before: Merkle.State,
  order: EventOrder | undefined
): Effect.Effect<Uint8Array | undefined, Failure> =>
  Effect.flatMap(verifySegment(lib.segments, tape, role, segment, before), (proved) => {
    if (proved !== undefined && (order === undefined || order.addRun(proved.events)))
      return Effect.succeed(proved.index)
    const each = order === undefined ? undefined : (record: JsonObject) => order.add(Event.fromRecord(record))
    return Effect.as(readChecked(lib.segments, tape, role, segment, before, each), undefined)
  })

const checkHash = (lib: LibHandle, tape: string, segment: Segment): Effect.Effect<void, Failure> =>
  Effect.flatMap(hasHash(lib.segments, tape, segment), (has) =>
    has ? Effect.void : checkFile(lib.segments, tape, segment)
  )

const checkParts = (
  { lib, deep }: Run,
  tape: string,
  parts: ReadonlyArray<LivePart>
): Effect.Effect<void, StorageError | SegmentCorrupt> =>
  Effect.forEach(
    runsOf(parts, 1024 * 1024),
    (run) => {
      const { file, offset } = run[0]!
      const corrupt = (why: string) => new SegmentCorrupt({ tape, segment: dynamicName(file.dynamic), offset, why })
      return Effect.flatMap(readRun(lib.root, tape, run), (pieces) =>
        deep ? decodeUntrusted(() => checkPieces(pieces, lib.meta.limits), corrupt) : Effect.void
      )
    },
    { discard: true }
  )

const checkPieces = (pieces: ReadonlyArray<Uint8Array>, limits: Limits): void => {
  for (const lines of pieces) checkLines(lines, limits)
}
