/**
 * Writes the segments of a salvaged tape: what is proved of damaged ones, and copies of the good ones after them under
 * new numbers, since numbers must ascend along a tape.
 */
import * as Effect from "effect/Effect"
import { nearestNow } from "../../base/storableNow.ts"
import { keysOfEvents } from "../../../domain/event/eventKeys.ts"
import * as Merkle from "../../../domain/merkle/Merkle.ts"
import { segmentName } from "../../../domain/format/Names.ts"
import type { Lost, Segment } from "../../../domain/meta/SystemRecord.ts"
import type { EventKey } from "../../../domain/segment/SegmentIndex.ts"
import { numbersBeforeRepack } from "../../../domain/meta/TapeState.ts"
import { decodeUntrusted } from "../../base/decodeUntrusted.ts"
import { SegmentCorrupt } from "../../../domain/format/Errors.ts"
import { Counter, type OnProgress } from "../../base/Progress.ts"
import type { LibHandle } from "../../lib/LibHandle.ts"
import type { OpenTape } from "../../lib/OpenTape.ts"
import { writeNextSegment } from "../../segment/NextSegment.ts"
import { copySegment } from "../../segment/rewriteSegment.ts"
import type { SegmentError } from "../../segment/SegmentAccess.ts"
import { readWhole } from "../../segment/SegmentRecords.ts"
import * as IndexFiles from "../../segment/IndexFiles.ts"
import { LossList } from "./LossList.ts"
import { isLost } from "./Stretch.ts"
import { stretchesOf } from "./Stretches.ts"

/** A damaged or missing segment. Its file stays where it is, under its name. */
export interface DamagedSegment {
  /** Name of the file, such as `seg-000001.jsonl`. */
  readonly segment: string
  /** Description of the damage. */
  readonly why: string
  /** Number of its records that were saved. */
  readonly saved: number
  /** Number of its records that are lost. */
  readonly lost: number
}

/** Segments and losses of the salvaged tape. */
export interface Rebuilt {
  readonly segments: ReadonlyArray<Segment>
  readonly lost: ReadonlyArray<Lost>
  readonly damaged: ReadonlyArray<DamagedSegment>
  /** Names of old files that have a copy among the new segments. */
  readonly copied: ReadonlyArray<string>
  /** The first of the new numbers: files with lower ones that meta does not list stay. */
  readonly takenNumbers: number
}

interface Task {
  /** Names of damaged segments, and why. */
  readonly damaged: ReadonlyMap<string, string>
  readonly isAccepted: boolean
  readonly onProgress: OnProgress | undefined
}

/** Bytes of lines in a segment of saved records, about. */
const pieceBytes = 64 * 1024 * 1024

/** Writes all new segments. Removes them after any failure. */
export const rebuild = (lib: LibHandle, tape: OpenTape, task: Task): Effect.Effect<Rebuilt, SegmentError> =>
  Effect.suspend(() => {
    const made: Array<string> = []
    const remove = (name: string) =>
      Effect.andThen(
        Effect.ignore(IndexFiles.remove(lib.root.derived, tape.name, name)),
        Effect.ignore(lib.root.segments.remove(tape.name, name))
      )
    return Effect.onError(write(lib, tape, task, made), () =>
      Effect.suspend(() => Effect.forEach(made, remove, { discard: true }))
    )
  })

const write = Effect.fnUntraced(function* (
  lib: LibHandle,
  tape: OpenTape,
  { damaged, isAccepted, onProgress }: Task,
  made: Array<string>
): Effect.fn.Return<Rebuilt, SegmentError> {
  const { role } = tape
  const { segments: old } = tape.state
  const from = old.findIndex(({ name }) => damaged.has(name))
  const rest = old.slice(from)
  const counter = new Counter(
    {
      records: rest.reduce((sum, { records }) => sum + records, 0),
      bytes: rest.reduce((sum, { rawBytes }) => sum + rawBytes, 0)
    },
    onProgress
  )
  const time = new Date(yield* nearestNow).toISOString()
  const losses = new LossList({ role, old: tape.state.lost, isAccepted, time })
  losses.keep(0, old[from]!.firstOrdinal)
  const output = new Output(lib, tape, old.slice(0, from), made)
  const report: Array<DamagedSegment> = []
  const copied: Array<string> = []
  const before = old[from - 1]
  if (role === "events" && before !== undefined) {
    const { header } = yield* lib.segments.index(tape.name, role, before)
    losses.pass(header.firstPosition, header.lastPosition)
  }
  for (const segment of rest) {
    const why = damaged.get(segment.name)
    if (why === undefined) {
      if (role === "events") {
        const { header } = yield* lib.segments.index(tape.name, role, segment)
        losses.pass(header.firstPosition, header.lastPosition)
      }
      losses.keep(segment.firstOrdinal, segment.records)
      yield* output.copy(segment)
      copied.push(segment.name)
    } else {
      const first = output.records
      const stretches = yield* stretchesOf(lib.segments, tape.name, role, segment)
      losses.begin(segment, stretches)
      // Where events are lost, the revisions of a stream have a gap, and those of a segment must not.
      const groups = role === "events" ? stretches.map((one) => [one]) : [stretches]
      for (const group of groups) {
        for (const stretch of group) losses.take(stretch)
        yield* output.save(
          group.flatMap((one) => (isLost(one) ? [] : one.reads)),
          segment,
          (keys) => losses.see(keys)
        )
      }
      const saved = output.records - first
      report.push({ segment: segment.name, why, saved, lost: segment.records - saved })
    }
    yield* counter.add(segment.records, segment.rawBytes)
  }
  return {
    segments: output.segments,
    lost: losses.all(lib.journal.durable.position),
    damaged: report,
    copied,
    takenNumbers: output.firstNumber
  }
})

