/** What may happen to an order, and when: it is placed, and then shipped or cancelled. */
import * as Data from "effect/Data"
import * as Schema from "effect/Schema"
import * as Category from "litetapes/Category"
import * as Decider from "litetapes/Decider"
import { Customer, Line } from "./values.ts"

export const CancelReason = Schema.Literals(["by the customer", "out of stock", "payment declined"])
export type CancelReason = typeof CancelReason.Type

export const Order = Category.make("order", {
  OrderPlaced: Schema.Struct({ customer: Customer, lines: Schema.Array(Line) }),
  OrderShipped: Schema.Struct({}),
  OrderCancelled: Schema.Struct({ reason: CancelReason })
})

export interface PlacedOrder {
  readonly status: "placed" | "shipped" | "cancelled"
  readonly customer: string
  readonly lines: ReadonlyArray<Line>
  readonly reason?: CancelReason
}

export type OrderCommand =
  | { readonly type: "place"; readonly customer: string; readonly lines: ReadonlyArray<Line> }
  | { readonly type: "ship" }
  | { readonly type: "cancel"; readonly reason: CancelReason }

/** There is no order with this id. */
export class NoSuchOrder extends Data.TaggedError("NoSuchOrder")<{}> {}
/** There is an order with this id already. */
export class OrderExists extends Data.TaggedError("OrderExists")<{}> {}
/** The order has left the warehouse, so it cannot be cancelled. */
export class AlreadyShipped extends Data.TaggedError("AlreadyShipped")<{}> {}
/** The order was cancelled, so it cannot be shipped. */
export class AlreadyCancelled extends Data.TaggedError("AlreadyCancelled")<{}> {}

const evolve = (order: PlacedOrder | undefined, event: Category.EventOf<typeof Order>): PlacedOrder | undefined => {
  if (event.type === "OrderPlaced") return { status: "placed", ...event.data }
  if (order === undefined) return undefined
  return event.type === "OrderShipped"
    ? { ...order, status: "shipped" }
    : { ...order, status: "cancelled", reason: event.data.reason }
}

export const orders = Decider.make({
  name: "orders",
  category: Order,
  initialState: (): PlacedOrder | undefined => undefined,
  evolve,
  decide: (command: OrderCommand, order) => {
    if (command.type === "place") {
      if (order !== undefined) return new OrderExists()
      return { type: "OrderPlaced", data: { customer: command.customer, lines: command.lines } }
    }
    if (order === undefined) return new NoSuchOrder()
    if (command.type === "ship") {
      if (order.status === "cancelled") return new AlreadyCancelled()
      return order.status === "shipped" ? [] : { type: "OrderShipped", data: {} }
    }
    if (order.status === "shipped") return new AlreadyShipped()
    return order.status === "cancelled" ? [] : { type: "OrderCancelled", data: { reason: command.reason } }
  }
})
