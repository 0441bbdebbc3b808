/** Which requests are there, what do they take, and what do they answer? The server, the clients and `/openapi.json` follow it. */
import * as Schema from "effect/Schema"
import * as HttpApi from "effect/http-api/HttpApi"
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as HttpApiMiddleware from "effect/http-api/HttpApiMiddleware"
import * as HttpApiSchema from "effect/http-api/HttpApiSchema"
import * as OpenApi from "effect/http-api/OpenApi"
import { CancelReason } from "../domain/orders.ts"
import { Cents, Customer, Items, Line, Quantity, Sku } from "../domain/values.ts"
import { OrderRow } from "../readModels/orderOverview.ts"
import { StockRow } from "../readModels/stockLevels.ts"
import { KeyReused, NotReady, OrderNotFound, OrderShipped, TryAgain, UnknownProducts } from "./problems.ts"

/** Chosen by the client, once for each thing that it wants. A repeated request with it changes nothing, and gets the first answer. */
const headers = { "idempotency-key": Schema.String.check(Schema.isPattern(/^[\x21-\x7e]{8,100}$/)) }

const OrderId = Schema.String.check(Schema.isPattern(/^[0-9a-f]{32}$/))

export const PlaceOrder = Schema.Struct({ customer: Customer, items: Items })

export const OrderView = Schema.Struct({
  id: OrderId,
  customer: Schema.String,
  lines: Schema.Array(Line),
  cents: Schema.Int,
  status: Schema.Literals(["placed", "shipped", "cancelled"]),
  reason: Schema.optionalKey(CancelReason)
})

const order = { params: { id: OrderId } }

const Orders = HttpApiGroup.make("orders").add(
  HttpApiEndpoint.post("place", "/orders", {
    headers,
    payload: PlaceOrder,
    success: OrderView.pipe(HttpApiSchema.status(201)),
    error: [UnknownProducts, KeyReused, TryAgain]
  }),
  HttpApiEndpoint.get("find", "/orders/:id", { ...order, success: OrderView, error: [OrderNotFound, TryAgain] }),
  HttpApiEndpoint.post("cancel", "/orders/:id/cancellation", {
    ...order,
    headers,
    success: OrderView,
    error: [OrderNotFound, OrderShipped, TryAgain]
  }),
  HttpApiEndpoint.get("list", "/orders", { query: { customer: Customer }, success: Schema.Array(OrderRow) })
)

const Stock = HttpApiGroup.make("stock").add(
  HttpApiEndpoint.post("receive", "/stock/:sku/receipts", {
    headers,
    params: { sku: Sku },
    payload: Schema.Struct({ quantity: Quantity, cents: Cents }),
    success: Schema.Struct({ sku: Sku, available: Schema.Int }).pipe(HttpApiSchema.status(201)),
    error: [KeyReused, TryAgain]
  }),
  HttpApiEndpoint.get("list", "/stock", { success: Schema.Array(StockRow) })
)

const Health = HttpApiGroup.make("health").add(
  HttpApiEndpoint.get("live", "/health/live"),
  HttpApiEndpoint.get("ready", "/health/ready", {
    success: Schema.Struct({ position: Schema.Int, lag: Schema.Int }),
    error: NotReady
  })
)

export const Api = HttpApi.make("shop")
  .add(Orders, Stock, Health)
  .middleware(HttpApiMiddleware.ProblemDetails)
  .annotateMerge(OpenApi.annotations({ title: "Shop", version: "1.0.0" }))
