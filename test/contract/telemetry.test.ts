/** The metrics of a lib: what they measure, that the guide lists them, and that nothing is measured unobserved. */
import { it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Logger from "effect/Logger"
import * as Metric from "effect/Metric"
import * as Scope from "effect/Scope"
import * as PrometheusMetrics from "effect/observability/PrometheusMetrics"
import * as fc from "fast-check"
import * as CheckpointStore from "litetapes/CheckpointStore"
import * as FolderStorage from "litetapes/FolderStorage"
import * as Lib from "litetapes/Lib"
import * as MemoryStorage from "litetapes/MemoryStorage"
import * as NodeStorage from "litetapes/NodeStorage"
import * as SharedStore from "litetapes/SharedStore"
import { Storage } from "litetapes/Storage"
import * as Telemetry from "litetapes/Telemetry"
import { SimulatedDisk } from "litetapes/testing"
import { assert, describe } from "vitest"
import { doubling, Histogram } from "../../src/services/base/Histogram.ts"
import { Disk } from "../../src/services/ports/Disk.ts"
import { start } from "../support/consumers.ts"
import { readDocument } from "../support/documents.ts"
import { flush, type LibService, openSession, storeOf, tapeOf } from "../support/openLib.ts"
import { temporaryFolder } from "../support/temporaryFolder.ts"

const newPlace = temporaryFolder()
const quiet = Logger.layer([])
const some = (count: number) => Array.from({ length: count }, (_, n) => ({ type: "Made", data: { n } }))

/** Metrics by name; those with a `reason` have it after a colon. */
type Shown = ReadonlyMap<string, Metric.Metric.Snapshot>

const shown: Effect.Effect<Shown> = Effect.map(
  Metric.snapshot,
  (all) =>
    new Map(
      all.map((one) => {
        const reason = one.attributes?.["reason"]
        return [reason === undefined ? one.id : `${one.id}:${reason}`, one]
      })
    )
)

const valueOf = (metrics: Shown, name: string): number | bigint | undefined => {
  const state = metrics.get(`litetapes_${name}`)?.state
  if (state === undefined) return undefined
  return "value" in state ? state.value : "count" in state ? state.count : undefined
}

const sumOf = (metrics: Shown, name: string): number | undefined => {
  const state = metrics.get(`litetapes_${name}`)?.state
  return state !== undefined && "sum" in state ? state.sum : undefined
}

const observe = (lib: LibService) => Effect.provideService(Telemetry.observe, Lib.Lib, lib)

/** Runs with a registry of metrics of its own. */
const alone = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  effect.pipe(
    Effect.scoped,
    Effect.provide(quiet),
    Effect.provideService(Metric.MetricRegistry, new Map())
  ) as Effect.Effect<A, E, Exclude<R, Scope.Scope>>

const open = (options?: Lib.Options) =>
  Effect.gen(function* () {
    const { close, lib } = yield* openSession(yield* MemoryStorage.make, "lib", options)
    yield* Effect.addFinalizer(() => close)
    return { close, lib, store: yield* storeOf(lib) }
  })

describe("the metrics of a lib", () => {
  it.live("say what was appended, in which batches, and what was refused", () =>
    Effect.gen(function* () {
      const { lib, store } = yield* open()
      yield* observe(lib)
      const { boundary: after } = yield* store.query([{ types: ["Made"] }])
      yield* store.append("order-1", some(5))
      yield* store.appendAll([
        { stream: "order-2", events: some(2) },
        { stream: "item-1", events: some(1) }
      ])
      yield* (yield* tapeOf(lib, "notes")).append([{ text: "a" }])
      for (const expected of [0, "no-stream"] as const)
        yield* Effect.flip(store.append("order-1", some(1), { expected }))
      const conditionOn = (type: string) => ({ condition: { failIfEventsMatch: [{ types: [type] }], after } })
      yield* Effect.flip(store.append("order-3", some(1), conditionOn("Made")))
      yield* store.append("order-3", some(1), conditionOn("Paid"))
      const first = yield* shown
      assert.strictEqual(valueOf(first, "position"), 9)
      assert.strictEqual(valueOf(first, "tapes"), 3)
      assert.deepStrictEqual([valueOf(first, "batch_records"), sumOf(first, "batch_records")], [4, 10])
      assert.deepStrictEqual([valueOf(first, "batch_bytes"), valueOf(first, "sync_duration")], [4, 4])
      // Each of them found an empty queue.
      assert.strictEqual(valueOf(first, "append_duration"), 4)
      assert.strictEqual(valueOf(first, "conflicts_total:revision"), 2)
      assert.strictEqual(valueOf(first, "conflicts_total:condition"), 1)
      assert.deepStrictEqual([valueOf(first, "segments"), valueOf(first, "flush_duration")], [0, 0])
      assert.isAbove(Number(valueOf(first, "dynamic_bytes")), Number(sumOf(first, "batch_bytes")))
      yield* flush(lib, "order")
      const last = yield* shown
      assert.deepStrictEqual([valueOf(last, "segments"), valueOf(last, "flush_duration")], [1, 1])
      assert.deepStrictEqual(
        [valueOf(last, "writer_stopped"), valueOf(last, "stuck"), valueOf(last, "backlog")],
        [0, 0, 0]
      )
    }).pipe(alone)
  )

  it.live("measure a sample of the appends that wait together, and count all records", () =>
    Effect.gen(function* () {
      const { lib, store } = yield* open()
      yield* observe(lib)
      yield* Effect.forEach(Array.from({ length: 160 }).keys(), (n) => store.append(`order-${n}`, some(1)), {
        concurrency: "unbounded"
      })
      const metrics = yield* shown
      assert.strictEqual(sumOf(metrics, "batch_records"), 160)
      const measured = Number(valueOf(metrics, "append_duration"))
      assert.isAtLeast(measured, 10)
      assert.isAtMost(measured, 10 + Number(valueOf(metrics, "batch_records")))
    }).pipe(alone)
  )

  it.live("say that the writer has stopped, and continue after it was opened again", () => {
    let broken = false
    const { disk } = SimulatedDisk.make({
      onStep: ({ operation }) => (broken && operation === "datasync" ? { code: "EIO" } : undefined)
    })
    return Effect.gen(function* () {
      const storage = yield* Effect.provideService(FolderStorage.make, Disk, disk)
      const { lib } = yield* openSession(storage, "/lib")
      yield* Effect.addFinalizer(() => Effect.ignore(lib.close))
      const store = yield* storeOf(lib)
      yield* observe(lib)
      yield* store.append("order-1", some(1))
      broken = true
      yield* Effect.flip(store.append("order-1", some(1)))
      broken = false
      assert.strictEqual(valueOf(yield* shown, "writer_stopped"), 1)
      yield* lib.reopen
      yield* store.append("order-1", some(1))
      const metrics = yield* shown
      assert.strictEqual(valueOf(metrics, "writer_stopped"), 0)
      // What failed was not measured; what was before it still counts.
      assert.strictEqual(valueOf(metrics, "sync_duration"), 2)
    }).pipe(alone)
  })

  it.live("are gone once nobody observes any more, and nothing was measured before", () =>
    Effect.gen(function* () {
      const { lib, store } = yield* open()
      yield* store.append("order-1", some(1))
      yield* Effect.flip(store.append("order-1", some(1), { expected: 7 }))
      const scope = yield* Scope.make()
      yield* Scope.provide(observe(lib), scope)
      const metrics = yield* shown
      assert.deepStrictEqual(
        ["append_duration", "batch_records", "conflicts_total:revision", "position"].map((name) =>
          valueOf(metrics, name)
        ),
        [0, 0, 0, 1]
      )
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual([...(yield* shown).keys()], [])
      yield* store.append("order-1", some(1))
      yield* observe(lib)
      assert.strictEqual(valueOf(yield* shown, "batch_records"), 0)
    }).pipe(alone)
  )

  it.live("of a reader and of the writer of the same lib have different attributes", () =>
    Effect.gen(function* () {
      const storage = yield* MemoryStorage.make
      const writer = yield* openSession(storage, "lib")
      yield* Effect.addFinalizer(() => writer.close)
      yield* (yield* storeOf(writer.lib)).append("order-1", some(3))
      const reader = yield* openSession(storage, "lib", { mode: "read" })
      yield* Effect.addFinalizer(() => reader.close)
      yield* (yield* storeOf(writer.lib)).append("order-1", some(1))
      yield* observe(writer.lib)
      yield* observe(reader.lib)
      const positions = (yield* Metric.snapshot).flatMap(({ attributes, id, state }) =>
        id === "litetapes_position" && "value" in state ? [[attributes?.["litetapes.mode"], state.value]] : []
      )
      assert.sameDeepMembers(positions, [
        ["write", 4],
        ["read", 3]
      ])
    }).pipe(alone)
  )

  it.live("of a shared store have no mode, and count on when it becomes the writer", () =>
    Effect.gen(function* () {
      const storage = yield* NodeStorage.make
      const location = newPlace()
      const scope = yield* Scope.make()
      const open = Effect.provideService(SharedStore.open(location), Storage, storage)
      const writer = yield* Scope.provide(open, scope)
      const caller = yield* open
      assert.strictEqual(caller.lib.mode, "read")
      yield* observe(caller.lib)
      yield* writer.append("order-1", some(1))
      yield* Scope.close(scope, Exit.void)
      yield* caller.append("order-1", some(2))
      assert.strictEqual(caller.lib.mode, "write")
      for (const { attributes, id } of yield* Metric.snapshot) assert.notProperty(attributes, "litetapes.mode", id)
      const metrics = yield* shown
      assert.deepStrictEqual([valueOf(metrics, "position"), sumOf(metrics, "batch_records")], [3, 2])
    }).pipe(alone)
  )
})

/** Rows of the tables of metrics in a document. */
const documented = (): ReadonlyArray<readonly [name: string, type: string, unit: string]> =>
  [...readDocument("docs/guide/observability.md").matchAll(/^\| `(litetapes_\w+)` +\| (\w+) +\| ([^|]+?) +\|/gm)].map(
    ([, name, type, unit]) => [name!, type!, unit!]
  )

const units: Readonly<Record<string, string>> = { milliseconds: "ms", bytes: "bytes" }

describe("docs/guide/observability.md", () => {
  it.live("lists every metric that there is and no other, with its type and unit", () =>
    Effect.gen(function* () {
      const { lib, store } = yield* open()
      yield* observe(lib)
      yield* store.append("order-1", some(2))
      let calls = 0
      const handler = () => Effect.suspend(() => (calls++ === 0 ? Effect.fail("no") : Effect.void))
      const { close, running } = yield* start(store, yield* CheckpointStore.makeMemory, { handler })
      yield* running.whenCaughtUp
      yield* close
      const all = (yield* Metric.snapshot).filter(({ id }) => id.startsWith("litetapes_"))
      const rows = new Map(
        all.map(({ attributes, description, id, type }) => {
          assert.isNotEmpty(description ?? "", id)
          const unit = attributes?.["unit"] ?? attributes?.["time_unit"]
          return [id, [id, type.toLowerCase(), unit === undefined ? undefined : units[unit]]]
        })
      )
      assert.sameMembers(
        documented().map(([name]) => name),
        [...rows.keys()]
      )
      for (const [name, type, unit] of documented()) {
        const [, typeFound, unitFound] = rows.get(name)!
        assert.strictEqual(type, typeFound, name)
        // What has no unit of measurement is counted in things.
        if (unitFound === undefined) assert.notInclude(["ms", "bytes"], unit, name)
        else assert.strictEqual(unit, unitFound, name)
      }
      const text = PrometheusMetrics.formatUnsafe(yield* Effect.context<never>())
      assert.match(text, /^litetapes_position\{db_namespace="lib",litetapes_mode="write"\} 2$/m)
    }).pipe(alone)
  )
})

describe("a histogram", () => {
  it("counts each value in every bucket whose bound it does not exceed, and leaves out NaN", () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.double({ noDefaultInfinity: true }), fc.nat(300))), (values) => {
        const histogram = new Histogram(doubling(1, 8))
        for (const value of values) histogram.record(value)
        const kept = values.filter((value) => !Number.isNaN(value))
        const { buckets, count, max, min } = histogram.state
        assert.strictEqual(count, kept.length)
        assert.deepStrictEqual(
          buckets,
          doubling(1, 8).map((bound) => [bound, kept.filter((value) => value <= bound).length])
        )
        if (kept.length === 0) return
        assert.strictEqual(
          min,
          kept.reduce((least, value) => Math.min(least, value))
        )
        assert.strictEqual(
          max,
          kept.reduce((most, value) => Math.max(most, value))
        )
      })
    )
  })
})
