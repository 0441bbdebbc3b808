/**
 * Physical structure may change as it likes: every stream stays the plain array that it is, and only tapes with the same
 * stream are called equivalent.
 */
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as fc from "fast-check"
import * as MemoryStorage from "litetapes/MemoryStorage"
import { assert, describe, it } from "vitest"
import { opsOf } from "../support/transformOps.ts"
import { type Counts, TransformRun } from "../support/transformRun.ts"
import { runs } from "./runs.ts"

const timeout = 60_000 + 1000 * runs

describe("tapes that are appended to, flushed, repacked, cloned, recovered, closed and lost", () => {
  it(
    "are plain arrays",
    async () => {
      const counts: Counts = { recovered: 0, ambiguous: 0, repacked: 0, cloned: 0 }
      const property = fc.asyncProperty(opsOf(24), (ops) =>
        Effect.runPromise(
          Effect.provide(
            Effect.flatMap(MemoryStorage.make, (storage) => new TransformRun(storage, counts).all(ops)),
            Logger.layer([])
          )
        )
      )
      await fc.assert(property, { numRuns: runs })
      console.log(counts)
      for (const [what, count] of Object.entries(counts)) assert.isAbove(count, 0, `nothing was ${what}`)
    },
    timeout
  )
})
