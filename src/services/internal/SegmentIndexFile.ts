/**
 * The index of a closed segment, in use: read page by page where its file is good, made again from the segment where it
 * is missing or damaged. The segment is the truth; its index may be deleted at any time.
 */
import * as Effect from "effect/Effect"
import { createHash } from "node:crypto"
import { SegmentCorrupt, SegmentMissing } from "../../domain/Errors.ts"
import * as Event from "../../domain/Event.ts"
import { newline } from "../../domain/Format.ts"
import { hashId } from "../../domain/Hash53.ts"
import * as SegmentIndex from "../../domain/SegmentIndex.ts"
import type { Role, Segment } from "../../domain/SystemRecord.ts"
import type { StorageError } from "../Storage.ts"
import type { Core } from "./Core.ts"

/** What reading a closed segment may fail with. */
export type SegmentError = SegmentCorrupt | SegmentMissing | StorageError

/** An index that was found good, or made again. */
export interface IndexHandle {
  readonly header: SegmentIndex.Header
  readonly blocks: SegmentIndex.BlockTable
  /** The whole index, where no file of it could be written. */
  readonly memory: Uint8Array | undefined
}

const { pageBytes } = SegmentIndex

/** Handles kept in memory; each has a row of numbers per 64 KiB of its segment. */
const handlesMax = 1024

const keyOf = (tape: string, segment: string) => `${tape}/${segment}`

/** The index of a segment, opened at its first use. */
export const indexOf = (core: Core, tape: string, role: Role, segment: Segment): Effect.Effect<IndexHandle, SegmentError> =>
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
        return Effect.flatMap(
          core.indexLock.withPermit(rebuild(core, tape, role, segment)),
          (made) => {
            const fresh = drive(core, tape, segment.name, made.memory, () => query(made.header))
            return Effect.flatMap(fresh, (again) =>
              again === undefined ? Effect.die(new Error("an index is damaged right after it was made")) : Effect.succeed(again.value)
            )
          }
        )
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
    const step = (pages?: ReadonlyArray<Uint8Array>): Effect.Effect<{ readonly value: A } | undefined, StorageError> => {
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
    Effect.catchIf((error) => isIndexTrouble(error), () => Effect.succeed(undefined))
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
  if (header === undefined) return undefined
  const blocks = yield* drive(core, tape, segment.name, undefined, () => SegmentIndex.readBlocks(header))
  return blocks === undefined ? undefined : { header, blocks: blocks.value, memory: undefined }
})

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
export const rebuild = Effect.fnUntraced(function* (
  core: Core,
  tape: string,
  role: Role,
  segment: Segment
): Effect.fn.Return<IndexHandle, SegmentError> {
  const builder = new SegmentIndex.SegmentIndexBuilder(role)
  const found = yield* readWhole(core, tape, segment, (line) => builder.add(line, 0, line.length, keyOfLine(role, line)))
  const index = builder.finish(found)
  return yield* remember(core, tape, segment.name, found, index)
})

const keyOfLine = (role: Role, line: Uint8Array) => {
  if (role === "records") return undefined
  const { stream, revision, position, id } = Event.decodeLine(line)
  return { stream, revision, position, idHash: hashId(stream, id) }
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
    const blocks = yield* drive(core, tape, segment, index, () => SegmentIndex.readBlocks(header)).pipe(Effect.orDie)
    if (blocks === undefined) return yield* Effect.die(new Error("an index that was just made is damaged"))
    const handle = { header, blocks: blocks.value, memory }
    return keep(core, keyOf(tape, segment), handle)
  })

const readBytes = 1024 * 1024

/**
 * Reads a whole segment and checks it against meta: length, hash, number of records. `each` gets every line, and may
 * keep none of them: it is called before the hash is known.
 */
export const readWhole = Effect.fnUntraced(function* (
  core: Core,
  tape: string,
  segment: Segment,
  each: (line: Uint8Array) => void
): Effect.fn.Return<string, SegmentError> {
  const { name, bytes, sha256, records } = segment
  const corrupt = (offset: number, why: string) => new SegmentCorrupt({ tape, segment: name, offset, why })
  yield* checkSize(core, tape, segment)
  const digest = createHash("sha256")
  let rest: Uint8Array = new Uint8Array(0)
  let lines = 0
  let offset = 0
  let firstBad: { readonly offset: number; readonly why: string } | undefined
  while (offset < bytes) {
    const chunk = yield* readSegment(core, tape, name, offset, Math.min(readBytes, bytes - offset))
    digest.update(chunk)
    const whole: Uint8Array = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    let start = 0
    for (let at = whole.indexOf(newline); at !== -1; at = whole.indexOf(newline, start)) {
      try {
        if (firstBad === undefined) each(whole.subarray(start, at))
      } catch (error) {
        // Foreign bytes: what the hash will say decides whether this is damage or a defect of ours.
        firstBad = { offset: offset - rest.length + start, why: error instanceof Error ? error.message : "unreadable" }
      }
      lines++
      start = at + 1
    }
    rest = whole.slice(start)
    offset += chunk.length
    yield* Effect.yieldNow
  }
  const found = digest.digest("hex")
  if (found !== sha256) {
    return yield* corrupt(firstBad?.offset ?? 0, firstBad?.why ?? "its SHA-256 is not the one in meta")
  }
  if (rest.length > 0) return yield* corrupt(bytes - rest.length, "it does not end with a newline")
  if (lines !== records) return yield* corrupt(0, `it has ${lines} records, meta says ${records}`)
  if (firstBad !== undefined) return yield* corrupt(firstBad.offset, firstBad.why)
  return found
})

const checkSize = (core: Core, tape: string, segment: Segment): Effect.Effect<void, SegmentError> =>
  Effect.flatMap(core.root.segmentSize(tape, segment.name), (size): Effect.Effect<void, SegmentError> => {
    if (size === undefined) return Effect.fail(new SegmentMissing({ tape, segment: segment.name }))
    if (size === segment.bytes) return Effect.void
    const why = `it has ${size} bytes, meta says ${segment.bytes}`
    return Effect.fail(
      new SegmentCorrupt({ tape, segment: segment.name, offset: Math.min(size, segment.bytes), why })
    )
  })

/** Reads a range of a segment; one that is not there any more is missing, one that ends early is corrupt. */
export const readSegment = (
  core: Core,
  tape: string,
  segment: string,
  offset: number,
  length: number
): Effect.Effect<Uint8Array, SegmentError> =>
  Effect.matchEffect(core.root.readSegment(tape, segment, offset, length), {
    onFailure: (error): Effect.Effect<Uint8Array, SegmentError> =>
      Effect.fail(error.reason === "not-found" ? new SegmentMissing({ tape, segment }) : error),
    onSuccess: (bytes) =>
      bytes.length === length
        ? Effect.succeed(bytes)
        : Effect.fail(
            new SegmentCorrupt({ tape, segment, offset: offset + bytes.length, why: "it ends before meta says" })
          )
  })
