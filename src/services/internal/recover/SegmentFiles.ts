/**
 * What recovery finds in a tape's folder: files that look like segments, each read line by line and judged by itself.
 * Where something still says what a file's hash was (its index, a good line of a damaged meta), the file must have it.
 */
import * as Effect from "effect/Effect"
import { tapeMetaFile } from "../../../domain/Format.ts"
import * as MetaChain from "../../../domain/MetaChain.ts"
import { parseSegmentName } from "../../../domain/Names.ts"
import * as SegmentIndex from "../../../domain/SegmentIndex.ts"
import type { Compression, Role, TapeSegment } from "../../../domain/SystemRecord.ts"
import type { StorageError } from "../../Storage.ts"
import type { Core } from "../Core.ts"
import { scanSegmentFile, type ScannedFile } from "../SegmentScan.ts"

/** A file whose lines are all records. */
export interface GoodFile extends ScannedFile {
  readonly name: string
  readonly number: number
  readonly compression: (typeof Compression)["Type"]
  readonly shardEvery: number | undefined
}

/** A file that is no segment any more, or is not there. */
export interface LostFile {
  readonly segment: string
  /** Byte of the file; 0 where it is not known. */
  readonly offset: number
  readonly why: string
  /** Records that it held, where its index or a good line of a damaged meta still says so. */
  readonly records: number | undefined
}

export interface Found {
  /** By number. */
  readonly good: ReadonlyArray<GoodFile>
  readonly lost: ReadonlyArray<{ readonly number: number; readonly file: LostFile }>
  /** The highest number seen. */
  readonly highest: number
}

type Known = Pick<typeof TapeSegment.Type, "sha256" | "number" | "records" | "shardEvery">

export const findFiles = Effect.fnUntraced(function* (
  core: Core,
  tape: string,
  role: Role
): Effect.fn.Return<Found, StorageError> {
  const known = yield* knownSegments(core, tape)
  const names = yield* core.root.listSegments(tape)
  const good: Array<GoodFile> = []
  const lost: Array<{ readonly number: number; readonly file: LostFile }> = []
  const lose = (number: number, file: LostFile) => lost.push({ number, file })
  let highest = 0
  for (const name of names) {
    const naming = parseName(name)
    if (naming === undefined) continue
    const { number } = naming
    highest = Math.max(highest, number)
    const expected = known.get(name) ?? (yield* inIndex(core, tape, name))
    const records = expected?.records
    const file = yield* Effect.result(scanSegmentFile(core, tape, name, naming.compression, role))
    if (file._tag === "Failure") {
      const error = file.failure
      lose(number, { segment: name, offset: "offset" in error ? error.offset : 0, why: error.message, records })
    } else if (expected !== undefined && expected.sha256 !== file.success.sha256) {
      const why = "its SHA-256 is not the one that its index or its meta has"
      lose(number, { segment: name, offset: 0, why, records })
    } else {
      const shardEvery = known.get(name)?.shardEvery ?? shardOf(name, naming.number)
      good.push({ ...file.success, ...naming, name, shardEvery })
    }
  }
  for (const [name, { number, records }] of known) {
    highest = Math.max(highest, number)
    if (!names.includes(name)) lose(number, { segment: name, offset: 0, why: "it is missing", records })
  }
  good.sort((a, b) => a.number - b.number)
  lost.sort((a, b) => a.number - b.number)
  return { good, lost, highest }
})

const parseName = (name: string) => {
  try {
    return parseSegmentName(name)
  } catch {
    return undefined
  }
}

/** Any number of segments to a folder that gives this one; 1 always does where folder and number are the same. */
const shardOf = (name: string, number: number): number | undefined => {
  const match = /^shard-(\d+)\//.exec(name)
  if (match === null) return undefined
  const shard = Number(match[1])
  return shard === 0 ? number + 1 : Math.floor(number / shard)
}

/** Segments in those lines of a damaged meta that are good by themselves. */
const knownSegments = (core: Core, tape: string): Effect.Effect<ReadonlyMap<string, Known>, StorageError> =>
  Effect.map(core.root.readMeta(tape), (meta) => {
    const known = new Map<string, Known>()
    if (meta === undefined) return known
    for (const record of MetaChain.salvageTape(`${tape}/${tapeMetaFile}`, meta.bytes, core.state.limits)) {
      if (record.$type === "LiteTape.Segment") known.set(record.name, record)
      if (record.$type === "LiteTape.Repack") {
        for (const [name, { number }] of known) {
          if (number >= record.removed[0] && number <= record.removed[1]) known.delete(name)
        }
      }
    }
    return known
  })

const inIndex = (
  core: Core,
  tape: string,
  segment: string
): Effect.Effect<Pick<Known, "sha256" | "records"> | undefined, never> =>
  core.root.readIndexRanges(tape, segment, [[0, SegmentIndex.pageBytes]]).pipe(
    Effect.map(([page]) => (page === undefined ? undefined : headerOf(page))),
    Effect.catch(() => Effect.succeed(undefined))
  )

const headerOf = (page: Uint8Array): Pick<Known, "sha256" | "records"> | undefined => {
  const sha256 = SegmentIndex.hashOfSegment(page)
  if (sha256 === undefined) return undefined
  try {
    return { sha256, records: SegmentIndex.decodeHeader(page, sha256).records }
  } catch (error) {
    if (error instanceof SegmentIndex.IndexDamaged) return undefined
    throw error
  }
}
