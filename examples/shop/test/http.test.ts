/** What is answered to requests. The whole application runs in memory. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { afterAll, assert, it } from "vitest"
import type { OrderView } from "../http/api.ts"
import { Bank } from "../process/Bank.ts"
import { eventually } from "./support/eventually.ts"
import { shopInMemory } from "./support/shopInMemory.ts"

/** The bank answers once this is called. */
let letBankAnswer = (): void => {}
const answering = new Promise<void>((resolve) => (letBankAnswer = resolve))
const answer = Effect.promise(() => answering)
const slowBank = Layer.succeed(
  Bank,
  Bank.of({ charge: ({ order }) => Effect.as(answer, { reference: `bank-${order}` }), refund: () => Effect.void })
)

const { ask, dispose, post, spans } = shopInMemory(slowBank)
afterAll(dispose)

type View = typeof OrderView.Type

const receive = (sku: string, key: string) => post(`/stock/${sku}/receipts`, key, { quantity: 10, cents: 250 })

const order = (customer: string) => ({ customer, items: [{ sku: "apple", quantity: 2 }] })

const becomes = (id: string, status: View["status"]) =>
  eventually(
    () => ask<View>(`/orders/${id}`),
    ({ body }) => body.status === status
  )

it("an order is taken once although its request is repeated, at the price of the first time", async () => {
  assert.strictEqual((await receive("apple", "delivery-1")).status, 201)
  const first = await post<View>("/orders", "order-of-ada", order("Ada"))
  assert.deepStrictEqual([first.status, first.body.cents, first.body.status], [201, 500, "placed"])
  await post("/stock/apple/receipts", "delivery-2", { quantity: 1, cents: 300 })
  assert.deepStrictEqual(await post<View>("/orders", "order-of-ada", order("Ada")), first)
  assert.strictEqual((await ask<View>(`/orders/${first.body.id}`)).body.cents, 500)
})

it("a key that was used for something else is refused", async () => {
  const reused = await post("/orders", "order-of-ada", order("Bob"))
  assert.deepStrictEqual([reused.status, reused.body.type], [422, "/problems/idempotency-key-reused"])
  assert.strictEqual((await post("/stock/apple/receipts", "delivery-1", { quantity: 9, cents: 250 })).status, 422)
})

it("a request that does not fit its schema is refused, and the answer says where", async () => {
  const wrong: ReadonlyArray<readonly [string | undefined, object]> = [
    [undefined, order("Ada")],
    ["short", order("Ada")],
    ["no-customer", { items: [{ sku: "apple", quantity: 1 }] }],
    ["no-items", { customer: "Ada", items: [] }],
    ["no-number", { customer: "Ada", items: [{ sku: "apple", quantity: "2" }] }],
    ["none-of-it", { customer: "Ada", items: [{ sku: "apple", quantity: 0 }] }],
    ["twice-the-same", { customer: "Ada", items: [1, 2].map((quantity) => ({ sku: "apple", quantity })) }]
  ]
  for (const [key, body] of wrong) {
    const { status, body: problem } = await post<{ readonly errors: ReadonlyArray<object> }>("/orders", key, body)
    assert.strictEqual(status, 400, key)
    assert.isNotEmpty(problem.errors)
  }
  assert.strictEqual((await ask("/orders/nonsense")).status, 400)
})

it("products and orders that are not there are refused", async () => {
  const unknown = await post<object>("/orders", "unknown-product", {
    customer: "Ada",
    items: [{ sku: "yak", quantity: 1 }]
  })
  assert.deepInclude(unknown, { status: 422 })
  assert.deepInclude(unknown.body, { type: "/problems/unknown-products", skus: ["yak"] })
  const nobody = "0".repeat(32)
  assert.strictEqual((await ask(`/orders/${nobody}`)).body.type, "/problems/order-not-found")
  assert.strictEqual((await post(`/orders/${nobody}/cancellation`, "cancel-nobody")).status, 404)
})

it("an order can be cancelled until it is shipped, and its payment and its stock come back", async () => {
  const { body: cancelled } = await post<View>("/orders", "order-of-bob", order("Bob"))
  const { body: shipped } = await post<View>("/orders", "order-of-eve", order("Eve"))
  const cancel = await post<View>(`/orders/${cancelled.id}/cancellation`, "cancel-bob")
  assert.deepStrictEqual([cancel.status, cancel.body.status, cancel.body.reason], [200, "cancelled", "by the customer"])
  letBankAnswer()
  await becomes(shipped.id, "shipped")
  const late = await post(`/orders/${shipped.id}/cancellation`, "cancel-eve")
  assert.deepStrictEqual([late.status, late.body.type], [409, "/problems/order-shipped"])
  const list = (customer: string) => () => ask<ReadonlyArray<object>>(`/orders?customer=${customer}`)
  await eventually(list("Bob"), ({ body: [row] }) => Object(row).payment === "refunded")
  await eventually(list("Eve"), ({ body: [row] }) => Object(row).status === "shipped")
  // 11 came in, 2 for Ada and 2 for Eve left.
  const level = { sku: "apple", cents: 300, available: 7, reserved: 0 }
  await eventually(
    () => ask<ReadonlyArray<typeof level>>("/stock"),
    ({ body: [apple] }) => apple?.available === level.available && apple.reserved === level.reserved
  )
})

it("a trace has what follows from a request, too", async () => {
  const { body: placed } = await post<View>("/orders", "order-of-mia", order("Mia"))
  await becomes(placed.id, "shipped")
  const { traceId } = spans.findLast(({ name }) => name === "place")!
  const names = spans.filter((span) => span.traceId === traceId).map(({ name }) => name)
  assert.includeMembers(names, ["POST", "place", "fulfilment.afterOrder", "charging", "fulfilment.afterPayment"])
})

it("the shop says that it is alive and ready", async () => {
  assert.strictEqual((await ask("/health/live")).status, 204)
  const { body, status } = await ask<{ readonly position: number }>("/health/ready")
  assert.strictEqual(status, 200)
  assert.isAbove(body.position, 10)
})
