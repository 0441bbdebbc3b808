/** The health check of examples/observed: each thing that may go wrong makes it say so, and nothing else does. */
import { it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as TestClock from "effect/testing/TestClock"
import * as CheckpointStore from "litetapes/CheckpointStore"
import type * as Consumer from "litetapes/Consumer"
import * as FolderStorage from "litetapes/FolderStorage"
import * as Lib from "litetapes/Lib"
import { SimulatedDisk } from "litetapes/testing"
import { assert, describe } from "vitest"
import * as Health from "../../examples/observed/health.ts"
import { Disk } from "../../src/services/ports/Disk.ts"
import { start } from "../support/consumers.ts"
import { openSession, settle, storeOf } from "../support/openLib.ts"

const quiet = Logger.layer([])
const made = [{ type: "Made", data: {} }]

/** A lib on a disk that does as `fault` says, and counts the writes of batches. */
const opened = Effect.gen(function* () {
  const ground: { fault: string | undefined; writes: number } = { fault: undefined, writes: 0 }
  const simulated = SimulatedDisk.make({
    onStep: ({ operation, path }) => {
      if (operation === "write" && path.includes("dynamic")) ground.writes++
      return ground.fault !== undefined && (operation === "datasync" || operation === "write")
        ? { code: ground.fault }
        : undefined
    }
  })
  // Opened while it is undefined.
  let gate: Deferred.Deferred<void> | undefined
  const disk = hanging(simulated.disk, () => (gate === undefined ? Effect.void : Deferred.await(gate)))
  const storage = yield* Effect.provideService(FolderStorage.make, Disk, disk)
  const { close, lib } = yield* openSession(storage, "/lib")
  yield* Effect.addFinalizer(() => close)
  const hang = Effect.map(Deferred.make<void>(), (made) => {
    gate = made
    return Effect.andThen(
      Effect.sync(() => {
        gate = undefined
      }),
      Deferred.succeed(made, undefined)
    )
  })
  return { ground, hang, lib, simulated, storage, store: yield* storeOf(lib) }
})

/** A disk whose syncs of data wait. */
const hanging = (disk: Disk["Service"], wait: () => Effect.Effect<void>): Disk["Service"] => ({
  ...disk,
  create: (path) =>
    Effect.map(disk.create(path), (file) => ({
      ...file,
      datasync: Effect.andThen(Effect.suspend(wait), file.datasync)
    }))
})

const checkOf = (lib: Lib.Lib["Service"], consumers: ReadonlyArray<Consumer.Running> = []) =>
  Effect.provideService(Health.make(consumers), Lib.Lib, lib)

describe("the health check is healthy", () => {
  it.effect("while appends are acknowledged, by others or by itself, and consumers work", () =>
    Effect.gen(function* () {
      const { ground, lib, store } = yield* opened
      yield* store.append("order-1", made)
      const { running } = yield* start(store, yield* CheckpointStore.makeMemory)
      const check = yield* checkOf(lib, [running])
      yield* running.whenCaughtUp
      const before = ground.writes
      assert.deepStrictEqual(yield* check, { healthy: true, problems: [] })
      assert.strictEqual(ground.writes, before + 1)
      yield* store.append("order-1", made)
      assert.deepStrictEqual(yield* check, { healthy: true, problems: [] })
      // The append of the other was proof enough.
      assert.strictEqual(ground.writes, before + 2)
      yield* running.pause
      assert.deepStrictEqual(yield* check, { healthy: true, problems: [] })
    }).pipe(Effect.provide(quiet))
  )
})

describe("the health check is not healthy", () => {
  it.effect("once the writer has stopped, although the disk works again, until it is opened again", () =>
    Effect.gen(function* () {
      const { ground, lib, store } = yield* opened
      const check = yield* checkOf(lib)
      ground.fault = "EIO"
      yield* Effect.flip(store.append("order-1", made))
      ground.fault = undefined
      const { healthy, problems } = yield* check
      assert.isFalse(healthy)
      assert.match(problems[0]!, /^WriterPoisoned: /)
      yield* lib.reopen
      assert.isTrue((yield* check).healthy)
    }).pipe(Effect.provide(quiet))
  )

  it.effect("if the disk refuses", () =>
    Effect.gen(function* () {
      const { ground, lib } = yield* opened
      const check = yield* checkOf(lib)
      ground.fault = "ENOSPC"
      const { healthy, problems } = yield* check
      assert.isFalse(healthy)
      assert.match(problems[0]!, /^CommitOutcomeUnknown: .*ENOSPC/)
    }).pipe(Effect.provide(quiet))
  )

  it.effect("while the disk hangs, and appends no second time meanwhile", () =>
    Effect.gen(function* () {
      const { ground, hang, lib } = yield* opened
      const check = yield* checkOf(lib)
      const release = yield* hang
      const before = ground.writes
      for (const _ of [1, 2, 3]) {
        const checking = yield* Effect.forkChild(check)
        yield* settle
        yield* TestClock.adjust("2 seconds")
        const { healthy, problems } = yield* Fiber.join(checking)
        assert.isFalse(healthy)
        assert.match(problems[0]!, /^TimeoutError: /)
      }
      yield* release
      yield* settle
      assert.strictEqual(ground.writes, before + 1)
      assert.isTrue((yield* check).healthy)
    }).pipe(Effect.provide(quiet))
  )

  it.effect("once the lock is lost and another writer has taken over", () =>
    Effect.gen(function* () {
      const { lib, simulated, storage, store } = yield* opened
      yield* store.append("order-1", made)
      const check = yield* checkOf(lib)
      simulated.dropLocks()
      const other = yield* openSession(storage, "/lib")
      yield* Effect.addFinalizer(() => other.close)
      const { healthy, problems } = yield* check
      assert.isFalse(healthy)
      assert.match(problems[0]!, /lock/)
    }).pipe(Effect.provide(quiet))
  )

  it.effect("while a consumer is stalled", () =>
    Effect.gen(function* () {
      const { lib, store } = yield* opened
      yield* store.append("order-1", made)
      const gate = yield* Deferred.make<void>()
      const handler = () => Deferred.await(gate)
      const options = { name: "slow", handler, stallAfter: "30 seconds" } as const
      const { running } = yield* start(store, yield* CheckpointStore.makeMemory, options)
      const check = yield* checkOf(lib, [running])
      yield* settle
      assert.isTrue((yield* check).healthy)
      yield* TestClock.adjust("30 seconds")
      assert.deepStrictEqual(yield* check, { healthy: false, problems: ["slow is stalled: see its log line"] })
      yield* Deferred.succeed(gate, undefined)
      yield* running.whenCaughtUp
      assert.isTrue((yield* check).healthy)
    }).pipe(Effect.provide(quiet))
  )

  it.effect("once a consumer has stopped, by itself or with its scope", () =>
    Effect.gen(function* () {
      const { lib, store } = yield* opened
      yield* store.append("order-1", made)
      const memory = yield* CheckpointStore.makeMemory
      const failing = yield* start(store, memory, { name: "failing", handler: () => Effect.fail("no"), maxAttempts: 1 })
      const closed = yield* start(store, memory, { name: "closed" })
      yield* Effect.flip(failing.running.stopped)
      yield* closed.close
      const { healthy, problems } = yield* Effect.flatMap(
        checkOf(lib, [failing.running, closed.running]),
        (check) => check
      )
      assert.isFalse(healthy)
      assert.match(problems[0]!, /^failing is stopped: .*no/)
      assert.deepStrictEqual(problems.slice(1), ["closed is stopped: its scope was closed"])
    }).pipe(Effect.provide(quiet))
  )
})
