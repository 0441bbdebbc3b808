/** Consumers whose checkpoints are kept in the lib: a handler that only appends takes effect exactly once. */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as CheckpointStore from "litetapes/CheckpointStore"
import * as Consumer from "litetapes/Consumer"
import * as EventStore from "litetapes/EventStore"
import * as Lib from "litetapes/Lib"
import * as MemoryStorage from "litetapes/MemoryStorage"
import { Storage } from "litetapes/Storage"
import { type Options, quiet, runConsumer, type Store } from "../support/consumers.ts"
import { openInMemory, openStore, tagOf } from "../support/openLib.ts"

const asked = [{ type: "Asked", data: {} }]
const answers = { types: ["Asked"] }

/** Runs a consumer whose checkpoints are in the lib. */
const start = (store: Store, options: Partial<Options>) =>
  Effect.gen(function* () {
    const checkpoints = yield* Effect.provideService(CheckpointStore.makeLib, EventStore.EventStore, store)
    return yield* runConsumer(store, checkpoints, {
      name: "answers",
      filter: answers,
      retry: Schedule.spaced(0),
      handler: () => Effect.void,
      ...options
    })
  })

/** Answers each question in the append of its checkpoint. */
const answering =
  (store: Store): Options["handler"] =>
  ({ position, stream }, { checkpoint }) =>
    store.appendAll([{ stream: `answer-${stream}`, events: [{ type: "Answered", data: { position } }] }], {
      checkpoint
    })

const answered = (store: Store) =>
  Effect.map(Stream.runCollect(store.readAll({ filter: { types: ["Answered"] } })), (events) =>
    events.map(({ data }) => (data as { readonly position: number }).position).toSorted((a, b) => a - b)
  )

const ask = (store: Store, count: number, streams = 3) =>
  Effect.forEach(Array.from({ length: count }), (_, n) => store.append(`question-${n % streams}`, asked), {
    discard: true
  })