/** The segments of the new tape, as they are written. */
class Output {
  readonly #lib: LibHandle
  readonly #tape: OpenTape
  readonly #segments: Array<Segment>
  readonly #made: Array<string>
  readonly firstNumber: number

  /** `kept` are listed segments that stay as they are. Adds the name of each new file to `made` before it is written. */
  constructor(lib: LibHandle, tape: OpenTape, kept: ReadonlyArray<Segment>, made: Array<string>) {
    this.#lib = lib
    this.#tape = tape
    this.#segments = [...kept]
    this.#made = made
    // Far from the segments before, so that the numbers never look like those of a repack.
    tape.takeNumbers(3 * numbersBeforeRepack)
    this.firstNumber = tape.takeNumbers(1)
  }

  get segments(): ReadonlyArray<Segment> {
    return this.#segments
  }

  get records(): number {
    return this.#segments.at(-1)?.merkle.size ?? 0
  }

  #nextNumber(compression: Segment["compression"], shardEvery: number) {
    const number = this.#made.length === 0 ? this.firstNumber : this.#tape.takeNumbers(1)
    const name = segmentName({ number, compression, shardEvery })
    this.#made.push(name)
    return { number, name }
  }

  /** Copies a good segment as it is. */
  copy(segment: Segment): Effect.Effect<void, SegmentError> {
    return Effect.gen({ self: this }, function* () {
      const { segments: store } = this.#lib
      const { compression, name: old, shardEvery = 0 } = segment
      const named = this.#nextNumber(compression, shardEvery)
      const tape = this.#tape
      yield* copySegment(store, tape.name, old, named.name, segment)
      const merkle = new Merkle.Accumulator(this.#segments.at(-1)?.merkle ?? Merkle.empty)
      const firstOrdinal = merkle.size
      yield* readWhole(store, tape.name, tape.role, { ...segment, ...named }, (line) => merkle.add(line))
      this.#segments.push({ ...segment, ...named, firstOrdinal, merkle: merkle.state() })
    })
  }

  /** Writes lines that are proved. `see` receives the keys of events. */
  save(
    reads: ReadonlyArray<Effect.Effect<Uint8Array, SegmentError>>,
    { lastBatch, name: from }: Segment,
    see: (keys: ReadonlyArray<EventKey>) => void
  ): Effect.Effect<void, SegmentError> {
    return Effect.gen({ self: this }, function* () {
      const { name: tape, role } = this.#tape
      for (let next = 0; next < reads.length;) {
        const { number } = this.#nextNumber("none", 0)
        const before = this.#segments.at(-1)
        const written = yield* writeNextSegment(
          this.#lib.root,
          { tape, role, number, before, lastBatch },
          (seal, append) =>
            Effect.gen(function* () {
              for (; next < reads.length && seal.rawBytes < pieceBytes; next++) {
                const lines = yield* reads[next]!
                yield* decodeUntrusted(
                  () => {
                    const keys = role === "events" ? keysOfEvents(lines) : undefined
                    seal.add(lines, keys === undefined ? undefined : (n) => keys[n]!)
                    if (keys !== undefined) see(keys)
                  },
                  (why) => new SegmentCorrupt({ tape, segment: from, offset: 0, why })
                )
                yield* append(lines)
                yield* Effect.yieldNow
              }
            })
        )
        this.#segments.push(written.segment)
        yield* this.#lib.segments.remember(tape, written.segment.name, written.segment.sha256, written.index)
      }
    })
  }
}
