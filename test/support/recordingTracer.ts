/** A tracer that keeps its spans. */
import * as Exit from "effect/Exit"
import * as Tracer from "effect/Tracer"

export interface RecordingTracer {
  readonly tracer: Tracer.Tracer
  /** All spans, in the order in which they began. */
  readonly spans: ReadonlyArray<Tracer.NativeSpan>
  /** Forgets the spans so far. */
  readonly clear: () => void
  /** Returns the number of spans by name. */
  readonly counts: () => Readonly<Record<string, number>>
}

export const recordingTracer = (): RecordingTracer => {
  const spans: Array<Tracer.NativeSpan> = []
  return {
    spans,
    tracer: Tracer.make({
      span: (options) => {
        const span = new Tracer.NativeSpan(options)
        spans.push(span)
        return span
      }
    }),
    clear: () => void spans.splice(0),
    counts: () => countsOf(spans.map(({ name }) => name))
  }
}

export const countsOf = (names: ReadonlyArray<string>): Readonly<Record<string, number>> => {
  const counts: Record<string, number> = {}
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1
  return counts
}

/** Returns whether a span has ended with a failure. */
export const isFailed = ({ status }: Tracer.NativeSpan): boolean =>
  status._tag === "Ended" && Exit.isFailure(status.exit)
