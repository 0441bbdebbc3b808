/** Spans: exactly one for each call or batch and never one for a record, with errors, and none without a tracer. */
import { it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Tracer from "effect/Tracer"
import * as Reactivity from "effect/reactivity/Reactivity"
import * as SqlClient from "effect/sql/SqlClient"
import * as fc from "fast-check"
import * as Category from "litetapes/Category"
import * as CheckpointStore from "litetapes/CheckpointStore"
import * as Decider from "litetapes/Decider"
import * as EventStore from "litetapes/EventStore"
import * as FolderStorage from "litetapes/FolderStorage"
import * as Lib from "litetapes/Lib"
import * as MemoryStorage from "litetapes/MemoryStorage"
import * as Projection from "litetapes/Projection"
import { Storage } from "litetapes/Storage"
import * as SqliteClient from "litetapes/SqliteClient"
import { SimulatedDisk } from "litetapes/testing"
import { assert, describe } from "vitest"
import { Disk } from "../../src/services/ports/Disk.ts"
import { start } from "../support/consumers.ts"
import { readDocument } from "../support/documents.ts"
import { openSession, settle, storeOf, tagOf, tapeOf } from "../support/openLib.ts"
import { countsOf, isFailed, type RecordingTracer, recordingTracer } from "../support/recordingTracer.ts"

const quiet = Logger.layer([])
const some = (count: number) => Array.from({ length: count }, (_, n) => ({ type: "Made", data: { n } }))

const Order = Category.make("order", { Made: Schema.Struct({ n: Schema.Int }) })
const Making = Decider.make({
  name: "making",
  category: Order,
  initialState: () => 0,
  evolve: (count) => count + 1,
  decide: (command: { readonly n: number }) =>
    command.n < 0 ? new Error("negative") : { type: "Made" as const, data: { n: command.n } }
})

interface Open {
  readonly lib: Lib.Lib["Service"]
  readonly store: EventStore.EventStore["Service"]
}

const open = (storage?: Storage["Service"], options?: Lib.Options) =>
  Effect.gen(function* () {
    const { close, lib } = yield* openSession(storage ?? (yield* MemoryStorage.make), "/lib", options)
    yield* Effect.addFinalizer(() => close)
    return { lib, store: yield* storeOf(lib), close }
  })

/** Opens a lib under a tracer, and runs `use` with it; the spans of opening are forgotten. */
const traced = <A, E, R>(
  use: (open: Open & { readonly close: Effect.Effect<void> }, tracer: RecordingTracer) => Effect.Effect<A, E, R>,
  storage?: Storage["Service"],
  options?: Lib.Options
) => {
  const recording = recordingTracer()
  return Effect.gen(function* () {
    const opened = yield* open(storage, options)
    recording.clear()
    return yield* use(opened, recording)
  }).pipe(Effect.scoped, Effect.provide(quiet), Effect.withTracer(recording.tracer))
}

type Case = readonly [
  what: string,
  expected: Readonly<Record<string, number>>,
  run: (open: Open) => Effect.Effect<unknown, unknown, Scope.Scope>
]

const tapeWithRecords = ({ lib }: Open) =>
  Effect.tap(tapeOf(lib, "notes"), (tape) => tape.append([{ text: "a" }, { text: "b" }]))

const cases: ReadonlyArray<Case> = [
  ["an append of 100 events", { append: 1, commit: 1 }, ({ store }) => store.append("order-1", some(100))],
  [
    "an append to three streams",
    { append: 1, commit: 1 },
    ({ store }) => store.appendAll([1, 2, 3].map((n) => ({ stream: `order-${n}`, events: some(n) })))
  ],
  ["an append of nothing", { append: 1 }, ({ store }) => store.append("order-1", [])],
  [
    "reads of 1,000 events, of all and of a few",
    { append: 1, commit: 1, read: 3 },
    ({ store }) =>
      Effect.gen(function* () {
        yield* store.append("order-1", some(1000))
        yield* Stream.runDrain(store.read("order-1"))
        yield* Stream.runDrain(store.readAll())
        yield* Stream.runDrain(Stream.take(store.read("order-1"), 3))
      })
  ],
  [
    "a query and a decision model",
    { append: 1, commit: 1, query: 2 },
    ({ store }) =>
      Effect.gen(function* () {
        yield* store.append("order-1", some(10))
        yield* store.query([{ types: ["Made"] }])
        yield* store.decisionModel({
          count: { query: [{ types: ["Made"] }], initialState: () => 0, evolve: (n: number) => n + 1 }
        })
      })
  ],
  [
    "records, a flush, a repack, a clone of it and a check",
    { append: 2, commit: 2, flush: 1, repack: 1, verify: 2 },
    (opened) =>
      Effect.gen(function* () {
        const tape = yield* tapeWithRecords(opened)
        yield* opened.lib.commit([{ tape: "notes", records: [{ text: "c" }] }])
        yield* tape.appendSegment
        // There is nothing to flush.
        yield* tape.appendSegment
        yield* tape.repack({ compression: "zstd", force: true })
        yield* tape.verify()
        yield* opened.lib.verify()
      })
  ],
  [
    "a copy, a backup and a recovery that is refused",
    { append: 1, commit: 1, copy: 1, backup: 1, recover: 1 },
    ({ lib, store }) =>
      Effect.gen(function* () {
        yield* store.append("order-1", some(3))
        yield* lib.copy("/copy")
        yield* lib.backup("/backup")
        yield* Effect.flip(lib.recoverTape("order"))
      })
  ],
  [
    "proofs, a clone and a salvage that is refused",
    { append: 1, commit: 1, flush: 1, proveInclusion: 1, proveConsistency: 1, clone: 1, salvage: 1 },
    (opened) =>
      Effect.gen(function* () {
        const tape = yield* tapeWithRecords(opened)
        yield* tape.appendSegment
        yield* tape.proveInclusion(0)
        yield* tape.proveConsistency(yield* tape.head)
        yield* tape.clone(opened.lib, "notes-2")
        yield* Effect.flip(opened.lib.salvageTape("notes"))
      })
  ],
  [
    "two commands, of which the second finds its state in memory",
    { handle: 2, append: 2, commit: 2, read: 1 },
    ({ store }) =>
      Effect.forEach([1, 2], (n) => Decider.handle(Making, "1", { n })).pipe(
        Effect.provideService(EventStore.EventStore, store)
      )
  ],
  [
    "a consumer that handles five events, one of them twice",
    { append: 1, commit: 1, consume: 6 },
    ({ store }) =>
      Effect.gen(function* () {
        yield* store.append("order-1", some(5))
        let calls = 0
        const handler = () => Effect.suspend(() => (calls++ === 2 ? Effect.fail("no") : Effect.void))
        const { running } = yield* start(store, yield* CheckpointStore.makeMemory, { handler })
        yield* running.whenCaughtUp
      })
  ]
]

const named = (counts: Readonly<Record<string, number>>) =>
  Object.fromEntries(
    Object.entries(counts).flatMap(([name, count]) => (count === 0 ? [] : [[`litetapes.${name}`, count]]))
  )

/** All cases, one after the other, each in a lib of its own. */
const everything = Effect.forEach(
  cases,
  ([, , run]) => Effect.scoped(Effect.flatMap(open(), (opened) => run(opened))),
  { discard: true }
)

describe("spans", () => {
  it.live.each(cases)("of %s", ([, expected, run]) =>
    traced((opened, { counts, spans }) =>
      Effect.gen(function* () {
        yield* run(opened)
        assert.deepStrictEqual(counts(), named(expected))
        assert.isTrue(spans.every(({ status }) => status._tag === "Ended"))
      })
    )
  )

  it.live("of a projection: one for each transaction, whatever it holds", () =>
    traced(({ store }, { clear, spans }) =>
      Effect.gen(function* () {
        yield* store.append("order-1", some(60))
        const sql = yield* SqliteClient.make(":memory:")
        const projection = Projection.make({
          name: "orders",
          version: 1,
          init: () => Effect.void,
          drop: () => Effect.void,
          events: [Projection.on(Order, { Made: () => Effect.void })]
        })
        clear()
        const running = yield* Projection.run(projection, { transactionEvents: 20 }).pipe(
          Effect.provideService(EventStore.EventStore, store),
          Effect.provideService(SqlClient.SqlClient, sql)
        )
        yield* running.whenCaughtUp
        const its = spans.filter(({ name }) => name === "litetapes.project")
        const events = its.map(({ attributes }) => Number(attributes.get("litetapes.events")))
        assert.strictEqual(
          events.reduce((sum, count) => sum + count, 0),
          60
        )
        assert.isAtMost(its.length, 5)
        assert.isTrue(its.every(({ parent, status }) => parent._tag === "None" && status._tag === "Ended"))
      })
    ).pipe(Effect.provide(Reactivity.layer))
  )

  it.live("of an opening, a reopening, a restore, a recovery and the flush at the end", () => {
    const recording = recordingTracer()
    let broken = false
    const { disk } = SimulatedDisk.make({
      onStep: ({ operation }) => (broken && operation === "datasync" ? { code: "EIO" } : undefined)
    })
    return Effect.gen(function* () {
      const storage = yield* Effect.provideService(FolderStorage.make, Disk, disk)
      const { close, lib, store } = yield* open(storage)
      yield* store.append("order-1", some(1))
      broken = true
      yield* Effect.flip(store.append("order-1", some(1)))
      broken = false
      yield* lib.reopen
      yield* store.append("order-1", some(1))
      yield* lib.backup("/backup")
      yield* close
      yield* Effect.provideService(Lib.restore("/backup", "/restored"), Storage, storage)
      yield* Effect.flip(Effect.provideService(Lib.recover("/lib"), Storage, storage))
      assert.deepStrictEqual(
        recording.counts(),
        named({ open: 1, append: 3, commit: 3, reopen: 1, backup: 1, flush: 2, restore: 1, recover: 1 })
      )
      const failed = recording.spans.filter(isFailed)
      assert.deepStrictEqual(
        failed.map(({ attributes, name }) => [name, attributes.get("error.type")]),
        [
          ["litetapes.append", "CommitOutcomeUnknown"],
          ["litetapes.commit", "CommitOutcomeUnknown"],
          ["litetapes.recover", "NotDamaged"]
        ]
      )
      assert.isTrue(recording.spans.every(({ status }) => status._tag === "Ended"))
    }).pipe(Effect.scoped, Effect.provide(quiet), Effect.withTracer(recording.tracer))
  })

  it.live("of the flush at the end, though what closes the lib has no tracer", () => {
    const recording = recordingTracer()
    return Effect.gen(function* () {
      const opened = yield* Effect.withTracer(open(), recording.tracer)
      yield* opened.store.append("order-1", some(1))
      yield* opened.close
      assert.deepStrictEqual(recording.counts(), named({ open: 1, commit: 1, flush: 1 }))
      assert.isTrue(recording.spans.every(({ status }) => status._tag === "Ended"))
    }).pipe(Effect.scoped, Effect.provide(quiet))
  })

  it.live("are as many as there are calls and batches, whatever is called", () =>
    Effect.promise(() =>
      fc.assert(
        fc.asyncProperty(fc.array(aCall, { maxLength: 12 }), (calls) =>
          Effect.runPromise(
            traced(({ lib, store }, { counts }) =>
              Effect.gen(function* () {
                yield* Effect.forEach(calls, ([, run]) => run(store), { discard: true })
                const { batch } = yield* lib.durable
                const expected = countsOf(calls.flatMap(([names]) => names))
                assert.deepStrictEqual(counts(), named({ ...expected, commit: batch }))
              })
            )
          )
        ),
        { numRuns: 40 }
      )
    )
  )
})

/** Calls, with the spans that they make besides those of batches. */
const aCall: fc.Arbitrary<
  readonly [names: ReadonlyArray<string>, run: (store: Open["store"]) => Effect.Effect<unknown, unknown>]
> = fc.oneof(
  fc
    .tuple(fc.nat(3), fc.nat(20))
    .map(([n, count]) => [["append"], (store: Open["store"]) => store.append(`order-${n}`, some(count))] as const),
  fc
    .nat(3)
    .map(
      (n) =>
        [
          ["append"],
          (store: Open["store"]) => Effect.ignore(store.append(`order-${n}`, some(1), { expected: 7 }))
        ] as const
    ),
  fc.integer({ min: 1, max: 40 }).map(
    (count) =>
      [
        Array.from({ length: count }, () => "append"),
        (store: Open["store"]) =>
          Effect.forEach(Array.from({ length: count }), (_, n) => store.append(`order-${n}`, some(2)), {
            concurrency: "unbounded"
          })
      ] as const
  ),
  fc
    .tuple(fc.nat(3), fc.option(fc.nat(5), { nil: undefined }))
    .map(
      ([n, limit]) =>
        [
          ["read"],
          (store: Open["store"]) => Stream.runDrain(store.read(`order-${n}`, limit === undefined ? {} : { limit }))
        ] as const
    ),
  fc.constant([["read"], (store: Open["store"]) => Stream.runDrain(store.readAll())] as const)
)

describe("a span", () => {
  it.live("says what was appended, where, and in which batch with which others", () =>
    traced(({ lib, store }, { spans }) =>
      Effect.gen(function* () {
        const both = [store.append("order-1", some(2)), store.append("order-2", some(3))]
        yield* Effect.withSpan(Effect.all(both, { concurrency: "unbounded" }), "request")
        const [request, first, second, commit] = spans
        assert.deepStrictEqual(Object.fromEntries(first!.attributes), {
          "db.system.name": "litetapes",
          "db.operation.name": "append",
          "db.namespace": lib.location,
          "litetapes.stream": "order-1",
          "litetapes.events": 2,
          "litetapes.position": 1,
          "litetapes.revision": 1,
          "litetapes.repeated": false
        })
        for (const append of [first!, second!]) {
          assert.strictEqual(append.parent._tag === "Some" && append.parent.value.spanId, request!.spanId)
        }
        assert.strictEqual(commit!.parent._tag, "None")
        assert.deepStrictEqual(
          commit!.links.map(({ span }) => span.spanId),
          [first!.spanId, second!.spanId]
        )
        assert.deepInclude(Object.fromEntries(commit!.attributes), {
          "db.operation.name": "commit",
          "litetapes.batch": 1,
          "litetapes.requests": 2,
          "litetapes.records": 5
        })
      })
    )
  )

  it.live("counts the events that were read, and ends with its stream", () =>
    traced(({ store }, { clear, spans }) =>
      Effect.gen(function* () {
        yield* store.append("order-1", some(1300))
        clear()
        yield* Stream.runForEach(store.read("order-1"), () =>
          Effect.sync(() => assert.strictEqual(spans[0]!.status._tag, "Started"))
        )
        assert.strictEqual(spans[0]!.attributes.get("litetapes.events"), 1300)
        assert.strictEqual(spans[0]!.status._tag, "Ended")
        assert.strictEqual(yield* tagOf(Stream.runDrain(store.read(""))), "InvalidStreamName")
        assert.isTrue(isFailed(spans[1]!))
        assert.strictEqual(spans[1]!.attributes.get("error.type"), "InvalidStreamName")
      })
    )
  )

  it.live("of a command counts its tries and has the error of a rejection", () =>
    traced(({ store }, { clear, spans }) =>
      Effect.gen(function* () {
        const handle = (n: number) =>
          Effect.provideService(Decider.handle(Making, "1", { n }), EventStore.EventStore, store)
        yield* handle(1)
        assert.deepInclude(Object.fromEntries(spans[0]!.attributes), {
          "litetapes.decider": "making",
          "litetapes.stream": "order-1",
          "litetapes.tries": 1,
          "litetapes.events": 1,
          "litetapes.position": 0
        })
        clear()
        yield* Effect.exit(handle(-1))
        assert.strictEqual(spans[0]!.name, "litetapes.handle")
        assert.isTrue(isFailed(spans[0]!))
      })
    )
  )

  it.live("of a handler is a root, the parent of what the handler does, and fails with it", () =>
    traced(({ store }, { clear, spans }) =>
      Effect.gen(function* () {
        yield* store.append("order-1", some(1))
        clear()
        const handler = () => Effect.andThen(Stream.runDrain(store.read("order-1")), Effect.fail(new TypeError("no")))
        const options = { name: "tried", handler, maxAttempts: 2, onPoison: "skip", retry: Schedule.spaced(0) } as const
        const starting = start(store, yield* CheckpointStore.makeMemory, options)
        const { running } = yield* Effect.withSpan(starting, "starting")
        yield* running.whenCaughtUp
        const consumed = spans.filter(({ name }) => name === "litetapes.consume")
        assert.strictEqual(consumed.length, 2)
        for (const span of consumed) {
          assert.strictEqual(span.parent._tag, "None")
          assert.isTrue(isFailed(span))
          assert.deepInclude(Object.fromEntries(span.attributes), {
            "litetapes.consumer": "tried",
            "litetapes.stream": "order-1",
            "litetapes.revision": 0,
            "litetapes.position": 0,
            "litetapes.lag": 0,
            "error.type": "TypeError"
          })
        }
        const reads = spans.filter(({ name }) => name === "litetapes.read")
        assert.deepStrictEqual(
          reads.map(({ parent }) => parent._tag === "Some" && parent.value.spanId),
          consumed.map(({ spanId }) => spanId)
        )
      })
    )
  )
})

describe("no span is made", () => {
  it.live("without a tracer, whatever is done", () =>
    Effect.gen(function* () {
      let made = 0
      const native = Tracer.nativeTracer as { span: Tracer.Tracer["span"] }
      const { span } = native
      native.span = (options) => {
        made++
        return new Tracer.NativeSpan(options)
      }
      yield* Effect.ensuring(
        everything,
        Effect.sync(() => {
          native.span = span
        })
      )
      assert.strictEqual(made, 0)
    }).pipe(Effect.provide(quiet))
  )

  it.live("under a span that is not sampled, and where tracing is disabled", () =>
    traced(({ store }, { clear, counts }) =>
      Effect.gen(function* () {
        const work = Effect.andThen(store.append("order-1", some(3)), Stream.runDrain(store.read("order-1")))
        yield* Effect.withSpan(work, "request", { sampled: false })
        // The batch belongs to no request.
        assert.deepStrictEqual(counts(), { request: 1, "litetapes.commit": 1 })
        clear()
        yield* Effect.withTracerEnabled(work, false)
        assert.deepStrictEqual(counts(), { "litetapes.commit": 1 })
        yield* settle
      })
    )
  )
})

describe("docs/guide/observability.md", () => {
  it.live("lists the spans that there are, and no others", () =>
    Effect.gen(function* () {
      const recording = recordingTracer()
      yield* Effect.withTracer(everything, recording.tracer)
      const listed = [...readDocument("docs/guide/observability.md").matchAll(/^\| `(litetapes\.\w+)` +\|/gm)]
      // The tests above make those that are not in `everything`.
      const elsewhere = ["reopen", "restore", "project"].map((name) => `litetapes.${name}`)
      assert.sameMembers(
        listed.map(([, name]) => name!),
        [...Object.keys(recording.counts()), ...elsewhere]
      )
    }).pipe(Effect.provide(quiet))
  )
})
