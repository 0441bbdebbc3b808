/**
 * Recovery on a disk of which one step fails, each step in turn. A file that could not be read once is not damaged. A
 * failed recovery leaves the state from before, or the recovered one.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FolderStorage from "litetapes/FolderStorage"
import { Disk } from "litetapes/Disk"
import * as Lib from "litetapes/Lib"
import * as Logger from "effect/Logger"
import * as Stream from "effect/Stream"
import { Storage } from "litetapes/Storage"
import { assert, describe, it } from "vitest"
import * as DiskState from "../../src/testing/DiskState.ts"
import { loseAll } from "../../src/testing/PowerLoss.ts"
import * as SimulatedDisk from "../../src/testing/SimulatedDisk.ts"
import { existingTape, openSession, recordsOf, storeOf, tapeOf } from "../support/openLib.ts"

const run = <A, E>(program: Effect.Effect<A, E>) => Effect.runPromise(Effect.provide(program, Logger.layer([])))

const place = "/lib"
const tapeMeta = `${place}/a/tape.meta.jsonl`
const dynamic = `${place}/litelib.dynamic-000001.jsonl`
const segment = [{ n: 0 }, { n: 1 }]
const committed = [{ n: 2 }]

const storageOn = (simulated: SimulatedDisk.SimulatedDisk) =>
  Effect.provideService(FolderStorage.make, Disk, simulated.disk)

/** A lib whose writer was killed: records in a segment and after it, a user value, an archived tape. */
const written = Effect.gen(function* () {
  const simulated = SimulatedDisk.make()
  const { lib } = yield* openSession(yield* storageOn(simulated), place)
  const tape = yield* tapeOf(lib, "a")
  yield* tape.append(segment)
  yield* tape.appendSegment
  yield* tape.setUserMeta("unit", "celsius")
  yield* tape.append(committed)
  yield* tapeOf(lib, "old")
  yield* lib.archive("old")
  return DiskState.settled(simulated.state())
})

/** The ids, tapes, user values and records of a lib. */
const identityOf = Effect.fnUntraced(function* (simulated: SimulatedDisk.SimulatedDisk) {
  const { close, lib } = yield* openSession(yield* storageOn(simulated), place)
  const tape = yield* existingTape(lib, "a")
  const { userMeta } = yield* tape.meta
  const identity = { lib: lib.id, tapes: yield* lib.tapes, userMeta, records: yield* recordsOf(lib, "a") }
  yield* close
  return identity
})

const recoverTapeOn = Effect.fnUntraced(function* (simulated: SimulatedDisk.SimulatedDisk, arm: () => void) {
  const { close, lib } = yield* openSession(yield* storageOn(simulated), place)
  arm()
  const exit = yield* Effect.exit(lib.recoverTape("a"))
  const next = yield* Effect.exit(lib.commit([{ tape: "a", records: [{ n: 3 }] }]))
  return { exit, next, close }
})

const recoverLibOn = Effect.fnUntraced(function* (simulated: SimulatedDisk.SimulatedDisk, arm: () => void) {
  arm()
  const storage = yield* storageOn(simulated)
  return yield* Effect.exit(Effect.provideService(Lib.recover(place), Storage, storage))
})

const tagOf = (exit: Exit.Exit<unknown, { readonly _tag: string }>): string => {
  if (Exit.isSuccess(exit)) return "done"
  const [reason] = exit.cause.reasons
  return reason?._tag === "Fail" ? reason.error._tag : `${reason?._tag}`
}

/** Runs `what` with an error at its n-th step that counts, for every n up to the number of these. */
const atEveryStep = Effect.fnUntraced(function* <E>(
  state: DiskState.DiskState,
  what: (
    simulated: SimulatedDisk.SimulatedDisk,
    arm: () => void,
    failedAt: () => string | undefined
  ) => Effect.Effect<void, E>,
  counts: (step: SimulatedDisk.Step) => boolean = () => true
) {
  for (let nth = 1; ; nth++) {
    let count: number | undefined
    let failed: string | undefined
    const simulated = SimulatedDisk.make({
      state,
      onStep: (step) => {
        if (count === undefined || !counts(step) || (count += 1) !== nth) return undefined
        failed = SimulatedDisk.describeStep(step).trim()
        return { code: "EIO" }
      }
    })
    const arm = () => {
      count = 0
    }
    yield* what(simulated, arm, () => failed)
    if (failed === undefined) return nth - 1
  }
})

