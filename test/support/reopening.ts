/** A lib on a simulated disk whose steps fail on demand, and a check that nobody writes without the lock. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { Disk } from "litetapes/Disk"
import * as EventStore from "litetapes/EventStore"
import * as FolderStorage from "litetapes/FolderStorage"
import type * as Lib from "litetapes/Lib"
import type { Storage } from "litetapes/Storage"
import { SimulatedDisk } from "litetapes/testing"

type Fault = (step: SimulatedDisk.Step) => SimulatedDisk.Fault | undefined

export class FaultyDisk {
  readonly simulated: SimulatedDisk.SimulatedDisk
  readonly disk: Disk["Service"]
  /** Asked before each step. */
  fault: Fault = () => undefined
  /** Changing steps that were made while nobody held the lock. */
  readonly unlocked: Array<string> = []
  #holders = 0
  #hasOpened = false

  constructor(options: Pick<SimulatedDisk.Options, "state" | "turns"> = {}) {
    this.simulated = SimulatedDisk.make({
      ...options,
      onStep: (step) => {
        const isFree = this.#hasOpened && this.#holders === 0 && step.operation !== "lock"
        if (isFree && SimulatedDisk.isChange(step)) this.unlocked.push(SimulatedDisk.describeStep(step))
        return this.fault(step)
      }
    })
    const { disk } = this.simulated
    this.disk = {
      ...disk,
      lock: (path) =>
        Effect.tap(disk.lock(path), () => {
          this.#holders += 1
          this.#hasOpened = true
          // Runs before the finalizer that frees the lock.
          return Effect.addFinalizer(() => Effect.sync(() => (this.#holders -= 1)))
        })
    }
  }

  get isLocked(): boolean {
    return this.#holders > 0
  }

  /** Provides a lib on this disk, and its event store. */
  layer(options?: Lib.Options) {
    return Layer.provide(EventStore.layer("/lib", options), this.storage)
  }

  get storage(): Layer.Layer<Storage> {
    return Layer.provide(Layer.fresh(FolderStorage.layer), Layer.succeed(Disk, this.disk))
  }

  /** Lets the next sync of a batch fail. */
  failBatch(): void {
    this.#failTimes(1, "datasync", "litelib.dynamic", "EIO")
  }

  /** Lets the next attempts to take the lock fail, as if another process had it. */
  failLocks(times: number): void {
    this.#failTimes(times, "lock", "", "ELOCKED")
  }

  #failTimes(times: number, operation: SimulatedDisk.Step["operation"], file: string, code: string): void {
    let left = times
    this.fault = (step) => {
      if (left === 0 || step.operation !== operation || !step.path.includes(file)) return undefined
      left -= 1
      return { code }
    }
  }

  /** Takes the lock as another process does. Returns what frees it. */
  takeLock(): () => void {
    const scope = Scope.makeUnsafe()
    Effect.runSync(Scope.provide(this.simulated.disk.lock("/lib/litelib.lock"), scope))
    return () => Effect.runSync(Scope.close(scope, Exit.void))
  }
}
