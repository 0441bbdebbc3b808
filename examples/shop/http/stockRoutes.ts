/** What do the requests for stock do? */
import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import * as Decider from "litetapes/Decider"
import { isDeepStrictEqual } from "node:util"
import { stock } from "../domain/stock.ts"
import { allStock } from "../readModels/stockLevels.ts"
import { inRequest } from "../tracing.ts"
import { Api } from "./api.ts"
import { KeyReused, orProblem } from "./problems.ts"

const receive = Effect.fn("receive")(function* (key: string, sku: string, quantity: number, cents: number) {
  const command = { type: "receive", quantity, cents } as const
  const handled = yield* Decider.handle(stock, sku, command, { commandId: `receive:${key}` })
  if (!isDeepStrictEqual(handled.events[0]?.data, { quantity, cents })) return yield* new KeyReused()
  return { sku, available: handled.state.available }
})

export const stockRoutes = HttpApiBuilder.group(Api, "stock", (handlers) =>
  handlers.handleAll({
    receive: ({ headers: { "idempotency-key": key }, params: { sku }, payload: { cents, quantity } }) =>
      receive(key, sku, quantity, cents).pipe(inRequest(key), orProblem),
    list: () => Effect.orDie(allStock())
  })
)
