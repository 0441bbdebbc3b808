/**
 * I2 and I6 for the entries of folders: after a folder could not be synced, or a process was killed before it synced one,
 * nothing rests on what an earlier step put there. Each case ends with a power loss that takes all that was not synced.
 */
import { it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import type * as Scope from "effect/Scope"
import { Disk } from "litetapes/Disk"
import * as FolderStorage from "litetapes/FolderStorage"
import { DiskState, PowerLoss, SimulatedDisk } from "litetapes/testing"
import { assert, describe } from "vitest"
import { type LibService, openSession, recordsOf, settle, tapeOf } from "../support/openLib.ts"

type Step = SimulatedDisk.Step

const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, n) => ({ n: from + n }))

/** Uses the lib on a disk, and leaves it without closing it. */
const onDisk = <A, E>(disk: SimulatedDisk.SimulatedDisk, use: (lib: LibService) => Effect.Effect<A, E, Scope.Scope>) =>
  Effect.gen(function* () {
    const storage = yield* Effect.provideService(FolderStorage.make, Disk, disk.disk)
    const { close, lib } = yield* openSession(storage, "/lib")
    const value = yield* Effect.scoped(use(lib))
    yield* close
    return value
  })

/** A disk on which steps that `isMeant` picks fail while it is armed. */
const failing = (isMeant: (step: Step) => boolean, times: number) => {
  let left = 0
  const disk = SimulatedDisk.make({
    onStep: (step) => {
      if (left === 0 || !isMeant(step)) return undefined
      left -= 1
      return { code: "EIO" }
    }
  })
  return {
    disk,
    arm: () => {
      left = times
    }
  }
}

const isSyncOfTape = ({ operation, path }: Step) => operation === "syncFolder" && path === "/lib/a"

const fill = (lib: LibService) =>
  Effect.gen(function* () {
    const tape = yield* tapeOf(lib, "a")
    for (let n = 0; n < 12; n += 3) {
      yield* tape.append(numbers(n, n + 3))
      yield* tape.appendSegment
    }
    return tape
  })

/** After the power was lost all records are there, and they verify. */
const checkAfterPowerLoss = (state: DiskState.DiskState, records: number) =>
  onDisk(SimulatedDisk.make({ state: PowerLoss.loseAll(state) }), (lib) =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* recordsOf(lib, "a"), numbers(0, records))
      assert.deepStrictEqual((yield* lib.verify()).bad, [])
    })
  )

/** The disk without the meta of the tape. */
const withoutMeta = (state: DiskState.DiskState): DiskState.DiskState => {
  const parent = DiskState.parentOf(state, "/lib/a/tape.meta.jsonl")
  return parent === undefined ? state : DiskState.setEntry(state, parent.inode, parent.name, undefined)
}

const quietly = <A, E>(effect: Effect.Effect<A, E>) => Effect.provide(effect, Logger.layer([]))

const sharded = { shardEvery: 1000, targetBytes: 30 }

describe("a folder that could not be synced", () => {
  it.effect("stops the writer whose repack met it", () =>
    Effect.gen(function* () {
      const { arm, disk } = failing(isSyncOfTape, 1)
      yield* onDisk(disk, (lib) =>
        Effect.gen(function* () {
          const tape = yield* fill(lib)
          arm()
          assert.strictEqual((yield* Effect.flip(tape.repack(sharded)))._tag, "StorageError")
          assert.strictEqual((yield* Effect.flip(tape.repack(sharded)))._tag, "WriterPoisoned")
          assert.strictEqual((yield* Effect.flip(tape.append(numbers(12, 13))))._tag, "WriterPoisoned")
        })
      )
      yield* checkAfterPowerLoss(disk.state(), 12)
    }).pipe(quietly)
  )

  it.effect("stops the writer of the lib that a clone goes into", () =>
    Effect.gen(function* () {
      const { arm, disk } = failing(({ operation, path }) => operation === "syncFolder" && path === "/lib", 1)
      yield* onDisk(disk, (lib) =>
        Effect.gen(function* () {
          const tape = yield* fill(lib)
          arm()
          assert.strictEqual((yield* Effect.flip(tape.clone(lib, "copy")))._tag, "StorageError")
          assert.strictEqual((yield* Effect.flip(tape.append(numbers(12, 13))))._tag, "WriterPoisoned")
        })
      )
      yield* checkAfterPowerLoss(disk.state(), 12)
    }).pipe(quietly)
  )

  it.effect("gets its shard folder anew from the next writer", () =>
    Effect.gen(function* () {
      const { arm, disk } = failing(isSyncOfTape, 1)
      yield* onDisk(disk, (lib) =>
        Effect.gen(function* () {
          const tape = yield* fill(lib)
          arm()
          yield* Effect.flip(tape.repack(sharded))
        })
      )
      yield* onDisk(disk, (lib) => Effect.flatMap(tapeOf(lib, "a"), (tape) => tape.repack(sharded)))
      yield* checkAfterPowerLoss(disk.state(), 12)
    }).pipe(quietly)
  )

  it.effect.each([1, Number.POSITIVE_INFINITY])(
    "holds nothing that a recovery of its tape trusts: it fails %d times",
    (times) =>
      Effect.gen(function* () {
        const { arm, disk } = failing(isSyncOfTape, times)
        yield* onDisk(disk, (lib) =>
          Effect.gen(function* () {
            const tape = yield* fill(lib)
            yield* tape.append(numbers(12, 15))
            arm()
            assert.strictEqual((yield* Effect.flip(tape.appendSegment))._tag, "WriterPoisoned")
          })
        )
        const next = SimulatedDisk.make({ state: withoutMeta(disk.state()) })
        const report = yield* onDisk(next, (lib) => lib.recoverTape("a"))
        assert.strictEqual(report.records, 15)
        yield* checkAfterPowerLoss(next.state(), 15)
      }).pipe(quietly)
  )
})

