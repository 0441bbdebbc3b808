/** What the explorations of consumers share: libs on the simulated disk, and waiting by turns. */
import * as Effect from "effect/Effect"
import { Disk } from "litetapes/Disk"
import * as FolderStorage from "litetapes/FolderStorage"
import type { SimulatedDisk } from "litetapes/testing"
import { openSession, storeOf } from "../../support/openLib.ts"
import type { Random } from "../random.ts"

/** Lets other fibres have so many turns. */
export const yields = (turns: number) =>
  Effect.suspend(() => {
    let left = turns
    return Effect.whileLoop({ while: () => left-- > 0, body: () => Effect.yieldNow, step: () => undefined })
  })

/** Opens a lib on a simulated disk. */
export const openOn = (disk: SimulatedDisk.SimulatedDisk) =>
  Effect.gen(function* () {
    const storage = yield* Effect.provideService(FolderStorage.make, Disk, disk.disk)
    const { close, lib } = yield* openSession(storage, "/lib")
    return { close, lib, store: yield* storeOf(lib) }
  })

/** Returns about so many of these, in order. */
export const sample = <A>(all: ReadonlyArray<A>, count: number, random: Random): ReadonlyArray<A> =>
  all.length <= count ? all : all.filter(() => random.next() < count / all.length)
