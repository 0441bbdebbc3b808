/**
 * What happens after an order was placed? The process manager: each step is appended together with its checkpoint, so it
 * happens exactly once, wherever the program is killed.
 *
 *     OrderPlaced ─→ reserve the stock, request the payment ─→ PaymentTaken ─→ ship
 *                 └→ out of stock: cancel the order         └→ PaymentDeclined: cancel the order
 *     OrderCancelled ─→ release the stock, refund what was paid (the compensation of every step before)
 */
import * as Effect from "effect/Effect"
import * as Category from "litetapes/Category"
import * as Consumer from "litetapes/Consumer"
import * as Decider from "litetapes/Decider"
import type * as EventStore from "litetapes/EventStore"
import { type CancelReason, NoSuchOrder, Order, orders } from "../domain/orders.ts"
import { Payment, payments } from "../domain/payments.ts"
import { stock } from "../domain/stock.ts"
import { type Line, totalOf } from "../domain/values.ts"
import { inTraceOf } from "../tracing.ts"

type Done = Pick<Consumer.Handling, "checkpoint">

/** All lines are reserved and the payment is requested, or nothing of it. */
const begin = (order: string, lines: ReadonlyArray<Line>, done: Done) =>
  Decider.handleAll(
    [
      ...lines.map(({ quantity, sku }) => Decider.to(stock, sku, { type: "reserve", order, quantity })),
      Decider.to(payments, order, { type: "request", cents: totalOf(lines) })
    ],
    done
  ).pipe(Effect.catchTag("OutOfStock", () => cancel(order, "out of stock", done)))

/** The goods leave the warehouse, unless the order was cancelled while the bank was asked. */
const ship = (order: string, lines: ReadonlyArray<Line>, done: Done) =>
  Decider.handleAll(
    [
      Decider.to(orders, order, { type: "ship" }),
      ...lines.map(({ sku }) => Decider.to(stock, sku, { type: "dispatch", order }))
    ],
    done
  ).pipe(Effect.catchTag("AlreadyCancelled", () => Decider.handle(payments, order, { type: "refund" }, done)))

const cancel = (order: string, reason: CancelReason, done: Done) =>
  Decider.handle(orders, order, { type: "cancel", reason }, done)

const compensate = (order: string, lines: ReadonlyArray<Line>, done: Done) =>
  Decider.handleAll(
    [
      ...lines.map(({ sku }) => Decider.to(stock, sku, { type: "release", order })),
      Decider.to(payments, order, { type: "refund" })
    ],
    done
  )

const loadOrder = Effect.fnUntraced(function* (id: string) {
  const { state } = yield* Decider.load(orders, id)
  return state ?? (yield* new NoSuchOrder())
})

const afterOrder = Effect.fn("fulfilment.afterOrder")(function* (event: EventStore.RecordedEvent, done: Done) {
  const { data, type } = yield* Order.decode(event)
  const order = Category.idOf(event)
  if (type === "OrderPlaced") yield* begin(order, data.lines, done)
  if (type === "OrderCancelled") yield* compensate(order, (yield* loadOrder(order)).lines, done)
})

const afterPayment = Effect.fn("fulfilment.afterPayment")(function* (event: EventStore.RecordedEvent, done: Done) {
  const { type } = yield* Payment.decode(event)
  const order = Category.idOf(event)
  if (type === "PaymentTaken") yield* ship(order, (yield* loadOrder(order)).lines, done)
  if (type === "PaymentDeclined") yield* cancel(order, "payment declined", done)
})

export const fulfilment = Consumer.make({
  name: "fulfilment",
  filter: {
    categories: [Order.name, Payment.name],
    types: ["OrderPlaced", "OrderCancelled", "PaymentTaken", "PaymentDeclined"]
  },
  handler: (event, { checkpoint }) =>
    inTraceOf(
      event,
      event.stream.startsWith(`${Order.name}-`)
        ? afterOrder(event, { checkpoint })
        : afterPayment(event, { checkpoint })
    )
})