describe("recovery, if any step of the disk fails,", () => {
  it("does not treat a tape as damaged that could not be read once", async () => {
    const program = Effect.gen(function* () {
      const state = yield* written
      const before = yield* identityOf(SimulatedDisk.make({ state }))
      const steps = yield* atEveryStep(state, (simulated, arm, failedAt) =>
        Effect.gen(function* () {
          const { close, exit } = yield* recoverTapeOn(simulated, arm)
          assert.include(["StorageError", "NotDamaged", "WriterPoisoned"], tagOf(exit), failedAt())
          yield* close
          const after = yield* identityOf(SimulatedDisk.make({ state: simulated.state() }))
          assert.deepStrictEqual({ ...after, records: after.records.slice(0, 3) }, before, failedAt())
        })
      )
      assert.isAtLeast(steps, 3)
    })
    await run(program)
  })

  it("does not treat a lib as damaged that could not be read once", async () => {
    const program = Effect.gen(function* () {
      const state = yield* written
      const before = yield* identityOf(SimulatedDisk.make({ state }))
      const steps = yield* atEveryStep(state, (simulated, arm, failedAt) =>
        Effect.gen(function* () {
          const exit = yield* recoverLibOn(simulated, arm)
          assert.include(["LibInvalid", "StorageError", "NotDamaged", "LibLocked"], tagOf(exit), failedAt())
          assert.deepStrictEqual(
            yield* identityOf(SimulatedDisk.make({ state: simulated.state() })),
            before,
            failedAt()
          )
        })
      )
      assert.isAtLeast(steps, 5)
    })
    await run(program)
  })

  it("leaves a damaged tape that can be recovered again, and no writer that continues with half of it", async () => {
    const program = Effect.gen(function* () {
      const whole = yield* written
      const bytes = DiskState.contents(whole).get(tapeMeta)!
      const state = DiskState.replaceFile(whole, tapeMeta, bytes.subarray(0, bytes.length - 9))
      yield* atEveryStep(state, (simulated, arm, failedAt) =>
        Effect.gen(function* () {
          const { close, exit, next } = yield* recoverTapeOn(simulated, arm)
          // If the append meets the error, the tape is recovered whole or not at all; otherwise the writer has stopped.
          const expected = Exit.isSuccess(exit)
            ? ["done", "StorageError", "CommitOutcomeUnknown", "WriterPoisoned"]
            : ["WriterPoisoned", "TapeInvalid", "MetaCorrupt", "StorageError"]
          assert.include(expected, tagOf(next), failedAt())
          yield* close
          const again = SimulatedDisk.make({ state: simulated.state() })
          const session = yield* openSession(yield* storageOn(again), place)
          const tag = tagOf(yield* Effect.exit(session.lib.recoverTape("a")))
          assert.include(["done", "NotDamaged"], tag, failedAt())
          const records = yield* recordsOf(session.lib, "a")
          assert.deepStrictEqual(records.slice(0, 3), [...segment, ...committed], failedAt())
          yield* session.close
        })
      )
    })
    await run(program)
  })

  it("does not treat a segment as lost that could not be read once", async () => {
    const program = Effect.gen(function* () {
      const simulated = SimulatedDisk.make({ state: yield* written })
      const first = yield* openSession(yield* storageOn(simulated), place)
      yield* first.close
      // No dynamic segment holds a record any more.
      const whole = DiskState.settled(simulated.state())
      const bytes = DiskState.contents(whole).get(tapeMeta)!
      const state = DiskState.replaceFile(whole, tapeMeta, bytes.subarray(0, bytes.length - 9))
      const steps = yield* atEveryStep(state, (disk, arm, failedAt) =>
        Effect.gen(function* () {
          const { close } = yield* recoverTapeOn(disk, arm)
          yield* close
          const again = SimulatedDisk.make({ state: disk.state() })
          const session = yield* openSession(yield* storageOn(again), place)
          yield* Effect.ignore(session.lib.recoverTape("a"))
          const records = yield* recordsOf(session.lib, "a")
          assert.deepStrictEqual(records.slice(0, 3), [...segment, ...committed], failedAt())
          yield* session.close
        })
      )
      assert.isAtLeast(steps, 20)
    })
    await run(program)
  })

  it("recovers a lib that lost its last batch in the same way, however often it is interrupted", async () => {
    const answered = Effect.gen(function* () {
      const simulated = SimulatedDisk.make()
      const { lib } = yield* openSession(yield* storageOn(simulated), place)
      const store = yield* storeOf(lib)
      yield* store.append("order-1", [{ type: "Placed" }, { type: "Placed" }])
      const answer = (position: number) =>
        store.append("payment-1", [{ type: "Paid" }], { checkpoint: { consumer: "payments", position } })
      yield* answer(0)
      yield* answer(1)
      const whole = DiskState.settled(simulated.state())
      const bytes = Buffer.from(DiskState.contents(whole).get(dynamic)!)
      // The last batch is gone, and with it the room after it.
      const end = bytes.indexOf("\n", bytes.lastIndexOf("LiteLib.Commit", bytes.lastIndexOf("LiteLib.Commit") - 1)) + 1
      return DiskState.replaceFile(whole, dynamic, bytes.subarray(0, end))
    })
    const seen = Effect.fnUntraced(function* (simulated: SimulatedDisk.SimulatedDisk) {
      const { close, lib } = yield* openSession(yield* storageOn(simulated), place)
      const store = yield* storeOf(lib)
      const events = yield* Stream.runCollect(store.readAll({ allowGaps: true }))
      const found = {
        types: events.map(({ type }) => type),
        checkpoints: yield* lib.checkpoints,
        // Nobody else gets the position of a lost event.
        isAfter: (yield* store.position) > 3
      }
      yield* close
      return found
    })
    const program = Effect.gen(function* () {
      const state = yield* answered
      const alone = SimulatedDisk.make({ state })
      assert.strictEqual(tagOf(yield* recoverLibOn(alone, () => undefined)), "done")
      const expected = yield* seen(alone)
      assert.deepStrictEqual(expected.types, ["Placed", "Placed", "Paid"])
      assert.deepStrictEqual(
        expected.checkpoints.map(({ isLost }) => isLost),
        [true]
      )
      const steps = yield* atEveryStep(
        state,
        (simulated, arm, failedAt) =>
          Effect.gen(function* () {
            if (tagOf(yield* recoverLibOn(simulated, arm)) === "done") return
            for (const restarted of [false, true]) {
              const left = simulated.state()
              const again = SimulatedDisk.make({ state: restarted ? loseAll(left) : left })
              // The hint names the lost batch only until the system is restarted.
              const outcomes = ["done", "NotDamaged"]
              assert.include(outcomes, tagOf(yield* recoverLibOn(again, () => undefined)), failedAt())
              const found = yield* seen(again)
              assert.deepStrictEqual(restarted ? found.types : found, restarted ? expected.types : expected, failedAt())
            }
          }),
        ({ operation }) => operation === "rename" || operation === "write"
      )
      assert.isAtLeast(steps, 10)
    })
    await run(program)
  })
})
