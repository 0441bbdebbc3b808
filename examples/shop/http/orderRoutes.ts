/** What do the requests for orders do? */
import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import * as Decider from "litetapes/Decider"
import { createHash } from "node:crypto"
import { isDeepStrictEqual } from "node:util"
import { orders, type PlacedOrder } from "../domain/orders.ts"
import { stock } from "../domain/stock.ts"
import { type Item, totalOf } from "../domain/values.ts"
import { ordersOf } from "../readModels/orderOverview.ts"
import { inRequest } from "../tracing.ts"
import { Api, type OrderView, type PlaceOrder } from "./api.ts"
import { KeyReused, OrderNotFound, OrderShipped, orProblem, UnknownProducts } from "./problems.ts"

/** A new order needs an id that a repeated request has too, so it is made of the key. */
const orderIdOf = (key: string): string => createHash("sha256").update(key).digest("hex").slice(0, 32)

const viewOf = (id: string, order: PlacedOrder): typeof OrderView.Type => ({
  id,
  cents: totalOf(order.lines),
  ...order
})

const found = (id: string, order: PlacedOrder | undefined) =>
  order === undefined ? Effect.fail(new OrderNotFound()) : Effect.succeed(viewOf(id, order))

/** Adds the present prices. */
const priced = Effect.fn("priced")(function* (items: ReadonlyArray<Item>) {
  const products = yield* Effect.forEach(items, (item) =>
    Effect.map(Decider.load(stock, item.sku), ({ state }) => ({ ...item, cents: state.cents }))
  )
  const skus = products.filter(({ cents }) => cents === undefined).map(({ sku }) => sku)
  if (skus.length > 0) return yield* new UnknownProducts({ skus })
  return products.map(({ cents, ...item }) => ({ ...item, cents: cents! }))
})

const place = Effect.fn("place")(function* (key: string, { customer, items }: typeof PlaceOrder.Type) {
  const id = orderIdOf(key)
  const command = { type: "place", customer, lines: yield* priced(items) } as const
  const handled = yield* Decider.handle(orders, id, command, { commandId: `place:${key}` })
  const order = handled.state!
  // A repeat gets the first answer, at the prices of that time. It must ask for the same.
  const first = { customer: order.customer, items: order.lines.map(({ quantity, sku }) => ({ sku, quantity })) }
  if (handled.repeated && !isDeepStrictEqual(first, { customer, items })) return yield* new KeyReused()
  return viewOf(id, order)
})

const cancel = Effect.fn("cancel")(function* (key: string, id: string) {
  const command = { type: "cancel", reason: "by the customer" } as const
  const { state } = yield* Decider.handle(orders, id, command, { commandId: `cancel:${key}` })
  return yield* found(id, state)
})

export const orderRoutes = HttpApiBuilder.group(Api, "orders", (handlers) =>
  handlers.handleAll({
    place: ({ headers: { "idempotency-key": key }, payload }) => place(key, payload).pipe(inRequest(key), orProblem),
    cancel: ({ headers: { "idempotency-key": key }, params: { id } }) =>
      cancel(key, id).pipe(
        Effect.catchTags({ NoSuchOrder: () => new OrderNotFound(), AlreadyShipped: () => new OrderShipped() }),
        inRequest(key),
        orProblem
      ),
    // The order itself, not the read model: right after a request that changed it, too.
    find: ({ params: { id } }) =>
      Decider.load(orders, id).pipe(
        Effect.flatMap(({ state }) => found(id, state)),
        orProblem
      ),
    list: ({ query: { customer } }) => Effect.orDie(ordersOf(customer))
  })
)
