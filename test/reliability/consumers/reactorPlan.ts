/** What happens to a reactor before it crashes. */
import * as fc from "fast-check"

const order = fc.record({
  stream: fc.constantFrom("order-1", "order-2", "order-3"),
  /** Calls that fail before one succeeds. */
  failures: fc.constantFrom(0, 0, 1, 2, 2, 3)
})

const place = fc.record({ act: fc.constant("place" as const), orders: fc.array(order, { minLength: 1, maxLength: 3 }) })

const act = fc.oneof(
  { weight: 3, arbitrary: place },
  { weight: 2, arbitrary: fc.record({ act: fc.constant("wait" as const), turns: fc.integer({ min: 1, max: 40 }) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      act: fc.constantFrom(
        "catchUp" as const,
        "restart" as const,
        "replay" as const,
        "replay" as const,
        "drop" as const
      )
    })
  }
)

export const reactorPlans = fc.record({
  first: place,
  acts: fc.array(act, { maxLength: 7 }),
  partitions: fc.integer({ min: 1, max: 3 }),
  maxAttempts: fc.integer({ min: 1, max: 2 }),
  /** Turns of other fibres in a call, and in each step of the disk. */
  turns: fc.nat(4),
  diskTurns: fc.nat(2)
})

export type ReactorPlan = typeof reactorPlans extends fc.Arbitrary<infer A> ? A : never
export type ReactorAct = ReactorPlan["acts"][number]
