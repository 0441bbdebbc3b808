/** Copying committed lines out of dynamic segments, checked (I5: bytes are copied, never parsed and printed again). */
import * as Effect from "effect/Effect"
import { crc32 } from "node:zlib"
import { SegmentCorrupt } from "../../domain/Errors.ts"
import { dynamicName } from "../../domain/Names.ts"
import type { StorageError } from "../Storage.ts"
import type { Core } from "./Core.ts"
import type { DynamicEvents } from "./DynamicEvents.ts"
import type { LivePart } from "./DynamicFile.ts"
import { eventsOf } from "./DynamicScan.ts"
import { listing } from "./OpenTape.ts"
import type { SegmentSeal } from "./SegmentSeal.ts"

/** Bytes that are read and hashed before the event loop gets its turn. */
const copyBytes = 512 * 1024

/** Runs of parts that stand close together in one file: each is read with one call. */
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

/** The lines of a run's parts, read and checked. */
export const readRun = (
  core: Core,
  tape: string,
  run: ReadonlyArray<LivePart>
): Effect.Effect<Array<Uint8Array>, StorageError | SegmentCorrupt> => {
  const first = run[0]!
  const last = run.at(-1)!
  const length = last.offset + last.bytes - first.offset
  return Effect.flatMap(core.root.readDynamic(first.file.dynamic, first.offset, length), (bytes) => {
    const lines: Array<Uint8Array> = []
    for (const part of run) {
      const start = part.offset - first.offset
      const slice = bytes.subarray(start, start + part.bytes)
      if (slice.length !== part.bytes || crc32(slice) !== part.crc) {
        const segment = dynamicName(first.file.dynamic)
        const why = "committed records are not what was written"
        return Effect.fail(new SegmentCorrupt({ tape, segment, offset: part.offset, why }))
      }
      lines.push(slice)
    }
    return Effect.succeed(lines)
  })
}

/** Copies the lines of `parts` through `append`, and shows each to `seal` on the way. */
export const copyParts = Effect.fnUntraced(function* <E>(
  core: Core,
  tape: string,
  parts: ReadonlyArray<LivePart>,
  seal: SegmentSeal,
  append: (chunk: Uint8Array) => Effect.Effect<void, E>
): Effect.fn.Return<void, E | StorageError | SegmentCorrupt> {
  const holdsEvents = listing(core, tape)?.role === "events"
  for (const run of runsOf(parts, copyBytes)) {
    const lines = yield* readRun(core, tape, run)
    for (const [index, part] of run.entries()) {
      const events = holdsEvents ? yield* eventsOf(core, part.file) : undefined
      seal.add(lines[index]!, events === undefined ? undefined : keysFrom(events, part.offset))
    }
    yield* append(lines.length === 1 ? lines[0]! : Buffer.concat(lines))
    // Hashing is work for the processor: other fibres come first.
    yield* Effect.yieldNow
  }
})

const keysFrom = (events: DynamicEvents, offset: number) => {
  const first = events.rowAt(offset)
  return (n: number) => events.row(first + n)
}
