/**
 * Payments by a bank outside the store, and orders that are cancelled if they are not paid in time. To place an order appends
 * one event. A reactor charges the customer, with an idempotency key, and records that. Another one schedules an event for
 * the time when the payment is overdue. This program starts itself, kills itself several times, and then counts.
 *
 * ```
 * node --conditions=litetapes-source examples/reminders.ts
 * ```
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as EventStore from "litetapes/EventStore"
import * as NodeStorage from "litetapes/NodeStorage"
import * as Reactor from "litetapes/Reactor"
import * as ScheduledEvents from "litetapes/ScheduledEvents"
import * as assert from "node:assert/strict"
import { spawn } from "node:child_process"
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

const orders = 60
const kills = 2

/** Of every five customers one has a card that the bank does not know. */
const isUnknown = (order: number) => order % 5 === 1

const numberOf = (stream: string) => Number(stream.slice(stream.indexOf("-") + 1))

/** The bank: it writes down each call, and a call with a key that it knows changes nothing. */
const callBank = (bank: string, what: "charge" | "refund", order: number, key: string) =>
  Effect.suspend(() => {
    if (isUnknown(order) && what === "charge") return Effect.fail(new Error("the bank does not know this card"))
    return Effect.sync(() => appendFileSync(bank, `${what} ${order} ${key}\n`))
  })

/** Returns what has happened to an order, and its last revision. */
const lookAt = (stream: string) =>
  Effect.gen(function* () {
    const store = yield* EventStore.EventStore
    const events = yield* Stream.runCollect(store.read(stream))
    const has = (wanted: string) => events.some(({ type }) => type === wanted)
    return { isPaid: has("PaymentTaken"), isCancelled: has("OrderCancelled"), expected: events.length - 1 }
  })

/** Charges the customer. What it returns is recorded only if nothing has happened to the order meanwhile. */
const paymentsAt = (bank: string) =>
  Reactor.make({
    name: "payments",
    filter: { types: ["OrderPlaced"] },
    react: ({ stream }, { key }) =>
      Effect.gen(function* () {
        const order = numberOf(stream)
        const { expected, isCancelled } = yield* lookAt(stream)
        // An earlier attempt may have charged it before it was cancelled.
        if (isCancelled) return yield* callBank(bank, "refund", order, key)
        yield* callBank(bank, "charge", order, key)
        return { stream, events: [{ type: "PaymentTaken", data: { receipt: key } }], expected }
      }),
    partitions: 4,
    maxAttempts: 3,
    retry: Schedule.spaced("1 millis")
  })

const deadlines = ScheduledEvents.make({ name: "deadline" })

/** Begins the wait for a payment, ends it, and cancels what was not paid in time. */
const waiting = Reactor.make({
  name: "waiting",
  filter: { types: ["OrderPlaced", "PaymentTaken", "PaymentOverdue"] },
  react: ({ stream, time, type }) =>
    Effect.gen(function* () {
      if (type === "OrderPlaced") {
        // Derived from the time of the event: a retry schedules the same.
        const deliverAt = Date.parse(time) + 300
        return deadlines.toAppend({ id: stream, deliverAt, stream, event: { type: "PaymentOverdue" } })
      }
      if (type === "PaymentTaken") return void (yield* deadlines.cancel(stream))
      const { expected, isPaid } = yield* lookAt(stream)
      return isPaid ? undefined : { stream, events: [{ type: "OrderCancelled" }], expected }
    })
})

/** Takes orders until it has all of them, and ends once each is paid, cancelled, or a dead letter. */
const service = (payments: ReturnType<typeof paymentsAt>) =>
  Effect.gen(function* () {
    const store = yield* EventStore.EventStore
    const [paying, settling, due] = [yield* payments.running, yield* waiting.running, yield* deadlines.running]
    yield* Console.log("open")
    for (let n = 0; n < orders; n++) {
      // The outbox: the event that asks for the payment is appended, and nobody is called.
      yield* store.append(`order-${n}`, [{ type: "OrderPlaced", id: "placed", data: { cents: 100 * n } }])
    }
    const isOver = Effect.gen(function* () {
      yield* Effect.all([paying.whenCaughtUp, settling.whenCaughtUp, due.whenCaughtUp])
      return (yield* due.status).open === 0
    })
    while (!(yield* isOver)) yield* Effect.sleep("20 millis")
    yield* settling.whenCaughtUp
    const letters = yield* paying.deadLetters
    yield* Console.log(
      `${letters.length} payments are dead letters: ${[...new Set(letters.map(({ why }) => why))].join()}`
    )
  })

