/** The contract of the event store, with appends that go through the writer of another store. */
import { describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as NodeStorage from "litetapes/NodeStorage"
import { probeOf } from "../support/probedStorage.ts"
import { openForwarded } from "../support/sharedPlace.ts"
import { temporaryFolder } from "../support/temporaryFolder.ts"
import { appendContract } from "./eventstore/appends.ts"
import { commandContract } from "./eventstore/commands.ts"
import { conditionContract } from "./eventstore/conditions.ts"
import { idContract } from "./eventstore/ids.ts"
import { invalidContract } from "./eventstore/invalid.ts"
import { type Place, placeAt, type Test } from "./eventstore/support.ts"

const newPlace = temporaryFolder()

/** What one store reads is counted in these. Here the reads of the writer count as well. */
const countingReads = new Set([
  "reads no more for a new command than for its ids, and no more for a retry than for one more id",
  "decides without a read while the boundary is recent"
])

const test: Test = (title, body) => {
  if (countingReads.has(title)) return
  it.live(title, () =>
    Effect.flatMap(NodeStorage.make, (storage) => {
      const probe = probeOf(storage)
      const location = newPlace()
      // No test of the contract lets a store wait for a writer.
      const open: Place["open"] = (options) =>
        openForwarded(probe.storage, location, options) as ReturnType<Place["open"]>
      const use: Place["use"] = (use, options) => Effect.scoped(Effect.flatMap(open(options), use))
      return body({ ...placeAt(probe, location), open, use })
    }).pipe(Effect.provide(Logger.layer([])))
  )
}

describe("EventStore: through another process", () => {
  // Reads do not go through the writer.
  for (const contract of [appendContract, invalidContract, idContract, commandContract, conditionContract]) {
    contract(test)
  }
})
