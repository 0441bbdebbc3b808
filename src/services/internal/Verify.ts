/**
 * Verify: everything that can be checked of a tape and of a lib, from the disk. It goes on after what is bad, and lists
 * all of it.
 */
import * as Effect from "effect/Effect"
import * as Event from "../../domain/Event.ts"
import { isReservedType, libMetaFile, tapeMetaFile } from "../../domain/Format.ts"
import * as Merkle from "../../domain/Merkle.ts"
import type { Segment } from "../../domain/SystemRecord.ts"
import * as TaraSON from "../../domain/TaraSON.ts"
import type { Core } from "./Core.ts"
import { scanAll } from "./DynamicScan.ts"
import { checkIndex } from "./IndexCheck.ts"
import { readState } from "./OpenLib.ts"
import { listing, openTape, readTapeMeta, type OpenTape } from "./OpenTape.ts"
import { readRun, runsOf } from "./PartRuns.ts"
import { Counter, type OnProgress } from "./Progress.ts"
import { readWhole } from "./SegmentRecords.ts"

export interface VerifyOptions {
  /**
   * `files`: meta chains, and length, hash and number of lines of every segment: proves that each file is the one that
   * meta names. `records` (the default): also every line, Merkle states, revisions and positions of events, and indexes.
   */
  readonly depth?: "files" | "records"
  readonly onProgress?: OnProgress
}

/** Something that is not as it should be. */
export interface Finding {
  /** The file, from the lib's folder on. */
  readonly file: string
  /** Byte in the file; 0 where it is not known. */
  readonly offset: number
  /** Tag of the error that reading it gives. */
  readonly error: string
  readonly why: string
}

export interface VerifyReport {
  /** Nothing bad was found. */
  readonly ok: boolean
  readonly bad: ReadonlyArray<Finding>
  readonly tapes: number
  readonly segments: number
  readonly records: number
  /** Bytes of segments as they are stored. */
  readonly bytes: number
  /** Indexes that were missing or not what a rebuild gives: made again, nothing was lost. */
  readonly indexesRebuilt: ReadonlyArray<string>
}

interface Run {
  readonly core: Core
  readonly deep: boolean
  readonly counter: Counter
  readonly bad: Array<Finding>
  readonly rebuilt: Array<string>
  segments: number
  records: number
  bytes: number
}

const begin = (core: Core, tapes: ReadonlyArray<OpenTape>, options: VerifyOptions): Run => {
  const all = tapes.flatMap((tape) => tape.state.segments)
  const total = {
    records: all.reduce((sum, segment) => sum + segment.records, 0),
    bytes: all.reduce((sum, segment) => sum + segment.bytes, 0)
  }
  const counter = new Counter(total, options.onProgress)
  return { core, deep: options.depth !== "files", counter, bad: [], rebuilt: [], segments: 0, records: 0, bytes: 0 }
}

const end = (run: Run, tapes: number): VerifyReport => ({
  ok: run.bad.length === 0,
  bad: run.bad,
  tapes,
  segments: run.segments,
  records: run.records,
  bytes: run.bytes,
  indexesRebuilt: run.rebuilt
})

/** Verifies one tape. */
export const verifyTape = Effect.fnUntraced(function* (
  core: Core,
  tape: OpenTape,
  options: VerifyOptions = {}
): Effect.fn.Return<VerifyReport> {
  const run = begin(core, [tape], options)
  // A repack would take away what is being checked.
  yield* tape.repacking.withPermit(checkTape(run, tape))
  return end(run, 1)
})

/** Verifies a lib: its meta, its dynamic segments, all of its tapes, and that no event is missing. */
export const verifyLib = Effect.fnUntraced(function* (
  core: Core,
  options: VerifyOptions = {}
): Effect.fn.Return<VerifyReport> {
  const tapes: Array<OpenTape> = []
  const early: Array<Finding> = []
  for (const { name } of core.state.tapes.values()) {
    const tape = yield* Effect.result(openTape(core, name))
    if (tape._tag === "Success") tapes.push(tape.success)
    else early.push(findingOf(`${name}/${tapeMetaFile}`, tape.failure))
  }
  const run = begin(core, tapes, options)
  run.bad.push(...early)
  yield* check(run, libMetaFile, readState(core.root))
  yield* check(run, "dynamic segments", checkDynamics(core))
  for (const tape of tapes) yield* tape.repacking.withPermit(checkTape(run, tape))
  checkPositions(run, tapes)
  return end(run, core.state.tapes.size)
})

type Failure = { readonly _tag: string; readonly message: string }

