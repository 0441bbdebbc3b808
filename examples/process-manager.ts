/**
 * A process manager: it takes the payment of each order, and ships what was paid. Its checkpoints are in the lib, and each
 * answer is appended together with its checkpoint: whenever the process is killed, no order is paid or shipped twice, and
 * none is left out. This program starts itself, kills itself several times, and then counts.
 *
 * ```
 * node --conditions=litetapes-source examples/process-manager.ts
 * ```
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Stream from "effect/Stream"
import * as CheckpointStore from "litetapes/CheckpointStore"
import * as Consumer from "litetapes/Consumer"
import * as EventStore from "litetapes/EventStore"
import * as NodeStorage from "litetapes/NodeStorage"
import * as assert from "node:assert/strict"
import { spawn } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

const orders = 150
const kills = 3

/** Appends the answer to an event, and that the event is done: both, or neither. */
const answer = (
  { stream }: EventStore.RecordedEvent,
  { checkpoint }: Consumer.Handling,
  category: string,
  type: string
) =>
  Effect.gen(function* () {
    const store = yield* EventStore.EventStore
    const order = stream.slice(stream.indexOf("-") + 1)
    yield* store.append(`${category}-${order}`, [{ type, data: { order } }], { checkpoint })
  })

const payment = Consumer.make({
  name: "payment",
  filter: { types: ["OrderPlaced"] },
  handler: (event, handling) => answer(event, handling, "payment", "PaymentTaken"),
  partitions: 4
})

const shipping = Consumer.make({
  name: "shipping",
  filter: { types: ["PaymentTaken"] },
  handler: (event, handling) => answer(event, handling, "shipment", "OrderShipped")
})

/** Takes orders until it has all of them, and ends once all are shipped. It may be killed at any time. */
const service = Effect.gen(function* () {
  const store = yield* EventStore.EventStore
  const [paying, sending] = [yield* payment.running, yield* shipping.running]
  yield* Console.log("open")
  for (let n = 0; n < orders; n++) {
    // The id makes a repeated order the same order.
    yield* store.append(`order-${n}`, [{ type: "OrderPlaced", id: `placed-${n}`, data: { cents: 100 * n } }])
  }
  yield* paying.whenCaughtUp
  yield* sending.whenCaughtUp
})

const serve = (folder: string) =>
  Effect.provide(
    service,
    Layer.mergeAll(Consumer.layer(payment), Consumer.layer(shipping)).pipe(
      Layer.provide(CheckpointStore.layerLib),
      Layer.provideMerge(EventStore.layer(folder)),
      Layer.provide(NodeStorage.layer),
      // The warnings about a writer that was killed.
      Layer.provideMerge(Logger.layer([]))
    )
  )

/** Runs the service in a process of its own. It is killed some time after it has opened the lib, unless it may end. */
const runChild = (folder: string, mayEnd: boolean): Promise<NodeJS.Signals | number | null> =>
  new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...process.execArgv, import.meta.filename, "serve", folder], {
      stdio: ["ignore", "pipe", "inherit"]
    })
    child.stdout.once("data", () => {
      if (!mayEnd) setTimeout(() => child.kill("SIGKILL"), Math.random() * 60)
    })
    child.on("error", reject)
    child.on("close", (code, signal) => resolve(signal ?? code))
  })

/** Counts how often each order has an event of this type. */
const countsOf = (type: string) =>
  Effect.gen(function* () {
    const store = yield* EventStore.EventStore
    const counts = new Map<string, number>()
    yield* Stream.runForEach(store.readAll({ filter: { types: [type] } }), ({ data }) =>
      Effect.sync(() => {
        const { order } = data as { readonly order: string }
        counts.set(order, (counts.get(order) ?? 0) + 1)
      })
    )
    return counts
  })

/** Checks what the service has done, from all of its lives. */
const report = Effect.gen(function* () {
  for (const type of ["PaymentTaken", "OrderShipped"]) {
    const counts = yield* countsOf(type)
    assert.deepEqual([counts.size, Math.max(...counts.values())], [orders, 1])
    yield* Console.log(`${type}: ${orders} orders, each of them once.`)
  }
  const { lib } = yield* EventStore.EventStore
  for (const { consumer, low } of yield* lib.checkpoints) yield* Console.log(`${consumer} has done ${low} events.`)
})

const supervise = (folder: string) =>
  Effect.gen(function* () {
    const ends: Array<NodeJS.Signals | number | null> = []
    for (let n = 0; n <= kills; n++) ends.push(yield* Effect.promise(() => runChild(folder, n === kills)))
    assert.equal(ends.at(-1), 0)
    yield* Console.log(`The service was killed ${ends.filter((end) => end === "SIGKILL").length} times.`)
    yield* Effect.provide(report, Layer.provide(EventStore.layer(folder, { mode: "read" }), NodeStorage.layer))
  })

const scratch = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "litetapes-process-manager-"))),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
)

const program =
  process.argv[2] === "serve"
    ? serve(process.argv[3]!)
    : Effect.scoped(Effect.flatMap(scratch, (folder) => supervise(join(folder, "shop"))))

program.pipe(NodeRuntime.runMain)
