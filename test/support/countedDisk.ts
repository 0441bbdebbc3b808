/** Counts what a lib on a simulated disk costs: steps of the disk, bytes, parsed records. */
import * as Effect from "effect/Effect"
import * as EventStore from "litetapes/EventStore"
import * as FolderStorage from "litetapes/FolderStorage"
import type * as Lib from "litetapes/Lib"
import { SimulatedDisk } from "litetapes/testing"
import { vi } from "vitest"
import { Disk } from "../../src/services/ports/Disk.ts"
import { withLib } from "./openLib.ts"

const place = "/lib"

/** A disk that records its steps, and an event store on it. */
export const ground = () => {
  let steps: Array<SimulatedDisk.Step> = []
  const disk = SimulatedDisk.make({
    onStep: (step) => {
      steps.push(step)
      return undefined
    }
  })
  const use = <A, E>(
    body: (store: EventStore.EventStore["Service"]) => Effect.Effect<A, E>,
    options: Lib.Options = {}
  ) =>
    Effect.flatMap(Effect.provideService(FolderStorage.make, Disk, disk.disk), (storage) =>
      withLib(storage, place, () => Effect.flatMap(EventStore.make, body), options)
    )
  /** Returns the steps since the last call. */
  const take = (): ReadonlyArray<SimulatedDisk.Step> => {
    const taken = steps
    steps = []
    return taken
  }
  return { use, take }
}

export const shown = ({ operation, path }: SimulatedDisk.Step): string => `${operation} ${path.split("/").at(-1)}`

export const bytesOf = (
  steps: ReadonlyArray<SimulatedDisk.Step>,
  operation: "read" | "write",
  isOf: (path: string) => boolean
): number =>
  steps.filter((step) => step.operation === operation && isOf(step.path)).reduce((sum, { bytes = 0 }) => sum + bytes, 0)

export const isDynamic = (path: string): boolean => path.includes("/litelib.dynamic-")
export const isSegment = (path: string): boolean => path.endsWith(".jsonl") && path.includes("/seg-")
export const isIndex = (path: string): boolean => path.endsWith(".idx")

/** Counts the calls of `JSON.parse` during `effect`. */
export const countParses = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    const parse = vi.spyOn(JSON, "parse")
    return Effect.ensuring(
      Effect.map(effect, () => parse.mock.calls.length),
      Effect.sync(() => parse.mockRestore())
    )
  })
