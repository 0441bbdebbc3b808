/**
 * How does a trace go from a request to what happens later because of it? Events carry the `traceparent` of the request in
 * their metadata, and the consumers that handle them continue that trace.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as Headers from "effect/http/Headers"
import * as HttpTraceContext from "effect/http/HttpTraceContext"
import * as OtlpSerialization from "effect/observability/OtlpSerialization"
import * as OtlpTracer from "effect/observability/OtlpTracer"
import * as EventContext from "litetapes/EventContext"
import type * as EventStore from "litetapes/EventStore"

/** Sends spans to a collector, if `OTEL_TRACES_EXPORTER=otlp` and `OTEL_EXPORTER_OTLP_ENDPOINT` are set. */
export const layerTracing = OtlpTracer.layerFromConfig({ resource: { serviceName: "shop" } }).pipe(
  Layer.provide([OtlpSerialization.layerJson, FetchHttpClient.layer])
)

/** The events that an effect appends belong to the present trace, and to the request with this id. */
export const inRequest =
  (correlationId: string) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.currentSpan.pipe(
      Effect.map((span) => HttpTraceContext.toHeaders(span)["traceparent"]!),
      Effect.match({
        onFailure: () => EventContext.provide({ correlationId }),
        onSuccess: (traceparent) => EventContext.provide({ correlationId, metadata: { traceparent } })
      }),
      Effect.flatMap((provide) => provide(effect))
    )

/** Runs an effect in the trace of the request that an event comes from. */
export const inTraceOf = <A, E, R>(
  { metadata: { traceparent } }: EventStore.RecordedEvent,
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  typeof traceparent !== "string"
    ? effect
    : Option.match(HttpTraceContext.fromHeaders(Headers.fromInput({ traceparent })), {
        onNone: () => effect,
        onSome: (span) => Effect.withParentSpan(effect, span)
      })
