/**
 * Metrics of a lib: how long appends and syncs take, how large batches are, how many appends met a conflict, and what waits to
 * be closed. They are in Effect's registry of metrics, from where Effect exports them for Prometheus and by OTLP.
 *
 * A lib that nobody observes measures nothing. Consumers report without this layer. Spans need none either: they exist wherever
 * a program installs a tracer, such as by Effect's `Otlp.layer`.
 *
 * @example
 * ```ts
 * const store = Telemetry.layer.pipe(
 *   Layer.provideMerge(EventStore.layer("./orders")),
 *   Layer.provide(NodeStorage.layer)
 * )
 * const program = Effect.gen(function* () {
 *   yield* Effect.log(yield* PrometheusMetrics.format())
 * })
 * program.pipe(Effect.provide(store))
 * ```
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import type * as Scope from "effect/Scope"
import type { Histogram } from "./base/Histogram.ts"
import { accessOf } from "./internals.ts"
import * as Lib from "./Lib.ts"
import type { LibHandle } from "./lib/LibHandle.ts"

type Unit = "milliseconds" | "bytes"

/** What all metrics of a lib have. */
interface Series {
  readonly name: string
  readonly description: string
  readonly unit?: Unit
}

interface Gauge extends Series {
  readonly value: (lib: LibHandle) => number
}

const gauges: ReadonlyArray<Gauge> = [
  {
    name: "litetapes_position",
    description: "Position of the next event, which is the number of durable events",
    value: ({ journal }) => journal.durable.position
  },
  {
    name: "litetapes_dynamic_bytes",
    description: "Bytes in dynamic segments, which are not in segments of their tapes yet",
    unit: "bytes",
    value: ({ journal }) => sum(journal.files.map(({ size }) => size))
  },
  {
    name: "litetapes_backlog",
    description: "Dynamic segments that wait to be closed",
    value: ({ journal }) => Math.max(0, journal.files.length - 1)
  },
  {
    name: "litetapes_stuck",
    description: "Dynamic segments that cannot be closed until a tape is recovered",
    value: ({ journal }) => journal.stuck.length
  },
  {
    name: "litetapes_segments",
    description: "Segments of the tapes that were used since the lib was opened",
    value: ({ tapes }) => sum(tapes.inUse.map(({ state }) => state.segments.length))
  },
  { name: "litetapes_tapes", description: "Tapes of the lib", value: ({ meta }) => meta.state.tapes.size },
  {
    name: "litetapes_writer_stopped",
    description: "1 while the writer is stopped, so that every append fails; else 0",
    value: ({ guard }) => (guard.cause === undefined ? 0 : 1)
  }
]

interface Distribution extends Series {
  readonly histogram: (lib: LibHandle) => Histogram
}

const distributions: ReadonlyArray<Distribution> = [
  {
    name: "litetapes_append_duration",
    description: "Time from when an append is queued until it is acknowledged; a sample",
    unit: "milliseconds",
    histogram: ({ measures }) => measures.appends
  },
  {
    name: "litetapes_sync_duration",
    description: "Time to write and sync a batch",
    unit: "milliseconds",
    histogram: ({ measures }) => measures.syncs
  },
  {
    name: "litetapes_flush_duration",
    description: "Time to copy the records of a tape from dynamic segments into a segment",
    unit: "milliseconds",
    histogram: ({ measures }) => measures.flushes
  },
  {
    name: "litetapes_batch_records",
    description: "Records, which events are too, that were committed together",
    histogram: ({ measures }) => measures.batchRecords
  },
  {
    name: "litetapes_batch_bytes",
    description: "Size of a batch",
    unit: "bytes",
    histogram: ({ measures }) => measures.batchBytes
  }
]

/**
 * Puts the metrics of the lib in context into the registry of metrics, until the scope closes. They have the attributes
 * `db.namespace`, the location of the lib, and `litetapes.mode`, `write` or `read`. Those of a shared store have no mode: it may be the
 * writer now and a reader later. If two readers, or two shared stores, of one location are observed in one process, the later one
 * is shown.
 *
 * Costs a few additions for each batch, and three looks at the clock. What is in memory anyway is read when metrics are exported.
 */
export const observe: Effect.Effect<void, never, Lib.Lib | Scope.Scope> = Effect.gen(function* () {
  const lib = yield* Lib.Lib
  const access = accessOf(lib)
  const context = yield* Effect.context<never>()
  const mode = access.changesRole === true ? undefined : { "litetapes.mode": lib.mode }
  const common = { "db.namespace": lib.location, ...mode }
  const current = () => access.current.handle
  const made: Array<Metric.Registration> = []
  const register = <State>(metric: Metric.Metric<never, State>, get: () => State) => {
    made.push(Metric.registerUnsafe(metric, context, { get, update: ignore, modify: ignore }))
  }
  for (const { description, name, unit, value } of gauges) {
    register(Metric.gauge(name, { description, attributes: withUnit(common, unit) }), () => ({
      value: value(current())
    }))
  }
  for (const { description, histogram, name, unit } of distributions) {
    const { bounds } = histogram(current())
    const options = { description, boundaries: bounds, attributes: withUnit(common, unit) }
    register(Metric.histogram(name, options), () => histogram(current()).state)
  }
  for (const reason of ["revision", "condition"] as const) {
    const description = "Appends that were refused because of the revision, or the condition, that they gave"
    const options = { description, incremental: true, attributes: { ...common, reason } }
    register(Metric.counter("litetapes_conflicts_total", options), () => ({
      count: current().measures.conflicts[reason],
      incremental: true
    }))
  }
  const stop = current().measures.observe(yield* Clock.Clock)
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      stop()
      for (const registration of made) registration.remove()
    })
  )
})

/** Does what `observe` does, as long as the layer is used. */
export const layer: Layer.Layer<never, never, Lib.Lib> = Layer.effectDiscard(observe)

const ignore = (): void => undefined

const sum = (numbers: ReadonlyArray<number>): number => numbers.reduce((total, number) => total + number, 0)

const withUnit = (attributes: Readonly<Record<string, string>>, unit: Unit | undefined) =>
  unit === undefined ? attributes : { ...attributes, unit }
