/** Storages that lose an answer where more ranges are asked for than they read at once. */
import * as Effect from "effect/Effect"
import { always, type Mutant } from "./breaking.ts"

const losingLast = <A, E>(asked: ReadonlyArray<unknown>, answers: Effect.Effect<Array<A>, E>) =>
  Effect.map(answers, (found) => (asked.length > 5000 ? found.slice(0, -1) : found))

export const rangeMutants: ReadonlyArray<Mutant> = [
  {
    breaks: "the last of very many ranges of a dynamic segment is lost",
    caughtBy: "ranges come back in the order in which they were asked for, small and large ones, few and many",
    storage: always((root) => ({
      readDynamicRanges: (n, ranges) => losingLast(ranges, root.readDynamicRanges(n, ranges))
    }))
  },
  {
    breaks: "the last of very many ranges of a segment is lost",
    caughtBy: "a read of a segment is short at the end only, and ranges keep their order",
    storage: always((root) => ({
      readSegmentRanges: (tape, segment, ranges) => losingLast(ranges, root.readSegmentRanges(tape, segment, ranges))
    }))
  },
  {
    breaks: "the last of very many ranges of an index is lost",
    caughtBy: "an index is written, read in ranges, replaced, removed",
    storage: always((root) => ({
      readIndexRanges: (tape, segment, ranges) => losingLast(ranges, root.readIndexRanges(tape, segment, ranges))
    }))
  }
]
