/**
 * A service that can be watched: `/metrics` for Prometheus, `/health` for a load balancer, and spans by OTLP. It looks at its own
 * endpoints and then stops. `observed/health.ts` is the part to copy.
 *
 * Set `OTEL_EXPORTER_OTLP_ENDPOINT` to send the spans to a collector of yours, such as `http://127.0.0.1:4318`.
 */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServer from "effect/http/HttpServer"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Otlp from "effect/observability/Otlp"
import * as OtlpSerialization from "effect/observability/OtlpSerialization"
import * as PrometheusMetrics from "effect/observability/PrometheusMetrics"
import * as CheckpointStore from "litetapes/CheckpointStore"
import * as Consumer from "litetapes/Consumer"
import * as EventStore from "litetapes/EventStore"
import * as NodeDisk from "litetapes/NodeDisk"
import * as NodeStorage from "litetapes/NodeStorage"
import * as Telemetry from "litetapes/Telemetry"
import * as assert from "node:assert/strict"
import { mkdtempSync, rmSync } from "node:fs"
import { createServer } from "node:http"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { startCollector } from "./observed/collector.ts"
import * as Health from "./observed/health.ts"

const folder = mkdtempSync(join(tmpdir(), "litetapes-observed-"))
const collector = await startCollector()

const invoices = Consumer.make({
  name: "invoices",
  handler: ({ stream }) => (stream === "order-666" ? Effect.fail(new Error("no such address")) : Effect.void),
  maxAttempts: 1
})

// The tracer is there before the lib is opened: else the writer's own work, such as its batches, has no spans.
const tracing = Otlp.layer({
  baseUrl: process.env["OTEL_EXPORTER_OTLP_ENDPOINT"] ?? collector.url,
  resource: { serviceName: "orders" }
}).pipe(Layer.provide([FetchHttpClient.layer, OtlpSerialization.layerJson]))

const store = Layer.merge(Telemetry.layer, Consumer.layer(invoices)).pipe(
  Layer.provideMerge(EventStore.layer(join(folder, "lib"))),
  Layer.provide(CheckpointStore.layerFolder(join(folder, "checkpoints"))),
  Layer.provide([NodeStorage.layer, NodeDisk.layer]),
  Layer.provideMerge(tracing)
)

const healthRoute = HttpRouter.use((router) =>
  Effect.gen(function* () {
    const check = yield* Health.make([yield* invoices.running])
    const answer = Effect.map(check, (health) =>
      HttpServerResponse.jsonUnsafe(health, { status: health.healthy ? 200 : 503 })
    )
    yield* router.add("GET", "/health", answer)
  })
)

const server = HttpRouter.serve(Layer.merge(healthRoute, PrometheusMetrics.layerHttp()), {
  disableLogger: true,
  disableListenLog: true
}).pipe(
  Layer.provideMerge(NodeHttpServer.layer(createServer, { host: "127.0.0.1", port: 0 })),
  Layer.provideMerge(store),
  // The consumer logs why it stops; here its health says it.
  Layer.provide(Logger.layer([]))
)

const get = (path: string) =>
  Effect.gen(function* () {
    const { address } = yield* HttpServer.HttpServer
    const response = yield* Effect.promise(() => fetch(`${HttpServer.formatAddress(address)}${path}`))
    return { status: response.status, text: yield* Effect.promise(() => response.text()) }
  })

const program = Effect.gen(function* () {
  const events = yield* EventStore.EventStore
  const running = yield* invoices.running
  const place = (number: number) =>
    events.append(`order-${number}`, [{ type: "OrderPlaced", data: { number } }], { expected: "no-stream" })
  yield* Effect.forEach(Array.from({ length: 200 }).keys(), place, { concurrency: "unbounded" })
  yield* Effect.flip(place(0))
  yield* running.whenCaughtUp
  const well = yield* get("/health")
  assert.equal(well.status, 200, well.text)
  console.log(`Healthy: ${well.text}`)
  const metrics = (yield* get("/metrics")).text
  for (const line of metrics.split("\n")) {
    if (/^litetapes_(position|conflicts_total.*revision|consumer_processed_total|append_duration_count)/.test(line)) {
      console.log(line)
    }
  }
  yield* place(666)
  yield* Effect.flip(running.stopped)
  const ill = yield* get("/health")
  assert.equal(ill.status, 503, ill.text)
  console.log(`Not healthy: ${ill.text}`)
})

try {
  await Effect.runPromise(Effect.provide(program, server))
  console.log(`Spans: ${collector.names().join(", ")}`)
} finally {
  collector.close()
  rmSync(folder, { recursive: true, force: true })
}
