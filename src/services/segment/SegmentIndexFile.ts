/** The index file of a closed segment: opens, reads by page, builds and writes it. `SegmentStore` decides which. */
import * as Effect from "effect/Effect"
import * as SegmentIndex from "../../domain/segment/SegmentIndex.ts"
import type { Role, Segment } from "../../domain/meta/SystemRecord.ts"
import type { StorageError } from "../ports/Storage.ts"
import { keyOfEvent } from "../../domain/event/eventKeys.ts"
import type { SegmentAccess, SegmentError } from "./SegmentAccess.ts"
import { readStored } from "./SegmentFile.ts"
import { StreamFilter } from "./StreamFilter.ts"
import * as IndexFiles from "./IndexFiles.ts"

/** An open index. */
export interface IndexHandle {
  readonly header: SegmentIndex.Header
  readonly blocks: SegmentIndex.BlockTable
  /** Has no rows if the segment is not compressed. */
  readonly frames: SegmentIndex.FrameTable
  /** The whole index, if it is a single page, or if its file could not be written. */
  readonly memory: Uint8Array | undefined
  readonly streams: StreamFilter
  readonly terms: StreamFilter
}

const { pageBytes } = SegmentIndex

const noFilters = () => ({ streams: new StreamFilter(), terms: new StreamFilter() })

/** Bytes that an open index takes besides its tables: objects, and its name. */
const handleBytes = 1024

/** Returns about how many bytes an open index takes in memory, without its filter. */
export const bytesOfHandle = ({ blocks, frames, memory }: IndexHandle): number =>
  handleBytes + 24 * blocks.count + 16 * frames.count + (memory?.length ?? 0)

/** Runs a look-up by reading the pages that it requests. Returns `undefined` if the index is damaged or missing. */
export const runLookup = <A>(
  access: SegmentAccess,
  tape: string,
  segment: string,
  memory: Uint8Array | undefined,
  begin: () => SegmentIndex.Lookup<A>
): Effect.Effect<{ readonly value: A } | undefined, StorageError> =>
  Effect.suspend(() => {
    const run = begin()
    const step = (
      pages?: ReadonlyArray<Uint8Array>
    ): Effect.Effect<{ readonly value: A } | undefined, StorageError> => {
      let next
      try {
        next = pages === undefined ? run.next() : run.next(pages)
      } catch (error) {
        if (error instanceof SegmentIndex.IndexDamaged) return Effect.succeed(undefined)
        throw error
      }
      if (next.done === true) return Effect.succeed({ value: next.value })
      return Effect.flatMap(readPages(access, tape, segment, memory, next.value), (read) =>
        read === undefined ? Effect.succeed(undefined) : step(read)
      )
    }
    return step()
  })

const readPages = (
  access: SegmentAccess,
  tape: string,
  segment: string,
  memory: Uint8Array | undefined,
  numbers: ReadonlyArray<number>
): Effect.Effect<ReadonlyArray<Uint8Array> | undefined, StorageError> => {
  if (memory !== undefined) {
    return Effect.succeed(numbers.map((n) => memory.subarray(n * pageBytes, (n + 1) * pageBytes)))
  }
  // Consecutive pages are one read.
  const runs: Array<[number, number]> = []
  for (const n of numbers) {
    const run = runs.at(-1)
    if (run !== undefined && run[0] + run[1] === n * pageBytes) run[1] += pageBytes
    else runs.push([n * pageBytes, pageBytes])
  }
  return IndexFiles.readRanges(access.root.derived, tape, segment, runs).pipe(
    Effect.map((read) =>
      read.flatMap((bytes) => {
        const pages: Array<Uint8Array> = []
        for (let at = 0; at < bytes.length; at += pageBytes) pages.push(bytes.subarray(at, at + pageBytes))
        return pages
      })
    ),
    Effect.catchIf(
      (error) => isIndexTrouble(error),
      () => Effect.succeed(undefined)
    )
  )
}

/** An index that cannot be read counts as missing: it is rebuilt from the segment. */
const isIndexTrouble = (error: StorageError): boolean => error.reason !== "lock-lost"

