/**
 * The remedy after a failed sync for a service whose store is a layer in a `ManagedRuntime`: the lib opens itself again
 * under the same layer, or a call opens it again, or the runtime is disposed and a new one made. In each case the append is
 * repeated with the same ids.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Schedule from "effect/Schedule"
import { Disk } from "litetapes/Disk"
import * as EventStore from "litetapes/EventStore"
import * as FolderStorage from "litetapes/FolderStorage"
import * as Lib from "litetapes/Lib"
import { PowerLoss, SimulatedDisk } from "litetapes/testing"
import { assert, describe, it } from "vitest"
import { FaultyDisk } from "../support/reopening.ts"

const layerOn = (disk: SimulatedDisk.SimulatedDisk) =>
  EventStore.layer("/lib").pipe(Layer.provide(FolderStorage.layer), Layer.provide(Layer.succeed(Disk, disk.disk)))

const order = (id: string) => [{ type: "OrderPlaced", id, data: { cents: 3998 } }]

const append = (id: string) =>
  Effect.flatMap(EventStore.EventStore, (store) => store.append(`order-${id}`, order(id), { expected: "no-stream" }))

const revisionOf = (id: string) => Effect.flatMap(EventStore.EventStore, (store) => store.revision(`order-${id}`))

const tagOf = <A, E>(exit: Exit.Exit<A, E>) =>
  Exit.match(exit, { onSuccess: () => "Success", onFailure: (cause) => String(cause) })

const reopen = Effect.flatMap(Lib.Lib, (lib) => lib.reopen)

const runtimeOn = (disk: FaultyDisk, options: Lib.Options) =>
  ManagedRuntime.make(Layer.provideMerge(disk.layer(options), Logger.layer([])))

/** Opens what is left after a loss of everything that was not synced. */
const afterPowerLoss = (disk: SimulatedDisk.SimulatedDisk) =>
  ManagedRuntime.make(layerOn(SimulatedDisk.make({ state: PowerLoss.loseAll(disk.state()) })))

/** Checks that these streams have their one event each after a power loss, and that there are no others. */
const checkDurable = async (disk: SimulatedDisk.SimulatedDisk, ids: ReadonlyArray<string>) => {
  const runtime = afterPowerLoss(disk)
  for (const id of ids) assert.strictEqual(await runtime.runPromise(revisionOf(id)), 0)
  assert.strictEqual(await runtime.runPromise(Effect.flatMap(EventStore.EventStore, (s) => s.position)), ids.length)
  await runtime.dispose()
}

