/**
 * A lib whose writer has stopped is opened again under the same service: by `lib.reopen`, or by itself. Objects from before
 * continue, nothing is appended twice, and at most one writer is at work.
 */
import { it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as EventStore from "litetapes/EventStore"
import * as Lib from "litetapes/Lib"
import { Storage } from "litetapes/Storage"
import * as LibRefold from "../../src/domain/meta/LibRefold.ts"
import * as MetaChain from "../../src/domain/meta/MetaChain.ts"
import type { LibRecord } from "../../src/domain/meta/SystemRecord.ts"
import { readLibMeta } from "../../src/services/lib/readLibMeta.ts"
import type * as SimulatedDisk from "../../src/testing/SimulatedDisk.ts"
import * as Tape from "litetapes/Tape"
import * as TestClock from "effect/testing/TestClock"
import { assert, describe } from "vitest"
import { checkedTag } from "../support/messages.ts"
import { settle, tagOf } from "../support/openLib.ts"
import { FaultyDisk } from "../support/reopening.ts"

const quiet = Logger.layer([])

/** Runs a program with a lib on the disk. */
const withLib = <A, E>(
  disk: FaultyDisk,
  program: Effect.Effect<A, E, EventStore.EventStore | Lib.Lib>,
  options?: Lib.Options
) => Effect.provide(Effect.provide(program, disk.layer(options)), quiet)

const event = (id: string) => ({ type: "Counted", id, data: null })

const idsOf = (store: EventStore.EventStore["Service"], stream: string) =>
  Effect.map(Stream.runCollect(store.read(stream)), (events) => events.map(({ id }) => id))

const services = Effect.all({ lib: Lib.Lib, store: EventStore.EventStore })

/** Stops the writer: the sync of an append fails. */
const stop = (disk: FaultyDisk, store: EventStore.EventStore["Service"], id = "lost") =>
  Effect.gen(function* () {
    disk.failBatch()
    assert.strictEqual(yield* tagOf(store.append("order-1", [event(id)])), "CommitOutcomeUnknown")
  })

/** Rewrites the meta of a closed lib as a restore does. */
const restoreMeta = (disk: FaultyDisk) =>
  Effect.gen(function* () {
    const root = yield* (yield* Storage).open("/lib", "recover")
    const { state, version } = (yield* readLibMeta(root, undefined))!
    const { anchor, created, epoch, highest, lib } = state
    const lineage = lib.replace(/.$/, (digit) => (digit === "0" ? "1" : "0"))
    const { bytes } = MetaChain.write<LibRecord>(null, [
      ...LibRefold.refold({ ...state, branches: [{ anchor, from: lib, lineage, time: created }] }),
      { $type: "LiteLib.Epoch", anchor, dynamic: highest, epoch, old: [], upto: anchor.batch }
    ])
    yield* root.meta.replace(undefined, version, bytes)
  }).pipe(Effect.scoped, Effect.provide(disk.storage))

describe("a lib whose writer has stopped", () => {
  it.live("is opened again for every object from before; the same ids are stored once", () => {
    const disk = new FaultyDisk()
    return withLib(
      disk,
      Effect.gen(function* () {
        const { lib, store } = yield* services
        const tape = yield* Tape.makeOrCreate("notes")
        const other = yield* EventStore.make
        yield* tape.append([{ n: 0 }])
        yield* tape.appendSegment
        const segment = yield* tape.segment(1)
        yield* store.append("order-1", [event("a")])
        yield* stop(disk, store)
        assert.strictEqual(yield* tagOf(tape.append([{ n: 1 }])), "WriterPoisoned")
        assert.deepStrictEqual(yield* idsOf(store, "order-1"), ["a"])
        yield* lib.reopen
        assert.isTrue(lib.report.recovered)
        const first = yield* store.append("order-1", [event("lost")])
        const again = yield* other.append("order-1", [event("lost")])
        assert.deepStrictEqual([first.lastRevision, again.lastRevision, again.repeated], [1, 1, true])
        assert.deepStrictEqual(yield* idsOf(store, "order-1"), ["a", "lost"])
        assert.strictEqual(yield* tape.size, 1)
        yield* tape.append([{ n: 1 }])
        yield* tape.setUserMeta("unit", "celsius")
        assert.deepStrictEqual((yield* tape.meta).userMeta, { unit: "celsius" })
        assert.deepStrictEqual(yield* Stream.runCollect(tape.records()), [{ n: 0 }, { n: 1 }])
        assert.strictEqual((yield* tape.segments).length, 1)
        const copy = yield* Effect.andThen(tape.clone(lib, "copy"), Tape.make("copy"))
        assert.isTrue(yield* Tape.equivalent(tape, copy))
        assert.strictEqual(yield* tagOf(Stream.runDrain(segment.records)), "LibClosed")
        assert.isTrue((yield* lib.verify()).ok)
        assert.deepStrictEqual(disk.unlocked, [])
      })
    )
  })

  it.live("is not opened again unless its writer has stopped, nor after it was closed", () => {
    const disk = new FaultyDisk()
    return withLib(
      disk,
      Effect.gen(function* () {
        const { lib, store } = yield* services
        const steps = disk.simulated.steps()
        yield* lib.reopen
        assert.strictEqual(disk.simulated.steps(), steps)
        yield* stop(disk, store)
        yield* lib.close
        assert.strictEqual(yield* tagOf(lib.reopen), "LibClosed")
        assert.isFalse(disk.isLocked)
      })
    )
  })

  it.live("is opened once, however many callers ask and are interrupted", () => {
    const disk = new FaultyDisk({ turns: () => 3 })
    return withLib(
      disk,
      Effect.gen(function* () {
        const { lib, store } = yield* services
        const tape = yield* Tape.makeOrCreate("notes")
        yield* tape.append([{ n: 0 }])
        yield* stop(disk, store)
        let locks = 0
        disk.fault = ({ operation }) => {
          if (operation === "lock") locks += 1
          return undefined
        }
        const first = yield* Effect.forkChild(lib.reopen, { startImmediately: true })
        const others = yield* Effect.forkChild(Effect.all([lib.reopen, lib.reopen], { concurrency: 2 }))
        // Begun while the lib is opened again: all of them wait, and are done then.
        const begun = yield* Effect.forkChild(
          Effect.all(
            {
              appended: store.append("order-2", [event("b")]),
              read: idsOf(store, "order-1"),
              revision: store.revision("order-3"),
              receipt: tape.append([{ n: 1 }]),
              records: Stream.runCollect(tape.records({ to: 1 })),
              created: lib.createTape("other")
            },
            { concurrency: "unbounded" }
          )
        )
        yield* Fiber.interrupt(first)
        yield* Fiber.join(others)
        const { appended, created, read, receipt, records, revision } = yield* Fiber.join(begun)
        assert.deepStrictEqual([appended.lastRevision, revision, receipt.firstOrdinal], [0, "no-stream", 1])
        assert.deepStrictEqual([records, created.name], [[{ n: 0 }], "other"])
        assert.isAtMost(read.length, 1)
        assert.strictEqual(locks, 1)
        assert.deepStrictEqual(disk.unlocked, [])
      })
    )
  })

  it.live("fails with what stands in the way until that has gone: another writer", () => {
    const disk = new FaultyDisk()
    return withLib(
      disk,
      Effect.gen(function* () {
        const { lib, store } = yield* services
        const tape = yield* Tape.makeOrCreate("notes")
        yield* tape.append([{ n: 0 }])
        yield* stop(disk, store)
        let free = (): void => undefined
        let isTaken = false
        disk.fault = ({ operation }) => {
          // The other writer takes the lock at the moment at which the stopped one has freed it.
          if (operation !== "lock" || isTaken) return undefined
          isTaken = true
          free = disk.takeLock()
          return undefined
        }
        assert.strictEqual(yield* tagOf(lib.reopen), "LibLocked")
        const refused = yield* Effect.flip(store.append("order-1", [event("b")]))
        assert.strictEqual(checkedTag(refused), "WriterPoisoned")
        assert.match(
          refused.message,
          /could not be opened again: .* is open for writing in another process.*lib\.reopen/
        )
        const unread = yield* Effect.flip(idsOf(store, "order-1"))
        assert.strictEqual(checkedTag(unread), "LibClosed")
        assert.match(
          unread.message,
          /could not be opened again: .* is open for writing in another process.*lib\.reopen/
        )
        assert.strictEqual(yield* tagOf(Stream.runDrain(tape.records())), "LibClosed")
        assert.strictEqual(yield* tape.size, 1)
        assert.strictEqual(yield* tagOf(lib.reopen), "LibLocked")
        free()
        yield* lib.reopen
        yield* store.append("order-1", [event("lost")])
        assert.deepStrictEqual(yield* idsOf(store, "order-1"), ["lost"])
        yield* tape.append([{ n: 1 }])
        assert.deepStrictEqual(yield* Stream.runCollect(tape.records()), [{ n: 0 }, { n: 1 }])
        assert.deepStrictEqual(disk.unlocked, [])
      })
    )
  })

  it.live("is never created anew, nor replaced by another lib, nor by an older copy of itself", () => {
    const disk = new FaultyDisk()
    return withLib(
      disk,
      Effect.gen(function* () {
        const { lib, store } = yield* services
        yield* store.append("order-1", [event("a")])
        const older = disk.simulated.state()
        yield* store.append("order-1", [event("b")])
        yield* stop(disk, store)
        const newest = disk.simulated.state()
        const another = new FaultyDisk()
        yield* withLib(another, Effect.void)
        const empty = new FaultyDisk()
        const states: ReadonlyArray<readonly [string, SimulatedDisk.SimulatedDisk]> = [
          ["IdentityMismatch", another.simulated],
          ["LibInvalid", empty.simulated]
        ]
        for (const [tag, { state }] of states) {
          disk.simulated.change(state)
          assert.strictEqual(yield* tagOf(lib.reopen), tag)
        }
        // An earlier state of this lib that was restored, and is another lineage from there on.
        disk.simulated.change(() => newest)
        yield* restoreMeta(disk)
        assert.strictEqual(yield* tagOf(lib.reopen), "IdentityMismatch")
        // Of the next boot, so that the hint says nothing.
        disk.simulated.change(() => ({ ...older, boot: older.boot + 1 }))
        assert.strictEqual(yield* tagOf(lib.reopen), "AckedDataLost")
        disk.simulated.change(() => newest)
        yield* lib.reopen
        assert.deepStrictEqual((yield* idsOf(store, "order-1")).slice(0, 2), ["a", "b"])
      })
    )
  })

  it.live("opens itself again with the option `reopen`, by the schedule if that fails", () => {
    const disk = new FaultyDisk()
    return withLib(
      disk,
      Effect.gen(function* () {
        const { store } = yield* services
        const ids = ["a", "b", "c"]
        for (const [revision, id] of ids.entries()) {
          yield* stop(disk, store, id)
          disk.failLocks(revision * 2)
          const patient = Effect.retry(store.append("order-1", [event(id)]), Schedule.spaced("1 millis"))
          assert.strictEqual((yield* patient).lastRevision, revision)
        }
        assert.deepStrictEqual(yield* idsOf(store, "order-1"), ids)
        assert.deepStrictEqual(disk.unlocked, [])
      }),
      { reopen: Schedule.spaced("1 millis") }
    )
  })

  it.effect("pauses if its writer stops again soon, as the schedule says", () => {
    const disk = new FaultyDisk()
    return withLib(
      disk,
      Effect.gen(function* () {
        const { store } = yield* services
        yield* store.append("order-1", [event("a")])
        let locks = 0
        const synced = new Set<string>()
        disk.fault = ({ operation, path }) => {
          if (operation === "lock") locks += 1
          if (operation !== "datasync" || !path.includes("litelib.dynamic")) return undefined
          // Dynamic segments can be created, so the lib opens, and then every batch is refused.
          const isFirst = locks > 0 && !synced.has(path)
          synced.add(path)
          return isFirst ? undefined : { code: "EIO" }
        }
        let n = 0
        const tryOnce = Effect.suspend(() => Effect.exit(store.append("order-1", [event(`${n++}`)])))
        const tryTenTimes = Effect.repeat(Effect.andThen(settle, tryOnce), { times: 9 })
        yield* tryTenTimes
        assert.strictEqual(locks, 1)
        yield* TestClock.adjust("100 millis")
        yield* tryTenTimes
        assert.strictEqual(locks, 2)
        yield* TestClock.adjust("100 millis")
        yield* tryTenTimes
        assert.strictEqual(locks, 2)
        yield* TestClock.adjust("100 millis")
        yield* tryTenTimes
        assert.strictEqual(locks, 3)
      }),
      { reopen: true }
    )
  })

  it.live("stops trying once its scope closes", () => {
    const disk = new FaultyDisk()
    return Effect.gen(function* () {
      yield* withLib(
        disk,
        Effect.gen(function* () {
          const { store } = yield* services
          yield* stop(disk, store)
          disk.failLocks(Number.POSITIVE_INFINITY)
          yield* Effect.repeat(tagOf(store.append("order-1", [event("a")])), { times: 3 })
        }),
        { reopen: Schedule.spaced("1 millis") }
      )
      const steps = disk.simulated.steps()
      yield* Effect.sleep("20 millis")
      assert.strictEqual(disk.simulated.steps(), steps)
      assert.isFalse(disk.isLocked)
    })
  })

  it.live("refuses a value of `reopen` that is not a schedule", () => {
    const opening = Lib.open("/lib", { reopen: "1 second" as unknown as boolean })
    return Effect.gen(function* () {
      const exit = yield* Effect.exit(Effect.provide(Effect.scoped(opening), new FaultyDisk().storage))
      assert.match(String(exit), /InvalidArgument.*options\.reopen/)
    })
  })

  it.live("is ignored by a reader", () => {
    const disk = new FaultyDisk()
    return Effect.gen(function* () {
      yield* withLib(
        disk,
        Effect.flatMap(services, ({ store }) => store.append("order-1", [event("a")]))
      )
      const reading = Effect.gen(function* () {
        const { lib, store } = yield* services
        yield* lib.reopen
        assert.strictEqual(yield* tagOf(store.append("order-1", [event("b")])), "ReadOnly")
        assert.deepStrictEqual(yield* idsOf(store, "order-1"), ["a"])
      })
      assert.isTrue(Exit.isSuccess(yield* Effect.exit(withLib(disk, reading, { mode: "read", reopen: true }))))
    })
  })
})
