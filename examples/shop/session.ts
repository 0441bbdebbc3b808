/**
 * A short session with the shop: goods come in, four orders are placed, and the shop is killed while the bank takes the money of
 * one of them. Then it starts again, and the clients repeat their requests, because they got no answer.
 *
 * ```
 * node --conditions=litetapes-source examples/shop/session.ts
 * ```
 */
import * as assert from "node:assert/strict"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { OrderRow } from "./readModels/orderOverview.ts"
import { eventually } from "./test/support/eventually.ts"
import { FakeBank } from "./test/support/FakeBank.ts"
import { ShopProcess } from "./test/support/ShopProcess.ts"

const orders = [
  { customer: "Ada", items: [{ sku: "apple", quantity: 2 }] },
  {
    customer: "Bob",
    items: [
      { sku: "apple", quantity: 1 },
      { sku: "pear", quantity: 1 }
    ]
  },
  { customer: "Eve", items: [{ sku: "pear", quantity: 5 }] }, // more than there are
  { customer: "Mia", items: [{ sku: "piano", quantity: 1 }] } // more than the bank gives
]

const placeAll = (shop: ShopProcess) =>
  Promise.allSettled(orders.map((order) => shop.post("/orders", `order-of-${order.customer}`, order)))

const ordersIn = async (shop: ShopProcess): Promise<ReadonlyArray<OrderRow>> => {
  const answers = await Promise.all(orders.map(({ customer }) => shop.get(`/orders?customer=${customer}`)))
  return answers.flatMap(({ body }) => body as ReadonlyArray<OrderRow>)
}

const isSettled = (rows: ReadonlyArray<OrderRow>): boolean =>
  rows.length === orders.length && rows.every(({ status }) => status !== "placed")

const folder = mkdtempSync(join(tmpdir(), "litetapes-shop-"))
const bank = await FakeBank.open()
try {
  const first = await ShopProcess.start(folder, bank.url)
  for (const [sku, quantity, cents] of [
    ["apple", 10, 250],
    ["pear", 2, 300],
    ["piano", 1, 500_000]
  ] as const) {
    const { status } = await first.post(`/stock/${sku}/receipts`, `first-delivery-of-${sku}`, { quantity, cents })
    assert.equal(status, 201)
  }
  const killed = new Promise<void>((resolve, reject) => {
    bank.beforeAnswer = () => {
      bank.beforeAnswer = () => {}
      first.kill().then(resolve, reject)
    }
  })
  await Promise.all([placeAll(first), killed])
  console.log("The shop was killed while it waited for the bank.")

  const second = await ShopProcess.start(folder, bank.url)
  await placeAll(second)
  const rows = await eventually(() => ordersIn(second), isSettled)
  for (const { cents, customer, payment, reason, status } of rows) {
    console.log(`${customer}: ${cents} cents, payment ${payment}, ${status}${reason === null ? "" : ` (${reason})`}`)
  }
  const { body: levels } = await eventually(
    () => second.get("/stock"),
    ({ body }) => (body as ReadonlyArray<{ readonly reserved: number }>).every(({ reserved }) => reserved === 0)
  )
  assert.deepEqual(
    (levels as ReadonlyArray<{ readonly sku: string; readonly available: number }>).map((one) => one.available),
    [7, 1, 1]
  )
  assert.deepEqual([...bank.taken.values()].toSorted().join(), "500,550")
  console.log(`The bank was asked ${bank.requests} times, and took the money for each of 2 orders once.`)
  assert.equal(await second.stop(), 0)
  console.log("Stopped.")
} finally {
  bank.close()
  rmSync(folder, { recursive: true, force: true })
}
