/**
 * The index of a closed segment, in use: read page by page where its file is good, made again from the segment where it
 * is missing or damaged. The segment is the truth; its index may be deleted at any time.
 */
import * as Effect from "effect/Effect"
import type { BloomFilter } from "../../domain/base/BloomFilter.ts"
import * as SegmentIndex from "../../domain/segment/SegmentIndex.ts"
import type { Role, Segment } from "../../domain/meta/SystemRecord.ts"
import type { StorageError } from "../ports/Storage.ts"
import type { Core } from "../lib/LibHandle.ts"
import { keyOfEvent } from "../../domain/event/eventKeys.ts"
import { readStored, type SegmentError } from "./SegmentFile.ts"

export type { SegmentError } from "./SegmentFile.ts"

/** An index that was found good, or made again. */
export interface IndexHandle {
  readonly header: SegmentIndex.Header
  readonly blocks: SegmentIndex.BlockTable
  /** Without rows where the segment is not compressed. */
  readonly frames: SegmentIndex.FrameTable
  /** The whole index, where no file of it could be written. */
  readonly memory: Uint8Array | undefined
  readonly streams: KnownStreams
}

/** What has been learned of the streams of a segment by looking for some that it does not have. */
export interface KnownStreams {
  /** How many were looked for in vain. */
  missed: number
  /** Which it may have; made when enough were missed. */
  filter: BloomFilter | undefined
}

const nothingKnown = (): KnownStreams => ({ missed: 0, filter: undefined })

const { pageBytes } = SegmentIndex

/** Handles kept in memory; each has a row of numbers per 64 KiB of its segment, and per frame. */
const handlesMax = 1024

const keyOf = (tape: string, segment: string) => `${tape}/${segment}`

/** The index of a segment, opened at its first use. */
export const indexOf = (
  core: Core,
  tape: string,
  role: Role,
  segment: Segment
): Effect.Effect<IndexHandle, SegmentError> =>
  Effect.suspend(() => {
    const key = keyOf(tape, segment.name)
    const known = core.indexes.get(key)
    if (known !== undefined && known.header.segmentSha256 === segment.sha256) return Effect.succeed(known)
    return core.indexLock.withPermit(
      Effect.suspend(() => {
        const opened = core.indexes.get(key)
        if (opened !== undefined && opened.header.segmentSha256 === segment.sha256) return Effect.succeed(opened)
        return Effect.map(openOrRebuild(core, tape, role, segment), (handle) => keep(core, key, handle))
      })
    )
  })

const keep = (core: Core, key: string, handle: IndexHandle): IndexHandle => {
  if (core.indexes.size >= handlesMax) core.indexes.delete(core.indexes.keys().next().value!)
  core.indexes.set(key, handle)
  return handle
}

/** Lets go of what is known of a segment's index: the file is, or may be, another one. */
export const forget = (core: Core, tape: string, segment: string): void => {
  core.indexes.delete(keyOf(tape, segment))
}

/** As `forget`, for all segments of a tape. */
export const forgetTape = (core: Core, tape: string): void => {
  for (const key of core.indexes.keys()) if (key.startsWith(keyOf(tape, ""))) core.indexes.delete(key)
}

/** Runs a look-up; an index that turns out to be damaged is made again, once. */
export const lookup = <A>(
  core: Core,
  tape: string,
  role: Role,
  segment: Segment,
  query: (header: SegmentIndex.Header) => SegmentIndex.Lookup<A>
): Effect.Effect<A, SegmentError> =>
  Effect.flatMap(indexOf(core, tape, role, segment), (handle) =>
    Effect.flatMap(
      drive(core, tape, segment.name, handle.memory, () => query(handle.header)),
      (answer) => {
        if (answer !== undefined) return Effect.succeed(answer.value)
        core.indexes.delete(keyOf(tape, segment.name))
        return Effect.flatMap(core.indexLock.withPermit(rebuild(core, tape, role, segment)), (made) => {
          const fresh = drive(core, tape, segment.name, made.memory, () => query(made.header))
          return Effect.flatMap(fresh, (again) =>
            again === undefined
              ? Effect.die(new Error("an index is damaged right after it was made"))
              : Effect.succeed(again.value)
          )
        })
      }
    )
  )

/** Hands a look-up the pages it asks for. `undefined`: the index is damaged or gone. */
const drive = <A>(
  core: Core,
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
      return Effect.flatMap(readPages(core, tape, segment, memory, next.value), (read) =>
        read === undefined ? Effect.succeed(undefined) : step(read)
      )
    }
    return step()
  })

