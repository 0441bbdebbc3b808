/** Reactors in a lib that is killed and powered off before its steps. */
import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import { exploreReactor } from "../../reliability/consumers/exploreReactor.ts"
import { reactorPlans } from "../../reliability/consumers/reactorPlan.ts"
import { runs } from "../../support/runs.ts"

describe("a reactor that crashes", () => {
  it("leaves out no event, and records each result once, also that of a dead letter that is replayed", async () => {
    let images = 0
    await fc.assert(
      fc.asyncProperty(reactorPlans, fc.integer(), async (plan, seed) => {
        const { images: some, violation } = await exploreReactor(plan, seed, { losses: 1, points: 8 })
        images += some
        assert.isUndefined(violation)
      }),
      { numRuns: Math.ceil(runs / 16) }
    )
    assert.isAbove(images, 10)
  })
})