describe("a consumer with its checkpoint in the lib", () => {
  it.effect("answers each event once, in several partitions and runs, and writes nothing more for it", () =>
    Effect.gen(function* () {
      const { close, lib, storage, store } = yield* openInMemory()
      yield* ask(store, 20)
      const one = yield* start(store, { handler: answering(store), partitions: 4 })
      yield* one.running.whenCaughtUp
      yield* one.close
      const { batch } = yield* lib.durable
      const questions = Array.from({ length: 20 }, (_, n) => n)
      assert.deepStrictEqual(yield* answered(store), questions)
      // 20 questions, 20 answers, where the consumer began, and the answers that were counted as done at its end.
      assert.isAtMost(batch, 42)
      assert.deepInclude((yield* lib.checkpoints)[0], { consumer: "answers", version: 1, low: 40, done: [] })
      yield* close
      const again = yield* openStore(storage)
      yield* ask(again.store, 5)
      const two = yield* start(again.store, { handler: answering(again.store), partitions: 2 })
      yield* two.running.whenCaughtUp
      assert.deepStrictEqual(yield* answered(again.store), [...questions, 40, 41, 42, 43, 44])
    })
  )

  it.effect("refuses a checkpoint that is of another lib than it is kept in", () =>
    Effect.gen(function* () {
      const { storage, store } = yield* openInMemory()
      const { lib: otherLib, store: other } = yield* openStore(storage, {}, "other")
      yield* ask(store, 3)
      yield* ask(other, 9)
      // The events of one lib, and the answers and their checkpoints in another one.
      const one = yield* start(store, { handler: answering(other), maxAttempts: 1 })
      assert.strictEqual(yield* tagOf(one.running.stopped), "HandlerFailed")
      assert.deepStrictEqual(yield* answered(other), [])
      assert.deepStrictEqual(yield* otherLib.checkpoints, [])
      const checkpoints = yield* Effect.provideService(CheckpointStore.makeLib, EventStore.EventStore, other)
      const consumer = Consumer.make({ name: "others", filter: answers, handler: () => Effect.void })
      const two = Effect.scoped(Effect.flatMap(Consumer.run(consumer), ({ whenCaughtUp }) => whenCaughtUp)).pipe(
        Effect.provideService(EventStore.EventStore, store),
        Effect.provideService(CheckpointStore.CheckpointStore, checkpoints)
      )
      assert.strictEqual(yield* tagOf(two), "StorageError")
      assert.deepStrictEqual(yield* otherLib.checkpoints, [])
    }).pipe(Effect.provide(quiet))
  )

  it.effect("does not call a handler again that failed after its append", () =>
    Effect.gen(function* () {
      const { store } = yield* openInMemory()
      yield* ask(store, 6)
      let calls = 0
      const handler: Options["handler"] = (event, handling) =>
        Effect.andThen(
          Effect.sync(() => calls++),
          Effect.andThen(answering(store)(event, handling), Effect.fail("after the append"))
        )
      const { running } = yield* start(store, { handler, partitions: 3, maxAttempts: 2 })
      yield* running.whenCaughtUp
      assert.strictEqual(calls, 6)
      assert.deepStrictEqual(yield* answered(store), [0, 1, 2, 3, 4, 5])
      assert.strictEqual((yield* running.status).state, "running")
    })
  )

  it.effect("says what a handler failed with after its append, such as a second one with the checkpoint", () =>
    Effect.gen(function* () {
      const { store } = yield* openInMemory()
      yield* ask(store, 2)
      const logged: Array<string> = []
      const log = Logger.make(({ logLevel, message }) => logged.push(`${logLevel}: ${String(message)}`))
      const handler: Options["handler"] = (event, handling) =>
        Effect.andThen(
          answering(store)(event, handling),
          Effect.suspend(() =>
            event.position === 0 ? Effect.die(new TypeError("broken")) : answering(store)(event, handling)
          )
        )
      const { running } = yield* Effect.provide(start(store, { handler }), Logger.layer([log]))
      yield* running.whenProcessed(0)
      yield* running.whenCaughtUp
      const { lastError, state } = yield* running.status
      assert.strictEqual(state, "running")
      assert.deepInclude(lastError, { position: 1, attempt: 1 })
      const [first, second] = logged.filter((line) => line.includes("after its append"))
      assert.match(first!, /^Warn: .*answers: event 0 of stream "question-0": broken$/)
      assert.match(second!, /^Error: .*event 1 of stream "question-1".*: use one appendAll\.$/)
    })
  )

  it.effect("counts filtered events as done, and a handler that appends nothing", () =>
    Effect.gen(function* () {
      const { lib, store } = yield* openInMemory()
      yield* ask(store, 4)
      for (let n = 0; n < 50; n++) yield* store.append("other", [{ type: "Other" }])
      const before = (yield* lib.durable).batch
      const one = yield* start(store, {})
      yield* one.running.whenCaughtUp
      yield* one.close
      assert.isAtMost((yield* lib.durable).batch - before, 2)
      assert.deepInclude((yield* lib.checkpoints)[0], { low: 54, done: [] })
    })
  )

  it.effect("is refused a second time, in a reader, and with parked events", () =>
    Effect.gen(function* () {
      const { storage, store } = yield* openInMemory()
      yield* ask(store, 1)
      yield* start(store, {})
      assert.strictEqual(yield* tagOf(start(store, {})), "ConsumerClaimed")
      const reader = yield* openStore(storage, { mode: "read" })
      const error = yield* Effect.flip(start(reader.store, {}))
      assert.strictEqual(error._tag, "CheckpointsNeedWriter")
      assert.match((error as Error).message, /CheckpointStore\.layerFolder/)
      assert.deepInclude(yield* Effect.flip(start(store, { name: "parks", onPoison: "park" })), {
        _tag: "InvalidArgument",
        argument: "options.onPoison"
      })
    })
  )

  it.effect("begins again with a new version or a reset, and ends at the new place after it", () =>
    Effect.gen(function* () {
      const { lib, store } = yield* openInMemory()
      yield* ask(store, 3)
      const one = yield* start(store, { handler: answering(store) })
      yield* one.running.whenCaughtUp
      yield* one.running.reset({ after: 0 })
      yield* one.running.whenCaughtUp
      yield* one.close
      assert.deepStrictEqual(yield* answered(store), [0, 1, 1, 2, 2])
      const two = yield* start(store, { handler: answering(store), version: 2, from: { after: 1 } })
      yield* two.running.whenCaughtUp
      yield* two.close
      assert.deepStrictEqual(yield* answered(store), [0, 1, 1, 2, 2, 2])
      assert.strictEqual(yield* tagOf(start(store, {})), "NewerConsumer")
      assert.deepInclude((yield* lib.checkpoints)[0], { version: 2, low: yield* store.position, done: [] })
    })
  )

  it.effect("begins at the end, and remembers that although it has handled nothing", () =>
    Effect.gen(function* () {
      const { lib, store } = yield* openInMemory()
      yield* ask(store, 3)
      const one = yield* start(store, { from: "end" })
      yield* one.close
      assert.deepInclude((yield* lib.checkpoints)[0], { version: 1, low: 3 })
    })
  )

  it.effect("a handler with another store learns that it needs this one", () =>
    Effect.gen(function* () {
      const { store } = yield* openInMemory()
      yield* ask(store, 1)
      const checkpoints = yield* CheckpointStore.makeMemory
      const handler = answering(store)
      const { running } = yield* runConsumer(store, checkpoints, { name: "answers", handler, maxAttempts: 1 })
      const error = yield* Effect.flip(running.stopped)
      assert.match(error.message, /CheckpointStore\.layerLib/)
    }).pipe(Effect.provide(quiet))
  )

  it.live("an event is answered once although each append fails without an outcome, and the lib reopens itself", () =>
    Effect.gen(function* () {
      const { lib, storage, store } = yield* openInMemory()
      yield* ask(store, 3)
      // The handler is cut off once, after its append: as if its caller never heard of it.
      const cut = yield* Deferred.make<void>()
      let calls = 0
      const handler: Options["handler"] = (event, handling) =>
        Effect.andThen(
          answering(store)(event, handling),
          calls++ === 0 ? Effect.andThen(Deferred.succeed(cut, undefined), Effect.die("cut")) : Effect.void
        )
      const { running } = yield* start(store, { handler })
      yield* Deferred.await(cut)
      yield* running.whenCaughtUp
      assert.deepStrictEqual(yield* answered(store), [0, 1, 2])
      assert.isAbove((yield* lib.durable).batch, 5)
      assert.isDefined(storage)
    })
  )
})

