/** Writes one output of a repack: a segment of about the target's size, which is read back and compared. */
import * as Effect from "effect/Effect"
import { type Compression, segmentName } from "../../../domain/format/Names.ts"
import type * as Merkle from "../../../domain/merkle/Merkle.ts"
import type { Segment } from "../../../domain/meta/SystemRecord.ts"
import { orBadLine } from "../../base/decodeUntrusted.ts"
import type { Counter } from "../../base/Progress.ts"
import type { LibHandle } from "../../lib/LibHandle.ts"
import type { OpenTape } from "../../lib/OpenTape.ts"
import type { Leave, WriteError } from "../../lib/WriterGuard.ts"
import type { StorageError } from "../../ports/Storage.ts"
import { corruptAt, type ReadError } from "../../read/RecordReader.ts"
import * as IndexFiles from "../../segment/IndexFiles.ts"
import { readBack } from "../../segment/ReadBack.ts"
import * as SegmentWriter from "../../segment/SegmentWriter.ts"
import type { RepackSource } from "./RepackSource.ts"

/** Properties of an output. */
export interface OutputSettings {
  readonly targetBytes: number
  readonly compression: Compression
  readonly dedup: boolean
  readonly shardEvery: number
}

export interface Output extends OutputSettings {
  readonly number: number
  /** The Merkle state before its first record. */
  readonly before: Merkle.State
  readonly lastBatch: number
  readonly leave: Leave
}

/** Returns the name that an output will have. */
export const outputName = ({ compression, number, shardEvery }: Output): string =>
  segmentName({ number, compression, shardEvery })

/** Takes records from `source` until the output is full or the source is at its end. */
export const writeOutput = Effect.fnUntraced(function* (
  lib: LibHandle,
  tape: OpenTape,
  source: RepackSource,
  output: Output,
  counter: Counter
): Effect.fn.Return<Segment, WriteError | StorageError | ReadError> {
  const { before, compression, dedup, lastBatch, leave, number, shardEvery, targetBytes } = output
  const { role } = tape
  const name = outputName(output)
  const firstOrdinal = source.ordinal
  const writer = SegmentWriter.make({ role, compression, dedup, before })
  const sealed = yield* lib.root.segments.write(tape.name, name, (append) =>
    Effect.gen(function* () {
      let bytes = 0
      while (bytes < targetBytes && !source.isDone) {
        const piece = yield* source.next(targetBytes - bytes)
        yield* orBadLine(writer.add(piece.lines, piece.event, append), (why) =>
          corruptAt(tape, source.ordinal - 1, why)
        )
        bytes += piece.lines.length
        yield* counter.add(piece.count, piece.lines.length)
        yield* leave.check
      }
      return yield* writer.finish(append)
    })
  )
  const { index, ...described } = sealed
  const segment: Segment = {
    ...described,
    compression,
    firstOrdinal,
    lastBatch,
    name,
    number,
    state: "closed",
    ...(shardEvery === 0 ? {} : { shardEvery })
  }
  yield* Effect.ignore(IndexFiles.write(lib.root.derived, tape.name, name, index))
  yield* readBack(lib.segments, tape.name, role, segment, before, writer.rawSha256())
  return segment
})
