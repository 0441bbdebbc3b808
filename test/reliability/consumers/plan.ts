/** What a consumer does before it crashes. */
import * as fc from "fast-check"

const streams = ["order-1", "order-2", "bill-1"]

const event = fc.record({
  stream: fc.constantFrom(...streams),
  type: fc.constantFrom("Made", "Made", "Paid"),
  /** Whether the handler fails on it until it is replayed. */
  isPoison: fc.integer({ min: 0, max: 3 }).map((n) => n === 0)
})

const act = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ act: fc.constant("append" as const), events: fc.array(event, { maxLength: 4 }) })
  },
  { weight: 2, arbitrary: fc.record({ act: fc.constant("wait" as const), turns: fc.integer({ min: 1, max: 40 }) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      act: fc.constantFrom(
        "catchUp" as const,
        "restart" as const,
        "restart" as const,
        "replay" as const,
        "replay" as const
      )
    })
  },
  { weight: 1, arbitrary: fc.record({ act: fc.constant("drop" as const) }) }
)

export const plans = fc.record({
  first: fc.array(event, { minLength: 2, maxLength: 8 }),
  acts: fc.array(act, { maxLength: 5 }),
  partitions: fc.integer({ min: 1, max: 3 }),
  maxInFlight: fc.integer({ min: 1, max: 4 }),
  maxAttempts: fc.integer({ min: 1, max: 2 }),
  onPoison: fc.constantFrom("park" as const, "park" as const, "skip" as const),
  types: fc.option(fc.constant<ReadonlyArray<string>>(["Made"])),
  checkpointEvents: fc.integer({ min: 1, max: 3 }),
  /** Turns of other fibres in a call of the handler, and in each step of the disk. */
  turns: fc.nat(6),
  diskTurns: fc.nat(3)
})

export type Plan = typeof plans extends fc.Arbitrary<infer A> ? A : never
export type Act = Plan["acts"][number]
