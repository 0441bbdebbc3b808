/**
 * Finds the committed records of a tape that are in none of its segments, and checks that they follow those without a
 * gap.
 */
import * as Effect from "effect/Effect"
import { TapeInvalid } from "../../domain/format/Errors.ts"
import type { TapeListing } from "../../domain/meta/LibState.ts"
import type { TapeState } from "../../domain/meta/TapeState.ts"
import type { LivePart } from "../journal/DynamicFile.ts"
import type { Journal } from "../journal/Journal.ts"

/**
 * Returns the committed parts that are in no segment of the tape. Fails if they and its meta leave a gap or an overlap.
 */
export const partsAfter = (
  { durable, files }: Pick<Journal, "durable" | "files">,
  listed: TapeListing,
  state: TapeState
): Effect.Effect<Array<LivePart>, TapeInvalid> => {
  if (state.lastBatch > durable.batch) {
    // Otherwise new batches would get numbers that the tape's segments seem to contain already.
    const why = `its meta covers batch ${state.lastBatch}, but the lib ends at batch ${durable.batch}: batches were lost or an older lib meta was restored. Run recoverTape.`
    return Effect.fail(new TapeInvalid({ tape: listed.name, why }))
  }
  return partsInRow({ files }, listed, state)
}

/** Returns the same without comparing batch numbers: a reader's view may be older than the tape's meta. */
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
  const why = `committed records continue at ordinal ${off.firstOrdinal} instead of ${off.next}: an older tape meta was restored. Run recoverTape.`
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
