/** What happens to scheduled events before a crash. */
import * as fc from "fast-check"

const id = fc.nat(3).map((n) => `r${n}`)

/** Minutes after the beginning of the run. */
const minutes = fc.nat(8)

const schedule = fc.record({ act: fc.constant("schedule" as const), id, at: minutes })

const act = fc.oneof(
  { weight: 4, arbitrary: schedule },
  { weight: 3, arbitrary: fc.record({ act: fc.constant("cancel" as const), id }) },
  { weight: 3, arbitrary: fc.record({ act: fc.constant("set" as const), to: minutes }) },
  { weight: 2, arbitrary: fc.record({ act: fc.constant("elapse" as const), minutes: fc.nat(3) }) },
  { weight: 2, arbitrary: fc.record({ act: fc.constant("wait" as const), turns: fc.integer({ min: 1, max: 40 }) }) },
  { weight: 2, arbitrary: fc.record({ act: fc.constantFrom("catchUp" as const, "restart" as const) }) }
)

export const scheduledPlans = fc.record({
  first: fc.array(schedule, { minLength: 1, maxLength: 3 }),
  acts: fc.array(act, { minLength: 2, maxLength: 10 }),
  /** Whether a cancellation is begun without waiting for its end, and how many turns each step of the disk takes. */
  isHasty: fc.boolean(),
  diskTurns: fc.nat(3)
})

export type ScheduledPlan = typeof scheduledPlans extends fc.Arbitrary<infer A> ? A : never
export type ScheduledAct = ScheduledPlan["acts"][number]
