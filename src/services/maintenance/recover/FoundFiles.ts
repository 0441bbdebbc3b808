/**
 * What recovery finds in a tape's folder: files that look like segments, each read line by line and judged by itself.
 * Where something still says what a file's hash was (its index, a good line of a damaged meta), the file must have it.
 */
import * as Effect from "effect/Effect"
import { tapeMetaFile } from "../../../domain/format/Format.ts"
import * as MetaChain from "../../../domain/meta/MetaChain.ts"
import { segmentName, segmentNumberMax } from "../../../domain/format/Names.ts"
import { parseIfSegmentName } from "../../../domain/format/parseIfSegmentName.ts"
import * as SegmentIndex from "../../../domain/segment/SegmentIndex.ts"
import type { Compression, Repacked, Role, Segment } from "../../../domain/meta/SystemRecord.ts"
import type { StorageError } from "../../ports/Storage.ts"
import type { LibHandle } from "../../lib/LibHandle.ts"
import { scanSegmentFile, type ScannedFile } from "../../segment/SegmentScan.ts"
import * as IndexFiles from "../../segment/IndexFiles.ts"

/** A file whose lines are all records. */
export interface GoodFile extends ScannedFile {
  readonly name: string
  readonly number: number
  readonly compression: (typeof Compression)["Type"]
  readonly shardEvery: number | undefined
  /** Ordinal of its first record in the old tape, if a good line of a damaged meta still says it. */
  readonly firstOrdinal: number | undefined
  /** Its index or a good line of a damaged meta has its SHA-256: it is as it was written. */
  readonly isProved: boolean
}

/** A file that is no segment any more, or is not there. */
export interface UnreadFile {
  readonly segment: string
  /** Byte of the file; 0 where it is not known. */
  readonly offset: number
  readonly why: string
  /** Records that it held, where its index or a good line of a damaged meta still says so. */
  readonly records: number | undefined
}

/** What is known of a lost file besides. */
export interface Lost {
  readonly number: number
  readonly file: UnreadFile
  readonly isThere: boolean
  /** What a good line of a damaged meta still says of it. */
  readonly known: ListedSegment | undefined
}

export interface Found {
  /** By number. */
  readonly good: ReadonlyArray<GoodFile>
  /** By number. */
  readonly lost: ReadonlyArray<Lost>
  /** The highest number seen. */
  readonly highest: number
  /** The last repack that a damaged meta still tells of. */
  readonly repacked: Repacked | undefined
}

type ListedSegment = Omit<Segment, "state">

export const findFiles = Effect.fnUntraced(function* (
  lib: LibHandle,
  tape: string,
  role: Role
): Effect.fn.Return<Found, StorageError> {
  const { known, repacked } = yield* salvage(lib, tape)
  const names = yield* lib.root.segments.list(tape)
  const good: Array<GoodFile> = []
  const lost: Array<Lost> = []
  const lose = (number: number, file: UnreadFile, isThere = true) =>
    lost.push({ number, file, isThere, known: known.get(file.segment) })
  let highest = 0
  for (const name of names) {
    const naming = parseIfSegmentName(name)
    if (naming === undefined) continue
    const { number } = naming
    highest = Math.max(highest, number)
    const expected = known.get(name) ?? (yield* inIndex(lib, tape, name))
    const records = expected?.records
    const file = yield* Effect.result(scanSegmentFile(lib.segments, tape, name, naming.compression, role))
    if (file._tag === "Failure") {
      const error = file.failure
      lose(number, { segment: name, offset: "offset" in error ? error.offset : 0, why: error.message, records })
    } else if (expected !== undefined && expected.sha256 !== file.success.sha256) {
      const why = "its SHA-256 is not the one that its index or its meta has"
      lose(number, { segment: name, offset: 0, why, records })
    } else {
      const shardEvery = known.get(name)?.shardEvery ?? shardOf(name, naming.number)
      const firstOrdinal = known.get(name)?.firstOrdinal
      good.push({ ...file.success, ...naming, name, shardEvery, firstOrdinal, isProved: expected !== undefined })
    }
  }
  for (const [name, { number, records }] of known) {
    highest = Math.max(highest, number)
    if (!names.includes(name)) lose(number, { segment: name, offset: 0, why: "it is missing", records }, false)
  }
  good.sort((a, b) => a.number - b.number)
  lost.sort((a, b) => a.number - b.number)
  return { good, lost, highest, repacked }
})

/** A line that is good by itself may still have been written by anybody. */
const isNamedSo = ({ name, number, compression, shardEvery = 0 }: ListedSegment): boolean =>
  number <= segmentNumberMax && name === segmentName({ number, compression, shardEvery })

/** Any number of segments to a folder that gives this one; 1 always does where folder and number are the same. */
const shardOf = (name: string, number: number): number | undefined => {
  const match = /^shard-(\d+)\//.exec(name)
  if (match === null) return undefined
  const shard = Number(match[1])
  return shard === 0 ? number + 1 : Math.floor(number / shard)
}

/** What those lines of a damaged meta say that are good by themselves. */
const salvage = (
  lib: LibHandle,
  tape: string
): Effect.Effect<
  { readonly known: ReadonlyMap<string, ListedSegment>; readonly repacked: Repacked | undefined },
  StorageError
> =>
  Effect.map(lib.root.meta.read(tape), (meta) => {
    const known = new Map<string, ListedSegment>()
    let repacked: Repacked | undefined
    if (meta === undefined) return { known, repacked }
    for (const record of MetaChain.salvageTape(`${tape}/${tapeMetaFile}`, meta.bytes, lib.meta.limits)) {
      if (record.$type === "LiteTape.Segment" && isNamedSo(record)) known.set(record.name, record)
      if (record.$type === "LiteTape.Repack") {
        repacked = record
        for (const [name, { number }] of known) if (isRemoved(number, repacked)) known.delete(name)
      }
    }
    return { known, repacked }
  })

/** Whether a repack took the place of the segment of that number. */
export const isRemoved = (number: number, { removed }: Repacked): boolean =>
  number >= removed[0] && number <= removed[1]

const inIndex = (
  lib: LibHandle,
  tape: string,
  segment: string
): Effect.Effect<Pick<ListedSegment, "sha256" | "records"> | undefined, never> =>
  IndexFiles.readRanges(lib.root.derived, tape, segment, [[0, SegmentIndex.pageBytes]]).pipe(
    Effect.map(([page]) => (page === undefined ? undefined : headerOf(page))),
    Effect.catch(() => Effect.succeed(undefined))
  )

const headerOf = (page: Uint8Array): Pick<ListedSegment, "sha256" | "records"> | undefined => {
  const sha256 = SegmentIndex.hashOfSegment(page)
  if (sha256 === undefined) return undefined
  try {
    return { sha256, records: SegmentIndex.decodeHeader(page, sha256).records }
  } catch (error) {
    if (error instanceof SegmentIndex.IndexDamaged) return undefined
    throw error
  }
}
