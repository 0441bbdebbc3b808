/**
 * Finds files in a tape's folder that look like segments, reads each line by line, and judges each by itself. If its
 * index or a good line of a damaged meta has the file's hash, the file must match it.
 */
import * as Effect from "effect/Effect"
import { tapeMetaFile } from "../../../domain/format/Format.ts"
import * as MetaSalvage from "../../../domain/meta/MetaSalvage.ts"
import { segmentName, segmentNumberMax } from "../../../domain/format/Names.ts"
import { parseIfSegmentName } from "../../../domain/format/parseIfSegmentName.ts"
import * as SegmentIndex from "../../../domain/segment/SegmentIndex.ts"
import type { Compression, Lost as LostRecords, Repacked, Role, Segment } from "../../../domain/meta/SystemRecord.ts"
import type { StorageError } from "../../ports/Storage.ts"
import type { LibHandle } from "../../lib/LibHandle.ts"
import { scanSegmentFile, type ScannedFile } from "../../segment/SegmentScan.ts"
import * as IndexFiles from "../../segment/IndexFiles.ts"

/** A file in which every line is a record. */
export interface GoodFile extends ScannedFile {
  readonly name: string
  readonly number: number
  readonly compression: (typeof Compression)["Type"]
  readonly shardEvery: number | undefined
  /** Ordinal of its first record in the old tape, if a good line of a damaged meta still has it. */
  readonly firstOrdinal: number | undefined
  /** Whether its index, or a good line of a damaged meta, has its SHA-256: then it is unchanged. */
  readonly isProved: boolean
}

/** A file that is damaged or missing. */
export interface UnreadFile {
  /** Name of the file, such as `seg-000001.jsonl`. */
  readonly segment: string
  /** Byte at which the damage begins; 0 if it is not known. */
  readonly offset: number
  /** Description of the damage. */
  readonly why: string
  /** Number of records that it held, if its index or a good line of a damaged meta still has it. */
  readonly records: number | undefined
}

/** A lost file, with everything else that is known of it. */
export interface Lost {
  readonly number: number
  readonly file: UnreadFile
  readonly isThere: boolean
  /** Its line in a damaged meta, if that line is good. */
  readonly known: ListedSegment | undefined
}

/** Files of a tape's folder. */
export interface Found {
  /** By number. */
  readonly good: ReadonlyArray<GoodFile>
  /** By number. */
  readonly lost: ReadonlyArray<Lost>
  /** Highest number that was seen. */
  readonly highest: number
  /** The last repack that a damaged meta still records. */
  readonly repacked: Repacked | undefined
  readonly former: FormerLosses
}

/** What a damaged meta says about earlier losses. */
export interface FormerLosses {
  /** Its good lines about losses, without their seals. */
  readonly losses: ReadonlyArray<LostRecords>
  /** Whether it may have listed more, in lines that are damaged or gone. */
  readonly mayLack: boolean
}

type ListedSegment = Omit<Segment, "state">

/** Reads all files of a tape's folder that look like segments. */
export const findFiles = Effect.fnUntraced(function* (
  lib: LibHandle,
  tape: string,
  role: Role
): Effect.fn.Return<Found, StorageError> {
  const { former, known, repacked } = yield* salvage(lib, tape)
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
    // What could not be read now may be good: only damage makes a file lost.
    if (file._tag === "Failure" && file.failure._tag === "StorageError") return yield* file.failure
    if (file._tag === "Failure") {
      const error = file.failure
      lose(number, { segment: name, offset: "offset" in error ? error.offset : 0, why: error.message, records })
    } else if (expected !== undefined && expected.sha256 !== file.success.sha256) {
      const why = "its SHA-256 does not match its index or its meta"
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
  return { former, good, lost, highest, repacked }
})

/**
 * Whether the entry has the name that its number gives. A line with a good hash may still have been written by anyone.
 */
const isNamedSo = ({ name, number, compression, shardEvery = 0 }: ListedSegment): boolean =>
  number <= segmentNumberMax && name === segmentName({ number, compression, shardEvery })

/**
 * Returns a number of segments per shard folder that results in this name. 1 always does if folder and number are the
 * same.
 */
const shardOf = (name: string, number: number): number | undefined => {
  const match = /^shard-(\d+)\//.exec(name)
  if (match === null) return undefined
  const shard = Number(match[1])
  return shard === 0 ? number + 1 : Math.floor(number / shard)
}

/** Whether the tape has this id, or had it before a recovery. */
const isOwn = ({ meta }: LibHandle, name: string, id: string): boolean =>
  meta.state.tapes.get(name)?.tape === id || meta.state.replaced.some((one) => one.name === name && one.tape === id)

interface Salvaged {
  readonly known: ReadonlyMap<string, ListedSegment>
  readonly repacked: Repacked | undefined
  readonly former: FormerLosses
}

/** Returns the entries of a damaged meta whose lines are good. */
const salvage = (lib: LibHandle, tape: string): Effect.Effect<Salvaged, StorageError> =>
  Effect.map(lib.root.meta.read(tape), (meta) => {
    const known = new Map<string, ListedSegment>()
    let repacked: Repacked | undefined
    // A tape gets another id when it is salvaged or recovered, and only then can it have lost records.
    const wasReplaced = lib.meta.state.replaced.some(({ name }) => name === tape)
    const nothing = { known, repacked, former: { losses: [], mayLack: wasReplaced } }
    if (meta === undefined) return nothing
    const records = MetaSalvage.salvageTape(`${tape}/${tapeMetaFile}`, meta.bytes, lib.meta.limits)
    const first = records.find((record) => record.$type === "LiteTape.Meta")
    // The meta of another tape says nothing about the files of this one.
    if (first !== undefined && !isOwn(lib, tape, first.tape)) return nothing
    const losses: Array<LostRecords> = []
    for (const record of records) {
      if (record.$type === "LiteTape.Segment" && isNamedSo(record)) known.set(record.name, record)
      if (record.$type === "LiteTape.Repack") {
        repacked = record
        for (const [name, { number }] of known) if (isRemoved(number, repacked)) known.delete(name)
      }
      if (record.$type === "LiteTape.Lost") {
        const { $type: _, hash: __, previous: ___, ...lost } = record
        losses.push(lost)
      }
    }
    const isWhole = hasEnd(meta.bytes, records.length)
    const mayLack = first === undefined ? wasReplaced || losses.length > 0 : first.format > 1 && !isWhole
    return { known, repacked, former: { losses, mayLack } }
  })

/** Whether a damaged meta still has all its lines, of which `good` are good, and all but the last one are among them. */
const hasEnd = (bytes: Uint8Array, good: number): boolean => {
  const lines = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1").split("\n")
  return lines.length === good + 2 && lines[good]!.includes('"LiteTape.End"')
}

/** Whether a repack replaced the segment with this number. */
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
