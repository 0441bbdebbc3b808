/**
 * A service that keeps its one layer although the disk fails: the lib opens itself again, callers repeat their appends with
 * the same ids, and every order is stored once. The disk is a simulated one, so that it can fail on request.
 */
import * as Disk from "litetapes/Disk"
import * as EventStore from "litetapes/EventStore"
import * as FolderStorage from "litetapes/FolderStorage"
import { SimulatedDisk } from "litetapes/testing"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as assert from "node:assert/strict"

// From the tenth sync of a batch on, three syncs fail. Then the disk works again.
let syncs = 0
const { disk } = SimulatedDisk.make({
  onStep: ({ operation }) =>
    operation === "datasync" && (syncs += 1) >= 10 && syncs < 13 ? { code: "EIO" } : undefined
})
const storage = FolderStorage.layer.pipe(Layer.provide(Layer.succeed(Disk.Disk, disk)))

// One runtime for the whole life of the service. It is never disposed because of an error.
const runtime = ManagedRuntime.make(EventStore.layer("/orders", { reopen: true }).pipe(Layer.provide(storage)))

/** Places an order. The event has an id, so a repeated append cannot store it twice. */
const place = (number: number) =>
  Effect.gen(function* () {
    const store = yield* EventStore.EventStore
    const event = { type: "OrderPlaced", id: `placed-${number}`, data: { number } }
    return yield* store.append(`order-${number}`, [event], { expected: "no-stream" })
  }).pipe(
    Effect.tapErrorTag(["CommitOutcomeUnknown", "WriterPoisoned"], ({ _tag }) =>
      Effect.sync(() => console.log(`order ${number}: ${_tag}, the append is repeated`))
    ),
    Effect.retry({
      while: ({ _tag }) => _tag === "CommitOutcomeUnknown" || _tag === "WriterPoisoned",
      schedule: Schedule.spaced("50 millis"),
      times: 100
    })
  )

const numbers = Array.from({ length: 30 }, (_, number) => number)
// What a web server does: a run of the runtime for each request.
const results = []
for (const number of numbers) results.push(await runtime.runPromise(place(number)))
const repeated = results.filter((result) => result.repeated).length
console.log(`All ${results.length} orders were placed, ${repeated} of them although the error had said "unknown".`)

const stored = await runtime.runPromise(
  Effect.flatMap(EventStore.EventStore, (store) => Stream.runCollect(store.readAll()))
)
assert.deepEqual(stored.map(({ id }) => id).toSorted(), numbers.map((number) => `placed-${number}`).toSorted())
console.log(`The store has ${stored.length} events, each once.`)
await runtime.dispose()
