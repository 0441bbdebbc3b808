/** Runs a consumer on a lib that another process writes, says each event that it handled, and ends with the last one. */
import * as Effect from "effect/Effect"
import * as CheckpointStore from "litetapes/CheckpointStore"
import * as Consumer from "litetapes/Consumer"
import * as EventStore from "litetapes/EventStore"
import * as NodeDisk from "litetapes/NodeDisk"
import * as NodeStorage from "litetapes/NodeStorage"
import { writeSync } from "node:fs"

const [lib = "", checkpoints = "", last = "0"] = process.argv.slice(2)

const consumer = Consumer.make({
  name: "killed",
  partitions: 3,
  maxInFlight: 8,
  checkpoint: { events: 3, interval: "20 millis" },
  handler: ({ position, stream }) =>
    // Other partitions overtake every third event.
    Effect.andThen(
      position % 3 === 0 ? Effect.sleep(5) : Effect.void,
      Effect.sync(() => writeSync(1, `${position} ${stream}\n`))
    )
})

const program = Effect.gen(function* () {
  const running = yield* Consumer.run(consumer)
  yield* running.whenProcessed(Number(last))
})

await Effect.scoped(program).pipe(
  Effect.provide([EventStore.layer(lib, { mode: "read" }), CheckpointStore.layerFolder(checkpoints)]),
  Effect.provide([NodeStorage.layer, NodeDisk.layer]),
  Effect.runPromise
)
