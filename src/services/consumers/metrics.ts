/** Metrics of consumers. Each has the attribute `consumer`, its name. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import type { ConsumerState } from "./ConsumerState.ts"

const processed = Metric.counter("litetapes_consumer_processed_total", {
  description: "Events that were handled",
  incremental: true
})
const failed = Metric.counter("litetapes_consumer_failed_attempts_total", {
  description: "Calls of the handler that failed",
  incremental: true
})
const duration = Metric.timer("litetapes_consumer_processing_duration", {
  description: "Time of a call of the handler"
})
const lag = Metric.gauge("litetapes_consumer_lag_events", {
  description: "Events between the lowest position that is not done and the end of the lib, when a batch was read"
})
const inFlight = Metric.gauge("litetapes_consumer_in_flight", { description: "Events that were read and are not done" })
const parked = Metric.gauge("litetapes_consumer_parked", { description: "Parked events" })
const oldestParked = Metric.gauge("litetapes_consumer_oldest_parked_age", {
  description: "Time since the oldest parked event was parked; 0 without parked events",
  attributes: { unit: "milliseconds" }
})
const position = Metric.gauge("litetapes_consumer_checkpoint_position", {
  description: "The lowest position that is not done, when the checkpoint was written"
})
const previous = Metric.gauge("litetapes_consumer_checkpoint_previous_position", {
  description: "The same, when the checkpoint was written the time before"
})
const stalled = Metric.gauge("litetapes_consumer_stalled", {
  description: "1 while the consumer is stalled, else 0"
})

export interface ConsumerMetrics {
  readonly handled: (millis: number) => Effect.Effect<void>
  readonly failed: (millis: number) => Effect.Effect<void>
  readonly read: (state: ConsumerState, end: number) => Effect.Effect<void>
  /** After a write of the checkpoint, which had the position `before`. */
  readonly written: (state: ConsumerState, before: number) => Effect.Effect<void>
  /** Now and then, whether anything happens or not. */
  readonly looked: (state: ConsumerState, end: number | undefined, isStalled: boolean) => Effect.Effect<void>
}

export const metricsOf = (consumer: string): ConsumerMetrics => {
  const named = <Input, State>(metric: Metric.Metric<Input, State>) => Metric.withAttributes(metric, { consumer })
  const [done, wrong, time] = [named(processed), named(failed), named(duration)]
  const [behind, begun, aside, oldest] = [named(lag), named(inFlight), named(parked), named(oldestParked)]
  const [at, earlier, hangs] = [named(position), named(previous), named(stalled)]
  const took = (counter: typeof done, millis: number) =>
    Effect.andThen(Metric.update(counter, 1), Metric.update(time, Duration.millis(millis)))
  const show = ({ oldestParkedAge = 0, parked: events, progress }: ConsumerState) =>
    Effect.andThen(
      Effect.andThen(Metric.update(begun, progress.open), Metric.update(aside, events.size)),
      Metric.update(oldest, oldestParkedAge)
    )
  const read = (state: ConsumerState, end: number) =>
    Effect.andThen(Metric.update(behind, Math.max(0, end - state.progress.low)), show(state))
  return {
    handled: (millis) => took(done, millis),
    failed: (millis) => took(wrong, millis),
    read,
    written: (state, before) =>
      Effect.andThen(
        Effect.andThen(Metric.update(earlier, before), Metric.update(at, state.progress.low)),
        show(state)
      ),
    looked: (state, end, isStalled) =>
      Effect.andThen(Metric.update(hangs, isStalled ? 1 : 0), end === undefined ? show(state) : read(state, end))
  }
}
