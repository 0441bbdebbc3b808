/**
 * Copies committed lines out of dynamic segments, and checks them (I5: bytes are copied, never parsed and printed
 * again).
 */
import * as Effect from "effect/Effect"
import { SegmentCorrupt } from "../../domain/format/Errors.ts"
import { invariant } from "../../domain/base/invariant.ts"
import type * as Merkle from "../../domain/merkle/Merkle.ts"
import { dynamicName } from "../../domain/format/Names.ts"
import { type SealedSegment, SegmentSeal } from "../../domain/segment/SegmentSeal.ts"
import type { Role } from "../../domain/meta/SystemRecord.ts"
import type { SealJob } from "../ports/Sealing.ts"
import type { StorageError } from "../ports/Storage.ts"
import type { LibHandle } from "../lib/LibHandle.ts"
import type { DynamicEvents } from "../journal/DynamicEvents.ts"
import type { LivePart } from "../journal/DynamicFile.ts"
import { eventsOf } from "../journal/FileEvents.ts"
import { decodeUntrusted } from "../base/decodeUntrusted.ts"
import { readRun, runsOf } from "../journal/PartRuns.ts"
import { RowsWriter } from "../journal/RowsWriter.ts"

/** Number of bytes that are read and hashed before the event loop gets a turn. */
const copyBytes = 512 * 1024

export interface Copy {
  readonly tape: string
  readonly role: Role
  /** The Merkle state before the new segment. */
  readonly before: Merkle.State | undefined
  readonly parts: ReadonlyArray<LivePart>
}

type CopyError = StorageError | SegmentCorrupt

type Append<E> = (lines: Uint8Array) => Effect.Effect<void, E>

/**
 * Maximum size of a part that is copied to the worker. If one is larger, the whole segment is computed on the event
 * loop.
 */
const pieceBytesMax = 4 * 1024 * 1024

/** Copies the lines of `parts` to `append`. Returns their hashes and index as a segment. */
export const copyParts = <E>(
  lib: LibHandle,
  copy: Copy,
  append: Append<E>
): Effect.Effect<SealedSegment, E | CopyError> =>
  Effect.suspend(() => {
    const { before, parts, role } = copy
    const bytes = sumOf(parts, "bytes")
    const mayGo = parts.every((part) => part.bytes <= pieceBytesMax)
    const job = mayGo ? lib.sealing.begin(bytes, role, before) : undefined
    if (job === undefined) return sealHere(lib, copy, append)
    return Effect.flatMap(
      Effect.onError(sealAside(lib, copy, append, job), () => job.drop),
      (sealed) =>
        sealed?.bytes === bytes && sealed.records === sumOf(parts, "count")
          ? Effect.succeed(sealed)
          : // The lines are written already. The event loop computes the result, or finds what is wrong.
            sealHere(lib, copy, () => Effect.void)
    )
  })

const sumOf = (parts: ReadonlyArray<LivePart>, what: "bytes" | "count"): number =>
  parts.reduce((sum, part) => sum + part[what], 0)

/** Receives a run of lines, and the events of its file. */
type Take<E> = (
  run: ReadonlyArray<LivePart>,
  lines: ReadonlyArray<Uint8Array>,
  events: DynamicEvents | undefined
) => Effect.Effect<void, E>

const copyRuns = Effect.fnUntraced(function* <E, F>(
  lib: LibHandle,
  { parts, role, tape }: Copy,
  append: Append<E>,
  take: Take<F>
): Effect.fn.Return<void, E | F | CopyError> {
  for (const run of runsOf(parts, copyBytes)) {
    const lines = yield* readRun(lib.root, tape, run)
    yield* take(run, lines, role === "events" ? yield* eventsOf(lib.root, lib.meta.state, run[0]!.file) : undefined)
    yield* append(lines.length === 1 ? lines[0]! : Buffer.concat(lines))
    // Hashing needs the processor, so other fibres get a turn.
    yield* Effect.yieldNow
  }
})

const sealHere = <E>(lib: LibHandle, copy: Copy, append: Append<E>): Effect.Effect<SealedSegment, E | CopyError> =>
  Effect.suspend(() => {
    const seal = new SegmentSeal(copy.role, copy.before)
    const take: Take<SegmentCorrupt> = (run, lines, events) =>
      decodeUntrusted(
        () => {
          for (const [index, part] of run.entries()) {
            seal.add(lines[index]!, events === undefined ? undefined : keysFrom(events, part))
          }
        },
        (why) => {
          const { file, offset } = run[0]!
          return new SegmentCorrupt({ tape: copy.tape, segment: dynamicName(file.dynamic), offset, why })
        }
      )
    return Effect.map(copyRuns(lib, copy, append, take), () => seal.finish())
  })

/** The CRC of the part proves its lines, and also that these rows are of its lines. */
const keysFrom = (events: DynamicEvents, { count, crc, offset }: LivePart) => {
  const first = events.rowAt(offset)
  invariant(events.crcOf(first, count) === crc, "rows are in file order, one for each line")
  return (n: number) => events.row(first + n)
}

const sealAside = <E>(
  lib: LibHandle,
  copy: Copy,
  append: Append<E>,
  job: SealJob
): Effect.Effect<SealedSegment | undefined, E | CopyError> => {
  const writer = new RowsWriter()
  const take: Take<never> = (run, lines, events) =>
    job.add(lines, events === undefined ? undefined : writer.write(events, run))
  return Effect.andThen(copyRuns(lib, copy, append, take), job.finish)
}
