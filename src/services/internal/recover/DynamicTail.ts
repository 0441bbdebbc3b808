/** Committed records of a tape that are in dynamic segments: those of them that no segment file has. */
import * as Effect from "effect/Effect"
import type { SegmentCorrupt } from "../../../domain/Errors.ts"
import { newline } from "../../../domain/Format.ts"
import type { StorageError } from "../../Storage.ts"
import type { Core } from "../Core.ts"
import type { LivePart } from "../DynamicFile.ts"
import { readRun, runsOf } from "../PartRuns.ts"
import { printOf, Prints } from "../SegmentScan.ts"

export interface Tail {
  /** The parts to take: a flush moves whole ones. */
  readonly parts: ReadonlyArray<LivePart>
  readonly records: number
  /** Ordinals that are in no file and in no dynamic segment. */
  readonly gap: { readonly from: number; readonly to: number } | undefined
}

/** What is in the files. */
export interface InFiles {
  readonly prints: Float64Array
  /** Records of lost files in front of the last one; `undefined` where that is not known. */
  readonly lost: number | undefined
}

/**
 * What to append behind the files. Where it is known how many records they held, ordinals tell. Where it is not, or the
 * records themselves say that a file is missing which nobody knows of, those do: what ends the files and begins the
 * dynamic segments is the same.
 */
export const tailBehind = Effect.fnUntraced(function* (
  core: Core,
  tape: string,
  ids: ReadonlySet<string>,
  files: InFiles
): Effect.fn.Return<Tail, StorageError | SegmentCorrupt> {
  const parts = core.dynamics
    .flatMap((file) => [...ids].flatMap((id) => file.parts.get(id) ?? []))
    .toSorted((a, b) => a.batch - b.batch)
  const first = parts[0]
  if (first === undefined) return { parts, records: 0, gap: undefined }
  const prints = yield* printsOf(core, tape, parts)
  const byOrdinal =
    isRow(parts) && files.lost !== undefined ? files.prints.length + files.lost - first.firstOrdinal : -1
  const isProved = byOrdinal >= 0 && isEdge(parts, byOrdinal) && endsWith(files.prints, prints, byOrdinal)
  const skip = isProved ? byOrdinal : overlap(files.prints, prints, parts)
  const records = prints.length - skip
  const from = files.prints.length + (files.lost ?? 0)
  const isGap = skip === 0 && isRow(parts) && files.lost !== undefined && first.firstOrdinal > from
  return { parts: behind(parts, skip), records, gap: isGap ? { from, to: first.firstOrdinal } : undefined }
})

/** Ordinals of parts from before a recovery are those of another tape. */
const isRow = (parts: ReadonlyArray<LivePart>): boolean =>
  parts.every((part, index) => {
    const before = parts[index - 1]
    return before === undefined || part.firstOrdinal === before.firstOrdinal + before.count
  })

/** Whether a part ends behind the first `count` records: flushes move whole ones. */
const isEdge = (parts: ReadonlyArray<LivePart>, count: number): boolean => {
  let left = count
  for (const part of parts) {
    if (left <= 0) break
    left -= part.count
  }
  return left === 0
}

/** Whether the last of `known` are the first `count` of `prints`. */
const endsWith = (known: Float64Array, prints: Float64Array, count: number): boolean => {
  const start = known.length - count
  if (start < 0 || count > prints.length) return false
  for (let at = 0; at < count; at++) if (prints[at] !== known[start + at]) return false
  return true
}

/** The parts behind the first `skip` records. */
const behind = (parts: ReadonlyArray<LivePart>, skip: number): ReadonlyArray<LivePart> => {
  let left = skip
  return parts.filter((part) => {
    left -= part.count
    return left < 0
  })
}

const printsOf = Effect.fnUntraced(function* (core: Core, tape: string, parts: ReadonlyArray<LivePart>) {
  const prints = new Prints()
  for (const run of runsOf(parts, 1024 * 1024)) {
    for (const lines of yield* readRun(core, tape, run)) {
      for (let start = 0; start < lines.length;) {
        const end = lines.indexOf(newline, start)
        prints.add(printOf(lines.subarray(start, end)))
        start = end + 1
      }
    }
    yield* Effect.yieldNow
  }
  return prints.all()
})

/** How many of the last `known` are the first of `prints`: the longest such run of whole parts. */
const overlap = (known: Float64Array, prints: Float64Array, parts: ReadonlyArray<LivePart>): number => {
  let count = prints.length
  for (const part of parts.toReversed()) {
    if (endsWith(known, prints, count)) return count
    count -= part.count
  }
  return 0
}
