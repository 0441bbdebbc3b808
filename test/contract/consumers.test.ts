/** Consumers: where they begin, how they stop, what they say of themselves, and where their checkpoints are kept. */
import { it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as KeyValueStore from "effect/persistence/KeyValueStore"
import * as TestClock from "effect/testing/TestClock"
import * as CheckpointStore from "litetapes/CheckpointStore"
import * as Consumer from "litetapes/Consumer"
import { Disk } from "litetapes/Disk"
import { ReaderBusy } from "litetapes/Errors"
import * as EventStore from "litetapes/EventStore"
import * as Lib from "litetapes/Lib"
import * as NodeDisk from "litetapes/NodeDisk"
import * as SqliteClient from "litetapes/SqliteClient"
import { Storage, StorageError } from "litetapes/Storage"
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import * as path from "node:path"
import { assert, describe } from "vitest"
import { startLockHolder } from "../support/lockHolder.ts"
import { type Checkpoints, made, openStore, type Options, quiet, start } from "../support/consumers.ts"
import { openSession, settle, storeOf, tagOf } from "../support/openLib.ts"
import { temporaryFolder } from "../support/temporaryFolder.ts"

const newFolder = temporaryFolder()

describe("a consumer begins", () => {
  it.effect("at the start, at the end or after an event, and then at its checkpoint", () =>
    Effect.gen(function* () {
      const expected = [["start", [0, 1, 2]] as const, ["end", []] as const, [{ after: 1 }, [2]] as const]
      for (const [from, first] of expected) {
        const { store } = yield* openStore
        yield* store.append("order-1", [...made, ...made, ...made])
        const checkpoints = yield* CheckpointStore.makeMemory
        const one = yield* start(store, checkpoints, { from })
        yield* one.running.whenCaughtUp
        yield* one.close
        assert.deepStrictEqual(one.handled, [...first])
        yield* store.append("order-1", made)
        const again = yield* start(store, checkpoints, { from })
        yield* again.running.whenProcessed(3)
        assert.deepStrictEqual(again.handled, [3])
        yield* again.close
      }
    })
  )

  it.effect("again with a new version, and refuses the checkpoint of a later one", () =>
    Effect.gen(function* () {
      const { store } = yield* openStore
      const checkpoints = yield* CheckpointStore.makeMemory
      yield* store.append("order-1", made)
      const options = { onPoison: "park", handler: () => Effect.fail("no"), maxAttempts: 1 } as const
      const one = yield* start(store, checkpoints, options)
      yield* one.running.whenCaughtUp
      assert.strictEqual((yield* one.running.parked).length, 1)
      yield* one.close
      const two = yield* start(store, checkpoints, { version: 2 })
      yield* two.running.whenCaughtUp
      assert.deepStrictEqual(two.handled, [0])
      assert.deepStrictEqual(yield* two.running.parked, [])
      yield* two.close
      assert.strictEqual(yield* tagOf(start(store, checkpoints)), "NewerConsumer")
    }).pipe(Effect.provide(quiet))
  )

  it.live("not with the checkpoint of another history, unless it may begin again", () =>
    Effect.gen(function* () {
      const { lib, storage, store } = yield* openStore
      const checkpoints = yield* CheckpointStore.makeMemory
      yield* store.append("order-1", made)
      yield* Effect.provideService(lib.backup("backup"), Storage, storage)
      yield* store.append("order-1", made)
      const one = yield* start(store, checkpoints)
      yield* one.running.whenCaughtUp
      yield* one.close
      yield* Effect.provideService(Lib.restore("backup", "restored"), Storage, storage)
      for (const place of ["restored", "other"]) {
        const { close, lib: other } = yield* openSession(storage, place)
        const shorter = yield* storeOf(other)
        // Another event has the position of the one that was handled.
        yield* shorter.append("order-1", [...made, ...made])
        assert.strictEqual(yield* tagOf(start(shorter, checkpoints)), "NotInHistory")
        yield* close
      }
      const { close, lib: restored } = yield* openSession(storage, "restored")
      const again = yield* start(yield* storeOf(restored), checkpoints, { onNotInHistory: "begin-again" })
      yield* again.running.whenCaughtUp
      assert.deepStrictEqual(again.handled, [0, 1, 2])
      yield* again.close
      yield* close
    })
  )

  it.effect("not while it cannot see the end of the lib, which would look like another history", () =>
    Effect.gen(function* () {
      const { storage, store } = yield* openStore
      yield* store.append("order-1", made)
      const { close, lib } = yield* openSession(storage, "lib", { mode: "read" })
      const reader = yield* storeOf(lib)
      yield* store.append("order-1", made)
      const checkpoints = yield* CheckpointStore.makeMemory
      const one = yield* start(store, checkpoints)
      yield* one.running.whenCaughtUp
      yield* one.close
      let isBusy = true
      const busy = new ReaderBusy({ location: "lib" })
      const refresh = Effect.suspend(() => (isBusy ? Effect.fail(busy) : lib.refresh))
      const standby = {
        ...reader,
        lib: Object.defineProperty(Object.create(lib) as typeof lib, "refresh", { value: refresh })
      }
      for (const onNotInHistory of ["fail", "begin-again"] as const) {
        assert.strictEqual(yield* tagOf(start(standby, checkpoints, { onNotInHistory })), "ReaderBusy")
      }
      isBusy = false
      const two = yield* start(standby, checkpoints, { onNotInHistory: "begin-again" })
      yield* two.running.whenCaughtUp
      isBusy = true
      for (const told of [two.running.whenCaughtUp, two.running.reset("end")]) {
        assert.strictEqual(yield* tagOf(told), "ReaderBusy")
      }
      assert.deepInclude(yield* two.running.status, { state: "running", lag: 0 })
      assert.deepStrictEqual(two.handled, [])
      yield* two.close
      yield* close
    })
  )

  it("only with options that it knows", () => {
    const handler = () => Effect.void
    const wrong: ReadonlyArray<[object, RegExp]> = [
      [{ handler }, /options\.name is missing/],
      [{ name: "a" }, /options\.handler is missing/],
      [{ name: "../a", handler }, /options\.name must be a name/],
      [{ name: "a", handler, partition: 2 }, /did you mean partitions/],
      [{ name: "a", handler, partitions: 0 }, /whole number from 1/],
      [{ name: "a", handler, maxInFlight: 1.5 }, /whole number from 1/],
      [{ name: "a", handler, onPoison: "drop" }, /"stop" or "park" or "skip"/],
      [{ name: "a", handler, retry: 3 }, /must be a Schedule/],
      [{ name: "a", handler, filter: { type: ["Made"] } }, /options\.filter\.type is not known/],
      [{ name: "a", handler, checkpoint: { interval: "often" } }, /options\.checkpoint\.interval/],
      [{ name: "a", handler, from: "now" }, /options\.from/],
      [{ name: "a", handler, stallAfter: 0 }, /options\.stallAfter must be a duration/]
    ]
    for (const [options, message] of wrong) assert.throws(() => Consumer.make(options as Options), message)
  })
})

describe("a consumer stops", () => {
  it.effect("at a poison event, says which one, and continues with it", () =>
    Effect.gen(function* () {
      const { lib, store } = yield* openStore
      const checkpoints = yield* CheckpointStore.makeMemory
      yield* store.append("order-1", [...made, ...made, ...made])
      let calls = 0
      const handler: Options["handler"] = ({ position }) =>
        position !== 1 ? Effect.void : ++calls % 2 === 0 ? Effect.die(new TypeError("broken")) : Effect.fail("no")
      const one = yield* start(store, checkpoints, { handler, maxAttempts: 4 })
      const error = yield* Effect.flip(one.running.stopped)
      assert(error instanceof Consumer.HandlerFailed)
      const { attempts, consumer, lib: id, lineage, position, revision, stream, type } = error
      assert.deepStrictEqual(
        [attempts, consumer, id, lineage, position, revision, stream, type],
        [4, "tested", lib.id, lib.lineage, 1, 1, "order-1", "Made"]
      )
      assert.match(error.message, /failed 4 times on event 1, Made, revision 1 of stream "order-1": broken\. Correct/)
      assert.strictEqual(yield* tagOf(one.running.whenProcessed(2)), "HandlerFailed")
      assert.strictEqual(yield* tagOf(one.running.whenCaughtUp), "HandlerFailed")
      const { error: why, lag, lastError, position: at, state } = yield* one.running.status
      assert.deepStrictEqual([state, at, lag, why], ["stopped", 1, 2, error])
      assert.deepInclude(lastError, { position: 1, attempt: 4, why: "broken" })
      yield* one.close
      const again = yield* start(store, checkpoints)
      yield* again.running.whenCaughtUp
      assert.deepStrictEqual(again.handled, [1, 2])
    }).pipe(Effect.provide(quiet))
  )

  it.effect("with the lib, and with its checkpoint store", () =>
    Effect.gen(function* () {
      const { close, store } = yield* openStore
      yield* store.append("order-1", made)
      const memory = yield* CheckpointStore.makeMemory
      const full: Checkpoints = {
        claim: (consumer, onClaimed) =>
          Effect.map(memory.claim(consumer, onClaimed), (entries) => ({
            ...entries,
            set: (key, text) =>
              text.includes('"low":0')
                ? entries.set(key, text)
                : Effect.fail(new StorageError({ operation: "set", place: "full", reason: "failed", detail: "full" }))
          }))
      }
      const one = yield* start(store, full, { checkpoint: { events: 1 } })
      assert.strictEqual(yield* tagOf(one.running.stopped), "StorageError")
      const two = yield* start(store, yield* CheckpointStore.makeMemory)
      yield* two.running.whenCaughtUp
      yield* close
      assert.strictEqual(yield* tagOf(two.running.stopped), "LibClosed")
    }).pipe(Effect.provide(quiet))
  )

  it.effect(
    "if its handler needs a checkpoint of the lib and it has no such checkpoint, whatever else it does with poison",
    () =>
      Effect.gen(function* () {
        const { store } = yield* openStore
        yield* store.append("order-1", [...made, ...made])
        let calls = 0
        const handler: Options["handler"] = (_, handling) => {
          calls++
          return store.append("order-1", made, { checkpoint: handling.checkpoint })
        }
        for (const onPoison of ["stop", "skip", "park"] as const) {
          const one = yield* start(store, yield* CheckpointStore.makeMemory, { handler, onPoison })
          const error = yield* Effect.flip(one.running.stopped)
          assert.match(error.message, /provide CheckpointStore\.layerLib/)
          assert.deepInclude(yield* one.running.status, { state: "stopped", position: 0, parked: 0 })
          assert.include((yield* one.running.status).lastError?.why, "layerLib")
        }
        assert.strictEqual(calls, 3)
      }).pipe(Effect.provide(quiet))
  )

  it.effect("although its handler pauses it, and refuses what the handler would wait for in vain", () =>
    Effect.gen(function* () {
      const { store } = yield* openStore
      yield* store.append("order-1", [...made, ...made])
      const self = yield* Deferred.make<Consumer.Running>()
      const tags: Array<string> = []
      const handler: Options["handler"] = () =>
        Effect.gen(function* () {
          const me = yield* Deferred.await(self)
          for (const wait of [me.reset("start"), me.replay(0), me.whenCaughtUp, me.whenProcessed(1)]) {
            tags.push(yield* tagOf(wait as Effect.Effect<void, Consumer.ConsumerError>))
          }
          yield* me.pause
        })
      const { close, handled, running } = yield* start(store, yield* CheckpointStore.makeMemory, { handler })
      yield* Deferred.succeed(self, running)
      yield* running.whenProcessed(0)
      yield* settle
      assert.deepStrictEqual(
        tags,
        Array.from({ length: 4 }, () => "InvalidArgument")
      )
      assert.deepStrictEqual([handled, (yield* running.status).state], [[0], "paused"])
      yield* close
    })
  )

  it.effect("once another run has its name: it handles nothing more, and writes no checkpoint over the other one", () =>
    Effect.gen(function* () {
      const { store } = yield* openStore
      const memory = yield* CheckpointStore.makeMemory
      const lost = yield* Deferred.make<StorageError>()
      const texts: Array<string> = []
      const checkpoints: Checkpoints = {
        claim: (consumer, onClaimed) =>
          Effect.map(memory.claim(consumer, onClaimed), (entries) => ({
            ...entries,
            set: (key, text) =>
              Effect.andThen(
                Effect.sync(() => texts.push(text)),
                entries.set(key, text)
              ),
            lost: Deferred.await(lost)
          }))
      }
      const { handled, running } = yield* start(store, checkpoints)
      yield* store.append("order-1", made)
      yield* running.whenCaughtUp
      const detail = "another run has it"
      yield* Deferred.succeed(lost, new StorageError({ operation: "renew", place: "far", reason: "lock-lost", detail }))
      assert.deepInclude(yield* Effect.flip(running.stopped), { reason: "lock-lost" })
      yield* store.append("order-1", made)
      yield* settle
      assert.deepStrictEqual([handled, texts.length, (yield* running.status).state], [[0], 1, "stopped"])
    }).pipe(Effect.provide(quiet))
  )

  it.effect.each(["fails", "dies"] as const)("once a write of its checkpoint %s, and writes nothing more", (ending) =>
    Effect.gen(function* () {
      const { store } = yield* openStore
      const memory = yield* CheckpointStore.makeMemory
      const error = new StorageError({ operation: "set", place: "far", reason: "failed", detail: "no answer" })
      let sets = 0
      const ended = Effect.suspend(() => {
        if (++sets === 1) return Effect.void
        return ending === "fails" ? Effect.fail(error) : Effect.die(error)
      })
      const checkpoints: Checkpoints = {
        claim: (consumer, onClaimed) =>
          Effect.map(memory.claim(consumer, onClaimed), (entries) => ({ ...entries, set: () => ended }))
      }
      const { running } = yield* start(store, checkpoints, { checkpoint: { events: 1 } })
      yield* store.append("order-1", made)
      assert.isTrue(Exit.isFailure(yield* Effect.exit(running.stopped)))
      assert.strictEqual(sets, 2)
    }).pipe(Effect.provide(quiet))
  )

  it.effect("when a reset cannot be written, and continues where the store says", () =>
    Effect.gen(function* () {
      const { store } = yield* openStore
      const memory = yield* CheckpointStore.makeMemory
      yield* store.append("order-1", [...made, ...made])
      const checkpoints: Checkpoints = {
        claim: (consumer, onClaimed) =>
          Effect.map(memory.claim(consumer, onClaimed), (entries) => ({
            ...entries,
            set: (key, text) => {
              const failed = new StorageError({ operation: "set", place: "far", reason: "failed", detail: "no answer" })
              return Effect.andThen(entries.set(key, text), isAway ? Effect.fail(failed) : Effect.void)
            }
          }))
      }
      let isAway = false
      const one = yield* start(store, checkpoints)
      yield* one.running.whenCaughtUp
      isAway = true
      assert.strictEqual(yield* tagOf(one.running.reset({ after: 0 })), "StorageError")
      isAway = false
      assert.strictEqual(yield* tagOf(one.running.stopped), "StorageError")
      assert.deepInclude(yield* one.running.status, { state: "stopped", position: 2 })
      yield* one.close
      // It was written, and only the answer was lost.
      const two = yield* start(store, memory)
      yield* two.running.whenCaughtUp
      assert.deepStrictEqual([one.handled, two.handled], [[0, 1], [1]])
    }).pipe(Effect.provide(quiet))
  )

  it.effect("after the calls that run, begins no other, and refuses what comes later", () =>
    Effect.gen(function* () {
      const { store } = yield* openStore
      const checkpoints = yield* CheckpointStore.makeMemory
      yield* store.append("order-1", [...made, ...made])
      const [begun, release] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
      const handler = () => Effect.andThen(Deferred.succeed(begun, undefined), Deferred.await(release))
      const one = yield* start(store, checkpoints, { handler })
      yield* Deferred.await(begun)
      const closing = yield* Effect.forkChild(one.close)
      yield* settle
      assert.isUndefined(closing.pollUnsafe())
      yield* Deferred.succeed(release, undefined)
      yield* Fiber.join(closing)
      assert.deepStrictEqual(one.handled, [0])
      assert.strictEqual(yield* tagOf(one.running.whenProcessed(1)), "ConsumerStopped")
      assert.strictEqual(yield* tagOf(one.running.reset("start")), "ConsumerStopped")
      yield* one.running.stopped
      const again = yield* start(store, checkpoints)
      yield* again.running.whenCaughtUp
      assert.deepStrictEqual(again.handled, [1])
    })
  )
})

describe("a consumer retries", () => {
  it.effect("with the pauses of its schedule, and not longer than that", () =>
    Effect.gen(function* () {
      const { store } = yield* openStore
      yield* store.append("order-1", made)
      let calls = 0
      const one = yield* start(store, yield* CheckpointStore.makeMemory, {
        handler: () => Effect.suspend(() => (calls++, Effect.fail("no"))),
        retry: Schedule.spaced("1 minute").pipe(Schedule.upTo({ times: 2 })),
        maxAttempts: 10,
        onPoison: "skip"
      })
      for (const expected of [1, 2, 3]) {
        yield* settle
        assert.strictEqual(calls, expected)
        yield* TestClock.adjust("1 minute")
      }
      yield* one.running.whenCaughtUp
      assert.strictEqual(calls, 3)
    }).pipe(Effect.provide(quiet))
  )

  it.effect("not while it is paused, also if it was resumed for a moment", () =>
    Effect.gen(function* () {
      const { store } = yield* openStore
      yield* store.append("order-1", made)
      let calls = 0
      const { running } = yield* start(store, yield* CheckpointStore.makeMemory, {
        handler: () => Effect.suspend(() => (++calls === 1 ? Effect.fail("no") : Effect.void)),
        retry: Schedule.spaced("1 minute")
      })
      yield* settle
      yield* running.pause
      yield* TestClock.adjust("1 minute")
      yield* settle
      yield* Effect.andThen(running.resume, running.pause)
      yield* settle
      assert.strictEqual(calls, 1)
      yield* running.resume
      yield* running.whenCaughtUp
      assert.strictEqual(calls, 2)
    })
  )
})

describe("parked events", () => {
  it.effect("are listed, replayed and dropped, and leave when a reset handles them", () =>
    Effect.gen(function* () {
      const { store } = yield* openStore
      const checkpoints = yield* CheckpointStore.makeMemory
      yield* store.append("order-1", [...made, ...made, ...made])
      let isBroken = true
      const handler = () => (isBroken ? Effect.fail(new Error("broken")) : Effect.void)
      const one = yield* start(store, checkpoints, { handler, maxAttempts: 2, onPoison: "park" })
      yield* one.running.whenCaughtUp
      yield* one.close
      const two = yield* start(store, checkpoints, { handler, onPoison: "park" })
      const parked = yield* two.running.parked
      assert.deepStrictEqual(
        parked.map(({ attempts, position, why }) => [position, attempts, why]),
        [0, 1, 2].map((position) => [position, 2, "broken"])
      )
      assert.strictEqual(yield* tagOf(two.running.replay(0)), "HandlerFailed")
      assert.strictEqual((yield* two.running.parked)[0]?.attempts, 3)
      isBroken = false
      yield* two.running.replay(0)
      yield* two.running.drop(1)
      assert.strictEqual(yield* tagOf(two.running.replay(0)), "NotParked")
      assert.strictEqual(yield* tagOf(two.running.drop(1)), "NotParked")
      assert.deepStrictEqual([...two.handled, (yield* two.running.parked).length], [0, 1])
      yield* two.running.reset({ after: 0 })
      yield* two.running.whenCaughtUp
      assert.deepStrictEqual([...two.handled, (yield* two.running.parked).length], [0, 1, 2, 0])
      yield* two.close
      const three = yield* start(store, checkpoints, { handler })
      assert.deepStrictEqual(yield* three.running.parked, [])
    }).pipe(Effect.provide(quiet))
  )

  it.effect("are not handled by a replay that waited while they were dropped, handled, or its caller left", () =>
    Effect.gen(function* () {
      const { store } = yield* openStore
      const checkpoints = yield* CheckpointStore.makeMemory
      yield* store.append("order-1", [...made, ...made, ...made, ...made])
      const release = yield* Deferred.make<void>()
      let isBroken = true
      const handler: Options["handler"] = ({ position }) =>
        isBroken
          ? Effect.fail("no")
          : position === 3
            ? Effect.andThen(Deferred.await(release), Effect.fail("no"))
            : Effect.void
      const { close, handled, running } = yield* start(store, checkpoints, {
        handler,
        maxAttempts: 1,
        onPoison: "park"
      })
      yield* running.whenCaughtUp
      isBroken = false
      yield* running.pause
      const replays = yield* Effect.forEach([0, 0, 1, 2, 3], (position) =>
        Effect.forkChild(
          Effect.match(running.replay(position), { onFailure: ({ _tag }) => _tag, onSuccess: () => "Success" })
        )
      )
      yield* settle
      yield* running.drop(1)
      yield* Fiber.interrupt(replays[3]!)
      yield* running.resume
      const [one, two, three, , last] = replays
      assert.deepStrictEqual(
        [yield* Fiber.join(one!), yield* Fiber.join(two!), yield* Fiber.join(three!)],
        ["Success", "NotParked", "NotParked"]
      )
      // It is dropped while the replay runs, which fails then.
      yield* settle
      yield* running.drop(3)
      yield* Deferred.succeed(release, undefined)
      assert.strictEqual(yield* Fiber.join(last!), "HandlerFailed")
      assert.deepStrictEqual([handled, (yield* running.parked).map(({ position }) => position)], [[0], [2]])
      yield* close
      const again = yield* start(store, checkpoints)
      assert.strictEqual((yield* again.running.parked).length, 1)
    }).pipe(Effect.provide(quiet))
  )
})

describe("a consumer says", () => {
  it.effect("that it lives while it is idle, and that it hangs while a call does", () =>
    Effect.gen(function* () {
      const { store } = yield* openStore
      const release = yield* Deferred.make<void>()
      const handler: Options["handler"] = ({ position }) => (position === 0 ? Effect.void : Deferred.await(release))
      const { running } = yield* start(store, yield* CheckpointStore.makeMemory, { handler })
      yield* store.append("order-1", made)
      yield* running.whenCaughtUp
      yield* settle
      yield* TestClock.adjust("1 hour")
      assert.deepInclude(yield* running.status, { state: "running", lag: 0, inFlight: 0, heartbeat: 3_600_000 })
      yield* store.append("order-1", [...made, ...made])
      yield* settle
      assert.deepInclude(yield* running.status, { state: "running", lag: 2, inFlight: 2, heartbeat: 3_600_000 })
      yield* TestClock.adjust("1 hour")
      assert.deepInclude(yield* running.status, { state: "stalled", lag: 2, inFlight: 2, heartbeat: 3_600_000 })
      yield* Deferred.succeed(release, undefined)
      yield* running.pause
      assert.deepInclude(yield* running.status, { state: "paused", heartbeat: 7_200_000 })
      yield* running.resume
      yield* running.whenCaughtUp
    })
  )

  it.effect("how many events of the store are left, also in a reader that has not looked", () =>
    Effect.gen(function* () {
      const { storage, store } = yield* openStore
      const { close, lib } = yield* openSession(storage, "lib", { mode: "read" })
      const { running } = yield* start(yield* storeOf(lib), yield* CheckpointStore.makeMemory)
      yield* running.pause
      yield* store.append("order-1", [...made, ...made])
      assert.strictEqual((yield* running.status).lag, 2)
      yield* running.resume
      yield* running.whenCaughtUp
      assert.strictEqual((yield* running.status).lag, 0)
      yield* close
      assert.strictEqual((yield* running.status).lag, undefined)
    }).pipe(Effect.provide(quiet))
  )

  it.effect("what it does in metrics", () =>
    Effect.gen(function* () {
      const { store } = yield* openStore
      yield* store.append("order-1", [...made, ...made])
      let calls = 0
      const handler = () => Effect.suspend(() => (calls++ === 0 ? Effect.fail("no") : Effect.void))
      const one = yield* start(store, yield* CheckpointStore.makeMemory, { name: "measured", handler })
      yield* one.running.whenCaughtUp
      yield* one.close
      const metrics = (yield* Metric.snapshot).filter(({ attributes }) => attributes?.["consumer"] === "measured")
      const valueOf = (name: string) => {
        const { state } = metrics.find(({ id }) => id === `litetapes_consumer_${name}`)!
        return "count" in state ? state.count : "value" in state ? state.value : undefined
      }
      assert.deepStrictEqual(
        [
          "processed_total",
          "failed_attempts_total",
          "processing_duration",
          "checkpoint_previous_position",
          "checkpoint_position",
          "in_flight",
          "parked",
          "oldest_parked_age",
          "stalled"
        ].map(valueOf),
        [2, 1, 3, 0, 2, 0, 0, 0, 0]
      )
    })
  )
})

describe("checkpoints", () => {
  const stores: ReadonlyArray<readonly [string, () => Effect.Effect<Checkpoints, unknown, Scope.Scope>]> = [
    ["memory", () => CheckpointStore.makeMemory],
    [
      "a folder",
      () =>
        Effect.orDie(CheckpointStore.makeFolder(path.join(newFolder(), "new", "checkpoints"))).pipe(
          Effect.provide(NodeDisk.layer)
        )
    ],
    [
      "a key value store",
      () =>
        Effect.map(KeyValueStore.KeyValueStore, (store) => CheckpointStore.makeKeyValueStore(store)).pipe(
          Effect.provide(KeyValueStore.layerMemory)
        )
    ],
    [
      "SQL",
      () =>
        Effect.flatMap(Layer.build(SqliteClient.layerMemory), (sql) =>
          Effect.provideContext(CheckpointStore.makeSql(), sql)
        )
    ]
  ]
  for (const [name, make] of stores) {
    it.live(`in ${name} are kept by consumer, and claimed by one run`, () =>
      Effect.gen(function* () {
        const { store } = yield* openStore
        const checkpoints = yield* make()
        yield* store.append("order-1", [...made, ...made])
        const fails: Options["handler"] = ({ position }) => (position === 0 ? Effect.fail("no") : Effect.void)
        const one = yield* start(store, checkpoints, { handler: fails, maxAttempts: 1, onPoison: "park" })
        const other = yield* start(store, checkpoints, { name: "tested-2" })
        assert.strictEqual(yield* tagOf(start(store, checkpoints)), "ConsumerClaimed")
        yield* Effect.all([one.running.whenCaughtUp, other.running.whenCaughtUp])
        const waiting = yield* Effect.forkChild(start(store, checkpoints, { onClaimed: "wait" }))
        yield* settle
        assert.isUndefined(waiting.pollUnsafe())
        yield* one.close
        const two = yield* Fiber.join(waiting)
        yield* two.running.whenCaughtUp
        assert.deepStrictEqual([one.handled, other.handled, two.handled], [[1], [0, 1], []])
        assert.deepStrictEqual(
          (yield* two.running.parked).map(({ position }) => position),
          [0]
        )
        yield* two.running.drop(0)
        assert.deepStrictEqual(yield* two.running.parked, [])
        yield* Effect.all([two.close, other.close])
      }).pipe(Effect.scoped, Effect.provide(quiet))
    )
  }

  for (const [name, make] of stores) {
    it.live(`in ${name} are free once their run has failed, or could not begin`, () =>
      Effect.gen(function* () {
        const { store } = yield* openStore
        const checkpoints = yield* make()
        yield* store.append("order-1", made)
        const handler = () => Effect.fail("no")
        const one = yield* start(store, checkpoints, { handler, maxAttempts: 1, version: 2 })
        const waiting = yield* Effect.forkChild(start(store, checkpoints, { onClaimed: "wait", version: 2 }))
        assert.strictEqual(yield* tagOf(one.running.stopped), "HandlerFailed")
        const two = yield* Fiber.join(waiting)
        yield* two.running.whenCaughtUp
        yield* two.close
        // In one scope: the older version is refused, and then the right one waits for nobody.
        const runOf = (version: number) =>
          Consumer.run(Consumer.make({ name: "tested", version, handler: () => Effect.void, onClaimed: "wait" }))
        const tries = Effect.catchTag(runOf(1), "NewerConsumer", () => runOf(2))
        const both = yield* tries.pipe(
          Effect.flatMap(({ whenCaughtUp }) => Effect.exit(whenCaughtUp)),
          Effect.provideService(EventStore.EventStore, store),
          Effect.provideService(CheckpointStore.CheckpointStore, checkpoints),
          Effect.scoped
        )
        assert.isTrue(Exit.isSuccess(both))
      }).pipe(Effect.scoped, Effect.provide(quiet))
    )
  }

  it.live("in a folder are claimed until the process of the claim ends, however it ends", () =>
    Effect.gen(function* () {
      const { store } = yield* openStore
      const folder = newFolder()
      mkdirSync(path.join(folder, "tested"), { recursive: true })
      const checkpoints = yield* CheckpointStore.makeFolder(folder).pipe(Effect.provide(NodeDisk.layer))
      const holder = yield* Effect.promise(() => startLockHolder(path.join(folder, "tested", "claim.lock")))
      assert.strictEqual(holder.said, "held")
      assert.strictEqual(yield* tagOf(start(store, checkpoints)), "ConsumerClaimed")
      const waiting = yield* Effect.forkChild(start(store, checkpoints, { onClaimed: "wait" }))
      yield* settle
      assert.isUndefined(waiting.pollUnsafe())
      yield* Effect.promise(holder.kill)
      const { running } = yield* Fiber.join(waiting)
      yield* running.whenCaughtUp
    })
  )

  it.live("in a key value store are claimed by a lease, which a crash leaves for 30 seconds", () =>
    Effect.gen(function* () {
      const { store } = yield* openStore
      const values = yield* KeyValueStore.KeyValueStore
      // Each store stands for a process: they share nothing but the values.
      const [first, second] = [CheckpointStore.makeKeyValueStore(values), CheckpointStore.makeKeyValueStore(values)]
      yield* store.append("order-1", made)
      const one = yield* start(store, first)
      assert.strictEqual(yield* tagOf(start(store, second)), "ConsumerClaimed")
      const claim = (yield* values.get("litetapes/tested/claim"))!
      yield* values.set("litetapes/tested/claim", claim.replace(/ .*/, ` ${Date.now() - 30_001}`))
      const two = yield* start(store, second)
      yield* two.running.whenCaughtUp
      // The first one finds out when it writes.
      yield* store.append("order-1", made)
      yield* one.running.whenCaughtUp
      assert.strictEqual(yield* tagOf(one.running.reset("start")), "StorageError")
    }).pipe(Effect.provide(KeyValueStore.layerMemory), Effect.provide(quiet))
  )

  it.live("in a folder survive what a crash leaves, and are refused once they are damaged", () =>
    Effect.gen(function* () {
      const { store } = yield* openStore
      const folder = newFolder()
      const checkpoints = yield* CheckpointStore.makeFolder(folder).pipe(Effect.provide(NodeDisk.layer))
      yield* store.append("order-1", made)
      const one = yield* start(store, checkpoints)
      yield* one.running.whenCaughtUp
      yield* one.close
      const file = path.join(folder, "tested", "checkpoint.json")
      const kept = JSON.parse(readFileSync(file, "utf8")) as Record<string, unknown>
      assert.deepInclude(kept, { consumer: "tested", version: 1, low: 1, done: [], end: 1 })
      writeFileSync(`${file}.tmp`, "{")
      const two = yield* start(store, checkpoints)
      assert.isFalse(existsSync(`${file}.tmp`))
      yield* two.running.whenCaughtUp
      yield* two.close
      assert.deepStrictEqual(two.handled, [])
      assert.deepStrictEqual(
        readdirSync(path.join(folder, "tested")).filter((name) => name.endsWith(".tmp")),
        []
      )
      for (const text of [
        "",
        "{}",
        JSON.stringify({ ...kept, low: -1 }),
        JSON.stringify({ ...kept, done: [[9, 8]] })
      ]) {
        writeFileSync(file, text)
        assert.strictEqual(yield* tagOf(start(store, checkpoints)), "CheckpointInvalid")
      }
    })
  )

  it.live("in a folder are synced before they replace the earlier one", () =>
    Effect.gen(function* () {
      const { store } = yield* openStore
      const steps: Array<string> = []
      const note =
        (step: string) =>
        <A, E>(effect: Effect.Effect<A, E>) =>
          Effect.tap(effect, () => Effect.sync(() => steps.push(step)))
      const disk = NodeDisk.make
      const noting: Disk["Service"] = {
        ...disk,
        create: (file) => Effect.map(disk.create(file), (made) => ({ ...made, sync: note("sync")(made.sync) })),
        rename: (from, to) => note("rename")(disk.rename(from, to)),
        syncFolder: (place) => note("syncFolder")(disk.syncFolder(place))
      }
      const checkpoints = yield* CheckpointStore.makeFolder(newFolder()).pipe(Effect.provideService(Disk, noting))
      yield* store.append("order-1", made)
      const one = yield* start(store, checkpoints)
      yield* one.running.whenCaughtUp
      steps.length = 0
      yield* one.close
      assert.deepStrictEqual(steps, ["sync", "rename", "syncFolder"])
    })
  )
})
