/** Consumers whose checkpoints are in a folder, killed and powered off at every step. */
import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import { explore } from "../../reliability/consumers/explore.ts"
import { plans } from "../../reliability/consumers/plan.ts"
import { runs } from "../../support/runs.ts"

describe("a consumer that crashes", () => {
  it("continues at a checkpoint that it wrote, leaves out no event, and can claim its name again", async () => {
    let images = 0
    await fc.assert(
      fc.asyncProperty(plans, fc.integer(), async (plan, seed) => {
        const { images: some, violation } = await explore(plan, seed, { losses: 3, points: 12 })
        images += some
        assert.isUndefined(violation)
      }),
      { numRuns: Math.ceil(runs / 16) }
    )
    assert.isAbove(images, 100)
  })
})
