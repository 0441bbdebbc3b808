/** What clients see while the disk fails: no lie, and no second order. */
import * as Layer from "effect/Layer"
import * as Disk from "litetapes/Disk"
import * as FolderStorage from "litetapes/FolderStorage"
import { SimulatedDisk } from "litetapes/testing"
import { afterAll, assert, it } from "vitest"
import type { OrderView } from "../http/api.ts"
import { Bank } from "../process/Bank.ts"
import { eventually } from "./support/eventually.ts"
import { shopInMemory } from "./support/shopInMemory.ts"

let isBroken = false
const { disk } = SimulatedDisk.make({
  onStep: ({ operation }) => (isBroken && operation.endsWith("sync") ? { code: "EIO" } : undefined)
})
const storage = FolderStorage.layer.pipe(Layer.provide(Layer.succeed(Disk.Disk, disk)))

const { ask, dispose, post } = shopInMemory(Bank.layerPretend, storage)
afterAll(dispose)

const order = { customer: "Ada", items: [{ sku: "apple", quantity: 2 }] }

it("while the disk fails the shop is not ready, and orders get 503; later their repeated requests are taken once", async () => {
  await post("/stock/apple/receipts", "delivery-1", { quantity: 10, cents: 250 })
  assert.strictEqual((await ask("/health/ready")).status, 200)
  isBroken = true
  const failed = await post("/orders", "order-of-ada", order)
  assert.deepStrictEqual([failed.status, failed.body.type], [503, "/problems/try-again"])
  const { body, status } = await ask<{ readonly problems: ReadonlyArray<string> }>("/health/ready")
  assert.strictEqual(status, 503)
  assert.match(body.problems[0]!, /^append: /)

  isBroken = false
  const { body: placed } = await eventually(
    () => post<typeof OrderView.Type>("/orders", "order-of-ada", order),
    (answer) => answer.status === 201
  )
  const { body: rows } = await eventually(
    () => ask<ReadonlyArray<{ readonly id: string }>>("/orders?customer=Ada"),
    (answer) => answer.body.length > 0
  )
  assert.deepStrictEqual(
    rows.map(({ id }) => id),
    [placed.id]
  )
})
