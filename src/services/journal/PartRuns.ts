/** Reads the lines of committed parts from dynamic segments, and checks each before it is used. */
import * as Effect from "effect/Effect"
import { crc32 } from "node:zlib"
import { SegmentCorrupt } from "../../domain/format/Errors.ts"
import { dynamicName } from "../../domain/format/Names.ts"
import type { Root, StorageError } from "../ports/Storage.ts"
import type { LivePart } from "./DynamicFile.ts"

/** Groups parts into runs that are close together in one file, so that each run needs one read. */
export const runsOf = (parts: ReadonlyArray<LivePart>, bytesMax: number): Array<ReadonlyArray<LivePart>> => {
  const runs: Array<Array<LivePart>> = []
  for (const part of parts) {
    const run = runs.at(-1)
    const first = run?.[0]
    if (run !== undefined && first?.file === part.file && part.offset + part.bytes - first.offset <= bytesMax) {
      run.push(part)
    } else {
      runs.push([part])
    }
  }
  return runs
}

/** Reads and checks the lines of the parts of a run. */
export const readRun = (
  root: Root,
  tape: string,
  run: ReadonlyArray<LivePart>
): Effect.Effect<Array<Uint8Array>, StorageError | SegmentCorrupt> => {
  const first = run[0]!
  const last = run.at(-1)!
  const length = last.offset + last.bytes - first.offset
  return Effect.flatMap(root.journal.read(first.file.dynamic, first.offset, length), (bytes) => {
    const lines: Array<Uint8Array> = []
    for (const part of run) {
      const start = part.offset - first.offset
      const slice = bytes.subarray(start, start + part.bytes)
      if (slice.length !== part.bytes || crc32(slice) !== part.crc) {
        const segment = dynamicName(first.file.dynamic)
        const why = "committed records do not match their CRC-32"
        return Effect.fail(new SegmentCorrupt({ tape, segment, offset: part.offset, why }))
      }
      lines.push(slice)
    }
    return Effect.succeed(lines)
  })
}
