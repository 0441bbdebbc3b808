/** Storages that lose a range if more are requested than they read at once. */
import * as Effect from "effect/Effect"
import { always, type Mutant } from "./breaking.ts"

const losingLast = <A extends Array<Uint8Array> | undefined, E>(
  asked: ReadonlyArray<unknown>,
  answers: Effect.Effect<A, E>
) => Effect.map(answers, (found) => (asked.length > 5000 ? (found?.slice(0, -1) as A) : found))

export const rangeMutants: ReadonlyArray<Mutant> = [
  {
    breaks: "the last of very many ranges of a dynamic segment is lost",
    caughtBy: "ranges are returned in the order of the call, small and large ones, few and many",
    storage: always((root) => ({
      journal: {
        readRanges: (n, ranges) => losingLast(ranges, root.journal.readRanges(n, ranges))
      }
    }))
  },
  {
    breaks: "the last of very many ranges of a segment is lost",
    caughtBy: "a read of a segment is short only at the end, and ranges keep their order",
    storage: always((root) => ({
      segments: {
        readRanges: (tape, segment, ranges) => losingLast(ranges, root.segments.readRanges(tape, segment, ranges))
      }
    }))
  },
  {
    breaks: "the last of very many ranges of a derived file is lost",
    caughtBy: "a derived file of a tape or of the lib is read whole and in ranges, even after the lib is opened again",
    storage: always((root) => ({
      derived: { getRanges: (key, ranges) => losingLast(ranges, root.derived.getRanges(key, ranges)) }
    }))
  }
]
