/**
 * A plugin for the standalone package. Metrics and spans are read through Effect, which its programs do not have. Without
 * them, some KB less are loaded at the start of each program, whether it runs a consumer or not.
 */
import type { Plugin } from "rolldown"

/** Modules of `src/services` and what takes their place there, each with the same exports. */
const replaced = new Map([
  ["consumers/metrics.ts", `export { metricsOf } from "./noMetrics.ts"`],
  ["base/spans.ts", `export * from "./noSpans.ts"`]
])

export const withoutMetrics: Plugin = {
  name: "without-metrics",
  load: {
    filter: { id: /[\\/]src[\\/]services[\\/](consumers[\\/]metrics|base[\\/]spans)\.ts$/ },
    handler: (id) => {
      const [folder, file] = id.split(/[\\/]/).slice(-2)
      return replaced.get(`${folder}/${file}`)
    }
  }
}
