/**
 * A plugin for the standalone package. Metrics are read through Effect, which its programs do not have. Without them, 4 KB
 * less are loaded at the start of each program, whether it runs a consumer or not.
 */
import type { Plugin } from "rolldown"

export const withoutMetrics: Plugin = {
  name: "without-metrics",
  load: {
    filter: { id: /[\\/]src[\\/]services[\\/]consumers[\\/]metrics\.ts$/ },
    handler: () => `export { metricsOf } from "./noMetrics.ts"`
  }
}
