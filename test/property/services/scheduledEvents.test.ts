/**
 * Whatever is scheduled and cancelled, however the clock is set, and whenever the process is killed or the power is cut: an event
 * that is due is delivered once, and one whose cancellation has succeeded never.
 */
import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import { exploreScheduled } from "../../reliability/consumers/exploreScheduled.ts"
import { scheduledPlans } from "../../reliability/consumers/scheduledPlan.ts"
import { runs } from "../../support/runs.ts"

describe("scheduled events", () => {
  it("are delivered once when they are due, unless they were cancelled, whatever crashes", async () => {
    let images = 0
    await fc.assert(
      fc.asyncProperty(scheduledPlans, fc.integer(), async (plan, seed) => {
        const { images: some, violation } = await exploreScheduled(plan, seed, { losses: 1, points: 4 })
        images += some
        assert.isUndefined(violation)
      }),
      { numRuns: Math.ceil(runs / 12) }
    )
    assert.isAbove(images, 10)
  })
})
