/** A reader that stays open while its view is refreshed, and while writers take over. */
import { it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as MemoryStorage from "litetapes/MemoryStorage"
import type { Root, Storage } from "litetapes/Storage"
import { assert, describe } from "vitest"
import * as FolderStorage from "litetapes/FolderStorage"
import { Disk } from "litetapes/Disk"
import { DiskState, SimulatedDisk } from "litetapes/testing"
import { type LibService, openSession, recordsOf, settle, storeOf, tapeOf } from "../support/openLib.ts"
import * as Stream from "effect/Stream"

/** A storage whose readers wait at the next read of the hint once it is armed. */
const holding = (base: Storage["Service"], gate: Deferred.Deferred<void>) => {
  let armed = false
  const hold = <A, E>(read: Effect.Effect<A, E>): Effect.Effect<A, E> =>
    Effect.flatMap(read, (found) => {
      if (!armed) return Effect.succeed(found)
      armed = false
      return Effect.as(Deferred.await(gate), found)
    })
  const storage: Storage["Service"] = {
    open: (place, mode) =>
      Effect.map(base.open(place, mode), (root) =>
        mode === "read" ? { ...root, hint: { ...root.hint, read: hold(root.hint.read) } } : root
      )
  }
  return {
    storage,
    arm: () => {
      armed = true
    }
  }
}

describe("a reader that is refreshed twice at the same time", () => {
  it.effect("keeps the later view when the earlier refresh ends last", () =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      const { arm, storage } = holding(yield* MemoryStorage.make, gate)
      const writer = yield* openSession(storage, "place")
      const tape = yield* tapeOf(writer.lib, "a")
      yield* tape.append([{ n: 0 }])
      const reader = yield* openSession(storage, "place", { mode: "read" })
      const seen = yield* tapeOf(reader.lib, "a")
      arm()
      const slow = yield* Effect.forkChild(reader.lib.refresh, { startImmediately: true })
      for (let n = 1; n < 6; n++) yield* tape.append([{ n }])
      yield* reader.lib.refresh
      assert.strictEqual(yield* seen.size, 6)
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(slow)
      assert.strictEqual(yield* seen.size, 6)
      assert.strictEqual((yield* reader.lib.durable).batch, 6)
      yield* reader.close
      yield* writer.close
    })
  )
})

const storageOn = (disk: SimulatedDisk.SimulatedDisk) => Effect.provideService(FolderStorage.make, Disk, disk.disk)

/** A storage that can forget the files which it keeps open and which are gone, as if other reads had evicted them. */
const forgetting = (base: Storage["Service"]) => {
  let root: Root | undefined
  const forgetful: Storage["Service"] = {
    open: (place, mode) => Effect.tap(base.open(place, mode), (opened) => Effect.sync(() => (root = opened)))
  }
  const forget = Effect.suspend(() => Effect.forEach([1, 2, 3], (dynamic) => root!.journal.size(dynamic)))
  return { forget, forgetful }
}

type Reader = (lib: LibService) => Effect.Effect<number, unknown>

/** Ways to read, each of which returns the number of events of the stream. */
const ways: { readonly [way: string]: Reader } = {
  records: (lib) => Effect.map(recordsOf(lib, "order"), ({ length }) => length),
  read: (lib) => Effect.flatMap(storeOf(lib), (store) => Stream.runCount(store.read("order-1"))),
  "read backward": (lib) =>
    Effect.flatMap(storeOf(lib), (store) => Stream.runCount(store.read("order-1", { direction: "backward" }))),
  readAll: (lib) => Effect.flatMap(storeOf(lib), (store) => Stream.runCount(store.readAll())),
  revision: (lib) =>
    Effect.flatMap(storeOf(lib), (store) => Effect.map(store.revision("order-1"), (last) => +last + 1)),
  verify: (lib) =>
    Effect.flatMap(lib.verify(), ({ bad }) => {
      assert.deepStrictEqual(bad, [])
      return Effect.map(recordsOf(lib, "order"), ({ length }) => length)
    })
}

describe("a reader whose writer is killed, and another one takes over", () => {
  // Taking over moves the last batch into a new dynamic segment. The old one is gone if it held that batch alone.
  for (const batches of [1, 2]) {
    for (const [way, count] of Object.entries(ways)) {
      it.effect(`sees all events by ${way}, without a refresh: ${batches} in the last dynamic segment`, () =>
        Effect.gen(function* () {
          const killed = SimulatedDisk.make()
          const first = yield* openSession(yield* storageOn(killed), "/lib")
          const store = yield* storeOf(first.lib)
          for (let n = 0; n < batches; n++) yield* store.append("order-1", [{ type: "Placed", data: n }])
          const storage = yield* storageOn(SimulatedDisk.make({ state: killed.state() }))
          yield* first.close
          const { forget, forgetful } = forgetting(storage)
          const reader = yield* openSession(forgetful, "/lib", { mode: "read" })
          const second = yield* openSession(storage, "/lib")
          yield* forget
          assert.strictEqual(yield* count(reader.lib), batches)
          yield* second.close
          assert.strictEqual(yield* count(reader.lib), batches)
          yield* reader.close
        })
      )
    }
  }

  // A batch that was written but not acknowledged is hidden from the reader. Its file moves all the same.
  for (const [way, count] of Object.entries(ways)) {
    it.effect(`sees acknowledged events by ${way}, when it hid the batch that moved`, () =>
      Effect.gen(function* () {
        const killed = SimulatedDisk.make()
        const first = yield* openSession(yield* storageOn(killed), "/lib", { closeBytes: 600 })
        const store = yield* storeOf(first.lib)
        yield* store.append("order-1", [{ type: "Placed", data: "x".repeat(800) }])
        yield* settle
        const [path, hint] = [...DiskState.contents(killed.state())].find(([name]) => name.endsWith("/litelib.acked"))!
        yield* store.append("order-1", [{ type: "Placed", data: 1 }])
        const state = DiskState.replaceFile(killed.state(), path, hint)
        const moves = [...DiskState.contents(state).keys()].findLast((name) => name.includes("dynamic"))!
        yield* first.close
        const disk = SimulatedDisk.make({ state })
        const storage = yield* storageOn(disk)
        const { forget, forgetful } = forgetting(storage)
        const reader = yield* openSession(forgetful, "/lib", { mode: "read" })
        const second = yield* openSession(storage, "/lib")
        assert.isFalse(DiskState.contents(disk.state()).has(moves))
        yield* forget
        assert.include([1, 2], yield* count(reader.lib))
        yield* reader.lib.refresh
        assert.strictEqual(yield* count(reader.lib), 2)
        yield* second.close
        yield* reader.close
      })
    )
  }
})