/** Opens the index of a segment. Returns `undefined` if its file is missing, damaged or belongs to another segment. */
export const openIndex = Effect.fnUntraced(function* (
  access: SegmentAccess,
  tape: string,
  role: Role,
  segment: Segment
): Effect.fn.Return<IndexHandle | undefined, StorageError> {
  const first = yield* readPages(access, tape, segment.name, undefined, [0])
  if (first?.[0] === undefined) return undefined
  const header = decodeHeader(first[0], role, segment)
  if (header === undefined || !(yield* hasAllBytes(access, tape, segment.name, header))) return undefined
  const memory = header.pages === 1 ? first[0] : undefined
  const tables = yield* runLookup(access, tape, segment.name, memory, () => readTables(header))
  if (tables === undefined) return undefined
  const { frames } = tables.value
  const isWhole = segment.compression === "none" ? frames.count === 0 : frames.totalFileBytes === segment.bytes
  return isWhole ? { header, ...tables.value, memory, ...noFilters() } : undefined
})

/** Bytes for which memory is allocated before they are known to exist. */
const bytesUnseenMax = 4 * 1024 * 1024

/** Whether the file is as large as its header claims. Checked only if that is too much memory to allocate unseen. */
const hasAllBytes = (
  access: SegmentAccess,
  tape: string,
  segment: string,
  { bytes }: SegmentIndex.Header
): Effect.Effect<boolean> =>
  bytes <= bytesUnseenMax
    ? Effect.succeed(true)
    : Effect.match(IndexFiles.size(access.root.derived, tape, segment), {
        onFailure: () => false,
        onSuccess: (size) => size === bytes
      })

function* readTables(header: SegmentIndex.Header): SegmentIndex.Lookup<Pick<IndexHandle, "blocks" | "frames">> {
  const blocks = yield* SegmentIndex.readBlocks(header)
  return { blocks, frames: yield* SegmentIndex.readFrames(header) }
}

/** Reads the header, if it names all that the index must have been made from: another one is rebuilt. */
const decodeHeader = (page: Uint8Array, role: Role, segment: Segment): SegmentIndex.Header | undefined => {
  try {
    const header = SegmentIndex.decodeHeader(page, segment.sha256)
    const isOurs = header.kind === role && header.records === segment.records && header.rawBytes === segment.rawBytes
    return isOurs ? header : undefined
  } catch (error) {
    if (error instanceof SegmentIndex.IndexDamaged) return undefined
    throw error
  }
}

/** Builds the correct index of a segment by reading the segment. */
export const buildIndex = Effect.fnUntraced(function* (
  access: SegmentAccess,
  tape: string,
  role: Role,
  segment: Segment
): Effect.fn.Return<Uint8Array, SegmentError> {
  const builder = new SegmentIndex.SegmentIndexBuilder(role)
  const addFrame = (fileBytes: number) => {
    builder.endFrame()
    builder.addFrameBytes(fileBytes)
  }
  const addLine = (line: Uint8Array, sameAs: number | undefined) => {
    if (sameAs !== undefined && role === "events") throw new Error("an event repeats another")
    builder.add(line, 0, line.length, keyOfLine(role, line))
  }
  yield* readStored(access, tape, segment, addLine, addFrame)
  return builder.finish(segment.sha256)
})

/** Returns the key of a line for the index. */
export const keyOfLine = (role: Role, line: Uint8Array): SegmentIndex.EventKey | undefined => {
  if (role === "records") return undefined
  return keyOfEvent(line)
}

/** Writes an index next to its segment. The handle keeps it in memory if it is small, or if the write fails. */
export const writeIndex = Effect.fnUntraced(function* (
  access: SegmentAccess,
  tape: string,
  segment: string,
  sha256: string,
  index: Uint8Array
): Effect.fn.Return<IndexHandle> {
  const written =
    access.root.mode === "write" &&
    (yield* Effect.match(IndexFiles.write(access.root.derived, tape, segment, index), {
      onFailure: () => false,
      onSuccess: () => true
    }))
  const header = SegmentIndex.decodeHeader(index.subarray(0, pageBytes), sha256)
  const memory = written && header.pages > 1 ? undefined : index
  const tables = yield* runLookup(access, tape, segment, index, () => readTables(header)).pipe(Effect.orDie)
  if (tables === undefined) return yield* Effect.die(new Error("an index that was just made is damaged"))
  return { header, ...tables.value, memory, ...noFilters() }
})