const readPages = (
  core: Core,
  tape: string,
  segment: string,
  memory: Uint8Array | undefined,
  numbers: ReadonlyArray<number>
): Effect.Effect<ReadonlyArray<Uint8Array> | undefined, StorageError> => {
  if (memory !== undefined) {
    return Effect.succeed(numbers.map((n) => memory.subarray(n * pageBytes, (n + 1) * pageBytes)))
  }
  // Pages in a row are one read.
  const runs: Array<[number, number]> = []
  for (const n of numbers) {
    const run = runs.at(-1)
    if (run !== undefined && run[0] + run[1] === n * pageBytes) run[1] += pageBytes
    else runs.push([n * pageBytes, pageBytes])
  }
  return core.root.readIndexRanges(tape, segment, runs).pipe(
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

/** An index that cannot be read is as good as none: the segment decides. */
const isIndexTrouble = (error: StorageError): boolean => error.reason !== "lock-lost"

const openOrRebuild = Effect.fnUntraced(function* (
  core: Core,
  tape: string,
  role: Role,
  segment: Segment
): Effect.fn.Return<IndexHandle, SegmentError> {
  const opened = yield* openIndex(core, tape, segment)
  return opened ?? (yield* rebuild(core, tape, role, segment))
})

const openIndex = Effect.fnUntraced(function* (
  core: Core,
  tape: string,
  segment: Segment
): Effect.fn.Return<IndexHandle | undefined, StorageError> {
  const first = yield* readPages(core, tape, segment.name, undefined, [0])
  if (first?.[0] === undefined) return undefined
  const header = decodeHeader(first[0], segment)
  if (header === undefined || !(yield* holdsPages(core, tape, segment.name, header.pages))) return undefined
  const tables = yield* drive(core, tape, segment.name, undefined, () => readTables(header))
  if (tables === undefined) return undefined
  const { frames } = tables.value
  const isWhole = segment.compression === "none" ? frames.count === 0 : frames.totalFileBytes === segment.bytes
  return isWhole ? { header, ...tables.value, memory: undefined, streams: nothingKnown() } : undefined
})

/** Pages for which memory is taken before they are known to be there. */
const pagesUnseenMax = 1024

/** Whether the file is as large as its header says, where that is more than one would take memory for unseen. */
const holdsPages = (core: Core, tape: string, segment: string, pages: number): Effect.Effect<boolean> =>
  pages <= pagesUnseenMax
    ? Effect.succeed(true)
    : Effect.match(core.root.indexSize(tape, segment), {
        onFailure: () => false,
        onSuccess: (size) => size !== undefined && size >= pages * pageBytes
      })

function* readTables(header: SegmentIndex.Header): SegmentIndex.Lookup<Pick<IndexHandle, "blocks" | "frames">> {
  const blocks = yield* SegmentIndex.readBlocks(header)
  return { blocks, frames: yield* SegmentIndex.readFrames(header) }
}

const decodeHeader = (page: Uint8Array, segment: Segment): SegmentIndex.Header | undefined => {
  try {
    const header = SegmentIndex.decodeHeader(page, segment.sha256)
    return header.records === segment.records && header.rawBytes === segment.rawBytes ? header : undefined
  } catch (error) {
    if (error instanceof SegmentIndex.IndexDamaged) return undefined
    throw error
  }
}

/** Makes the index again from the segment, whose every byte is checked against meta on the way. */
export const rebuild = (
  core: Core,
  tape: string,
  role: Role,
  segment: Segment
): Effect.Effect<IndexHandle, SegmentError> =>
  Effect.flatMap(buildIndex(core, tape, role, segment), (index) =>
    remember(core, tape, segment.name, segment.sha256, index)
  )

/** What the index of a segment must be, made from the segment. */
export const buildIndex = Effect.fnUntraced(function* (
  core: Core,
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
  yield* readStored(core, tape, segment, addLine, addFrame)
  return builder.finish(segment.sha256)
})

/** What the index wants to know of a line. */
export const keyOfLine = (role: Role, line: Uint8Array): SegmentIndex.EventKey | undefined => {
  if (role === "records") return undefined
  return keyOfEvent(line)
}

/** Writes an index beside its segment and keeps it open. A write that fails costs memory, nothing else. */
export const remember = (
  core: Core,
  tape: string,
  segment: string,
  sha256: string,
  index: Uint8Array
): Effect.Effect<IndexHandle> =>
  Effect.gen(function* () {
    const written =
      core.root.mode === "write" &&
      (yield* Effect.match(core.root.writeIndex(tape, segment, index), {
        onFailure: () => false,
        onSuccess: () => true
      }))
    const memory = written ? undefined : index
    const header = SegmentIndex.decodeHeader(index.subarray(0, pageBytes), sha256)
    const tables = yield* drive(core, tape, segment, index, () => readTables(header)).pipe(Effect.orDie)
    if (tables === undefined) return yield* Effect.die(new Error("an index that was just made is damaged"))
    const handle = { header, ...tables.value, memory, streams: nothingKnown() }
    return keep(core, keyOf(tape, segment), handle)
  })