const serve = (folder: string, bank: string) => {
  const payments = paymentsAt(bank)
  return Effect.provide(
    service(payments),
    Layer.mergeAll(Reactor.layer(payments), Reactor.layer(waiting), ScheduledEvents.layer(deadlines)).pipe(
      Layer.provideMerge(EventStore.layer(folder)),
      Layer.provide(NodeStorage.layer),
      // The warnings about dead letters, and about a writer that was killed.
      Layer.provideMerge(Logger.layer([]))
    )
  )
}

/** Runs the service in a process of its own. It is killed some time after it has opened the lib, unless it may end. */
const runChild = (folder: string, bank: string, mayEnd: boolean): Promise<NodeJS.Signals | number | null> =>
  new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...process.execArgv, import.meta.filename, "serve", folder, bank], {
      stdio: ["ignore", "pipe", "inherit"]
    })
    child.stdout.once("data", () => {
      if (!mayEnd) setTimeout(() => child.kill("SIGKILL"), Math.random() * 150)
    })
    child.stdout.on("data", (text: Buffer) => {
      if (mayEnd && text.includes("dead letters")) process.stdout.write(text.toString().replace("open\n", ""))
    })
    child.on("error", reject)
    child.on("close", (code, signal) => resolve(signal ?? code))
  })

/** Checks what the service has done, from all of its lives. */
const report = (bank: string) =>
  Effect.gen(function* () {
    const store = yield* EventStore.EventStore
    const found = new Map<string, Array<string>>()
    yield* Stream.runForEach(store.readAll({ filter: { categories: ["order"] } }), ({ stream, type }) =>
      Effect.sync(() => found.set(stream, [...(found.get(stream) ?? []), type]))
    )
    const calls = readFileSync(bank, "utf8").trimEnd().split("\n")
    let [paid, cancelled] = [0, 0]
    for (let n = 0; n < orders; n++) {
      const count = (type: string) => found.get(`order-${n}`)?.filter((one) => one === type).length ?? 0
      const keys = (what: string) => new Set(calls.filter((call) => call.startsWith(`${what} ${n} `))).size
      assert.deepEqual([count("OrderPlaced"), count("PaymentTaken") + count("OrderCancelled")], [1, 1], `order-${n}`)
      // However often it was called, the bank knows one payment of an order that is paid, and none of one that is not.
      assert.equal(keys("charge") === 1 && keys("refund") === 0, count("PaymentTaken") === 1, `order-${n}`)
      if (count("PaymentTaken") === 1) paid++
      else cancelled++
    }
    yield* Console.log(`${paid} orders are paid, each once, in ${calls.length} calls of the bank.`)
    yield* Console.log(`${cancelled} orders were not paid in time, and cancelled, each once.`)
  })

const supervise = (folder: string, bank: string) =>
  Effect.gen(function* () {
    const ends: Array<NodeJS.Signals | number | null> = []
    for (let n = 0; n <= kills; n++) ends.push(yield* Effect.promise(() => runChild(folder, bank, n === kills)))
    assert.equal(ends.at(-1), 0)
    yield* Console.log(`The service was killed ${ends.filter((end) => end === "SIGKILL").length} times.`)
    yield* Effect.provide(report(bank), Layer.provide(EventStore.layer(folder, { mode: "read" }), NodeStorage.layer))
  })

const scratch = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "litetapes-reminders-"))),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
)

const program =
  process.argv[2] === "serve"
    ? serve(process.argv[3]!, process.argv[4]!)
    : Effect.scoped(Effect.flatMap(scratch, (folder) => supervise(join(folder, "shop"), join(folder, "bank.txt"))))

program.pipe(NodeRuntime.runMain)