describe("a recovered lib", () => {
  /** Opens a lib with a checkpoint in lib meta or in a dynamic segment, damages it, and recovers it. */
  const recovered = Effect.fnUntraced(function* (
    damage: (root: Effect.Success<ReturnType<Storage["Service"]["open"]>>) => Effect.Effect<unknown, unknown>,
    isClean: boolean
  ) {
    const storage = yield* MemoryStorage.make
    const { close, store } = yield* openStore(storage)
    yield* ask(store, 4)
    const { close: stop, running } = yield* start(store, { handler: answering(store) })
    yield* running.whenCaughtUp
    yield* stop
    const other = isClean ? undefined : yield* MemoryStorage.make
    yield* close
    assert.isUndefined(other)
    yield* Effect.scoped(Effect.flatMap(storage.open("lib", "recover"), damage))
    const report = yield* Effect.provideService(Lib.recover("lib"), Storage, storage)
    return { report, storage, ...(yield* openStore(storage)) }
  })

  it.effect("without lib meta refuses every consumer until somebody says where it continues", () =>
    Effect.gen(function* () {
      const { lib, report, store } = yield* recovered(
        (root) =>
          Effect.flatMap(root.meta.read(undefined), (meta) =>
            root.meta.replace(undefined, meta!.version, Buffer.from("{}\n"))
          ),
        true
      )
      assert.isTrue(report.areCheckpointsLost)
      for (const name of ["answers", "others"]) {
        assert.strictEqual(yield* tagOf(start(store, { name })), "CheckpointLost")
        const append = store.append("a-1", asked, { checkpoint: { consumer: name, position: 0 } })
        assert.strictEqual(yield* tagOf(append), "CheckpointLost")
        assert.strictEqual(yield* tagOf(start(store, { name })), "CheckpointLost")
      }
      // What is refused lists nobody.
      assert.deepStrictEqual(yield* lib.checkpoints, [])
      const again = yield* start(store, {
        handler: answering(store),
        onNotInHistory: "begin-again",
        from: { after: 7 }
      })
      yield* again.running.whenCaughtUp
      assert.deepStrictEqual(yield* answered(store), [0, 1, 2, 3])
      yield* again.close
      yield* (yield* start(store, {})).close
      yield* store.append("a-1", asked, { checkpoint: { consumer: "others", low: 2, reset: true } })
      yield* store.append("a-1", asked, { checkpoint: { consumer: "others", position: 2 } })
    })
  )
})