describe("a store that is a layer in a ManagedRuntime", () => {
  it("continues after a failed sync, when the runtime is disposed and a new one made", async () => {
    let armed = false
    const disk = SimulatedDisk.make({
      onStep: ({ operation }) => {
        if (!armed || operation !== "datasync") return undefined
        armed = false
        return { code: "EIO" }
      }
    })
    const layer = layerOn(disk)

    const first = ManagedRuntime.make(layer)
    await first.runPromise(append("a"))
    armed = true
    assert.match(tagOf(await first.runPromiseExit(append("b"))), /CommitOutcomeUnknown/)
    assert.isFalse(armed)
    assert.match(tagOf(await first.runPromiseExit(append("c"))), /WriterPoisoned/)
    assert.strictEqual(await first.runPromise(revisionOf("a")), 0)
    await first.dispose()

    const second = ManagedRuntime.make(layer)
    await second.runPromise(append("b"))
    await second.runPromise(append("c"))
    for (const id of ["a", "b", "c"]) assert.strictEqual(await second.runPromise(revisionOf(id)), 0)
    const acknowledged = PowerLoss.loseAll(disk.state())
    await second.dispose()

    const third = ManagedRuntime.make(layerOn(SimulatedDisk.make({ state: acknowledged })))
    for (const id of ["a", "b", "c"]) assert.strictEqual(await third.runPromise(revisionOf(id)), 0)
    await third.dispose()
  })

  for (const isAutomatic of [true, false]) {
    it(`continues in the same runtime, after the lib was opened again ${isAutomatic ? "by itself" : "by a call"}`, async () => {
      const disk = new FaultyDisk()
      const runtime = runtimeOn(disk, { reopen: isAutomatic })
      await runtime.runPromise(append("a"))
      disk.failBatch()
      assert.match(tagOf(await runtime.runPromiseExit(append("b"))), /CommitOutcomeUnknown/)
      if (!isAutomatic) {
        assert.match(tagOf(await runtime.runPromiseExit(append("b"))), /WriterPoisoned/)
        await runtime.runPromise(reopen)
      }
      assert.strictEqual((await runtime.runPromise(append("b"))).lastRevision, 0)
      await runtime.runPromise(append("c"))
      for (const id of ["a", "b", "c"]) assert.strictEqual(await runtime.runPromise(revisionOf(id)), 0)
      await checkDurable(disk.simulated, ["a", "b", "c"])
      await runtime.dispose()
      assert.deepStrictEqual(disk.unlocked, [])
      assert.isFalse(disk.isLocked)
    })
  }

  it("continues in the same runtime once another writer has closed", async () => {
    const disk = new FaultyDisk()
    const runtime = runtimeOn(disk, { reopen: Schedule.spaced("1 millis") })
    await runtime.runPromise(append("a"))
    disk.failBatch()
    const failBatch = disk.fault
    let free = (): void => assert.fail("the lock was not asked for")
    disk.fault = (step) => {
      // The other writer takes the lock at the moment at which the stopped one has freed it.
      if (step.operation !== "lock") return failBatch(step)
      disk.fault = () => undefined
      free = disk.takeLock()
      return undefined
    }
    assert.match(tagOf(await runtime.runPromiseExit(append("b"))), /CommitOutcomeUnknown/)
    const refused = tagOf(await runtime.runPromiseExit(append("b")))
    assert.match(refused, /WriterPoisoned: .* could not be opened again: .* is open for writing in another process/)
    assert.match(tagOf(await runtime.runPromiseExit(revisionOf("a"))), /LibClosed: .* could not be opened again/)
    free()
    await runtime.runPromise(Effect.retry(append("b"), Schedule.spaced("1 millis")))
    await checkDurable(disk.simulated, ["a", "b"])
    await runtime.dispose()
    assert.deepStrictEqual(disk.unlocked, [])
  })

  it("serves concurrent appends: each is stored once, whether it failed or waited", async () => {
    const disk = new FaultyDisk({ turns: () => 2 })
    const runtime = runtimeOn(disk, { reopen: true })
    await runtime.runPromise(append("first"))
    disk.failBatch()
    const ids = Array.from({ length: 40 }, (_, n) => `${n}`)
    const later = (n: number) => Effect.repeat(Effect.yieldNow, { times: 3 * n })
    const one = (id: string, n: number) =>
      Effect.andThen(later(n), Effect.retry(append(id), { schedule: Schedule.spaced("1 millis"), times: 1000 }))
    await runtime.runPromise(Effect.all(ids.map(one), { concurrency: "unbounded" }))
    await checkDurable(disk.simulated, ["first", ...ids])
    await runtime.dispose()
  })

  it("frees the lock and writes nothing more, if it is disposed at any step of opening the lib again", async () => {
    let isOpen = false
    for (let nth = 1; !isOpen; nth++) {
      const disk = new FaultyDisk({ turns: () => 2 })
      const runtime = runtimeOn(disk, { reopen: true })
      await runtime.runPromise(append("a"))
      const reached = Promise.withResolvers<void>()
      disk.failBatch()
      const failBatch = disk.fault
      let seen = 0
      disk.fault = (step) => {
        const fault = failBatch(step)
        if (fault !== undefined || seen > 0) seen += 1
        if (seen === nth + 1) reached.resolve()
        return fault
      }
      assert.match(tagOf(await runtime.runPromiseExit(append("b"))), /CommitOutcomeUnknown/)
      // Waits for the end of the attempt; does nothing if it is over.
      isOpen = await Promise.race([reached.promise.then(() => false), runtime.runPromise(reopen).then(() => true)])
      await runtime.dispose()
      assert.isFalse(disk.isLocked)
      const steps = disk.simulated.steps()
      await new Promise((resolve) => setTimeout(resolve, 1))
      assert.strictEqual(disk.simulated.steps(), steps)
      assert.deepStrictEqual(disk.unlocked, [])
      const after = afterPowerLoss(disk.simulated)
      assert.strictEqual(await after.runPromise(revisionOf("a")), 0)
      await after.dispose()
      if (isOpen) assert.isAbove(nth, 10)
    }
  })
})
