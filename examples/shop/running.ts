/** What runs all the time, besides the requests? The consumers and the read models. */
import * as Effect from "effect/Effect"
import { charging } from "./process/charging.ts"
import { fulfilment } from "./process/fulfilment.ts"
import { orderOverview } from "./readModels/orderOverview.ts"
import { stockLevels } from "./readModels/stockLevels.ts"

export const running = Effect.all([fulfilment.running, charging.running, orderOverview.running, stockLevels.running])

/**
 * Fails once one of them has stopped. Then the program must not continue to take orders that nobody handles: it ends, and
 * whatever has started it starts it again.
 */
export const untilOneStops = Effect.flatMap(running, (all) =>
  Effect.raceAllFirst(all.map(({ stopped }) => Effect.andThen(stopped, Effect.never)))
)
