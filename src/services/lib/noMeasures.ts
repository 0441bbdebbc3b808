/** Measures in the standalone package, where nothing could read them: see scripts/build/withoutMetrics.ts. */
import type * as Measuring from "./Measures.ts"

type Shape = Pick<Measuring.Measures, "flushes" | "now" | "queuedAt" | "noteRefusal">

const none = { record: (): void => undefined } as unknown as Shape["flushes"]

export class Measures implements Shape {
  readonly flushes = none

  now(): number {
    return Number.NaN
  }

  queuedAt(): undefined {
    return undefined
  }

  noteRefusal(): void {}
}
