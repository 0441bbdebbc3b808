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
  /** The parts to take, and how many records of the first one to leave out. */
  readonly parts: ReadonlyArray<LivePart>
  readonly skip: number
  readonly records: number
  /** Ordinals that are in no file and in no dynamic segment. */
  readonly gap: { readonly from: number; readonly to: number } | undefined
}

const none: Tail = { parts: [], skip: 0, records: 0, gap: undefined }

/**
 * What to append behind the records whose prints are `known`. Where every file is there, ordinals tell; where one is
 * lost they do not, and the records themselves do: what ends the files and begins the dynamic segments is the same.
 */
export const tailBehind = Effect.fnUntraced(function* (
  core: Core,
  tape: string,
  ids: ReadonlySet<string>,
  known: Float64Array,
  isWhole: boolean
): Effect.fn.Return<Tail, StorageError | SegmentCorrupt> {
  const parts = core.dynamics
    .flatMap((file) => [...ids].flatMap((id) => file.parts.get(id) ?? []))
    .toSorted((a, b) => a.batch - b.batch || a.firstOrdinal - b.firstOrdinal)
  const first = parts[0]
  if (first === undefined) return none
  const { firstOrdinal } = first
  const last = parts.at(-1)!
  const total = last.firstOrdinal + last.count - firstOrdinal
  if (isWhole) {
    const skip = Math.max(0, known.length - firstOrdinal)
    const gap = firstOrdinal > known.length ? { from: known.length, to: firstOrdinal } : undefined
    return skip >= total ? none : { ...from(parts, skip), records: total - skip, gap }
  }
  const prints = yield* printsOf(core, tape, parts)
  const skip = overlap(known, prints)
  return skip >= total ? none : { ...from(parts, skip), records: total - skip, gap: undefined }
})

/** The parts behind the first `skip` records. */
const from = (parts: ReadonlyArray<LivePart>, skip: number): Pick<Tail, "parts" | "skip"> => {
  let left = skip
  const index = parts.findIndex((part) => {
    if (left < part.count) return true
    left -= part.count
    return false
  })
  return { parts: parts.slice(index), skip: left }
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

/** How many of the last `left` are the first of `right`: the longest such run. */
const overlap = (left: Float64Array, right: Float64Array): number => {
  for (let count = Math.min(left.length, right.length); count > 0; count--) {
    const start = left.length - count
    if (right.subarray(0, count).every((print, index) => print === left[start + index])) return count
  }
  return 0
}
