/** What is refused before anything of a copy is written. */
import * as Effect from "effect/Effect"
import { BeyondLimits, type LibClosed, TapeInvalid } from "../../../domain/format/Errors.ts"
import type { Limits } from "../../../domain/format/Limits.ts"
import { describeError } from "../../../domain/json/describeError.ts"
import * as TaraSON from "../../../domain/json/TaraSON.ts"
import { TaraSONError } from "../../../domain/json/TaraSONError.ts"
import type { LibHandle } from "../../lib/LibHandle.ts"
import { linesOfChunk, readChunk, type ReadError } from "../../read/RecordReader.ts"
import type { Snapshot } from "./CopySource.ts"

/** Fails if events are lost: which streams lack them is said of a tape, and the copy has other tapes. */
export const refuseLost = ({ tapes }: Snapshot): Effect.Effect<void, TapeInvalid> => {
  const lossy = tapes.find(({ listed, tape }) => listed.role === "events" && tape.state.lost.length > 0)
  if (lossy === undefined) return Effect.void
  const why = "events of it are lost, and a copy could not say which. Restore the lib from a backup, and copy that."
  return Effect.fail(new TapeInvalid({ tape: lossy.listed.name, why }))
}

/** Fails if a record is beyond the limits of the copy. Reads everything if they are lower than those of the lib. */
export const checkRecords = Effect.fnUntraced(function* (
  source: LibHandle,
  { tapes }: Snapshot,
  limits: Limits
): Effect.fn.Return<void, BeyondLimits | ReadError | LibClosed> {
  const had = source.meta.limits
  if (limits.recordBytesMax >= had.recordBytesMax && limits.depthMax >= had.depthMax) return
  for (const { listed, records, tape } of tapes) {
    for (let next = 0; next < records;) {
      yield* source.guard.checkOpen
      const lines = linesOfChunk(yield* readChunk(source, tape, next, "forward"), next, records)
      const refused = firstBeyond(lines, limits)
      if (refused !== undefined) {
        return yield* new BeyondLimits({ tape: listed.name, ordinal: next + refused.index, why: refused.why })
      }
      next += lines.length
      yield* Effect.yieldNow
    }
  }
})

const firstBeyond = (lines: ReadonlyArray<Uint8Array>, limits: Limits) => {
  for (const [index, line] of lines.entries()) {
    try {
      TaraSON.parseCanonical(line, limits)
    } catch (error) {
      if (!(error instanceof TaraSONError)) throw error
      return { index, why: describeError(error) }
    }
  }
  return undefined
}
