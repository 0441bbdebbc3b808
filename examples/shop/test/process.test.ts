/** What follows from an event: each check is repeated with a crash after every step, and must end the same. */
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { ConsumerSpec, GivenEvents } from "litetapes/testing"
import { describe } from "vitest"
import { Order } from "../domain/orders.ts"
import { Payment } from "../domain/payments.ts"
import { Stock } from "../domain/stock.ts"
import { Bank, BankUnavailable, type Charge } from "../process/Bank.ts"
import { charging } from "../process/charging.ts"
import { fulfilment } from "../process/fulfilment.ts"

const reservation = (quantity: number) => ({ order: "17", quantity })
const lines = [
  { sku: "apple", quantity: 2, cents: 250 },
  { sku: "pear", quantity: 1, cents: 300 }
]
const apples = GivenEvents.of(Stock, "apple", [{ type: "GoodsReceived", data: { quantity: 10, cents: 250 } }])
const pears = GivenEvents.of(Stock, "pear", [{ type: "GoodsReceived", data: { quantity: 1, cents: 300 } }])
const placed = GivenEvents.of(Order, "17", [{ type: "OrderPlaced", data: { customer: "Ada", lines } }])
const reserved = [
  GivenEvents.of(Stock, "apple", [{ type: "StockReserved", data: reservation(2) }]),
  GivenEvents.of(Stock, "pear", [{ type: "StockReserved", data: reservation(1) }])
]
const requested = GivenEvents.of(Payment, "17", [{ type: "PaymentRequested", data: { cents: 800 } }])
const taken = GivenEvents.of(Payment, "17", [{ type: "PaymentTaken", data: { reference: "bank-17" } }])
const cancelled = GivenEvents.of(Order, "17", [{ type: "OrderCancelled", data: { reason: "by the customer" } }])
const released = [
  GivenEvents.of(Stock, "apple", [{ type: "StockReleased", data: reservation(2) }]),
  GivenEvents.of(Stock, "pear", [{ type: "StockReleased", data: reservation(1) }])
]
const refunding = GivenEvents.of(Payment, "17", [{ type: "RefundRequested", data: { reference: "bank-17" } }])

describe("fulfilment", () => {
  it.effect("reserves all of an order and requests its payment", () =>
    ConsumerSpec.given(fulfilment, [apples, pears])
      .when(placed)
      .thenAppends(...reserved, requested)
  )

  it.effect("cancels an order that is not in stock, and keeps nothing of it", () =>
    ConsumerSpec.given(fulfilment, [apples])
      .when(placed)
      .thenAppends(GivenEvents.of(Order, "17", [{ type: "OrderCancelled", data: { reason: "out of stock" } }]))
  )

  it.effect("ships what is paid", () =>
    ConsumerSpec.given(fulfilment, [apples, pears, placed, ...reserved, requested])
      .when(taken)
      .thenAppends(
        GivenEvents.of(Order, "17", [{ type: "OrderShipped", data: {} }]),
        GivenEvents.of(Stock, "apple", [{ type: "StockDispatched", data: reservation(2) }]),
        GivenEvents.of(Stock, "pear", [{ type: "StockDispatched", data: reservation(1) }])
      )
  )

  it.effect("cancels what the bank declines, and releases the stock", () =>
    Effect.gen(function* () {
      const declined = GivenEvents.of(Payment, "17", [{ type: "PaymentDeclined", data: { why: "too much" } }])
      const given = ConsumerSpec.given(fulfilment, [apples, pears, placed, ...reserved, requested])
      const { appended } = yield* given.when(declined).outcome
      assert.deepStrictEqual(
        appended.map(({ type }) => type),
        ["OrderCancelled", "StockReleased", "StockReleased"]
      )
    })
  )

  it.effect("refunds what was paid for an order that the customer cancels", () =>
    ConsumerSpec.given(fulfilment, [apples, pears, placed, ...reserved, requested, taken])
      .when(cancelled)
      .thenAppends(...released, refunding)
  )

  it.effect("refunds a payment that was taken after the order was cancelled", () =>
    ConsumerSpec.given(fulfilment, [apples, pears, placed, ...reserved, requested, cancelled, ...released])
      .when(taken)
      .thenAppends(refunding)
  )
})

describe("charging", () => {
  it.effect("asks the bank again with the same key after a crash, and stores one answer", () =>
    Effect.gen(function* () {
      const charges: Array<Charge> = []
      const bank = Bank.of({
        charge: (charge) => Effect.sync(() => ({ reference: `bank-${charge.order}`, n: charges.push(charge) })),
        refund: () => Effect.void
      })
      const check = ConsumerSpec.given(charging, [placed]).when(requested).thenAppends(taken)
      yield* Effect.provideService(check, Bank, bank)
      assert.isAbove(charges.length, 1)
      assert.deepStrictEqual(new Set(charges.map(({ key }) => key)).size, 1)
    })
  )

  it.effect("stores what the bank declines", () => {
    const much = GivenEvents.of(Payment, "17", [{ type: "PaymentRequested", data: { cents: 100_001 } }])
    return ConsumerSpec.given(charging, [])
      .when(much)
      .thenAppends(GivenEvents.of(Payment, "17", [{ type: "PaymentDeclined", data: { why: "too much" } }]))
      .pipe(Effect.provide(Bank.layerPretend))
  })

  it.effect("refunds, and stores that", () =>
    ConsumerSpec.given(charging, [requested, taken])
      .when(refunding)
      .thenAppends(GivenEvents.of(Payment, "17", [{ type: "PaymentRefunded", data: { reference: "bank-17" } }]))
      .pipe(Effect.provide(Bank.layerPretend))
  )

  it.effect("stores nothing while the bank gives no answer", () => {
    const unavailable = new BankUnavailable({ cause: "no connection" })
    const bank = Bank.of({ charge: () => unavailable, refund: () => unavailable })
    return ConsumerSpec.given(charging, [])
      .when(requested)
      .thenFails((error) => error === unavailable)
      .pipe(Effect.provideService(Bank, bank))
  })
})