/** Notes what a check fails with, and goes on. */
const check = <A>(run: Run, file: string, effect: Effect.Effect<A, Failure>): Effect.Effect<boolean> =>
  Effect.match(effect, {
    onFailure: (error) => {
      run.bad.push(findingOf(file, error))
      return false
    },
    onSuccess: () => true
  })

const findingOf = (file: string, error: Failure): Finding => {
  const offset = "offset" in error && typeof error.offset === "number" ? error.offset : 0
  return { file, offset, error: error._tag, why: error.message }
}

/** The chain of commits that is on disk; a writer's own is read again, up to what was acknowledged. */
const checkDynamics = (core: Core): Effect.Effect<void, Failure> =>
  Effect.gen(function* () {
    const state = yield* readState(core.root)
    if (state !== undefined) yield* scanAll(core.root, state.state)
  })

/** Positions have no gaps: there are as many events as the next position says. */
const checkPositions = (run: Run, tapes: ReadonlyArray<OpenTape>): void => {
  const { core } = run
  let events = 0
  for (const tape of tapes) if (listing(core, tape.name)?.role === "events") events += tape.records
  const all = [...core.state.tapes.values()].filter((listed) => listed.role === "events")
  const isComplete = all.every((listed) => tapes.some((tape) => tape.name === listed.name))
  if (!isComplete || events === core.durable.position) return
  const why = `${events} events are on tapes, the next position is ${core.durable.position}`
  run.bad.push({ file: libMetaFile, offset: 0, error: "PositionGap", why })
}

const checkTape = Effect.fnUntraced(function* (run: Run, tape: OpenTape): Effect.fn.Return<void> {
  const { core } = run
  const listed = listing(core, tape.name)
  if (listed === undefined) return
  yield* check(run, `${tape.name}/${tapeMetaFile}`, readTapeMeta(core, listed))
  const order = listed.role === "events" && run.deep ? new EventOrder() : undefined
  let before = Merkle.empty
  for (const segment of tape.state.segments) {
    run.segments++
    const file = `${tape.name}/${segment.name}`
    const good = yield* check(run, file, checkSegment(run, tape, segment, before, order))
    if (good && run.deep) {
      const rebuilt = yield* checkIndex(core, tape.name, listed.role, segment)
      if (rebuilt) run.rebuilt.push(file)
    }
    if (!good) order?.lose()
    before = segment.merkle
    run.records += segment.records
    run.bytes += segment.bytes
    yield* run.counter.add(segment.records, segment.bytes)
  }
  yield* check(run, `${tape.name}: records in dynamic segments`, checkParts(core, tape))
})

const checkSegment = (
  run: Run,
  tape: OpenTape,
  segment: Segment,
  before: Merkle.State,
  order: EventOrder | undefined
): Effect.Effect<void, Failure> => {
  const { core, deep } = run
  const role = listing(core, tape.name)?.role ?? "records"
  if (!deep) return readWhole(core, tape.name, role, segment, () => {})
  const merkle = new Merkle.Accumulator(before)
  const limits = { ...core.state.limits }
  return Effect.flatMap(
    readWhole(core, tape.name, role, segment, (line) => {
      const recordBytesMax = Math.max(limits.recordBytesMax, line.length)
      const record = TaraSON.parseCanonical(line, { ...limits, recordBytesMax })
      const type = record["$type"]
      if (typeof type === "string" && isReservedType(type)) throw new Error(`it holds a ${type}`)
      order?.add(Event.fromRecord(record))
      merkle.add(line)
    }),
    () => {
      const isSame = merkle.size === segment.merkle.size && merkle.root() === Merkle.root(segment.merkle)
      if (isSame) return Effect.void
      return Effect.fail({ _tag: "SegmentCorrupt", message: "its Merkle state is not the one in meta" })
    }
  )
}

/** Positions ascend along a tape, revisions go up by one along a stream. */
class EventOrder {
  #position = -1
  #revisions = new Map<string, number>()
  #isSure = true

  add({ stream, revision, position }: Event.RecordedEvent): void {
    if (position <= this.#position) throw new Error(`position ${position} comes after ${this.#position}`)
    const expected = (this.#revisions.get(stream) ?? -1) + 1
    const known = this.#revisions.has(stream) || this.#isSure
    if (known && revision !== expected)
      throw new Error(`revision ${revision} of a stream stands where ${expected} should`)
    this.#position = position
    this.#revisions.set(stream, revision)
  }

  /** A segment could not be read: where the streams stand is not known any more. */
  lose(): void {
    this.#revisions = new Map()
    this.#isSure = false
  }
}

const checkParts = (core: Core, tape: OpenTape): Effect.Effect<void, Failure> =>
  Effect.forEach(runsOf(tape.parts, 1024 * 1024), (parts) => readRun(core, tape.name, parts), { discard: true })
