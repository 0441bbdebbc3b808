/** The same as `BatchTelemetry`, in the standalone package: see scripts/build/withoutMetrics.ts. */
import type * as Observing from "./BatchTelemetry.ts"

type Shape = Pick<Observing.BatchTelemetry, "begin" | "synced" | "acknowledged" | "end">

export class BatchTelemetry implements Shape {
  begin(): void {}

  synced(): void {}

  acknowledged(): void {}

  end(): void {}
}
