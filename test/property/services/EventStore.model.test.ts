/**
 * An event store equals its model after any operations: sequential and concurrent appends, flushes, closes, kills,
 * reopens, archiving, copies to another placement, and reads during writes; on any storage, with any placement.
 */
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as fc from "fast-check"
import * as MemoryStorage from "litetapes/MemoryStorage"
import * as NodeStorage from "litetapes/NodeStorage"
import { describe, it } from "vitest"
import { opsOf, placements } from "../../support/eventOps.ts"
import { Run } from "../../support/eventRun.ts"
import { probeOf } from "../../support/probedStorage.ts"
import { temporaryFolder } from "../../support/temporaryFolder.ts"
import { runs } from "../../support/runs.ts"

const newFolder = temporaryFolder()

const storages = [
  { name: "memory", make: MemoryStorage.make, location: () => "place", opsMax: 24 },
  { name: "a folder", make: NodeStorage.make, location: newFolder, opsMax: 12 }
]

describe.each(storages)("an event store in $name", ({ make, location, opsMax }) => {
  it.each(placements)("equals its model, placed by $kind", { timeout: 60_000 + 1000 * runs }, async (placement) => {
    const property = fc.asyncProperty(opsOf(opsMax), fc.constantFrom(2048, 4096), (ops, closeBytes) => {
      const run = Effect.flatMap(make, (storage) =>
        new Run(probeOf(storage), location(), placement, { closeBytes, backlogMax: 2 }).all(ops)
      )
      return Effect.runPromise(Effect.provide(run, Logger.layer([])))
    })
    await fc.assert(property, { numRuns: runs })
  })
})
