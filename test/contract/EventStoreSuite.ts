/** The contract of the event store, on any storage. `location` returns a place that was never used before. */
import { describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import type { Storage } from "litetapes/Storage"
import { probeOf } from "../support/probedStorage.ts"
import { appendContract } from "./eventstore/appends.ts"
import { commandContract } from "./eventstore/commands.ts"
import { conditionContract } from "./eventstore/conditions.ts"
import { durabilityContract } from "./eventstore/durability.ts"
import { idContract } from "./eventstore/ids.ts"
import { indexContract } from "./eventstore/indexes.ts"
import { invalidContract } from "./eventstore/invalid.ts"
import { movingContract } from "./eventstore/moving.ts"
import { readContract } from "./eventstore/reads.ts"
import { placeAt, type Test } from "./eventstore/support.ts"

export const suite = (name: string, make: Effect.Effect<Storage["Service"]>, location: () => string): void => {
  // A writer that a test stopped on purpose logs a warning when it is closed, so logs are off.
  const test: Test = (title, body) =>
    it.live(title, () =>
      Effect.flatMap(make, (storage) => body(placeAt(probeOf(storage), location()))).pipe(
        Effect.provide(Logger.layer([]))
      )
    )
  describe(`EventStore: ${name}`, () => {
    for (const contract of [
      appendContract,
      invalidContract,
      idContract,
      commandContract,
      conditionContract,
      durabilityContract,
      readContract,
      movingContract,
      indexContract
    ]) {
      contract(test)
    }
  })
}
