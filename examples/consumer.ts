/**
 * Invoices by mail, one for each paid order: a consumer remembers how far it is, retries, and parks what it cannot handle.
 *
 * ```
 * node --conditions=litetapes-source examples/consumer.ts
 * ```
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as CheckpointStore from "litetapes/CheckpointStore"
import * as Consumer from "litetapes/Consumer"
import * as EventStore from "litetapes/EventStore"
import * as NodeDisk from "litetapes/NodeDisk"
import * as NodeStorage from "litetapes/NodeStorage"
import * as assert from "node:assert/strict"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

/** The mail server. It knows the ids of mails, so that one that is sent again arrives once. */
const sent = new Map<string, string>()
let sendings = 0
let isBlocked = true

const send = (id: string, order: string) =>
  Effect.suspend(() => {
    sendings++
    if (sendings % 7 === 0) return Effect.fail(new Error("the mail server is busy"))
    if (isBlocked && order === "order-13") return Effect.fail(new Error("no such address"))
    return Effect.sync(() => sent.set(id, order))
  })

const invoices = Consumer.make({
  name: "invoices",
  filter: { types: ["OrderPaid"] },
  handler: (event) => send(event.id, event.stream),
  partitions: 4,
  maxAttempts: 3,
  onPoison: "park"
})

const appendOrders = (from: number, to: number) =>
  Effect.gen(function* () {
    const store = yield* EventStore.EventStore
    for (let n = from; n < to; n++) {
      const events = ["OrderPlaced", "OrderPaid"].map((type) => ({ type, data: { cents: 100 * n } }))
      yield* store.append(`order-${n}`, events, { expected: "no-stream" })
    }
  })

const firstRun = Effect.gen(function* () {
  yield* appendOrders(0, 20)
  const running = yield* invoices.running
  yield* running.whenCaughtUp
  const { lag, parked } = yield* running.status
  yield* Console.log(`${sent.size} invoices were sent, ${parked} is parked, ${lag} events are left.`)
  assert.deepEqual([sent.size, parked, lag], [19, 1, 0])
})

const secondRun = Effect.gen(function* () {
  const before = sendings
  const running = yield* invoices.running
  yield* appendOrders(20, 30)
  yield* running.whenCaughtUp
  assert.equal(sent.size, 29)
  assert.ok(sendings - before <= 12, "invoices were sent again")
  yield* Console.log("The next run continued where the first one ended.")

  isBlocked = false
  for (const { position, stream, why } of yield* running.parked) {
    yield* Console.log(`${stream} was parked: ${why}.`)
    yield* Effect.retry(running.replay(position), { times: 1 })
  }
  assert.deepEqual([sent.size, (yield* running.parked).length], [30, 0])
  yield* Console.log("All 30 invoices were sent.")
})

const services = (folder: string) =>
  Consumer.layer(invoices).pipe(
    Layer.provideMerge([
      EventStore.layer(join(folder, "orders")),
      CheckpointStore.layerFolder(join(folder, "checkpoints"))
    ]),
    Layer.provide([NodeStorage.layer, NodeDisk.layer]),
    // The warning about the parked invoice.
    Layer.provideMerge(Logger.layer([]))
  )

const scratch = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "litetapes-consumer-"))),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
)

const program = Effect.gen(function* () {
  const folder = yield* scratch
  yield* Effect.provide(firstRun, services(folder))
  yield* Effect.provide(secondRun, services(folder))
})

Effect.scoped(program).pipe(NodeRuntime.runMain)
