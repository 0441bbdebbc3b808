/**
 * Describes the segments of the recovered tape: existing files as they are, and new segments for committed records that
 * no file holds.
 */
import * as Effect from "effect/Effect"
import { SegmentCorrupt } from "../../../domain/format/Errors.ts"
import { newline } from "../../../domain/format/Format.ts"
import type { TapeListing } from "../../../domain/meta/LibState.ts"
import * as Merkle from "../../../domain/merkle/Merkle.ts"
import { dynamicName } from "../../../domain/format/Names.ts"
import type { Segment } from "../../../domain/meta/SystemRecord.ts"
import type { StorageError } from "../../ports/Storage.ts"
import type { LibHandle } from "../../lib/LibHandle.ts"
import type { WriteError } from "../../lib/WriterGuard.ts"
import type { LivePart } from "../../journal/DynamicFile.ts"
import { keysOfEvents } from "../../../domain/event/eventKeys.ts"
import { decodeUntrusted } from "../../base/decodeUntrusted.ts"
import { readRun, runsOf } from "../../journal/PartRuns.ts"
import { Counter } from "../../base/Progress.ts"
import type { SegmentError } from "../../segment/SegmentAccess.ts"
import { readWhole } from "../../segment/SegmentRecords.ts"
import { SegmentSeal } from "../../../domain/segment/SegmentSeal.ts"
import { writeNextSegment } from "../../segment/NextSegment.ts"
import type { GoodFile } from "./FoundFiles.ts"

/** Existing files as segments of the new tape. */
export interface Described {
  readonly segments: Array<Segment>
  /** The given states that the new stream passes through. Up to such a state, it is the stream that the state is of. */
  readonly reached: ReadonlySet<Merkle.State>
}

/** Reads the files once more, checked against what was found of them, to compute the Merkle states for meta. */
export const describe = Effect.fnUntraced(function* (
  lib: LibHandle,
  listed: TapeListing,
  files: ReadonlyArray<GoodFile>,
  states: ReadonlyArray<Merkle.State>,
  counter: Counter
): Effect.fn.Return<Described, SegmentError> {
  const segments: Array<Segment> = []
  const merkle = new Merkle.Accumulator()
  const bySize = new Map(states.map((state) => [state.size, state]))
  const reached = new Set<Merkle.State>()
  for (const { name, number, compression, shardEvery, bytes, rawBytes, sha256, same, prints } of files) {
    const described = {
      bytes,
      compression,
      firstOrdinal: merkle.size,
      lastBatch: lib.journal.durable.batch,
      name,
      number,
      rawBytes,
      records: prints.length,
      sha256,
      state: "closed" as const,
      ...(same === 0 ? {} : { same }),
      ...(shardEvery === undefined ? {} : { shardEvery })
    }
    yield* readWhole(lib.segments, listed.name, listed.role, { ...described, merkle: Merkle.empty }, (line) => {
      merkle.add(line)
      const state = bySize.get(merkle.size)
      if (state !== undefined && Merkle.root(state) === merkle.root()) reached.add(state)
    })
    segments.push({ ...described, merkle: merkle.state() })
    yield* counter.add(prints.length, rawBytes)
  }
  return { segments, reached }
})

/** Writes the records `[from, to)` of `parts` into a segment of their own after `before`. */
export const append = (
  lib: LibHandle,
  listed: TapeListing,
  before: Segment | undefined,
  number: number,
  parts: ReadonlyArray<LivePart>,
  range: readonly [from: number, to: number],
  counter: Counter
): Effect.Effect<Segment, WriteError | StorageError | SegmentCorrupt> => {
  const { name: tape, role } = listed
  const options = { tape, role, number, before, lastBatch: lib.journal.durable.batch }
  const written = Effect.map(
    lib.guard.step(
      writeNextSegment(lib.root, options, (seal, write) => copy(lib, listed, parts, range, counter, seal, write))
    ),
    ({ segment }) => segment
  )
  if (role !== "events") return written
  // A line that is not an event is not a failure of the disk. This pass finds it before anything is written, so that it
  // does not stop the writer.
  const uncounted = new Counter({ records: 0, bytes: 0 }, undefined)
  const trial = copy(lib, listed, parts, range, uncounted, new SegmentSeal(role), () => Effect.void)
  return Effect.andThen(trial, written)
}

const copy = Effect.fnUntraced(function* (
  lib: LibHandle,
  { name, role }: TapeListing,
  parts: ReadonlyArray<LivePart>,
  [from, to]: readonly [number, number],
  counter: Counter,
  seal: SegmentSeal,
  write: (lines: Uint8Array) => Effect.Effect<void, StorageError>
): Effect.fn.Return<void, StorageError | SegmentCorrupt> {
  let first = 0
  for (const run of runsOf(parts, 512 * 1024)) {
    const end = run.reduce((sum, { count }) => sum + count, first)
    if (end <= from || first >= to) {
      first = end
      continue
    }
    const [records, bytes] = [seal.records, seal.rawBytes]
    for (const [index, whole] of (yield* readRun(lib.root, name, run)).entries()) {
      const { count, file, offset } = run[index]!
      const lines = linesOf(whole, count, from - first, to - first)
      first += count
      if (lines.length === 0) continue
      yield* decodeUntrusted(
        () => {
          const keys = role === "events" ? keysOfEvents(lines) : undefined
          seal.add(lines, keys === undefined ? undefined : (n) => keys[n]!)
        },
        (why) => new SegmentCorrupt({ tape: name, segment: dynamicName(file.dynamic), offset, why })
      )
      yield* write(lines)
    }
    yield* counter.add(seal.records - records, seal.rawBytes - bytes)
    yield* Effect.yieldNow
  }
})

/** Returns the lines `[from, to)` of `count` lines. */
const linesOf = (lines: Uint8Array, count: number, from: number, to: number): Uint8Array =>
  from <= 0 && to >= count ? lines : lines.subarray(startOf(lines, Math.max(0, from)), startOf(lines, Math.max(0, to)))

/** Returns where a line begins, or the end if there are fewer lines. */
const startOf = (lines: Uint8Array, line: number): number => {
  let start = 0
  for (let n = 0; n < line && start < lines.length; n++) start = lines.indexOf(newline, start) + 1
  return start
}
