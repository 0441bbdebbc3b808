/** The simulated disk answers as the file system does, and loses what a power loss may take, and no more. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as fc from "fast-check"
import { mkdirSync } from "node:fs"
import * as NodeDisk from "../../../src/layers/NodeDisk.ts"
import * as SimulatedDisk from "../../../src/testing/SimulatedDisk.ts"
import { diskOps, outcomes } from "../../support/diskOps.ts"
import { temporaryFolder } from "../../support/temporaryFolder.ts"
import { runs } from "../../support/runs.ts"

const newPath = temporaryFolder()

describe("SimulatedDisk", () => {
  it("answers as Node's file system does, errors included", () =>
    fc.assert(
      fc.asyncProperty(diskOps, async (ops) => {
        const place = newPath()
        mkdirSync(place)
        const simulated = SimulatedDisk.make().disk
        const answers = await Effect.runPromise(
          Effect.gen(function* () {
            yield* simulated.makeFolder("/place")
            return [yield* outcomes(simulated, "/place", ops), yield* outcomes(NodeDisk.make, place, ops)] as const
          })
        )
        assert.deepStrictEqual(...answers)
      }),
      { numRuns: runs }
    ))
})
