/** The shop as a process: killed at the worst moment, and started again. Nothing is lost, and nothing is done twice. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as Category from "litetapes/Category"
import * as EventStore from "litetapes/EventStore"
import * as NodeStorage from "litetapes/NodeStorage"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, assert, beforeAll, it } from "vitest"
import type { OrderView } from "../http/api.ts"
import type { OrderRow } from "../readModels/orderOverview.ts"
import { eventually } from "./support/eventually.ts"
import { FakeBank } from "./support/FakeBank.ts"
import { ShopProcess } from "./support/ShopProcess.ts"

const count = 20
let folder = ""
let bank: FakeBank

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "litetapes-shop-"))
  bank = await FakeBank.open()
})
afterAll(() => {
  bank.close()
  rmSync(folder, { recursive: true, force: true })
})

/** Places all orders at the same time, as clients that repeat what got no answer. Returns the ids of those that were answered. */
const placeAll = async (shop: ShopProcess): Promise<ReadonlyArray<string>> => {
  const places = Array.from({ length: count }, (_, n) =>
    shop.post("/orders", `order-number-${n}`, { customer: "Ada", items: [{ sku: "apple", quantity: 1 + (n % 3) }] })
  )
  const answers = (await Promise.allSettled(places)).flatMap((one) => (one.status === "fulfilled" ? [one.value] : []))
  for (const { body, status } of answers) assert.strictEqual(status, 201, JSON.stringify(body))
  return answers.map(({ body }) => (body as typeof OrderView.Type).id)
}

/** Kills the shop once the bank has taken some money, and before the shop gets the answer. */
const killAtBank = (shop: ShopProcess, request: number): Promise<void> =>
  new Promise((resolve, reject) => {
    bank.beforeAnswer = () => {
      if (bank.requests !== request) return
      bank.beforeAnswer = () => {}
      shop.kill().then(resolve, reject)
    }
  })

/** Types of the events of each stream, from the files, after the shop has stopped. */
const typesByStream = () =>
  Effect.gen(function* () {
    const store = yield* EventStore.EventStore
    const events = yield* Stream.runCollect(store.readAll())
    return Map.groupBy(events, ({ stream }) => stream)
  }).pipe(
    Effect.provide(EventStore.layer(join(folder, "events"), { mode: "read" }).pipe(Layer.provide(NodeStorage.layer))),
    Effect.runPromise
  )

it(
  "loses nothing and does nothing twice when it is killed while the bank takes money",
  { timeout: 60_000 },
  async () => {
    const first = await ShopProcess.start(folder, bank.url)
    const delivery = { quantity: 100, cents: 250 }
    assert.strictEqual((await first.post("/stock/apple/receipts", "first-delivery", delivery)).status, 201)
    const killed = killAtBank(first, 3)
    const [answered] = await Promise.all([placeAll(first), killed])

    const second = await ShopProcess.start(folder, bank.url)
    const ids = await placeAll(second)
    assert.strictEqual(new Set(ids).size, count)
    for (const id of answered) assert.include(ids, id)
    // A repeated delivery, too: its answer might have been lost.
    assert.strictEqual((await second.post("/stock/apple/receipts", "first-delivery", delivery)).status, 201)

    const { body } = await eventually(
      () => second.get("/orders?customer=Ada"),
      ({ body }) => {
        const rows = body as ReadonlyArray<OrderRow>
        return rows.length === count && rows.every(({ status }) => status === "shipped")
      }
    )
    const rows = body as ReadonlyArray<OrderRow>
    const levels = await eventually(
      () => second.get("/stock"),
      ({ body }) => (body as ReadonlyArray<{ readonly reserved: number }>)[0]?.reserved === 0
    )
    const health = await second.get("/health/ready")
    assert.strictEqual(health.status, 200)
    assert.strictEqual(await second.stop(), 0)

    // The bank took the money for each order once, although it was asked more often.
    assert.isAbove(bank.requests, count)
    assert.deepStrictEqual(bank.taken, new Map(rows.map(({ cents, id }) => [id, [cents]])))
    const events = await typesByStream()
    for (const id of ids) {
      assert.deepStrictEqual(
        events.get(`order-${id}`)?.map(({ type }) => type),
        ["OrderPlaced", "OrderShipped"]
      )
      assert.deepStrictEqual(
        events.get(`payment-${id}`)?.map(({ type }) => type),
        ["PaymentRequested", "PaymentTaken"]
      )
    }
    const stock = events.get("stock-apple")!
    assert.deepStrictEqual(
      ["GoodsReceived", "StockReserved", "StockDispatched"].map(
        (one) => stock.filter(({ type }) => type === one).length
      ),
      [1, count, count]
    )
    // The read models are what the events say.
    const sold = rows.reduce((sum, { cents }) => sum + cents / 250, 0)
    assert.deepStrictEqual(levels.body, [{ sku: "apple", cents: 250, available: 100 - sold, reserved: 0 }])
    const orders = [...events.keys()]
      .filter((stream) => stream.startsWith("order-"))
      .map((stream) => Category.idOf({ stream }))
    assert.deepStrictEqual(new Set(orders), new Set(rows.map(({ id }) => id)))
  }
)
