/** What the tables hold after some events. Each check is repeated with handlers that are rolled back once. */
import { it } from "@effect/vitest"
import { GivenEvents, ProjectionSpec } from "litetapes/testing"
import { Order } from "../domain/orders.ts"
import { Payment } from "../domain/payments.ts"
import { Stock } from "../domain/stock.ts"
import { orderOverview } from "../readModels/orderOverview.ts"
import { stockLevels } from "../readModels/stockLevels.ts"

it.effect("the overview has what became of each order and of its payment", () =>
  ProjectionSpec.given(orderOverview, [
    GivenEvents.of(Order, "17", [
      {
        type: "OrderPlaced",
        data: {
          customer: "Ada",
          lines: [
            { sku: "apple", quantity: 2, cents: 250 },
            { sku: "pear", quantity: 1, cents: 300 }
          ]
        }
      }
    ]),
    GivenEvents.of(Payment, "17", [
      { type: "PaymentRequested", data: { cents: 800 } },
      { type: "PaymentTaken", data: { reference: "bank-17" } }
    ]),
    GivenEvents.of(Order, "17", [{ type: "OrderCancelled", data: { reason: "by the customer" } }]),
    GivenEvents.of(Payment, "17", [{ type: "RefundRequested", data: { reference: "bank-17" } }])
  ]).thenRows(
    ({ sql, table }) => sql`SELECT id, customer, cents, status, reason, payment FROM ${sql(table("order_overview"))}`,
    [
      {
        id: "17",
        customer: "Ada",
        cents: 800,
        status: "cancelled",
        reason: "by the customer",
        payment: "refunding"
      }
    ]
  )
)

it.effect("the stock levels follow what comes in, is set aside, comes back and leaves", () =>
  ProjectionSpec.given(stockLevels, [
    GivenEvents.of(Stock, "apple", [
      { type: "GoodsReceived", data: { quantity: 10, cents: 250 } },
      { type: "StockReserved", data: { order: "17", quantity: 2 } },
      { type: "StockReserved", data: { order: "18", quantity: 3 } },
      { type: "StockReleased", data: { order: "17", quantity: 2 } },
      { type: "StockDispatched", data: { order: "18", quantity: 3 } },
      { type: "StockReserved", data: { order: "19", quantity: 1 } },
      { type: "GoodsReceived", data: { quantity: 5, cents: 260 } }
    ])
  ]).thenRows(
    ({ sql, table }) => sql`SELECT * FROM ${sql(table("stock_level"))}`,
    [{ sku: "apple", cents: 260, available: 11, reserved: 1 }]
  )
)
