/** What do the lists of orders read? A row for each order, with what became of its payment. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Category from "litetapes/Category"
import * as Projection from "litetapes/Projection"
import { Order } from "../domain/orders.ts"
import { Payment } from "../domain/payments.ts"
import { totalOf } from "../domain/values.ts"

/** A row of the table. */
export const OrderRow = Schema.Struct({
  id: Schema.String,
  customer: Schema.String,
  cents: Schema.Int,
  status: Schema.Literals(["placed", "shipped", "cancelled"]),
  reason: Schema.NullOr(Schema.String),
  payment: Schema.Literals(["none", "requested", "taken", "declined", "refunding", "refunded"]),
  placedAt: Schema.String
})
export type OrderRow = typeof OrderRow.Type

type Event = { readonly stream: string }

const set = (event: Event, changes: Partial<OrderRow>, { sql, table }: Projection.Tools) =>
  sql`UPDATE ${sql(table("order_overview"))} SET ${sql.update(changes)} WHERE id = ${Category.idOf(event)}`

export const orderOverview = Projection.make({
  name: "order-overview",
  init: ({ sql, table }) =>
    Effect.andThen(
      sql`CREATE TABLE ${sql(table("order_overview"))} (
        id TEXT PRIMARY KEY, customer TEXT NOT NULL, cents INTEGER NOT NULL, status TEXT NOT NULL, reason TEXT,
        payment TEXT NOT NULL, placedAt TEXT NOT NULL)`,
      sql`CREATE INDEX ${sql(table("order_overview_customer"))} ON ${sql(table("order_overview"))} (customer, placedAt)`
    ),
  drop: ({ sql, table }) => sql`DROP TABLE ${sql(table("order_overview"))}`,
  events: [
    Projection.on(Order, {
      OrderPlaced: ({ data: { customer, lines }, stream, time }, { sql, table }) => {
        const row: OrderRow = {
          id: Category.idOf({ stream }),
          customer,
          cents: totalOf(lines),
          status: "placed",
          reason: null,
          payment: "none",
          placedAt: time
        }
        return sql`INSERT INTO ${sql(table("order_overview"))} ${sql.insert(row)}`
      },
      OrderShipped: (event, tools) => set(event, { status: "shipped" }, tools),
      OrderCancelled: (event, tools) => set(event, { status: "cancelled", reason: event.data.reason }, tools)
    }),
    Projection.on(Payment, {
      PaymentRequested: (event, tools) => set(event, { payment: "requested" }, tools),
      PaymentTaken: (event, tools) => set(event, { payment: "taken" }, tools),
      PaymentDeclined: (event, tools) => set(event, { payment: "declined" }, tools),
      RefundRequested: (event, tools) => set(event, { payment: "refunding" }, tools),
      PaymentRefunded: (event, tools) => set(event, { payment: "refunded" }, tools)
    })
  ]
})

/** Returns the orders of a customer, the last one first. */
export const ordersOf = Effect.fn("ordersOf")(function* (customer: string) {
  const { sql, table } = yield* Projection.current(orderOverview)
  return yield* sql<OrderRow>`SELECT * FROM ${sql(table("order_overview"))} WHERE customer = ${customer}
    ORDER BY placedAt DESC, id LIMIT 100`
})
