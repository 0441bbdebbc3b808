/**
 * The remedy after a failed sync for a service whose store is a layer in a `ManagedRuntime`: dispose the runtime, make a
 * new one of the same layer, repeat the append with the same ids.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import { Disk } from "litetapes/Disk"
import * as EventStore from "litetapes/EventStore"
import * as FolderStorage from "litetapes/FolderStorage"
import { PowerLoss, SimulatedDisk } from "litetapes/testing"
import { assert, describe, it } from "vitest"

const layerOn = (disk: SimulatedDisk.SimulatedDisk) =>
  EventStore.layer("/lib").pipe(Layer.provide(FolderStorage.layer), Layer.provide(Layer.succeed(Disk, disk.disk)))

const order = (id: string) => [{ type: "OrderPlaced", id, data: { cents: 3998 } }]

const append = (id: string) =>
  Effect.flatMap(EventStore.EventStore, (store) => store.append(`order-${id}`, order(id), { expected: "no-stream" }))

const revisionOf = (id: string) => Effect.flatMap(EventStore.EventStore, (store) => store.revision(`order-${id}`))

const tagOf = <A, E>(exit: Exit.Exit<A, E>) =>
  Exit.match(exit, { onSuccess: () => "Success", onFailure: (cause) => String(cause) })

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
})
