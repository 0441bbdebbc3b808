/** What is decided: given these events, when this command is handled, then these events happen. No store is needed. */
import { DeciderSpec } from "litetapes/testing"
import { describe, it } from "vitest"
import { AlreadyShipped, NoSuchOrder, OrderExists, orders } from "../domain/orders.ts"
import { payments } from "../domain/payments.ts"
import { OutOfStock, stock } from "../domain/stock.ts"

const lines = [{ sku: "apple", quantity: 2, cents: 250 }]
const placed = { type: "OrderPlaced", data: { customer: "Ada", lines } } as const
const shipped = { type: "OrderShipped", data: {} } as const
const cancelled = { type: "OrderCancelled", data: { reason: "out of stock" } } as const

describe("an order", () => {
  it("is placed once", () => {
    const place = { type: "place", customer: "Ada", lines } as const
    DeciderSpec.given(orders, []).when(place).thenEvents(placed)
    DeciderSpec.given(orders, [placed])
      .when(place)
      .thenRejected((error) => error instanceof OrderExists)
  })

  it("is cancelled until it is shipped", () => {
    const cancel = { type: "cancel", reason: "out of stock" } as const
    DeciderSpec.given(orders, [placed]).when(cancel).thenEvents(cancelled)
    DeciderSpec.given(orders, [placed, cancelled]).when(cancel).thenNothing()
    DeciderSpec.given(orders, [placed, shipped])
      .when(cancel)
      .thenRejected((error) => error instanceof AlreadyShipped)
    DeciderSpec.given(orders, [])
      .when(cancel)
      .thenRejected((error) => error instanceof NoSuchOrder)
  })

  it("is shipped once, unless it was cancelled", () => {
    DeciderSpec.given(orders, [placed]).when({ type: "ship" }).thenEvents(shipped)
    DeciderSpec.given(orders, [placed, shipped]).when({ type: "ship" }).thenNothing()
    DeciderSpec.given(orders, [placed, cancelled])
      .when({ type: "ship" })
      .thenRejected((error) => error._tag === "AlreadyCancelled")
  })
})

describe("stock", () => {
  const received = { type: "GoodsReceived", data: { quantity: 3, cents: 250 } } as const
  const reserved = { type: "StockReserved", data: { order: "17", quantity: 2 } } as const

  it("is reserved as long as there is enough, once for an order", () => {
    const spec = DeciderSpec.given(stock, [received, reserved])
    spec.when({ type: "reserve", order: "17", quantity: 2 }).thenNothing()
    spec
      .when({ type: "reserve", order: "18", quantity: 1 })
      .thenEvents({ type: "StockReserved", data: { order: "18", quantity: 1 } })
    spec
      .when({ type: "reserve", order: "18", quantity: 2 })
      .thenRejected((error) => error instanceof OutOfStock && error.available === 1)
  })

  it("is released or dispatched once", () => {
    const spec = DeciderSpec.given(stock, [received, reserved])
    const released = { type: "StockReleased", data: { order: "17", quantity: 2 } } as const
    spec.when({ type: "release", order: "17" }).thenEvents(released)
    spec.when({ type: "release", order: "17" }).thenState({ cents: 250, available: 3, reserved: new Map() })
    spec.when({ type: "dispatch", order: "17" }).thenState({ cents: 250, available: 1, reserved: new Map() })
    DeciderSpec.given(stock, [received, reserved, released]).when({ type: "dispatch", order: "17" }).thenNothing()
  })
})

describe("a payment", () => {
  const requested = { type: "PaymentRequested", data: { cents: 500 } } as const
  const taken = { type: "PaymentTaken", data: { reference: "bank-1" } } as const
  const declined = { type: "PaymentDeclined", data: { why: "too much" } } as const

  it("is refunded only if it was taken, and once", () => {
    const refunding = { type: "RefundRequested", data: { reference: "bank-1" } } as const
    DeciderSpec.given(payments, [requested, taken]).when({ type: "refund" }).thenEvents(refunding)
    DeciderSpec.given(payments, [requested, taken, refunding]).when({ type: "refund" }).thenNothing()
    DeciderSpec.given(payments, [requested]).when({ type: "refund" }).thenNothing()
    DeciderSpec.given(payments, [requested, declined]).when({ type: "refund" }).thenNothing()
  })

  it("takes the first answer of the bank", () => {
    DeciderSpec.given(payments, [requested]).when({ type: "take", reference: "bank-1" }).thenEvents(taken)
    DeciderSpec.given(payments, [requested]).when({ type: "decline", why: "too much" }).thenEvents(declined)
    DeciderSpec.given(payments, [requested, declined]).when({ type: "take", reference: "bank-1" }).thenNothing()
  })
})
