/** Compares tapes: quickly by their roots, or record by record for the first difference. */
import * as Effect from "effect/Effect"
import type { LibClosed } from "../../domain/format/Errors.ts"
import * as Merkle from "../../domain/merkle/Merkle.ts"
import { recordId } from "../../domain/json/TaraSON.ts"
import { flush, type FlushError } from "../write/flush.ts"
import type { LibHandle } from "../lib/LibHandle.ts"
import type { OpenTape } from "../lib/OpenTape.ts"
import { Counter, type OnProgress } from "../base/Progress.ts"
import { linesOfChunk, readChunk, type ReadError } from "../read/RecordReader.ts"

/** A tape and its lib. */
export interface Located {
  readonly lib: LibHandle
  readonly tape: OpenTape
}

/** First place at which two logical streams differ. */
export interface Difference {
  /** Ordinal of the first record that differs. */
  readonly ordinal: number
  /** Id of the left tape's record there; `undefined` if that tape has ended. */
  readonly left: string | undefined
  /** Id of the right tape's record there; `undefined` if that tape has ended. */
  readonly right: string | undefined
}

/**
 * Returns the Merkle state of all acknowledged records. A writer flushes the tape first; a reader reads the records
 * that are in no segment.
 */
export const merkleOf = ({ lib, tape }: Located): Effect.Effect<Merkle.State, FlushError | ReadError | LibClosed> =>
  Effect.gen(function* () {
    yield* lib.guard.checkOpen
    if (lib.guard.refusal() === undefined) yield* flush(lib, tape, lib.journal.durable.batch)
    const { segments } = tape.state
    if (tape.parts.length === 0 && tape.hidden === 0) return segments.at(-1)?.merkle ?? Merkle.empty
    // A reader, or a writer that has stopped, adds the remaining records to the last complete state.
    const end = tape.records
    const base = segments.findLast((segment) => segment.merkle.size <= end)?.merkle ?? Merkle.empty
    const merkle = new Merkle.Accumulator(base)
    while (merkle.size < end) {
      const from = merkle.size
      const chunk = yield* readChunk(lib, tape, from, "forward")
      for (const line of linesOfChunk(chunk, from, end)) merkle.add(line)
      yield* Effect.yieldNow
    }
    return merkle.state()
  })

/** Returns whether two tapes hold the same logical stream: as many records and the same root. */
export const equivalent = (left: Located, right: Located): Effect.Effect<boolean, FlushError | ReadError | LibClosed> =>
  Effect.gen(function* () {
    const a = yield* merkleOf(left)
    const b = yield* merkleOf(right)
    return a.size === b.size && Merkle.root(a) === Merkle.root(b)
  })

/** Returns the first record that differs, or `undefined`. Reads every byte up to there, in constant memory. */
export const diff = (
  left: Located,
  right: Located,
  onProgress?: OnProgress
): Effect.Effect<Difference | undefined, ReadError | LibClosed> =>
  Effect.gen(function* () {
    const ends = [left.tape.records, right.tape.records] as const
    const longer = ends[0] < ends[1] ? right.tape : left.tape
    const inSegments = longer.state.segments.reduce((sum, segment) => sum + segment.rawBytes, 0)
    const bytes = longer.parts.reduce((sum, part) => sum + part.bytes, inSegments)
    const counter = new Counter({ records: Math.max(...ends), bytes }, onProgress)
    const lines: [Array<Uint8Array>, Array<Uint8Array>] = [[], []]
    const at: [number, number] = [0, 0]
    const next = (side: 0 | 1) =>
      Effect.gen(function* () {
        const { lib, tape } = side === 0 ? left : right
        const from = at[side]
        yield* lib.guard.checkOpen
        if (lines[side].length > 0 || from >= ends[side]) return
        const chunk = yield* readChunk(lib, tape, from, "forward")
        lines[side] = linesOfChunk(chunk, from, ends[side])
      })
    while (true) {
      yield* next(0)
      yield* next(1)
      const [a, b] = lines
      const count = Math.min(a.length, b.length)
      if (count === 0) {
        if (a.length === 0 && b.length === 0) return undefined
        return { ordinal: at[0], left: idOf(a[0]), right: idOf(b[0]) }
      }
      let compared = 0
      for (let index = 0; index < count; index++) {
        if (Buffer.compare(a[index]!, b[index]!) !== 0) {
          return { ordinal: at[0] + index, left: idOf(a[index]), right: idOf(b[index]) }
        }
        compared += a[index]!.length + 1
      }
      for (const side of [0, 1] as const) {
        at[side] += count
        lines[side] = lines[side].slice(count)
      }
      yield* counter.add(count, compared)
      yield* Effect.yieldNow
    }
  })

const idOf = (line: Uint8Array | undefined): string | undefined => (line === undefined ? undefined : recordId(line))
