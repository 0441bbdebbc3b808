/** Reads the committed records of a tape that are in dynamic segments. */
import * as Effect from "effect/Effect"
import type { SegmentCorrupt } from "../../../domain/format/Errors.ts"
import { forEachLine } from "../../../domain/format/lines.ts"
import type { LivePart } from "../../journal/DynamicFile.ts"
import { readRun, runsOf } from "../../journal/PartRuns.ts"
import type { LibHandle } from "../../lib/LibHandle.ts"
import type { StorageError } from "../../ports/Storage.ts"
import { printOf, Prints } from "../../segment/SegmentScan.ts"

/** The committed records of a tape that are in dynamic segments, in order. */
export interface Committed {
  readonly parts: ReadonlyArray<LivePart>
  readonly prints: Float64Array
  /** Ordinal of the first of them. */
  readonly ordinal: number
  /** Whether all were committed to the tape as it is listed now, and none to a tape that it replaced. */
  readonly isOwn: boolean
}

/**
 * Reads the records that were committed under any of `ids`, of which the last is the id of the tape as it is listed
 * now.
 */
export const committedOf = Effect.fnUntraced(function* (
  lib: LibHandle,
  tape: string,
  ids: ReadonlyArray<string>
): Effect.fn.Return<Committed | undefined, StorageError | SegmentCorrupt> {
  const own = ids.at(-1)
  const parts = lib.journal.files
    .flatMap((file) => ids.flatMap((id) => (file.parts.get(id) ?? []).map((part) => ({ id, part }))))
    .toSorted((a, b) => a.part.batch - b.part.batch)
  const last = parts.at(-1)
  if (last === undefined) return undefined
  const prints = yield* printsOf(
    lib,
    tape,
    parts.map(({ part }) => part)
  )
  return {
    parts: parts.map(({ part }) => part),
    prints,
    // Counted from the end, because parts from before a recovery may have the ordinals of another tape.
    ordinal: Math.max(0, last.part.firstOrdinal + last.part.count - prints.length),
    isOwn: parts.every(({ id }) => id === own)
  }
})

const printsOf = Effect.fnUntraced(function* (lib: LibHandle, tape: string, parts: ReadonlyArray<LivePart>) {
  const prints = new Prints()
  for (const run of runsOf(parts, 1024 * 1024)) {
    for (const lines of yield* readRun(lib.root, tape, run)) {
      forEachLine(lines, (start, end) => prints.add(printOf(lines.subarray(start, end))))
    }
    yield* Effect.yieldNow
  }
  return prints.all()
})