describe("a process that was killed before it synced a folder", () => {
  it.effect("leaves nothing in a shard folder that a recovery of the tape trusts", () =>
    Effect.gen(function* () {
      let state: DiskState.DiskState | undefined
      let isArmed = false
      const disk = SimulatedDisk.make({
        onStep: ({ operation, path }, self) => {
          if (isArmed && operation === "syncFolder" && path.includes("/shard-")) state = self.state()
          return undefined
        }
      })
      yield* onDisk(disk, (lib) =>
        Effect.gen(function* () {
          const tape = yield* fill(lib)
          isArmed = true
          yield* tape.repack({ shardEvery: 10, targetBytes: 1000 })
          isArmed = false
        })
      )
      const next = SimulatedDisk.make({ state: withoutMeta(state!) })
      assert.strictEqual((yield* onDisk(next, (lib) => lib.recoverTape("a"))).records, 12)
      yield* checkAfterPowerLoss(next.state(), 12)
    }).pipe(quietly)
  )

  it.effect("leaves no folder above a new lib that the next one trusts", () =>
    Effect.gen(function* () {
      let state: DiskState.DiskState | undefined
      const first = SimulatedDisk.make({
        onStep: ({ operation }, self) => {
          // The first of them: of the folder that holds the topmost new one.
          if (operation === "syncFolder") state ??= self.state()
          return undefined
        }
      })
      const open = (disk: SimulatedDisk.SimulatedDisk) =>
        Effect.gen(function* () {
          const storage = yield* Effect.provideService(FolderStorage.make, Disk, disk.disk)
          const { close, lib } = yield* openSession(storage, "/lib/deep/inner")
          const { created } = lib.report
          if (created) yield* (yield* tapeOf(lib, "a")).append(numbers(0, 3))
          const { length } = yield* recordsOf(lib, "a")
          yield* close
          return { created, length }
        })
      yield* open(first)
      const next = SimulatedDisk.make({ state: state! })
      assert.deepStrictEqual(yield* open(next), { created: true, length: 3 })
      const lost = SimulatedDisk.make({ state: PowerLoss.loseAll(next.state()) })
      assert.deepStrictEqual(yield* open(lost), { created: false, length: 3 })
    }).pipe(quietly)
  )
})

describe("a change that is under way when its lib is closed", () => {
  it.effect("is waited for: nothing is written after the clean end", () =>
    Effect.gen(function* () {
      let isHeld = false
      let release: (() => void) | undefined
      const base = SimulatedDisk.make({})
      const disk: Disk["Service"] = {
        ...base.disk,
        syncFolder: (path) => {
          if (!isHeld || path !== "/lib/a") return base.disk.syncFolder(path)
          const held = Effect.callback<void>((resume) => {
            release = () => resume(Effect.void)
          })
          return Effect.andThen(held, base.disk.syncFolder(path))
        }
      }
      const storage = yield* Effect.provideService(FolderStorage.make, Disk, disk)
      const first = yield* openSession(storage, "/lib")
      yield* (yield* tapeOf(first.lib, "a")).append(numbers(0, 1))
      yield* first.close
      const { close, lib } = yield* openSession(storage, "/lib")
      const tape = yield* tapeOf(lib, "a")
      isHeld = true
      const change = yield* Effect.forkChild(tape.setUserMeta("key", "value"))
      yield* settle
      const closing = yield* Effect.forkChild(lib.close)
      yield* settle
      assert.isUndefined(closing.pollUnsafe())
      isHeld = false
      release!()
      yield* Fiber.join(change)
      yield* Fiber.join(closing)
      yield* close
      const lost = SimulatedDisk.make({ state: PowerLoss.loseAll(base.state()) })
      const value = yield* onDisk(lost, (again) =>
        Effect.gen(function* () {
          assert.isFalse(again.report.recovered)
          return (yield* (yield* tapeOf(again, "a")).meta).userMeta["key"]
        })
      )
      assert.strictEqual(value, "value")
    }).pipe(quietly)
  )
})
