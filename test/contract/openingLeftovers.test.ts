/** What interrupted openings leave, on a disk that loses power. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FolderStorage from "litetapes/FolderStorage"
import * as Lib from "litetapes/Lib"
import { Disk } from "litetapes/Disk"
import { Storage } from "litetapes/Storage"
import * as Tape from "litetapes/Tape"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type * as DiskState from "../../src/testing/DiskState.ts"
import { loseAll } from "../../src/testing/PowerLoss.ts"
import * as SimulatedDisk from "../../src/testing/SimulatedDisk.ts"

/** The state before the first step for which `isMeant` returns true. */
type Snapshot = { state?: DiskState.DiskState }

const diskOf = (state: DiskState.DiskState | undefined, snapshot: Snapshot, isMeant: (step: string) => boolean) =>
  SimulatedDisk.make({
    ...(state === undefined ? {} : { state }),
    onStep: (step, { state: now }) => {
      if (isMeant(`${step.operation} ${step.to ?? step.path}`)) snapshot.state ??= now()
      return undefined
    }
  })

/** Opens the lib and uses it. Nothing is closed: the process is killed. */
const session = <A, E>(
  disk: SimulatedDisk.SimulatedDisk,
  use: (lib: Lib.Lib["Service"]) => Effect.Effect<A, E, Lib.Lib>
) =>
  Effect.gen(function* () {
    const storage = yield* Effect.provideService(FolderStorage.make, Disk, disk.disk)
    const lib = yield* Lib.open("/lib", { closeBytes: 100 }).pipe(
      Effect.provideService(Storage, storage),
      Effect.provideService(Scope.Scope, yield* Scope.make())
    )
    return yield* Effect.provideService(use(lib), Lib.Lib, lib)
  })

const append = (lib: Lib.Lib["Service"], t: string) => lib.commit([{ tape: "a", records: [{ t }] }])
const never = () => false

describe("an interrupted opening", () => {
  it.live("leaves no dynamic segment that could be taken for one of the next epoch", () =>
    Effect.gen(function* () {
      // The second dynamic segment is listed, and the process is killed before the listing is durable.
      const listing: Snapshot = {}
      let appended = 0
      const first = diskOf(undefined, listing, (step) => appended > 0 && step === "datasync /lib/litelib.meta.jsonl")
      yield* session(first, (lib) =>
        Effect.gen(function* () {
          yield* lib.createTape("a")
          yield* append(lib, "1")
          appended += 1
          yield* append(lib, "2")
        })
      )
      // The next writer creates its own dynamic segment after it. The power fails before lib meta lists that, and takes
      // the listing of the second one with it.
      const made: Snapshot = {}
      yield* session(
        diskOf(listing.state!, made, (step) => step === "rename /lib/litelib.meta.jsonl"),
        () => Effect.void
      )
      const left = loseAll(made.state!)
      // The third writer takes the number before that one, and the power fails before its folder is synced again.
      const third = diskOf(left, {}, never)
      yield* session(third, () => Effect.void)
      const opened = yield* Effect.exit(
        session(diskOf(loseAll(third.state()), {}, never), () =>
          Effect.flatMap(Tape.make("a"), (tape) => Stream.runCollect(tape.records()))
        )
      )
      assert.deepStrictEqual(opened, Exit.succeed([{ t: "1" }]))
    })
  )
})
