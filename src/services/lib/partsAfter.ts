/** The committed records of a tape that are in none of its segments, and whether they follow these without a gap. */
import * as Effect from "effect/Effect"
import { TapeInvalid } from "../../domain/format/Errors.ts"
import type { TapeListing } from "../../domain/meta/LibState.ts"
import type { TapeState } from "../../domain/meta/TapeState.ts"
import type { LivePart } from "../journal/DynamicFile.ts"
import type { Journal } from "../journal/Journal.ts"

/** What is committed and in no segment of the tape. With its meta it must fit: no gap, no overlap. */
export const partsAfter = (
  { durable, files }: Pick<Journal, "durable" | "files">,
  listed: TapeListing,
  state: TapeState
): Effect.Effect<Array<LivePart>, TapeInvalid> => {
  if (state.lastBatch > durable.batch) {
    // What is committed from here on would be taken for what its segments have already.
    const why = `its meta is of batch ${state.lastBatch}, the lib's last one is ${durable.batch}: batches were lost, or an older lib meta was put back, recover the tape`
    return Effect.fail(new TapeInvalid({ tape: listed.name, why }))
  }
  return partsInRow({ files }, listed, state)
}

/** As `partsAfter`, whatever batch meta is of: a reader's view may be older than the tape's meta. */
export const partsInRow = (
  { files }: Pick<Journal, "files">,
  listed: TapeListing,
  state: TapeState
): Effect.Effect<Array<LivePart>, TapeInvalid> => {
  const parts = files
    .flatMap((file) => file.parts.get(listed.tape) ?? [])
    .filter((part) => part.batch > state.lastBatch)
  const off = firstOff(state.records, parts)
  if (off === undefined) return Effect.succeed(parts)
  const why = `committed records begin at ${off.firstOrdinal}, but its segments end at ${off.next}: an older meta was put back, recover the tape`
  return Effect.fail(new TapeInvalid({ tape: listed.name, why }))
}

/** Whether parts follow `records` records without a gap or an overlap. */
export const isRow = (records: number, parts: ReadonlyArray<LivePart>): boolean =>
  firstOff(records, parts) === undefined

const firstOff = (records: number, parts: ReadonlyArray<LivePart>) => {
  let next = records
  for (const { firstOrdinal, count } of parts) {
    if (firstOrdinal !== next) return { firstOrdinal, next }
    next = firstOrdinal + count
  }
  return undefined
}
