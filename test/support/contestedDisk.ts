/**
 * Disks over one folder whose lock was lost: each opens as a writer although there is another one. One of them can be
 * paused at any call, like a stopped process.
 */
import * as Effect from "effect/Effect"
import * as NodeDisk from "litetapes/NodeDisk"
import type { Disk, DiskError, File } from "litetapes/Disk"

type DiskShape = Disk["Service"]

/** Where the writer is paused: within a call that changes something, or directly before it. */
export type Held = "within" | "before"

export interface Contested {
  /** The writer that is paused. */
  readonly first: DiskShape
  /** The writer that takes over. */
  readonly second: DiskShape
  /** Counts the calls of the first writer from now on, and runs `meanwhile` at the `step`-th one, counted from 1. */
  readonly holdUp: (held: Held, step: number, meanwhile: Effect.Effect<void>) => void
  /** Ends the plan. Returns the call at which the writer was paused, as `rename litelib.meta.jsonl`, or `undefined`. */
  readonly letGo: () => string | undefined
}

export const make = (): Contested => {
  let owner: "first" | "second" | undefined
  let plan: { readonly held: Held; readonly step: number; readonly meanwhile: Effect.Effect<void> } | undefined
  let calls = 0
  let at: string | undefined

  const call: Watch = (operation, path, effect) =>
    Effect.suspend(() => {
      calls += 1
      if (plan === undefined || calls !== plan.step) return effect
      at = `${operation} ${path.split("/").at(-1)}`
      const { held, meanwhile } = plan
      return held === "within" ? Effect.onExit(effect, () => meanwhile) : Effect.andThen(meanwhile, effect)
    })

  const lockOf = (who: "first" | "second"): DiskShape["lock"] => {
    return () =>
      Effect.sync(() => {
        owner = who
        return { held: Effect.sync(() => owner === who) }
      })
  }

  return {
    first: { ...watchedDisk(NodeDisk.make, call), lock: lockOf("first") },
    second: { ...NodeDisk.make, lock: lockOf("second") },
    holdUp: (held, step, meanwhile) => {
      calls = 0
      at = undefined
      plan = { held, step, meanwhile }
    },
    letGo: () => {
      plan = undefined
      return at
    }
  }
}

type Watch = <A>(operation: string, path: string, effect: Effect.Effect<A, DiskError>) => Effect.Effect<A, DiskError>

/** Wraps every changing call of the disk in `call`. */
const watchedDisk = (disk: DiskShape, call: Watch): DiskShape => {
  const watchedFile = (file: File): File => ({
    ...file,
    write: (bytes, position) => call("write", file.path, file.write(bytes, position)),
    datasync: call("datasync", file.path, file.datasync),
    sync: call("sync", file.path, file.sync)
  })
  return {
    ...disk,
    openWrite: (path) => Effect.map(call("openWrite", path, disk.openWrite(path)), watchedFile),
    create: (path) => Effect.map(call("create", path, disk.create(path)), watchedFile),
    syncFolder: (path) => call("syncFolder", path, disk.syncFolder(path)),
    makeFolder: (path) => call("makeFolder", path, disk.makeFolder(path)),
    rename: (from, to) => call("rename", to, disk.rename(from, to)),
    unlink: (path) => call("unlink", path, disk.unlink(path)),
    removeFolder: (path) => call("removeFolder", path, disk.removeFolder(path))
  }
}
