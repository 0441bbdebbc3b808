/** Metrics of consumers in the standalone package, where nothing could read them: see scripts/build/withoutMetrics.ts. */
import * as Effect from "effect/Effect"
import type { ConsumerMetrics } from "./metrics.ts"

const nothing = (): Effect.Effect<void> => Effect.void

export const metricsOf = (_consumer: string): ConsumerMetrics => ({
  handled: nothing,
  failed: nothing,
  read: nothing,
  written: nothing,
  looked: nothing
})
