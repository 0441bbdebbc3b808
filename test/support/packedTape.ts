/**
 * Tapes whose closed segments a test makes itself: compressed, deduplicated, or with bytes that no writer would write.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Lib from "litetapes/Lib"
import * as MemoryStorage from "litetapes/MemoryStorage"
import { type Compression, segmentName } from "litetapes/Names"
import { Storage } from "litetapes/Storage"
import type { Role, Segment } from "../../src/domain/meta/SystemRecord.ts"
import type { LibHandle } from "../../src/services/lib/LibHandle.ts"
import { internalsOf } from "../../src/services/internals.ts"
import type { OpenTape } from "../../src/services/lib/OpenTape.ts"
import { keyOfLine } from "../../src/services/segment/SegmentIndexFile.ts"
import type { SealedSegment } from "../../src/domain/segment/SegmentSeal.ts"
import * as SegmentWriter from "../../src/services/segment/SegmentWriter.ts"
import { createTape } from "../../src/services/lib/TapeCatalog.ts"
import type { StorageService } from "./openLib.ts"
import * as IndexFiles from "../../src/services/segment/IndexFiles.ts"

export interface Packing {
  readonly compression: Compression
  readonly dedup: boolean
}

export const packings: ReadonlyArray<Packing> = (["none", "gzip", "zstd"] as const).flatMap((compression) =>
  [false, true].map((dedup) => ({ compression, dedup }))
)

/** The tape that all of these tests use. */
export const tapeName = "packed"
export const place = "lib"

export interface Opened {
  readonly lib: LibHandle
  readonly tape: OpenTape
}

/** Opens the lib, as a writer that creates the tape if necessary, or as a reader. */
export const open = (
  mode: "write" | "read",
  role: Role = "records",
  options: Lib.Options = {}
): Effect.Effect<Opened, unknown, Storage | Scope.Scope> =>
  Effect.gen(function* () {
    const { handle: lib } = internalsOf(yield* Lib.open(place, { ...options, mode }))
    if (!lib.meta.state.tapes.has(tapeName)) yield* createTape(lib, tapeName, role)
    return { lib, tape: yield* lib.tapes.get(tapeName) }
  })

/** Runs an effect over a storage in memory, and rejects with its error or defect. */
export const run = <A, E>(effect: Effect.Effect<A, E, Storage | Scope.Scope>, storage?: StorageService): Promise<A> =>
  Effect.runPromise(
    Effect.scoped(effect).pipe(
      storage === undefined ? Effect.provide(MemoryStorage.layer) : Effect.provideService(Storage, storage)
    )
  )

export const joined = (lines: ReadonlyArray<Uint8Array>): Uint8Array =>
  Buffer.concat(lines.flatMap((line) => [line, Buffer.of(0x0a)]))

/** Seals these lines into a segment; the writer receives them in pieces of `linesAtOnce` lines. */
export const seal = (
  lines: ReadonlyArray<Uint8Array>,
  packing: Packing & { readonly role: Role; readonly before: SegmentWriter.SegmentWriterOptions["before"] },
  linesAtOnce = 100
): Effect.Effect<{ readonly file: Uint8Array; readonly sealed: SealedSegment }> =>
  Effect.gen(function* () {
    const writer = SegmentWriter.make(packing)
    const chunks: Array<Uint8Array> = []
    const append = (chunk: Uint8Array) => Effect.sync(() => void chunks.push(Uint8Array.from(chunk)))
    for (let at = 0; at < lines.length; at += linesAtOnce) {
      const piece = lines.slice(at, at + linesAtOnce)
      yield* writer.add(joined(piece), (n) => keyOfLine(packing.role, piece[n]!)!, append)
    }
    const sealed = yield* writer.finish(append)
    return { file: Buffer.concat(chunks), sealed }
  })

/** Adds a segment after those of the tape, with the description `described` in meta. */
export const install = (
  { lib, tape }: Opened,
  file: Uint8Array,
  described: Omit<SealedSegment, "index">,
  compression: Compression,
  index?: Uint8Array
): Effect.Effect<Segment, unknown> =>
  Effect.gen(function* () {
    const number = tape.takeNumbers(1)
    const name = segmentName({ number, compression, shardEvery: 0 })
    yield* lib.root.segments.write(tapeName, name, (append) => append(file))
    if (index !== undefined) yield* IndexFiles.write(lib.root.derived, tapeName, name, index)
    yield* tape.meta.append({
      $type: "LiteTape.Segment",
      ...described,
      compression,
      firstOrdinal: tape.state.records,
      lastBatch: tape.state.lastBatch,
      name,
      number,
      state: "closed"
    })
    return tape.state.segments.at(-1)!
  })

/** Writes these lines as the tape's next segment. */
export const pack = (
  opened: Opened,
  lines: ReadonlyArray<Uint8Array>,
  packing: Packing,
  role: Role = "records",
  linesAtOnce?: number
): Effect.Effect<{ readonly segment: Segment; readonly file: Uint8Array; readonly sealed: SealedSegment }, unknown> =>
  Effect.gen(function* () {
    const before = opened.tape.state.segments.at(-1)?.merkle ?? { size: 0, peaks: [] }
    const { file, sealed } = yield* seal(lines, { ...packing, role, before }, linesAtOnce)
    const { index, ...described } = sealed
    const segment = yield* install(opened, file, described, packing.compression, index)
    return { segment, file, sealed }
  })
