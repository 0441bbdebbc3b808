/**
 * A plugin for the standalone package. Metrics and spans are read through Effect, which its programs do not have. Without
 * them, some KB less are loaded at the start of each program, whether it runs a consumer or not.
 */
import type { Plugin } from "rolldown"

/** Modules of `src/services` and what takes their place there, with the exports that the package needs. */
const replaced = new Map([
  ["base/spans.ts", "./noSpans.ts"],
  ["consumers/metrics.ts", "./noMetrics.ts"],
  ["lib/Measures.ts", "./noMeasures.ts"],
  ["write/BatchTelemetry.ts", "./noBatchTelemetry.ts"]
])

export const withoutMetrics: Plugin = {
  name: "without-metrics",
  load: {
    filter: { id: /[\\/]src[\\/]services[\\/]\w+[\\/](spans|metrics|Measures|BatchTelemetry)\.ts$/ },
    handler: (id) => {
      const instead = replaced.get(id.split(/[\\/]/).slice(-2).join("/"))
      return instead === undefined ? null : `export * from "${instead}"`
    }
  }
}
