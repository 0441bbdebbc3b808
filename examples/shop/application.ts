/** Which layers is the shop made of? It needs an event store, a database and a bank, which `main.ts` and the tests provide. */
import * as Layer from "effect/Layer"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import * as HttpApiMiddleware from "effect/http-api/HttpApiMiddleware"
import * as CheckpointStore from "litetapes/CheckpointStore"
import * as Consumer from "litetapes/Consumer"
import * as Projection from "litetapes/Projection"
import { Api } from "./http/api.ts"
import { healthRoutes } from "./http/healthRoutes.ts"
import { orderRoutes } from "./http/orderRoutes.ts"
import { stockRoutes } from "./http/stockRoutes.ts"
import { charging } from "./process/charging.ts"
import { fulfilment } from "./process/fulfilment.ts"
import { orderOverview } from "./readModels/orderOverview.ts"
import { stockLevels } from "./readModels/stockLevels.ts"

/** After a crash, the claim of the run before ends within a second, and the new one begins. */
const run: Projection.RunOptions = { onClaimed: "wait", lease: "1 second" }

const readModels = Layer.mergeAll(Projection.layer(orderOverview, run), Projection.layer(stockLevels, run))

/** Checkpoints are in the lib, so what a process manager appends is there exactly once. */
const processes = Layer.mergeAll(Consumer.layer(fulfilment), Consumer.layer(charging)).pipe(
  Layer.provide(CheckpointStore.layerLib)
)

export const background = Layer.mergeAll(readModels, processes)

export const application = HttpApiBuilder.layer(Api, { openapiPath: "/openapi.json" }).pipe(
  Layer.provide([orderRoutes, stockRoutes, healthRoutes]),
  Layer.provide(HttpApiMiddleware.layerProblemDetails({ includeDetails: true })),
  Layer.provideMerge(background)
)
